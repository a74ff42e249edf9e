"""Files by range: what is read, what is not, and trees of blocks that lie about their sizes."""

from __future__ import annotations

import random

import pytest

from mlm.core import content, dagpb, unixfs
from mlm.core.cid import DAG_PB, RAW, Cid
from mlm.core.content import Content, of_bytes, of_file
from mlm.core.errors import InvalidData, NotFound
from mlm.core.unixfs import CHUNK
from mlm.memory.blocks import MemoryBlocks
from mlm.ports.blocks import Blocks


def stored(blocks: MemoryBlocks, data: bytes, size: int = CHUNK) -> Cid:
    """A file, in leaves of CHUNK bytes or of fewer, as other writers have them."""
    if size == CHUNK:
        found: list[tuple[Cid, bytes]] = []
        chunks = (data[at : at + CHUNK] for at in range(0, len(data), CHUNK))
        entry = unixfs.file(chunks, lambda cid, block: found.append((cid, block)))
        blocks.put(found)
        return entry.cid
    leaves = [data[at : at + size] for at in range(0, len(data), size)]
    blocks.put((Cid.of(RAW, leaf), leaf) for leaf in leaves)
    return node(blocks, [(Cid.of(RAW, leaf), len(leaf)) for leaf in leaves])


def node(blocks: Blocks, links: list[tuple[Cid, int]], inline: bytes = b"") -> Cid:
    """A file node over links of claimed sizes, with bytes of its own before them."""
    total = len(inline) + sum(size for _, size in links)
    data = b"\x08\x02" + (dagpb.field(2, inline) if inline else b"") + b"\x18" + dagpb.varint(total)
    data += b"".join(b"\x20" + dagpb.varint(size) for _, size in links)
    block = dagpb.encode([dagpb.Link("", cid, size) for cid, size in links], data)
    cid = Cid.of(DAG_PB, block)
    blocks.put([(cid, block)])
    return cid


@pytest.mark.parametrize("size", [7, 1000, CHUNK])
def test_any_range_is_the_bytes_there(size: int) -> None:
    blocks, rng = MemoryBlocks(), random.Random(1)
    data = rng.randbytes(3 * CHUNK + 5 if size == CHUNK else 5003)
    file = of_file(blocks.get, stored(blocks, data, size))
    assert file.size == len(data)
    for _ in range(200):
        begin = rng.randrange(len(data) + 1)
        end = min(len(data), begin + rng.randrange(3 * size))
        assert file.read(begin, end) == data[begin:end]
    assert b"".join(file.pieces(3, len(data), 999)) == data[3:]
    for begin, end in ((-1, 2), (2, 1), (0, len(data) + 1)):
        with pytest.raises(InvalidData, match="expected bytes within"):
            file.read(begin, end)


def test_an_empty_file() -> None:
    blocks = MemoryBlocks()
    file = of_file(blocks.get, stored(blocks, b""))
    assert (file.size, file.read(0, 0), list(file.pieces(0, 0))) == (0, b"", [])
    assert of_bytes(b"").same(0, file, 0, 0)


def test_bytes_in_nodes_and_parts_of_no_bytes() -> None:
    blocks = MemoryBlocks()
    blocks.put([(Cid.of(RAW, b""), b""), (Cid.of(RAW, b"leaf"), b"leaf")])
    inner = node(blocks, [(Cid.of(RAW, b""), 0), (Cid.of(RAW, b"leaf"), 4)], b"own ")
    file = of_file(blocks.get, node(blocks, [(Cid.of(RAW, b"leaf"), 4), (inner, 8)], b"top "))
    assert file.read(0, file.size) == b"top leafown leaf"
    assert file.read(7, 9) == b"fo"


def test_leaves_are_read_when_they_are_needed() -> None:
    blocks = MemoryBlocks()
    data = random.Random(2).randbytes(4 * CHUNK)
    cid = stored(blocks, data)
    read: list[Cid] = []

    def get(at: Cid) -> bytes:
        read.append(at)
        return blocks.get(at)

    file = of_file(get, cid)
    assert read == [cid]
    file.read(CHUNK + 1, CHUNK + 9)
    file.read(CHUNK + 100, CHUNK + 900)
    assert len(read) == 2


def test_the_same_leaves_are_the_same_bytes() -> None:
    blocks = MemoryBlocks()
    data = bytearray(random.Random(3).randbytes(4 * CHUNK))
    old = of_file(blocks.get, stored(blocks, bytes(data)))
    data[2 * CHUNK + 5] ^= 1
    new = of_file(blocks.get, stored(blocks, bytes(data)))
    shifted = of_file(blocks.get, stored(blocks, b"x" + bytes(data)))
    assert old.same(10, new, 10, 2 * CHUNK - 10)
    assert old.same(3 * CHUNK, new, 3 * CHUNK, CHUNK)
    assert not old.same(10, new, 10, 2 * CHUNK - 9)  # one byte of the leaf that differs
    assert not old.same(10, new, 11, 100)
    assert not old.same(0, shifted, 1, 100), "the bytes are the same, but only reading them tells"
    repeated = of_file(blocks.get, stored(blocks, bytes(2 * CHUNK)))
    assert repeated.same(0, repeated, CHUNK, CHUNK)


def test_sizes_that_lie() -> None:
    blocks = MemoryBlocks()
    blocks.put([(Cid.of(RAW, b"leaf"), b"leaf")])
    for size in (3, 5):
        with pytest.raises(InvalidData, match=f"expected {size} bytes under .* found 4"):
            of_file(blocks.get, node(blocks, [(Cid.of(RAW, b"leaf"), size)])).read(0, 1)
    inner = node(blocks, [(Cid.of(RAW, b"leaf"), 4)])
    with pytest.raises(InvalidData, match="expected 9 bytes under .* found 4"):
        of_file(blocks.get, node(blocks, [(inner, 9)]))
    with pytest.raises(NotFound):
        of_file(blocks.get, node(blocks, [(Cid.of(RAW, b"gone"), 4)])).read(0, 1)


def test_a_file_of_a_few_blocks_that_would_be_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unixfs, "MAX_LEAVES", 100_000)
    blocks = MemoryBlocks()
    leaf = bytes(1000)
    blocks.put([(Cid.of(RAW, leaf), leaf)])
    cid, size = Cid.of(RAW, leaf), len(leaf)
    for _ in range(5):
        cid, size = node(blocks, [(cid, size)] * 100), 100 * size
    with pytest.raises(InvalidData, match="expected at most 100000 parts"):
        of_file(blocks.get, cid)
    nothing = Cid.of(RAW, b"")
    blocks.put([(nothing, b"")])
    cid = node(blocks, [(node(blocks, [(nothing, 0)] * 1000), 0)] * 1000)
    with pytest.raises(InvalidData, match="parts of 64 bytes or more"):  # more than the few that any file may have
        of_file(blocks.get, cid)


def test_directories_are_no_files() -> None:
    blocks = MemoryBlocks()
    found: list[tuple[Cid, bytes]] = []
    entry = unixfs.directory({}, lambda cid, block: found.append((cid, block)))
    blocks.put(found)
    with pytest.raises(InvalidData, match="expected a UnixFS file"):
        of_file(blocks.get, entry.cid)


def test_a_part_that_changes_while_it_is_read() -> None:
    file = Content([(Cid.of(RAW, b"abcd"), 4)], lambda at: b"abc")
    with pytest.raises(InvalidData, match="expected 4 bytes"):
        file.read(0, 2)
    assert content.of_bytes(b"abcd").read(1, 3) == b"bc"
