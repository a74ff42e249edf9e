"""Paying for calls: nothing is paid twice or believed unsigned, and no server takes more than is at risk."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlm.adapters.spent import FileSpent
from mlm.core.channel import SignedVoucher
from mlm.core.errors import (
    InsufficientFunds,
    InvalidData,
    MlmError,
    Refused,
    ServerFailed,
    StateConflict,
    VerificationFailed,
)
from mlm.memory.model_server import MemoryModelServer
from mlm.memory.spent import MemorySpent
from mlm.ports.model_server import Answer
from mlm.ports.spent import Spent
from mlm.workflows.paying import Limits
from tests.serving.client_payers import PRICE, STRANGER, channel, payer, ports, server, x


@pytest.fixture(params=["memory", "file"])
def spent(request: pytest.FixtureRequest, tmp_path: Path) -> Spent:
    """Both implementations of the port."""
    return MemorySpent() if request.param == "memory" else FileSpent(tmp_path / "spent", patience=0)


def lost(voucher: SignedVoucher, answer: Answer) -> Answer:
    """The call was served, and its answer got lost."""
    raise ServerFailed("the connection broke")


def test_calls_are_paid_one_price_each_and_answers_are_signed(spent: Spent) -> None:
    far = server()
    with payer(ports(spent), far) as ours:
        for number in range(1, 6):
            paid = ours.infer(x(number))
            assert paid.outputs["y"].tolist() == [2 * number]
            assert (paid.voucher.voucher.calls, paid.voucher.voucher.amount) == (number, number * PRICE)
            assert paid.result.call == number
            assert not paid.repeated
        assert (ours.spent, ours.unanswered) == (5 * PRICE, 0)
    assert far.ledger.count == 5


def test_an_answer_that_got_lost_is_asked_for_again_with_the_same_voucher(spent: Spent) -> None:
    far = server()
    far.spoil = lost
    with payer(ports(spent), far) as ours:
        with pytest.raises(ServerFailed, match="broke"):
            ours.infer(x(1))
        assert len({each.voucher.request for each in far.asked}) == 1
        assert ours.unanswered == 1
    # The process is killed here: the next one knows what was signed.
    far.spoil = lambda voucher, answer: answer
    with payer(ports(spent), far) as ours:
        paid = ours.infer(x(1))
        assert paid.repeated
        assert paid.voucher.voucher == far.asked[0].voucher
        assert (ours.spent, ours.unanswered) == (PRICE, 0)
        ours.infer(x(2))
        assert ours.spent == 2 * PRICE
    assert far.ledger.count == 2


def test_a_number_whose_call_is_still_under_way_is_waited_for(spent: Spent) -> None:
    """A process was killed, and its call runs on: the next process asks something else first, by the same number."""
    far, busy = server(), 4
    far.spoil = lost
    with payer(ports(spent), far) as ours, pytest.raises(ServerFailed, match="broke"):
        ours.infer(x(1))

    def running(voucher: SignedVoucher, answer: Answer) -> Answer:
        nonlocal busy
        if answer.status != 409 or not busy:
            return answer
        busy -= 1
        return Answer(409, "call 1 is being served for another request", retry_after=1.0)

    far.spoil = running
    with payer(ports(spent), far) as ours:
        assert (ours.infer(x(2)).result.call, busy) == (2, 0)
        assert ours.infer(x(1)).repeated and ours.spent == 2 * PRICE
    assert far.ledger.count == 2


def test_a_number_that_was_never_served_is_given_to_the_next_call(spent: Spent) -> None:
    far = server()
    refusing = True
    serve = far._serve

    def sometimes(inputs: Any, voucher: SignedVoucher) -> Answer:
        return Answer(400, "wrong shape") if refusing else serve(inputs, voucher)

    far._serve = sometimes  # type: ignore[method-assign]
    with payer(ports(spent), far) as ours:
        for number in range(9):
            with pytest.raises(InvalidData, match="wrong shape"):
                ours.infer(x(number))
        assert ours.spent == PRICE, "nine refused calls put one price at risk"
        refusing = False
        assert ours.infer(x(100)).voucher.voucher.calls == 1
        assert (ours.spent, ours.unanswered) == (PRICE, 0)


def test_a_call_whose_answer_was_lost_does_not_stop_others_and_is_still_owed(spent: Spent) -> None:
    far = server()
    far.spoil = lost
    with payer(ports(spent), far) as ours, pytest.raises(ServerFailed):
        ours.infer(x(1))
    far.spoil = lambda voucher, answer: answer
    with payer(ports(spent), far) as ours:
        # The server shows by its signature that number 1 was served: this call takes number 2.
        assert ours.infer(x(2)).voucher.voucher.calls == 2
        assert (ours.spent, ours.unanswered) == (2 * PRICE, 1)
    with payer(ports(spent), far) as ours:
        again = ours.infer(x(1))
        assert again.repeated
        assert again.outputs["y"].tolist() == [2]
        assert ours.spent == 2 * PRICE
    assert far.ledger.count == 2


def test_a_payer_that_lost_everything_goes_on_where_the_server_says_it_was(spent: Spent) -> None:
    far = server()
    with payer(ports(MemorySpent()), far) as ours:
        for number in range(3):
            ours.infer(x(number))
    with payer(ports(spent), far) as ours:
        assert ours.spent == 3 * PRICE
        assert ours.infer(x(9)).voucher.voucher.calls == 4
        assert ours.spent == 4 * PRICE


def test_an_answer_that_a_killed_process_had_is_given_to_the_next_one_for_nothing(spent: Spent) -> None:
    far = server()
    with payer(ports(spent), far) as ours:
        ours.infer(x(1))
        assert not ours.infer(x(1)).repeated, "within one process it is a call of its own"
    # Killed before it could use the second answer.
    with payer(ports(spent), far) as ours:
        assert [ours.infer(x(1)).repeated for _ in range(3)] == [True, True, False]
        assert ours.spent == 3 * PRICE
    # The payee has forgotten by now.
    with payer(ports(spent), far) as ours:
        far.ledger.floor, far.ledger.highest = 3, 3
        far.ledger.served.clear()
        assert not ours.infer(x(1)).repeated
        assert ours.spent == 4 * PRICE


def test_a_server_cannot_make_a_payer_go_on_from_what_it_never_signed() -> None:
    far = server()
    with payer(ports(), far) as ours:
        best = ours.infer(x(1)).voucher
    far.ledger.best = SignedVoucher(replace(best.voucher, amount=50 * PRICE, calls=50), best.signature)
    with pytest.raises(VerificationFailed, match="signed by"), payer(ports(), far):
        pass


def test_a_payer_that_lost_everything_is_not_told_a_higher_price(spent: Spent) -> None:
    """It would be paid for every call before: nine prices for one call."""
    far = server()
    with payer(ports(), far, Limits(9 * PRICE)) as ours:
        for number in range(8):
            ours.infer(x(number))
    far.ledger.price = 9 * PRICE
    with payer(ports(spent), far, Limits(9 * PRICE)) as ours:
        with pytest.raises(Refused, match="at most 1000, as its voucher of call 8 says, found 9000"):
            ours.infer(x(9))
        assert ours.spent == 8 * PRICE


def test_what_is_claimed_and_known_to_nobody_is_not_signed_over() -> None:
    far = server(channel(claimed=4 * PRICE, claimed_calls=4))
    with pytest.raises(StateConflict, match="4000 of the channel"), payer(ports(), far):
        pass


def test_a_server_that_shows_what_it_served_and_never_hands_it_over_is_paid_no_more_than_is_at_risk(
    spent: Spent,
) -> None:
    far = server()
    far.spoil = lambda voucher, answer: answer if answer.status != 200 else lost(voucher, answer)
    with payer(ports(spent), far, Limits(PRICE, concurrent=3, tries=1)) as ours:
        for number in range(9):
            with pytest.raises(MlmError, match="owed|broke|3 calls whose answers never arrived"):
                ours.infer(x(number))
        assert (ours.spent, ours.unanswered) == (3 * PRICE, 3)
        far.spoil = lambda voucher, answer: answer
        assert ours.infer(x(1)).repeated
        assert ours.infer(x(2)).repeated
        assert ours.give_up() == 1
        assert ours.infer(x(50)).voucher.voucher.calls == 4


def test_a_server_that_lied_once_gets_nothing_signed_until_it_answers_rightly(spent: Spent) -> None:
    far = server()
    far.spoil = lambda voucher, answer: Hostile.another_output(far, answer)
    with payer(ports(spent), far) as ours, pytest.raises(VerificationFailed):
        ours.infer(x(1))
    with payer(ports(spent), far) as ours:
        with pytest.raises(StateConflict, match="the answer to call 1 was false: .*outputCommitment"):
            ours.infer(x(2))
        far.spoil = lambda voucher, answer: answer
        assert ours.infer(x(1)).repeated
        ours.infer(x(2))
        assert ours.spent == 2 * PRICE


class Hostile:
    """What a server may answer; each ends in one error, with at most one price at risk."""

    @staticmethod
    def higher_price(far: MemoryModelServer, answer: Answer) -> Answer:
        return Answer(402, "the price has risen", terms=replace(far.terms, price=2 * PRICE))

    @staticmethod
    def other_chain(far: MemoryModelServer, answer: Answer) -> Answer:
        return Answer(402, "pay here", terms=replace(far.terms, chain_id=1))

    @staticmethod
    def other_payee(far: MemoryModelServer, answer: Answer) -> Answer:
        return Answer(402, "pay him", terms=replace(far.terms, payee=STRANGER.address.lower()))

    @staticmethod
    def never_satisfied(far: MemoryModelServer, answer: Answer) -> Answer:
        return Answer(402, "more", terms=far.terms)

    @staticmethod
    def busy_for_ever(far: MemoryModelServer, answer: Answer) -> Answer:
        return Answer(503, "later", retry_after=3600.0)

    @staticmethod
    def broken(far: MemoryModelServer, answer: Answer) -> Answer:
        return Answer(500, "oops")

    @staticmethod
    def says_taken(far: MemoryModelServer, answer: Answer) -> Answer:
        return Answer(409, "taken")

    @staticmethod
    def says_taken_for_ever(far: MemoryModelServer, answer: Answer) -> Answer:
        return Answer(409, "taken", retry_after=1.0)

    @staticmethod
    def unsigned(far: MemoryModelServer, answer: Answer) -> Answer:
        return replace(answer, result=None)

    @staticmethod
    def signed_by_another(far: MemoryModelServer, answer: Answer) -> Answer:
        assert answer.result is not None
        far._payee = STRANGER
        return replace(answer, result=far.signed(answer.result))

    @staticmethod
    def another_output(far: MemoryModelServer, answer: Answer) -> Answer:
        return replace(answer, outputs={"y": np.array([5.0], dtype=np.float32)})

    @staticmethod
    def another_version(far: MemoryModelServer, answer: Answer) -> Answer:
        assert answer.result is not None
        return replace(answer, result=far.signed(replace(answer.result, version_id="0x" + "99" * 32)))

    @staticmethod
    def another_call(far: MemoryModelServer, answer: Answer) -> Answer:
        """The honest answer to another request of ours, signed and all."""
        assert answer.result is not None
        return replace(answer, result=far.signed(replace(answer.result, call=7, request="0x" + "77" * 32)))

    @staticmethod
    def no_signature(far: MemoryModelServer, answer: Answer) -> Answer:
        assert answer.result is not None
        return replace(answer, result=replace(answer.result, signature=bytes(65)))

    @staticmethod
    def shows_what_we_never_asked(far: MemoryModelServer, answer: Answer) -> Answer:
        assert answer.result is not None
        return Answer(409, "taken", result=far.signed(replace(answer.result, request="0x" + "77" * 32)))


HOSTILE = {
    "higher_price": (Refused, "1000, as agreed for this channel, found 2000"),
    "other_chain": (Refused, "chain_id: expected 31337, found 1"),
    "other_payee": (Refused, "payee"),
    "never_satisfied": (Refused, "paid otherwise"),
    "busy_for_ever": (ServerFailed, "HTTP status 503: later"),
    "broken": (ServerFailed, "HTTP status 500: oops"),
    "says_taken": (StateConflict, "does not show its signature"),
    "says_taken_for_ever": (StateConflict, "does not show its signature"),
    "unsigned": (VerificationFailed, "without a signed result"),
    "signed_by_another": (VerificationFailed, "expected of the payee"),
    "another_output": (VerificationFailed, "outputCommitment"),
    "another_version": (VerificationFailed, "versionId"),
    "another_call": (VerificationFailed, "call: expected 2, found 7"),
    "no_signature": (InvalidData, "not a signature of anybody"),
    "shows_what_we_never_asked": (StateConflict, "does not show its signature"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_server_costs_one_call_at_most(name: str, spent: Spent) -> None:
    error, words = HOSTILE[name]
    far = server()
    with payer(ports(spent), far) as ours:
        ours.infer(x(0))
        far.spoil = lambda voucher, answer: getattr(Hostile, name)(far, answer)
        started = ours._ports.system.monotonic()
        for number in range(1, 12):
            with pytest.raises(error if number == 1 else MlmError, match=words if number == 1 else "."):
                ours.infer(x(number))
        assert ours.spent <= 2 * PRICE, "more than one call's price was put at risk"
        assert ours._ports.system.monotonic() - started <= 11 * 60
    assert len(far.asked) <= 1 + 11 * 5


def test_hostile_answers_are_all_tried() -> None:
    assert set(HOSTILE) == {name for name in vars(Hostile) if not name.startswith("_")}


def test_calls_that_run_at_once_are_what_is_at_risk(spent: Spent) -> None:
    far = server()
    far.before = lambda voucher: (_ for _ in ()).throw(ServerFailed("dead"))
    with payer(ports(spent), far, Limits(PRICE, concurrent=4, tries=1)) as ours:

        def call(number: int) -> None:
            with pytest.raises(MlmError):
                ours.infer(x(number))

        threads = [threading.Thread(target=call, args=(number,)) for number in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ours.spent <= 4 * PRICE
        assert ours.unanswered <= 4


def test_concurrent_calls_over_one_channel_have_numbers_of_their_own(spent: Spent) -> None:
    far, lock = server(), threading.Lock()
    serve = far._serve

    def one_at_a_time(inputs: Any, voucher: SignedVoucher) -> Answer:
        with lock:
            return serve(inputs, voucher)

    far._serve = one_at_a_time  # type: ignore[method-assign]
    found: dict[int, Any] = {}
    with payer(ports(spent), far) as ours:

        def work(worker: int) -> None:
            for number in range(worker, 60, 6):
                found[number] = ours.infer(x(number))

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (ours.spent, ours.unanswered) == (60 * PRICE, 0)
    assert sorted(paid.result.call for paid in found.values()) == list(range(1, 61))
    assert all(paid.outputs["y"].tolist() == [2 * number] for number, paid in found.items())
    assert far.ledger.best is not None
    assert far.ledger.best.voucher.amount == 60 * PRICE


def test_a_used_up_channel_is_topped_up_when_it_may_be() -> None:
    far = server(channel(2 * PRICE))
    with payer(ports(), far) as ours:
        for number in range(2):
            ours.infer(x(number))
        with pytest.raises(InsufficientFunds, match="holds 2000, the next call needs 3000"):
            ours.infer(x(2))
        assert ours.spent == 2 * PRICE
    asked = []

    def more(amount: int) -> Any:
        asked.append(amount)
        far.channel_on_chain = replace(far.channel_on_chain, deposit=5 * PRICE)
        return far.channel_on_chain

    far = server(channel(2 * PRICE))
    with payer(ports(), far, more=more) as ours:
        for number in range(5):
            ours.infer(x(number))
    assert asked == [3 * PRICE]


def test_a_price_above_the_limit_is_never_signed() -> None:
    far = server()
    with pytest.raises(Refused, match="at most 999, found 1000"), payer(ports(), far, Limits(PRICE - 1)):
        pass
    assert far.asked == []


def test_any_order_of_losses_and_crashes_costs_no_call_twice(spent: Spent) -> None:
    """Random losses on both ways, and a payer that forgets all but its journal after each error."""
    lots, far = random.Random(7), server(channel(10_000 * PRICE))
    serve = far._serve

    def unlucky(inputs: Any, voucher: SignedVoucher) -> Answer:
        if lots.random() < 0.2:
            return Answer(503, "busy")
        return serve(inputs, voucher)

    def fate(voucher: SignedVoucher, answer: Answer) -> Answer:
        if lots.random() < 0.3:
            raise ServerFailed("lost on its way back")
        return answer

    far._serve, far.spoil = unlucky, fate  # type: ignore[method-assign]
    answered, wanted = set(), list(range(60))
    while wanted:
        with payer(ports(spent), far, Limits(PRICE, tries=1)) as ours:
            try:
                while wanted:
                    number = wanted.pop(lots.randrange(len(wanted)))
                    paid = ours.infer(x(number))
                    assert paid.outputs["y"].tolist() == [2 * number]
                    answered.add(number)
            except MlmError:
                wanted.append(number)
            assert ours.spent <= (len(answered) + len(wanted)) * PRICE
            total = ours.spent
    assert answered == set(range(60))
    assert far.ledger.count == 60
    assert total == 60 * PRICE, "each of sixty calls was paid once"


def test_a_torn_last_line_was_never_acknowledged_and_is_cut_off(tmp_path: Path) -> None:
    spent, far = FileSpent(tmp_path, patience=0), server()
    with payer(ports(spent), far) as ours:
        ours.infer(x(1))
        ours.infer(x(2))
    (file,) = tmp_path.glob("*.jsonl")
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    for cut in range(len(whole) - len(lines[-1]) - 30, len(whole)):
        file.write_bytes(whole[:cut])
        with payer(ports(FileSpent(tmp_path, patience=0)), far) as ours:
            # Cut within the last lines: what the server shows fills the gap, and no number is signed twice.
            assert ours.spent == 2 * PRICE
        assert file.read_bytes().endswith(b"\n")


def test_a_damaged_journal_is_refused_by_its_line(tmp_path: Path) -> None:
    spent, far = FileSpent(tmp_path, patience=0), server()
    with payer(ports(spent), far) as ours:
        ours.infer(x(1))
    (file,) = tmp_path.glob("*.jsonl")
    file.write_bytes(b"{}\n" + file.read_bytes())
    with pytest.raises(InvalidData, match="line 1 of"), payer(ports(spent), far):
        pass


def test_a_channel_belongs_to_one_process_at_a_time(spent: Spent) -> None:
    far = server()
    with (
        payer(ports(spent), far) as ours,
        pytest.raises(StateConflict, match="another process has signed"),
        payer(ports(spent), far),
    ):
        pass
    with payer(ports(spent), far):
        assert ours.spent == 0


def test_a_long_journal_is_written_anew_with_what_is_still_open(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("mlm.adapters.spent._LARGE", 2000)
    monkeypatch.setattr("mlm.core.spent.RECENT", 2)
    spent, far = FileSpent(tmp_path, patience=0), server()
    with payer(ports(spent), far) as ours:
        for number in range(9):
            ours.infer(x(number))
        far.spoil = lost
        with pytest.raises(ServerFailed):
            ours.infer(x(9))
    (file,) = tmp_path.glob("*.jsonl")
    before, record = file.stat().st_size, spent.record(far.channel_on_chain.id)
    with payer(ports(spent), far):
        assert file.stat().st_size < before / 2
        assert spent.record(far.channel_on_chain.id) == record


def test_a_journal_stays_small_while_it_is_held(tmp_path: Path, monkeypatch: Any) -> None:
    """A stream of calls for weeks, by several threads, of one process: what it has to remember does not grow."""
    monkeypatch.setattr("mlm.adapters.spent._FULL", 10_000)
    monkeypatch.setattr("mlm.core.spent.RECENT", 2)
    spent, far, largest = FileSpent(tmp_path, patience=0), server(), 0
    with payer(ports(spent), far, Limits(PRICE, 4)) as ours:

        def stream(first: int) -> None:
            for number in range(first, first + 20):
                ours.infer(x(number))

        threads = [threading.Thread(target=stream, args=(100 * n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        (file,) = tmp_path.glob("*.jsonl")
        while any(thread.is_alive() for thread in threads):
            largest = max(largest, file.stat().st_size)
        for thread in threads:
            thread.join()
        far.spoil = lost
        with pytest.raises(ServerFailed):
            ours.infer(x(9999))
        assert ours.spent == 81 * PRICE
    assert 0 < largest < 20_000
    record = spent.record(far.channel_on_chain.id)
    assert record.last is not None and record.last.amount == 81 * PRICE and set(record.kept) == {81}
    far.spoil = lambda voucher, answer: answer
    with payer(ports(FileSpent(tmp_path, patience=0)), far) as ours:
        assert ours.infer(x(9999)).voucher.voucher.calls == 81 and far.ledger.count == 81


def test_a_full_disk_does_not_stop_a_journal_that_could_be_written_anew(tmp_path: Path, monkeypatch: Any) -> None:
    def full(*args: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlm.adapters.spent._FULL", 1_000)
    monkeypatch.setattr("mlm.adapters.spent.replace_file", full)
    spent, far = FileSpent(tmp_path, patience=0), server()
    with payer(ports(spent), far) as ours:
        for number in range(12):
            ours.infer(x(number))
    record = spent.record(far.channel_on_chain.id)
    assert record.last is not None and record.last.calls == 12
