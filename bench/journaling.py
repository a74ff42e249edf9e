"""What a journal costs that a daemon has written 100,000 operations into, beside one of a few hundred."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from bench.benchmark import Benchmark, Figure
from mlm.adapters.journal import BATCH, RECENT, FileJournal, line_of
from mlm.adapters.journal_archive import Archive

MANY, ROUNDS = 100_000, 15
STEPS = [{"kind": "transaction", "title": "hand the outputs in", "to": "0x" + "ab" * 20, "data": "0x" + "cd" * 1200}]
SIGNED = {"raw": "ef" * 1400, "tx_hash": "0x" + "12" * 32, "nonce": 7, "priority_fee": 1, "max_fee": 2}


def _filled(folder: Path, count: int) -> FileJournal:
    """Operations as a worker leaves them, put away as far as a journal would have put them away."""
    folder.mkdir()
    lines = b"".join(
        line_of(line)
        for line in (
            {"begin": "lease fulfil", "params": {"account": "0x", "request": "00" * 32, "steps": STEPS}, "at": 1},
            {"step": 0, "at": 1, "entry": {"signed": SIGNED}},
            {"step": 0, "at": 2, "entry": {"included": {"block": 3, "hash": "0x" + "34" * 32}}},
            {"close": "done", "at": 2},
        )
    )
    archive, number = Archive(folder / "archive"), 1
    while number + BATCH + RECENT <= count:
        archive.add(dict.fromkeys(range(number, number + BATCH), lines))
        number += BATCH
    for each in range(number, count + 1):
        (folder / f"{each:06d}.jsonl").write_bytes(lines)
    return FileJournal(folder)


def _begin(folder: Path) -> None:
    """As a command does: look whether it was begun before, then begin."""
    journal = FileJournal(folder)
    journal.operations(50)
    op = journal.begin("bid", {"steps": STEPS})
    with journal.hold(op):
        journal.close(op, "done")


def _start(folder: Path) -> None:
    """As a worker does: what has a kill left unfinished?"""
    FileJournal(folder).operations(open_only=True)


@cache
def _ratios(act: Callable[[Path], Any]) -> list[float]:
    """A processor's time after many operations, over that after 400; by turns."""
    with tempfile.TemporaryDirectory(prefix="mlm-bench-journal-") as name:
        many, few = Path(name) / "many", Path(name) / "few"
        _filled(many, MANY)
        _filled(few, 400)
        return [_seconds(act, many) / _seconds(act, few) for _ in range(ROUNDS)]


def _seconds(act: Callable[[Path], Any], folder: Path) -> float:
    started = time.process_time()
    act(folder)
    return time.process_time() - started


BENCHMARKS = (
    Benchmark(
        "journal: to begin after 100,000 operations", "x", lambda: Figure.of(_ratios(_begin)), "after 400", most=2
    ),
    Benchmark(
        "journal: a worker's start after 100,000 operations",
        "x",
        lambda: Figure.of(_ratios(_start)),
        "after 400",
        most=2,
    ),
)
