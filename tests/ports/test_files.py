"""One suite over both implementations of the Files port: the disk and memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlm.adapters.files import DiskFiles
from mlm.core.errors import InvalidData, NotFound
from mlm.memory.files import MemoryFiles
from mlm.ports.files import Files


@pytest.fixture(params=["disk", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_bytes(b"before")
    if request.param == "disk":
        return DiskFiles(tmp_path)
    return MemoryFiles({Path("folder/old"): b"before"})


def test_what_is_written_is_read(files: Files) -> None:
    files.write(Path("folder/new"), b"\x00\xff")
    assert files.read(Path("folder/new"), 2) == b"\x00\xff"


def test_writing_replaces_the_whole_file(files: Files) -> None:
    files.write(Path("folder/old"), b"x")
    assert files.read(Path("folder/old"), 100) == b"x"


def test_a_file_above_the_limit_is_refused(files: Files) -> None:
    with pytest.raises(InvalidData, match="at most 5 bytes, folder/old has 6"):
        files.read(Path("folder/old"), 5)


def test_a_missing_file_is_named(files: Files) -> None:
    with pytest.raises(NotFound, match="no such file: nowhere"):
        files.read(Path("nowhere"), 5)


def test_files_and_folders_are_told_apart(files: Files) -> None:
    assert files.is_folder(Path("folder")) and not files.is_folder(Path("folder/old"))
    assert files.exists(Path("folder")) and files.exists(Path("folder/old")) and not files.exists(Path("nowhere"))
