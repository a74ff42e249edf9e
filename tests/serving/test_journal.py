"""The journal of a paid server: one sync for many calls, nothing lost at a kill, bounded, held by one process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.serving import journal as module
from mlm.adapters.serving.journal import CallJournal
from mlm.adapters.serving.received import ServedVouchers, vouchers
from mlm.core.admission import WINDOW, Ledger
from mlm.core.errors import InvalidData, NotFound, StateConflict, StorageError
from mlm.core.serve_journal import encode, records
from tests.serving.paying import PRICE, opened, record

ROOT = Path(__file__).resolve().parents[2]
ONE, TWO = opened(1), opened(2)


def ledgers(journal: CallJournal) -> dict[str, tuple[Any, ...]]:
    """All that is known of channels."""
    return {
        name: (held.ledger, {call: journal.find(name, call).result for call in held.at})
        for name, held in journal.channels.items()
    }


async def add(journal: CallJournal, *calls: int, of: Any = ONE, answer: bytes = b"answer") -> None:
    await asyncio.gather(*(journal.add(record(of, call, answer), Ledger(PRICE)) for call in calls))


def test_calls_that_come_together_share_a_sync(tmp_path: Path) -> None:
    async def play() -> None:
        journal = CallJournal(tmp_path / "a.served")
        await add(journal, *range(1, 101))
        await add(journal, 1, 2, of=TWO)
        assert journal.added == 102 and journal.syncs <= 4
        before = ledgers(journal)
        await journal.close()
        again = CallJournal(tmp_path / "a.served")
        assert ledgers(again) == before and again.torn == 0
        assert again.find(ONE.id, 7).answer == b"answer"
        with pytest.raises(NotFound):
            again.find(ONE.id, 101)
        await again.close()

    asyncio.run(play())


def test_it_is_bounded_and_loses_no_voucher(tmp_path: Path) -> None:
    """Rewritten again and again: the file stays small, ledgers are the same, old answers go and statements stay."""

    async def play() -> None:
        most = 1 << 20
        journal = CallJournal(tmp_path / "a.served", most=most, answers=1000)
        for first in range(1, 2400, 200):
            await add(journal, *range(first, first + 200), answer=b"x" * 900)
        await add(journal, 1, of=TWO, answer=b"x" * 1001)
        assert journal.size < 2.2 * most
        held = journal.channels[ONE.id]
        assert (held.ledger.count, held.ledger.highest, held.ledger.floor) == (2400, 2400, 2400 - WINDOW)
        assert set(held.at) == set(held.ledger.served) == set(range(2401 - WINDOW, 2401))
        assert journal.find(ONE.id, 2400).answer and not journal.find(TWO.id, 1).answer
        assert not journal.find(ONE.id, 2401 - WINDOW).answer
        before = ledgers(journal)
        await journal.close()
        again = CallJournal(tmp_path / "a.served", most=most)
        assert ledgers(again) == before
        best = ServedVouchers(tmp_path).best(ONE.id)
        assert best is not None and (best.voucher.amount, best.voucher.calls) == (2400 * PRICE, 2400)
        await again.close()

    asyncio.run(play())


def test_a_channel_that_is_over_is_forgotten_when_it_is_rewritten(tmp_path: Path) -> None:
    async def play() -> None:
        journal = CallJournal(tmp_path / "a.served", most=4000, ended=lambda name: name == ONE.id)
        await add(journal, 1)
        await add(journal, *range(1, 12), of=TWO)
        await journal.close()
        assert set(journal.channels) == {TWO.id} and ServedVouchers(tmp_path).channels() == [TWO.id]

    asyncio.run(play())


def test_what_a_channel_began_with_is_kept(tmp_path: Path) -> None:
    """A ledger made from the chain's facts, after a journal was lost: its floor must outlive the next crash."""

    async def play() -> None:
        journal = CallJournal(tmp_path / "a.served")
        await journal.add(record(ONE, 51), Ledger(PRICE, count=50, highest=50, floor=50))
        await journal.close()
        again = CallJournal(tmp_path / "a.served")
        ledger = again.channels[ONE.id].ledger
        assert (ledger.count, ledger.highest, ledger.floor) == (51, 51, 50)
        await again.close()

    asyncio.run(play())


@pytest.mark.parametrize("torn", ["its end is missing", "its end is zeros", "its middle is zeros", "it is all zeros"])
def test_a_torn_tail_is_put_aside(tmp_path: Path, torn: str) -> None:
    async def play() -> None:
        path = tmp_path / "a.served"
        journal = CallJournal(path)
        await add(journal, 1)
        await add(journal, 2)
        await journal.close()
        data = path.read_bytes()
        end, (*_, (at, _, _)) = len(data.rstrip(b"\0")), records(data)
        size = end - at + 8  # with length and checksum
        kept = {"its end is missing": 5, "its end is zeros": size - 3, "its middle is zeros": 20, "it is all zeros": 0}
        rest = {"its end is missing": b"", "its middle is zeros": bytes(size - 23) + data[end - 3 :]}
        path.write_bytes(data[: at - 8 + kept[torn]] + rest.get(torn, bytes(len(data) - end)))
        again = CallJournal(path)
        assert set(again.channels[ONE.id].at) == {1} and bool(again.torn) == (torn != "it is all zeros")
        if again.torn:
            assert path.with_suffix(".torn").stat().st_size == again.torn <= size
        await add(again, 3)
        await again.close()
        assert [signed.voucher.calls for signed in vouchers(path)] == [1, 3]
        await CallJournal(path).close()

    asyncio.run(play())


def test_the_file_has_room_for_what_comes(tmp_path: Path) -> None:
    """A sync of what lies within it need not wait for others' files; zeros are no record, and are there to be used."""

    async def play() -> None:
        path = tmp_path / "a.served"
        for first in (1, 11):
            journal = CallJournal(path)
            assert journal.torn == 0
            for call in range(first, first + 10):
                await add(journal, call)
            await journal.close()
        one = len(encode(record(ONE, 1)))
        assert len(path.read_bytes().rstrip(b"\0")) == journal.size == path.stat().st_size - module._ROOM + 19 * one
        large = b"x" * (module._ROOM // 2)
        journal = CallJournal(path, answers=module._ROOM)
        for call in range(21, 26):
            await add(journal, call, answer=large)
            assert journal.size <= path.stat().st_size <= journal.size + module._ROOM
        assert journal.find(ONE.id, 25).answer == large
        await journal.close()
        assert [signed.voucher.calls for signed in vouchers(path)] == list(range(1, 26))

    asyncio.run(play())


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.served"
    path.write_bytes(b"something else that is precious")
    with pytest.raises(InvalidData, match="expected a server's journal"):
        CallJournal(path)
    assert path.read_bytes() == b"something else that is precious"
    with pytest.raises(InvalidData):
        ServedVouchers(tmp_path).channels()


def test_two_servers_of_one_journal(tmp_path: Path) -> None:
    async def play() -> None:
        journal = CallJournal(tmp_path / "a.served")
        with pytest.raises(StateConflict, match="another server"):
            CallJournal(tmp_path / "a.served")
        await add(journal, 1)
        assert ServedVouchers(tmp_path).channels() == [ONE.id]  # a claim reads it meanwhile
        await journal.close()
        await CallJournal(tmp_path / "a.served").close()

    asyncio.run(play())


def test_a_quick_disk_is_written_to_at_once_and_a_slow_one_in_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play() -> None:
        journal, threads, real = CallJournal(tmp_path / "a.served"), list[int](), module.sync_data

        def sync(handle: int) -> None:
            threads.append(threading.get_ident())
            real(handle)

        monkeypatch.setattr(module, "sync_data", sync)
        mine, few = threading.get_ident(), module._QUICK_SYNCS
        monkeypatch.setattr(module, "_QUICK_S", float("inf"))
        for call in range(1, few + 4):
            await add(journal, call)
        assert [each == mine for each in threads] == [False] * (few + 1) + [True] * 2  # the first makes room
        await journal.add(record(ONE, few + 4), Ledger(PRICE), alone=True)
        later = [(few + 5, False), (few + 6, True), (few + 7, False)]  # whoever is not alone after all shares the sync
        await asyncio.gather(*(journal.add(record(ONE, call), Ledger(PRICE), alone=alone) for call, alone in later))
        assert threads[few + 3 :] == [mine] * 2 and journal.syncs == few + 5
        monkeypatch.setattr(module, "_QUICK_S", 0.0)  # from the next one on it is slow
        for call in range(few + 8, few + 11):
            await add(journal, call)
        assert [each == mine for each in threads[few + 5 :]] == [True, False, False]
        assert journal.channels[ONE.id].ledger.count == few + 10
        await journal.close()
        assert [signed.voucher.calls for signed in vouchers(tmp_path / "a.served")] == list(range(1, few + 11))

    asyncio.run(play())


def test_a_full_disk_refuses_the_call_and_takes_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        journal = CallJournal(tmp_path / "a.served")
        await add(journal, 1)

        def full(handle: int, data: bytes) -> None:
            os.write(handle, data[:10])
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(module, "write_all", full)
            with pytest.raises(StorageError, match="No space left"):
                await add(journal, 2)
            assert journal.channels[ONE.id].ledger.highest == 1
        await add(journal, 2)
        await journal.close()
        assert [signed.voucher.calls for signed in vouchers(tmp_path / "a.served")] == [1, 2]

    asyncio.run(play())


def test_a_failed_sync_ends_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it left nobody knows: no call is served until the file was read again."""

    async def play() -> None:
        journal = CallJournal(tmp_path / "a.served")

        def failing(handle: int) -> None:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(module, "sync_data", failing)
            with pytest.raises(StorageError, match="durable"):
                await add(journal, 1)
        assert not journal.pays
        with pytest.raises(StorageError, match="durable"):
            await add(journal, 2)
        await journal.close()

    asyncio.run(play())


def test_vouchers_that_came_by_hand(tmp_path: Path) -> None:
    kept = ServedVouchers(tmp_path / "new")
    assert kept.channels() == []
    signed = record(ONE, 5).voucher
    assert signed is not None
    kept.keep(signed)
    smaller = record(ONE, 4).voucher
    assert smaller is not None
    kept.keep(smaller)
    assert kept.best(ONE.id) == signed and kept.best(TWO.id) is None


CHILD = """
import asyncio, sys
from pathlib import Path
from mlm.adapters.serving.journal import CallJournal
from mlm.core.admission import Ledger
from tests.serving.paying import PRICE, opened, record

async def caller(journal, of, first, callers):
    for call in range(first, 10**6, callers):
        await journal.add(record(of, call, bytes(500)), Ledger(PRICE), alone=callers == 1)
        print(of.terms.nonce, call, flush=True)  # the answer leaves

async def main():
    journal = CallJournal(Path(sys.argv[1]), most=200_000, answers=1000)
    nonces, callers = ((1,), 1) if sys.argv[2] == "alone" else ((1, 2), 4)
    calls = [caller(journal, opened(nonce), first, callers) for nonce in nonces for first in range(1, callers + 1)]
    await asyncio.gather(*calls)

asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["together", "alone"])
@pytest.mark.parametrize("answers", [3, 200, 2500])
def test_killed_at_any_instant_every_answer_was_written_down(tmp_path: Path, answers: int, how: str) -> None:
    """Under load, also while the file is rewritten: what had left is there, with the voucher that paid for it."""
    path = tmp_path / "a.served"
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), how],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    left = [process.stdout.readline() for _ in range(answers)]
    process.send_signal(signal.SIGKILL)
    left += [line for line in process.stdout if line.endswith("\n")]
    process.wait(30)
    process.stdout.close()
    highest: dict[int, int] = {}
    for line in left:
        nonce, call = map(int, line.split())
        highest[nonce] = max(call, highest.get(nonce, 0))
    kept = ServedVouchers(tmp_path)

    async def play() -> None:
        journal = CallJournal(path)
        for line in left:
            nonce, call = map(int, line.split())
            held = journal.channels[opened(nonce).id]
            assert call in held.ledger.served or call <= held.ledger.floor
        await journal.close()

    asyncio.run(play())
    for nonce, call in highest.items():
        best = kept.best(opened(nonce).id)
        assert best is not None and best.voucher.amount >= call * PRICE
