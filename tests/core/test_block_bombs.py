"""A few small blocks that would keep a reader busy for ever, or make it fetch everything that the remote holds."""

from __future__ import annotations

import pytest

from mlm.core import dag, dagcbor, dagpb, hamt, unixfs
from mlm.core.cid import DAG_PB, RAW, Cid
from mlm.core.errors import InvalidData
from mlm.core.manifest import Manifest
from mlm.core.manifest.parts import FileRef
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


@pytest.mark.parametrize("different", [True, False])
def test_files_of_empty_parts_share_one_budget(different: bool) -> None:
    """Each is within bounds; all of one tree together are not, whether they are the same file or others."""
    blocks = _Blocks()
    empty, links = blocks.add(b"", RAW), b""
    for number in range(8):
        file = _node(blocks, empty, 20_000 + number * different, 0)
        links += dagpb.encode_link(b"%d" % number, file, 0)
    root = blocks.add(links + dagpb.field(1, b"\x08\x01"))
    get = blocks.__getitem__
    files = [cid for _, cid in unixfs.walk(get, root)]
    assert [unixfs.check_file(get, lambda cid: len(blocks[cid]), cid) for cid in files] == [0] * 8
    manifest = Manifest("model", "bomb", "1.0.0", root, 8, 0, "MIT")
    with pytest.raises(InvalidData, match="expected parts"):
        manifest.check_tree(get, lambda cid: len(blocks[cid]))
    budget = unixfs.Budget()
    with pytest.raises(InvalidData, match="expected parts"):
        for cid in files:
            list(unixfs.read(get, cid, budget=budget))


def test_a_node_whose_links_are_not_remembered() -> None:
    """What a node names is counted before it is put aside."""
    blocks = _Blocks()
    cid = _node(blocks, blocks.add(b"", RAW), 40_000, 0)
    wide = _node(blocks, cid, 40_000, 0)
    asked: list[Cid] = []

    def get(cid: Cid) -> bytes:
        asked.append(cid)
        return blocks[cid]

    with pytest.raises(InvalidData, match="expected parts"):
        list(unixfs.read(get, wide))
    assert len(asked) == 2


@pytest.mark.parametrize(
    "message", [b"\x08\x01" + dagpb.field(2, bytes(1000)), b"\x08\x01" + dagpb.field(8, bytes(300))]
)
def test_a_folder_with_data_that_nobody_reads(message: bytes) -> None:
    blocks = _Blocks()
    cid = blocks.add(dagpb.field(1, message))
    with pytest.raises(InvalidData, match="expected links alone in the directory"):
        unixfs.listing(blocks.__getitem__, cid)


def test_a_file_whose_inner_sizes_lie() -> None:
    """The sum is right, the parts are not: no write would end, so nothing may begin one."""
    blocks = _Blocks()
    first, second = blocks.add(b"12345678", RAW), blocks.add(b"123456789012", RAW)
    links = b"".join(dagpb.encode_link(b"", cid, 10) for cid in (first, second))
    file = blocks.add(links + dagpb.field(1, b"\x08\x02\x18\x14" + b"\x20\x0a" * 2))
    root = blocks.add(dagpb.encode_link(b"f", file, 20) + dagpb.field(1, b"\x08\x01"))
    manifest = Manifest("model", "liar", "1.0.0", root, 1, 20, "MIT", files={"f": FileRef(file, 20)})
    with pytest.raises(InvalidData, match="expected 10 bytes under .*, found 8"):
        manifest.check_tree(blocks.__getitem__, lambda cid: len(blocks[cid]))


def test_more_names_than_memory_should_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that name others which never come: the names that wait are bounded, in a walk and in a CAR."""
    monkeypatch.setattr(dag, "MAX_PENDING", 1000)
    blocks = _Blocks()
    cid = blocks.add(b"last", RAW)
    for level in range(12):
        names = b"".join(dagpb.encode_link(b"", Cid.of(RAW, bytes([level, n])), 1) for n in range(100))
        cid = blocks.add(names + dagpb.encode_link(b"", cid, 1) + dagpb.field(1, b"\x08\x01"))
    remote = MemoryBlocks()
    remote.blocks = dict(blocks)

    deep = [(each, blocks[each]) for each in reversed(blocks) if each.codec == DAG_PB]
    with pytest.raises(InvalidData, match="at most 1000 blocks that are still to come"):
        dag.absorb(deep, MemoryBlocks(), cid)
    backwards = blocks.add(
        b"".join(dagpb.encode_link(b"", Cid.of(RAW, n.to_bytes(2)), 1) for n in range(1001))
        + dagpb.field(1, b"\x08\x01")
    )
    remote.blocks = dict(blocks)
    for walk in (lambda: dag.copy(remote, MemoryBlocks(), backwards), lambda: list(dag.dag(remote, backwards))):
        with pytest.raises(InvalidData, match="at most 1000 blocks that are still to come"):
            walk()


def test_cbor_of_more_items_than_memory_should_hold() -> None:
    count = dagcbor.MAX_ITEMS
    block = b"\x9a" + count.to_bytes(4) + b"\x80" * count
    with pytest.raises(InvalidData, match="at most 262144 items"):
        dagcbor.decode(block)
    with pytest.raises(InvalidData, match="at most 262144 items, this one has 262145"):
        dagcbor.encode([[]] * count)
    assert dagcbor.decode(dagcbor.encode([[]] * (count - 1))) == [[]] * (count - 1)
