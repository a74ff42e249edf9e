"""One suite over both implementations of the Archives port: CAR files on disk, and memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlm.adapters.blocks.archive import CarFiles
from mlm.core.cid import RAW, Cid
from mlm.core.errors import NotFound
from mlm.memory.archives import MemoryArchives
from mlm.ports.archives import Archives

FILE = Path("x.car")


@pytest.fixture(params=["disk", "memory"])
def archives(request: pytest.FixtureRequest, tmp_path: Path) -> Archives:
    return CarFiles(tmp_path) if request.param == "disk" else MemoryArchives()


def blocks(*contents: bytes) -> list[tuple[Cid, bytes]]:
    return [(Cid.of(RAW, data), data) for data in contents]


def test_what_is_written_is_read_each_block_once(archives: Archives) -> None:
    pairs = blocks(b"a", b"", bytes(2 << 20), b"a", *(str(number).encode() for number in range(2000)), b"root")
    count, size = archives.write(FILE, pairs)
    assert count == len(set(pairs)) and size >= 2 << 20
    with archives.open(FILE) as found:
        assert found.root == pairs[-1][0]
        assert len(found) == count
        assert [found.get(cid) for cid, _ in pairs] == [data for _, data in pairs]
        with pytest.raises(NotFound, match="holds no block"):
            found.get(Cid.of(RAW, b"another"))


def test_nothing_is_there(archives: Archives) -> None:
    with pytest.raises(NotFound, match=r"no such file: x\.car"), archives.open(FILE):
        pass


def test_an_archive_whose_source_fails_is_not_written(archives: Archives) -> None:
    archives.write(FILE, blocks(b"before"))

    def source() -> Iterator[tuple[Cid, bytes]]:
        yield from blocks(*(bytes([number]) * (1 << 20) for number in range(20)))
        raise RuntimeError("the source fails")

    with pytest.raises(RuntimeError):
        archives.write(FILE, source())
    with archives.open(FILE) as found:
        assert found.root == Cid.of(RAW, b"before")
