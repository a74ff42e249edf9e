"""One suite over every implementation of ports.Blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlm.adapters.blocks.packs import PackStore
from mlm.adapters.remotes.folder import FolderRemote
from mlm.core import dag, unixfs
from mlm.core.cid import DAG_CBOR, RAW, Cid
from mlm.core.errors import InvalidData, NotFound
from mlm.memory.blocks import MemoryBlocks
from mlm.ports.blocks import Blocks

Damage = Callable[[Blocks, Path, bytes], None]


def damage_memory(blocks: Blocks, folder: Path, data: bytes) -> None:
    assert isinstance(blocks, MemoryBlocks)
    blocks.blocks[block(data)[0]] = data[:-1] + b"!"


def damage_files(blocks: Blocks, folder: Path, data: bytes) -> None:
    """Flip the block's last byte in every file that holds it."""
    for path in folder.rglob("*.car"):
        content = path.read_bytes()
        path.write_bytes(content.replace(data, data[:-1] + b"!"))


MAKERS: dict[str, tuple[Callable[[Path], Blocks], Damage]] = {
    "memory": (lambda folder: MemoryBlocks(), damage_memory),
    "packs": (lambda folder: PackStore(folder / "objects"), damage_files),
    "folder": (lambda folder: FolderRemote(folder / "remote"), damage_files),
}


@pytest.fixture(params=list(MAKERS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def blocks(kind: str, tmp_path: Path) -> Blocks:
    return MAKERS[kind][0](tmp_path)


def block(data: bytes) -> tuple[Cid, bytes]:
    return Cid.of(RAW, data), data


def test_the_size_of_a_block(blocks: Blocks) -> None:
    cid = Cid.of(RAW, b"five!")
    blocks.put([(cid, b"five!")])
    assert blocks.size(cid) == 5
    with pytest.raises(NotFound):
        blocks.size(Cid.of(RAW, b"absent"))


def test_empty(blocks: Blocks) -> None:
    cid, _ = block(b"absent")
    assert not blocks.has(cid)
    assert list(blocks.cids()) == []
    with pytest.raises(NotFound):
        blocks.get(cid)


def test_put_then_get(blocks: Blocks) -> None:
    pairs = [block(b""), block(b"one"), block(b"x" * 1_500_000)]
    assert blocks.put(pairs) == 3
    for cid, data in pairs:
        assert blocks.has(cid)
        assert blocks.get(cid) == data
    assert sorted(blocks.cids()) == sorted(cid for cid, _ in pairs)


def test_nothing_is_stored_twice(blocks: Blocks) -> None:
    assert blocks.put([block(b"a"), block(b"b"), block(b"a")]) == 2
    assert blocks.put([block(b"b"), block(b"c")]) == 1
    assert blocks.put([block(b"a")]) == 0
    assert blocks.put([]) == 0
    assert len(list(blocks.cids())) == 3


def test_same_bytes_under_two_codecs(blocks: Blocks) -> None:
    data = b"\xa0"
    pairs = [(Cid.of(RAW, data), data), (Cid.of(DAG_CBOR, data), data)]
    assert blocks.put(pairs) == 2
    assert [blocks.get(cid) for cid, _ in pairs] == [data, data]


def test_damage_is_found(kind: str, blocks: Blocks, tmp_path: Path) -> None:
    cid, data = block(b"some block that will be damaged")
    blocks.put([(cid, data)])
    MAKERS[kind][1](blocks, tmp_path, data)
    with pytest.raises(InvalidData, match="damaged"):
        blocks.get(cid)


def test_all_or_nothing_when_the_source_fails(blocks: Blocks) -> None:
    def source() -> Iterator[tuple[Cid, bytes]]:
        yield block(b"first")
        raise RuntimeError("the source fails")

    with pytest.raises(RuntimeError):
        blocks.put(source())
    assert list(blocks.cids()) == []


def test_too_large_a_block_is_refused(blocks: Blocks) -> None:
    with pytest.raises(InvalidData, match="at most"):
        blocks.put([block(b"x" * (2 * 1024 * 1024 + 1))])
    assert list(blocks.cids()) == []


def test_another_instance_sees_what_was_put(kind: str, blocks: Blocks, tmp_path: Path) -> None:
    if kind == "memory":
        return
    other = MAKERS[kind][0](tmp_path)
    cids = [block(bytes([number]))[0] for number in range(20)]
    for number, cid in enumerate(cids):
        assert not other.has(cid)
        blocks.put([block(bytes([number]))])
        assert other.has(cid)
        assert other.get(cid) == bytes([number])


def tree() -> tuple[Cid, list[tuple[Cid, bytes]]]:
    emitted: list[tuple[Cid, bytes]] = []

    def emit(cid: Cid, data: bytes) -> None:
        emitted.append((cid, data))

    big = bytes(range(256)) * 4096 * 3 + b"tail"
    pieces = [big[at : at + unixfs.CHUNK] for at in range(0, len(big), unixfs.CHUNK)]
    files = {"a/b.bin": unixfs.file(pieces, emit), "c": unixfs.file([b"c"], emit), "a/c": unixfs.file([], emit)}
    return unixfs.tree(files, emit).cid, emitted


def test_copy_brings_everything_and_only_what_is_missing(blocks: Blocks) -> None:
    root, emitted = tree()
    source = MemoryBlocks()
    source.put(emitted)
    # A transfer that was cut: the top is there, some of what is below is not.
    blocks.put([pair for number, pair in enumerate(emitted) if number % 2])
    missing = sum(not blocks.has(cid) for cid in source.cids())
    copied = dag.copy(source, blocks, root)
    assert (copied.blocks, copied.new) == (len(source.blocks), missing)
    assert set(dag.dag(blocks, root)) == set(source.cids())
    assert dag.copy(source, blocks, root).new == 0
    assert b"".join(unixfs.read(blocks.get, unixfs.listing(blocks.get, root)["c"])) == b"c"


def test_copy_refuses_a_damaged_block(blocks: Blocks) -> None:
    root, emitted = tree()
    source = MemoryBlocks()
    source.put(emitted)
    victim = next(cid for cid, _ in emitted if cid.codec == RAW)
    source.blocks[victim] = b"something else"
    with pytest.raises(InvalidData, match="damaged"):
        dag.copy(source, blocks, root)
    assert not blocks.has(victim)
