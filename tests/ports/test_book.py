"""One suite over every Book: what was written first stands, for ever."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mlm.adapters.attester.book import FileBook
from mlm.core.errors import StorageError
from mlm.memory.book import MemoryBook
from mlm.ports.book import Book

NAME, OTHER = "ab" * 32 + "-" + "cd" * 32, "ef" * 32


@pytest.fixture(params=["memory", "file"])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Book:
    return MemoryBook() if request.param == "memory" else FileBook(tmp_path / "book")


def test_what_was_written_first_stands(book: Book) -> None:
    assert book.find(NAME) is None
    assert book.write(NAME, b"first") == b"first"
    assert book.write(NAME, b"second") == book.write(NAME, b"first") == book.find(NAME) == b"first"
    assert book.write(OTHER, b"second") == b"second" and book.find(NAME) == b"first"


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    FileBook(tmp_path / "book").write(NAME, b"first")
    again = FileBook(tmp_path / "book")
    assert again.find(NAME) == again.write(NAME, b"second") == b"first"
    assert [path.name for path in (tmp_path / "book").iterdir()] == [f"{NAME}.json"]
    assert (tmp_path / "book").stat().st_mode & 0o777 == 0o700


def test_of_many_who_write_at_once_one_is_first_for_all(tmp_path: Path) -> None:
    found: list[bytes] = []
    start = threading.Barrier(8)

    def write(at: int) -> None:
        start.wait()
        found.append(FileBook(tmp_path / "book").write(NAME, f"entry {at}".encode()))

    threads = [threading.Thread(target=write, args=(at,)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1 and found[0] == FileBook(tmp_path / "book").find(NAME)


def test_a_folder_that_cannot_be_written_stops_the_attester(tmp_path: Path) -> None:
    (tmp_path / "book").write_text("a file")
    with pytest.raises(StorageError):
        FileBook(tmp_path / "book").write(NAME, b"first")


@pytest.mark.parametrize("name", ["../up", "a/b", "", "AB", "x" * 10])
def test_a_name_is_hexadecimal(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        FileBook(tmp_path / "book").write(name, b"")
