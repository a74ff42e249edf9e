"""One suite over both implementations of the Journal port, and what only a file can suffer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlm.adapters.journal import FileJournal
from mlm.core.errors import InvalidData, NotFound, StateConflict, StorageError
from mlm.memory.journal import MemoryJournal
from mlm.memory.system import MemorySystem
from mlm.ports.journal import Journal


@pytest.fixture
def clock() -> MemorySystem:
    return MemorySystem(now=100)


@pytest.fixture(params=["file", "memory"])
def journal(request: pytest.FixtureRequest, tmp_path: Path, clock: MemorySystem) -> Journal:
    return FileJournal(tmp_path / "journal", clock) if request.param == "file" else MemoryJournal(clock)


def test_nothing_yet(journal: Journal) -> None:
    assert journal.operations() == []
    for call in (
        lambda: journal.entries("000001"),
        lambda: journal.record("1", 0, {}),
        lambda: journal.close("../x", ""),
    ):
        with pytest.raises(NotFound):
            call()


def test_an_operation_is_kept_in_order(journal: Journal, clock: MemorySystem) -> None:
    first, second = journal.begin("publish", {"path": ".", "big": 2**200}), journal.begin("job post", {})
    assert first != second
    journal.record(first, 0, {"signed": {"raw": b"\x02\xff", "nonce": 3}})
    clock.advance(5)
    journal.record(first, 0, {"included": {"block": 7, "text": "two\nlines, é"}})
    journal.close(first, "done")
    assert journal.entries(first) == [
        {"step": 0, "at": 100, "entry": {"signed": {"raw": "0x02ff", "nonce": 3}}},
        {"step": 0, "at": 105, "entry": {"included": {"block": 7, "text": "two\nlines, é"}}},
    ]
    assert journal.entries(second) == []
    one, two = journal.operations()
    assert one == {
        "op": first,
        "operation": "publish",
        "params": {"path": ".", "big": 2**200},
        "started_at": 100,
        "closed_at": 105,
        "outcome": "done",
    }
    assert (two["op"], two["operation"], two["closed_at"], two["outcome"]) == (second, "job post", None, None)


def test_resuming_reopens(journal: Journal, clock: MemorySystem) -> None:
    op = journal.begin("publish", {})
    journal.close(op, "stopped: ChainError")
    journal.record(op, 1, {"included": 1})
    assert journal.operations()[0]["outcome"] is None
    clock.advance(1)
    journal.close(op, "done")
    assert (journal.operations()[0]["outcome"], journal.operations()[0]["closed_at"]) == ("done", 101)


def test_what_json_cannot_hold_is_refused_and_changes_nothing(journal: Journal) -> None:
    op = journal.begin("publish", {})
    for bad, error in (({"x": object()}, TypeError), ({"x": float("nan")}, ValueError)):
        with pytest.raises(error):
            journal.record(op, 0, bad)
    assert journal.entries(op) == []


# --- files --------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path, clock: MemorySystem) -> FileJournal:
    return FileJournal(tmp_path, clock)


def test_another_process_reads_it(files: FileJournal, tmp_path: Path) -> None:
    op = files.begin("publish", {})
    files.record(op, 0, {"a": 1})
    again = FileJournal(tmp_path, MemorySystem())
    assert again.entries(op) == files.entries(op)
    assert again.begin("bid", {}) == "000002"


@pytest.mark.parametrize("torn", [b"{", b'{"step":1,"at":1,"entry":{}}', b"\xff\xfe", b""])
def test_a_torn_last_line_is_left_out_and_cut_off(files: FileJournal, tmp_path: Path, torn: bytes) -> None:
    op = files.begin("publish", {})
    files.record(op, 0, {"a": 1})
    path = tmp_path / f"{op}.jsonl"
    path.write_bytes(path.read_bytes() + torn)
    assert [entry["entry"] for entry in files.entries(op)] == [{"a": 1}]
    files.record(op, 1, {"b": 2})
    assert [entry["entry"] for entry in files.entries(op)] == [{"a": 1}, {"b": 2}]
    assert path.read_bytes().count(b"\n") == 3


def test_an_operation_whose_first_line_was_torn_never_was(files: FileJournal, tmp_path: Path) -> None:
    op = files.begin("publish", {})
    path = tmp_path / f"{op}.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    assert files.operations() == [] and files.entries(op) == []
    with pytest.raises(StateConflict):
        files.record(op, 0, {})
    assert files.begin("bid", {}) == "000002"


@pytest.mark.parametrize("line", [b"no json", b"[]", b"{}", b'{"step":1}', b'"step"'])
def test_damage_in_the_middle_is_an_error_that_names_the_line(files: FileJournal, tmp_path: Path, line: bytes) -> None:
    op = files.begin("publish", {})
    path = tmp_path / f"{op}.jsonl"
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(InvalidData, match="line 2"):
        files.entries(op)


def test_other_files_are_left_alone(files: FileJournal, tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text("mine")
    files.begin("publish", {})
    assert len(files.operations()) == 1
    with pytest.raises(NotFound):
        files.entries("notes")


def test_no_folder_can_be_made(tmp_path: Path, clock: MemorySystem) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="journal"):
        FileJournal(tmp_path / "file" / "journal", clock).begin("publish", {})


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """The writer prints each number after its record has returned; then it is killed in the middle."""
    script = f"""
from pathlib import Path
from mlm.adapters.journal import FileJournal
from mlm.memory.system import MemorySystem
journal = FileJournal(Path({str(tmp_path)!r}), MemorySystem())
op = journal.begin("loop", {{}})
number = 0
while True:
    journal.record(op, number, {{"pad": "x" * 5000}})
    print(number, flush=True)
    number += 1
"""
    writer = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline() for _ in range(20)]
    os.kill(writer.pid, signal.SIGKILL)
    acknowledged += writer.stdout.read().splitlines()
    writer.wait(timeout=10)
    whole = [line for line in acknowledged if line.strip()]
    steps = [entry["step"] for entry in FileJournal(tmp_path, MemorySystem()).entries("000001")]
    assert steps[: len(whole)] == list(range(len(whole))) and len(steps) <= len(whole) + 1
