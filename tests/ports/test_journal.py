"""One suite over both implementations of the Journal port, and what only a file can suffer."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


# --- what has ended is put away ------------------------------------------------------------------------------------

KEPT, TOGETHER = 6, 4


def small(folder: Path) -> FileJournal:
    return FileJournal(folder, MemorySystem(now=100), recent=KEPT, batch=TOGETHER)


def filled(journal: FileJournal, count: int, *, unfinished: tuple[int, ...] = ()) -> list[str]:
    """So many operations; the unfinished ones have signed."""
    found = []
    for number in range(1, count + 1):
        op = journal.begin("bid", {"number": number, "steps": []})
        with journal.hold(op):
            if number not in unfinished and number % 5 == 0:
                journal.close(op, "stopped: Reverted")  # before it sent anything
            else:
                journal.record(op, 0, {"signed": {"raw": b"\x02" * number}})
                journal.close(op, "stopped: ChainError" if number in unfinished else "done")
        found.append(op)
    return found


def own_files(folder: Path) -> int:
    return len(list(folder.glob("*.jsonl")))


def test_what_has_ended_is_put_away_and_nothing_is_forgotten(tmp_path: Path) -> None:
    journal, whole = small(tmp_path / "a"), FileJournal(tmp_path / "b", MemorySystem(now=100))
    assert filled(journal, 60, unfinished=(3, 17)) == filled(whole, 60, unfinished=(3, 17))
    assert own_files(tmp_path / "a") <= KEPT + 2 * TOGETHER + 2 and own_files(tmp_path / "b") == 60
    fresh = small(tmp_path / "a")
    assert fresh.operations() == whole.operations()
    for newest in (1, 5, 12, 30, 59, 100):
        assert fresh.operations(newest) == whole.operations(newest), newest
    for op in ("000001", "000003", "000030", "000060"):
        assert fresh.entries(op) == whole.entries(op)
        assert fresh.operations(op=op) == whole.operations(op=op)
        assert not fresh.held(op)
    kept = [row["op"] for row in fresh.operations(open_only=True)]
    assert kept[:2] == ["000003", "000017"] and len(kept) == own_files(tmp_path / "a")
    for missing in ("000061", "1", "000000", "archive"):
        with pytest.raises(NotFound):
            fresh.entries(missing)
        with pytest.raises(NotFound):
            fresh.record(missing, 0, {})
        with pytest.raises(NotFound):
            fresh.operations(op=missing)


def test_a_beginning_reads_nothing_of_what_was_put_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(small(tmp_path), 60)
    monkeypatch.setattr("mlm.adapters.journal_archive.read_regular", lambda *_: pytest.fail("it was read"))
    journal = small(tmp_path)
    op = journal.begin("bid", {})
    assert op == "000061"
    journal.record(op, 0, {"signed": {}})
    assert len(journal.operations(KEPT)) == KEPT and journal.operations(open_only=True)
    for path in tmp_path.glob("*.jsonl"):
        path.unlink()  # somebody has tidied up: a number is never given twice
    assert small(tmp_path).begin("bid", {}) > "000040"


def test_one_that_was_put_away_can_be_gone_on_with(tmp_path: Path) -> None:
    """A reorganisation may take back what had ended; what it says then counts more than what was put away."""
    journal = small(tmp_path)
    filled(journal, 40)
    assert not (tmp_path / "000002.jsonl").exists()
    with journal.hold("000002"):
        with pytest.raises(StateConflict), small(tmp_path).hold("000002"):
            pass
        assert small(tmp_path).held("000002")
        journal.record("000002", 0, {"included": {"block": 9}})
    assert small(tmp_path).operations(op="000002")[0]["outcome"] is None
    journal.close("000002", "done")
    filled(journal, 40)  # it is put away anew
    assert not (tmp_path / "000002.jsonl").exists()
    assert small(tmp_path).entries("000002")[-1]["entry"] == {"included": {"block": 9}}
    assert [row["op"] for row in small(tmp_path).operations()] == [f"{number:06d}" for number in range(1, 81)]


def test_one_that_somebody_works_on_stays(tmp_path: Path) -> None:
    journal, other = small(tmp_path), small(tmp_path)
    filled(journal, 2)
    with other.hold("000002"):
        filled(journal, 40)
        assert (tmp_path / "000002.jsonl").exists() and not (tmp_path / "000001.jsonl").exists()
        other.record("000002", 0, {"included": {}})
        other.close("000002", "done")
    assert small(tmp_path).entries("000002")[-1]["entry"] == {"included": {}}


class Gone(BaseException):
    """The process was killed."""


@pytest.mark.parametrize("at", range(8))
def test_killed_while_it_puts_away_it_has_lost_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """At each change of the disk: the temporary file, its name, and every file that goes."""
    journal, count = small(tmp_path), 0
    filled(journal, 15)
    before = small(tmp_path).operations()

    def mortal(act: Callable[..., Any]) -> Callable[..., Any]:
        def acting(path: Path, *arguments: Any, **options: Any) -> Any:
            nonlocal count
            if "archive" in str(path) or path.suffix == ".jsonl":
                count += 1
                if count > at:
                    raise Gone
            return act(path, *arguments, **options)

        return acting

    with monkeypatch.context() as patched:
        for name in ("mkdir", "replace", "unlink"):
            patched.setattr(Path, name, mortal(getattr(Path, name)))
        with pytest.raises(Gone):
            filled(journal, 6)
    after = small(tmp_path).operations()
    assert after[: len(before)] == before and len({row["op"] for row in after}) == len(after)
    again = small(tmp_path)
    filled(again, 30)
    assert again.operations()[: len(after)] == after and own_files(tmp_path) <= KEPT + 2 * TOGETHER + 2


def test_an_archive_that_a_disk_has_spoiled_is_told(tmp_path: Path) -> None:
    filled(small(tmp_path), 40)
    for path in (tmp_path / "archive").iterdir():
        for spoiled in (b"", b"no gzip", path.read_bytes()[:-9], gzip.compress(b'{"op": 1, "bytes": 99}\n')):
            path.write_bytes(spoiled)
            with pytest.raises(InvalidData, match="that mlm put away"):
                small(tmp_path).operations()
        path.unlink()
    assert small(tmp_path).operations(KEPT)
