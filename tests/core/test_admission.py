"""The payee's rule: no call is served unpaid, none is paid twice, whatever the order in which calls come."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlm.core.admission import WINDOW, Admitted, Answer, Ledger, Refused, Repeat, admit
from mlm.core.channel import (
    MAX_AMOUNT,
    MAX_CALLS,
    Channel,
    ChannelState,
    ChannelTerms,
    SignedVoucher,
    Voucher,
    next_voucher,
)

ID = "0x" + "6c" * 32
PRICE = 5
TERMS = ChannelTerms("0x1", "0x2", "0x3", 0, "0x" + "22" * 32, 1, 0, 0, 0, ("0x4",), (0,))


def channel(deposit: int = 10**9, claimed_calls: int = 0, ending: ChannelState | None = None) -> Channel:
    return Channel(ID, TERMS, deposit, claimed_calls * PRICE, claimed_calls, 10_000, ending)


def request(number: int) -> str:
    return f"0x{number:064x}"


def signed(calls: int, amount: int | None = None, asked: int | None = None) -> SignedVoucher:
    voucher = Voucher(ID, calls * PRICE if amount is None else amount, calls, request(asked or calls))
    return SignedVoucher(voucher, b"\x01")


def ask(ledger: Ledger, given_: SignedVoucher, where: Channel | None = None, **changes: object) -> Answer:
    rest = {"request": given_.voucher.request, "genuine": True, "now": 5_000, "margin": 60} | changes
    return admit(ledger, where or channel(), given_, **rest)  # type: ignore[arg-type]


def serve(ledger: Ledger, given_: SignedVoucher, **changes: object) -> Answer:
    answer = ask(ledger, given_, **changes)
    if not isinstance(answer, Refused):
        ledger.record(given_)
    return answer


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 250), st.integers(1, 3)), max_size=120),
    st.integers(0, 2**32),
)
def test_nothing_is_served_unpaid_nor_twice(calls: list[tuple[int, int, int]], seed: int) -> None:
    """Any vouchers at all, honest or not, in any order, with crashes between any two."""
    ledger, served, answers = Ledger(PRICE), 0, {}
    kept: list[SignedVoucher] = []
    rng = random.Random(seed)
    for number, amount, asked in calls:
        given_ = signed(number, amount, asked)
        answer = ask(ledger, given_)
        if isinstance(answer, Refused):
            continue
        kept.append(given_)  # the journal, before the answer
        if rng.random() < 0.2:  # killed after the journal: whoever starts again reads it
            ledger = Ledger(PRICE)
            for each in kept[:-1]:
                ledger.record(each)
        ledger.record(given_)
        if isinstance(answer, Admitted):
            served += 1
            assert number not in answers
            answers[number] = given_.voucher.request
        else:
            assert answers[number] == given_.voucher.request
        best = max(each.voucher.amount for each in kept)
        assert ledger.best is not None and ledger.best.voucher.amount == best
        assert ledger.count == served == len(answers)
        assert served * PRICE <= best
        assert ledger.count <= ledger.highest


@given(st.permutations(range(1, 31)))
def test_concurrent_calls_of_an_honest_payer_are_all_served_in_any_order(order: list[int]) -> None:
    """And each costs one price: all thirty together what the last voucher says."""
    ledger = Ledger(PRICE)
    for number in order:
        assert serve(ledger, signed(number)) == Admitted()
    assert ledger.best is not None and ledger.best.voucher.amount == 30 * PRICE
    assert ledger.count == 30
    for number in order:
        assert serve(ledger, signed(number)) == Repeat()
    assert ledger.best.voucher.amount == 30 * PRICE


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_a_call_that_was_refused_costs_nothing(refused: list[bool]) -> None:
    """Its number and amount serve another request: what is signed in the end is what was served."""
    ledger, last = Ledger(PRICE), None
    free: list[int] = []
    for asked, busy in enumerate(refused, 1):
        number = free.pop(0) if free else None
        voucher = next_voucher(ID, last, price=PRICE, request=request(asked), calls=number)
        if last is None or voucher.calls > last.calls:
            last = voucher
        if busy:  # the payee was busy, or the shape was wrong: it admitted nothing
            free.append(voucher.calls)
        else:
            assert serve(ledger, SignedVoucher(voucher, b"\x01")) == Admitted()
    assert last is not None
    assert last.amount == PRICE * (ledger.count + len(free))


def test_a_lost_journal_is_no_free_service() -> None:
    """What the chain says was claimed counts; what was not claimed is the payee's loss, and not the payer's gain."""
    ledger = Ledger.after_loss(PRICE, channel(claimed_calls=7))
    assert isinstance(ask(ledger, signed(7)), Refused)
    assert serve(ledger, signed(8)) == Admitted()
    assert ledger.count == 8


def test_the_window_forgets_what_is_far_below() -> None:
    ledger = Ledger(PRICE)
    for number in (1, 2, 5):
        serve(ledger, signed(number))
    serve(ledger, signed(WINDOW + 3))
    assert ledger.floor == 3 and sorted(ledger.served) == [5, WINDOW + 3]
    assert refusal(ask(ledger, signed(1))) == "call_too_old"  # even the same request: nobody knows any more
    assert serve(ledger, signed(4)) == Admitted() and ask(ledger, signed(5)) == Repeat()
    serve(ledger, signed(10 * WINDOW))
    assert sorted(ledger.served) == [10 * WINDOW] and ledger.count == 6
    for number in range(1, WINDOW + 3):  # one after the other: each but the first few pushes one out
        serve(ledger, signed(10 * WINDOW + number))
    assert ledger.floor == 10 * WINDOW + 2 and len(ledger.served) == WINDOW
    ledger.record(signed(MAX_CALLS, amount=MAX_AMOUNT))
    assert list(ledger.served) == [MAX_CALLS] and ledger.floor == MAX_CALLS - WINDOW


def refusal(answer: Answer) -> str:
    assert isinstance(answer, Refused)
    return answer.reason


def test_a_number_stands_for_one_request() -> None:
    ledger = Ledger(PRICE)
    serve(ledger, signed(1))
    answer = ask(ledger, signed(1, asked=9))
    assert refusal(answer) == "call_taken"
    assert str(answer) == "call_taken: expected call 2 or another free one, found call 1"


@pytest.mark.parametrize(
    ("reason", "status", "voucher", "where", "changes"),
    [
        ("channel_unknown", 402, signed(1), Channel("0x" + "00" * 32, TERMS, 99, 0, 0, 10_000), {}),
        ("request_mismatch", 400, signed(1), channel(), {"request": request(2)}),
        ("signature_invalid", 401, signed(1), channel(), {"genuine": False}),
        ("channel_ended", 402, signed(1), channel(ending=ChannelState.CLOSED), {}),
        ("channel_ended", 402, signed(1), channel(), {"now": 10_000}),
        ("channel_expires", 402, signed(1), channel(), {"now": 9_940}),
        ("over_deposit", 402, signed(2), channel(deposit=9), {}),
        ("underpaid", 402, signed(2, 9), channel(), {}),
        ("underpaid", 402, signed(2**64 - 1, 10**9), channel(), {}),
    ],
)
def test_each_refusal_has_its_status(
    reason: str, status: int, voucher: SignedVoucher, where: Channel, changes: dict[str, object]
) -> None:
    ledger = Ledger(PRICE)
    answer = ask(ledger, voucher, where, **changes)
    assert isinstance(answer, Refused) and (answer.reason, answer.status) == (reason, status)
    assert ledger == Ledger(PRICE)


def test_no_channel_at_all_is_refused() -> None:
    answer = admit(Ledger(PRICE), None, signed(1), request=request(1), genuine=True, now=0, margin=0)
    assert refusal(answer) == "channel_unknown"


def test_an_answer_that_was_paid_is_given_again_after_the_end() -> None:
    """Also at the last second, and of a channel that was closed meanwhile: nobody pays twice for one answer."""
    ledger = Ledger(PRICE)
    assert serve(ledger, signed(1), now=9_939) == Admitted()
    assert ask(ledger, signed(1), channel(ending=ChannelState.REFUNDED), now=20_000) == Repeat()
    assert refusal(ask(ledger, signed(1), genuine=False)) == "signature_invalid"
