"""One suite over both implementations of the Files port: the disk and memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlm.adapters.files import DiskFiles
from mlm.core.errors import InvalidData, NotFound, StateConflict
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


def test_a_link_that_leads_out_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "inside" / "own").write_bytes(b"own")
    for name, target in (("out", "../secret"), ("in", "own")):
        (tmp_path / "inside" / name).symlink_to(target)
    files = DiskFiles(tmp_path)
    assert files.read(Path("inside/in"), 9, Path("inside")) == files.read(Path("inside/own"), 9, Path("inside"))
    assert files.read(Path("inside/out"), 9) == b"secret"
    with pytest.raises(InvalidData, match="expected a file inside inside, inside/out leads to .*secret"):
        files.read(Path("inside/out"), 9, Path("inside"))


def test_a_missing_file_is_named(files: Files) -> None:
    with pytest.raises(NotFound, match="no such file: nowhere"):
        files.read(Path("nowhere"), 5)


def test_there_is_room(files: Files) -> None:
    for path in ("folder", "folder/old", "nowhere/at/all"):
        assert files.free(Path(path)) > 0


def test_files_and_folders_are_told_apart(files: Files) -> None:
    assert files.is_folder(Path("folder")) and not files.is_folder(Path("folder/old"))
    assert files.exists(Path("folder")) and files.exists(Path("folder/old")) and not files.exists(Path("nowhere"))


def test_pieces_that_fail_leave_the_file_as_it_was(files: Files) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError

    files.write_pieces(Path("folder/new"), [b"one, ", b"two"])
    assert files.read(Path("folder/new"), 100) == b"one, two"
    with pytest.raises(RuntimeError):
        files.write_pieces(Path("folder/new"), pieces())
    assert files.read(Path("folder/new"), 100) == b"one, two"


def test_a_new_folder_appears_whole(files: Files) -> None:
    with files.new_folder(Path("made")) as folder:
        folder.write("a/b", [b"x"])
        folder.make_folder("empty")
        assert not files.exists(Path("made"))
    assert files.read(Path("made/a/b"), 9) == b"x"
    assert files.is_folder(Path("made/a"))


def test_a_new_folder_does_not_appear_after_a_failure(files: Files) -> None:
    with pytest.raises(RuntimeError), files.new_folder(Path("made")) as folder:
        folder.write("a", [b"x"])
        raise RuntimeError
    assert not files.exists(Path("made"))


def test_a_folder_of_others_is_left_alone(files: Files) -> None:
    for path in ("folder", "folder/old"):
        with pytest.raises(StateConflict, match=f"{path} is there already"), files.new_folder(Path(path)):
            pass
    assert files.read(Path("folder/old"), 9) == b"before"
