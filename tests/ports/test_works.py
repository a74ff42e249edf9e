"""One suite over both implementations of the Works port, and what only files can suffer."""

from __future__ import annotations

import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mlm.adapters import works as adapter
from mlm.adapters.works import FileWorks
from mlm.core.errors import StateConflict, StorageError, UsageError
from mlm.memory.works import MemoryWorks
from mlm.ports.works import Works


@pytest.fixture(params=["file", "memory"])
def works(request: pytest.FixtureRequest, tmp_path: Path) -> Works:
    return FileWorks(tmp_path / "home" / "worker") if request.param == "file" else MemoryWorks()


def test_what_is_kept_is_found_until_it_is_forgotten(works: Works) -> None:
    assert works.find("result-1") is None
    works.keep("result-1", b"one")
    works.keep("result-1", b"two")
    assert works.find("result-1") == b"two"
    works.forget("result-1")
    works.forget("result-1")
    assert works.find("result-1") is None


@pytest.mark.parametrize("name", ["", "../key", "a/b", "a.b", "x" * 121, "é"])
def test_a_name_is_no_path(works: Works, name: str) -> None:
    with pytest.raises(UsageError, match="expected a name"):
        works.keep(name, b"")


def test_the_newest_facts_in_order(works: Works) -> None:
    assert works.notes(10) == []
    for number in range(5):
        works.note({"what": "bid", "number": number})
    assert [entry["number"] for entry in works.notes(3)] == [2, 3, 4]
    assert works.notes(0) == []


def test_there_is_one_worker(works: Works) -> None:
    with works.hold(), pytest.raises(StateConflict, match="another worker"):
        works.hold().__enter__()
    with works.hold():
        pass


def test_whoever_asks_is_in_nobodys_way(works: Works) -> None:
    """`mlm worker status` beside a worker that begins: to take the lock for an instant would refuse it."""
    assert not works.held()
    with works.hold():
        assert works.held() and works.held()
    assert not works.held()


def test_it_is_for_its_user_alone(tmp_path: Path) -> None:
    works = FileWorks(tmp_path / "worker")
    works.keep("result-1", b"one")
    works.note({})
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "worker").iterdir()}
    assert modes == {"result-1.bin": 0o600, "log.jsonl": 0o600}
    assert stat.S_IMODE((tmp_path / "worker").stat().st_mode) == 0o700


def test_a_torn_line_is_left_out_and_the_next_is_whole(tmp_path: Path) -> None:
    works = FileWorks(tmp_path)
    works.note({"number": 1})
    with (tmp_path / "log.jsonl").open("ab") as file:
        file.write(b'{"number":')
    works.note({"number": 2})
    assert [entry["number"] for entry in works.notes(9)] == [1, 2]


def test_a_long_log_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "LOG_BYTES", 100)
    works = FileWorks(tmp_path)
    for number in range(40):
        works.note({"number": number})
    kept = [entry["number"] for entry in works.notes(99)]
    assert kept == list(range(kept[0], 40)) and 4 <= len(kept) <= 20
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 400


def test_a_killed_worker_frees_its_place(tmp_path: Path) -> None:
    code = (
        "import os, signal; from pathlib import Path; from mlm.adapters.works import FileWorks; "
        f"FileWorks(Path({str(tmp_path)!r})).hold().__enter__(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    with FileWorks(tmp_path).hold():
        pass


def test_a_full_disk_is_told_and_what_was_there_stays(tmp_path: Path) -> None:
    works = FileWorks(tmp_path)
    works.keep("result-1", b"one")
    works.note({"number": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        with pytest.raises(StorageError, match="cannot keep result-1"):
            works.keep("result-1", bytes(1000))
        with pytest.raises(StorageError, match="cannot write the worker's log"):
            works.note({"number": "2" * 1000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    works.note({"number": 3})
    assert works.find("result-1") == b"one"
    assert [entry["number"] for entry in works.notes(9)] == [1, 3]
