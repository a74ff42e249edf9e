"""A few small blocks that would keep a reader busy for ever, or make it fetch everything that the remote holds."""

from __future__ import annotations

import pytest

from mlm.core import dag, dagpb, hamt, unixfs
from mlm.core.cid import DAG_PB, RAW, Cid
from mlm.core.errors import InvalidData
from mlm.memory.blocks import MemoryBlocks


class _Blocks(dict[Cid, bytes]):
    def add(self, block: bytes, codec: int = DAG_PB) -> Cid:
        cid = Cid.of(codec, block)
        self[cid] = block
        return cid


def _node(blocks: _Blocks, child: Cid, count: int, size: int) -> Cid:
    """A file's node of `count` links to one child that holds `size` bytes."""
    links = dagpb.encode_link(b"", child, size) * count
    sizes = (b"\x20" + dagpb.varint(size)) * count
    return blocks.add(links + dagpb.field(1, b"\x08\x02\x18" + dagpb.varint(count * size) + sizes))


def test_a_file_of_endlessly_many_empty_parts() -> None:
    blocks = _Blocks()
    cid = blocks.add(b"", RAW)
    for _ in range(10):
        cid = _node(blocks, cid, 1000, 0)
    with pytest.raises(InvalidData, match="expected parts"):
        list(unixfs.read(blocks.__getitem__, cid, max_bytes=10))


def test_a_file_of_a_thousand_million_parts_of_one_byte() -> None:
    blocks = _Blocks()
    cid, size = blocks.add(b"x", RAW), 1
    for _ in range(3):
        cid, size = _node(blocks, cid, 1000, size), size * 1000
    with pytest.raises(InvalidData, match="expected parts"):
        for _ in unixfs.read(blocks.__getitem__, cid, max_bytes=2**31):
            pass


def test_a_folder_whose_shards_lead_to_one_empty_shard() -> None:
    blocks = _Blocks()

    def shard(links: bytes, bits: bytes) -> Cid:
        return blocks.add(links + dagpb.field(1, b"\x08\x05" + dagpb.field(2, bits) + hamt._TAIL))

    cid = shard(b"", b"")
    for _ in range(6):
        cid = shard(b"".join(dagpb.encode_link(b"%02X" % i, cid, 1) for i in range(256)), b"\xff" * 32)
    with pytest.raises(InvalidData, match="expected entries in the HAMT shard"):
        unixfs.listing(blocks.__getitem__, cid)


def test_an_empty_folder_may_be_one_empty_shard() -> None:
    blocks = _Blocks()
    cid = blocks.add(dagpb.field(1, b"\x08\x05" + dagpb.field(2, b"") + hamt._TAIL))
    assert unixfs.listing(blocks.__getitem__, cid) == {}


def test_a_small_file_that_leads_to_a_large_one() -> None:
    remote, here = MemoryBlocks(), MemoryBlocks()
    blocks = _Blocks()
    large = [blocks.add(bytes([i]) * (1 << 20), RAW) for i in range(8)]
    links = b"".join(dagpb.encode_link(b"", cid, 1) for cid in large)
    root = blocks.add(links + dagpb.field(1, b"\x08\x02\x18\x08" + b"\x20\x01" * 8))
    remote.put(blocks.items())
    with pytest.raises(InvalidData, match="at most 3000000 bytes"):
        dag.copy(remote, here, root, max_bytes=3_000_000)
    kept = len(list(here.cids()))  # what arrived is whole, and stays
    assert dag.copy(remote, here, root, max_bytes=9_000_000).new == 9 - kept > 0
