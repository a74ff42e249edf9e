"""One suite over every implementation of ports.blocks.LocalBlocks: what is collected, and what is found damaged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlm.adapters.blocks.packs import PackStore
from mlm.core.cid import DAG_CBOR, RAW, Cid
from mlm.core.errors import InvalidData, NotFound
from mlm.memory.blocks import MemoryBlocks
from mlm.ports.blocks import LocalBlocks, Reach

NEVER, ALWAYS = 0, 1 << 40  # seconds since 1970: nothing, or everything, is old


@pytest.fixture(params=["memory", "packs"])
def blocks(request: pytest.FixtureRequest, tmp_path: Path) -> LocalBlocks:
    return MemoryBlocks() if request.param == "memory" else PackStore(tmp_path / "objects")


def block(data: bytes, codec: int = RAW) -> tuple[Cid, bytes]:
    return Cid.of(codec, data), data


def only(*needed: bytes, leads_to: dict[bytes, bytes] | None = None) -> Reach:
    """A reach that needs these, and follows these links from what is young."""
    links = {Cid.of(RAW, key): Cid.of(RAW, value) for key, value in (leads_to or {}).items()}

    def reach(young: Iterable[Cid]) -> AbstractSet[Cid]:
        found = {Cid.of(RAW, data) for data in needed} | set(young)
        return found | {links[cid] for cid in found if cid in links}

    return reach


@contextmanager
def alone() -> Iterator[None]:
    yield


def held(blocks: LocalBlocks) -> set[bytes]:
    return {blocks.get(cid) for cid in blocks.cids()}


def test_what_is_not_needed_goes(blocks: LocalBlocks) -> None:
    blocks.put([block(b"a"), block(b"b" * 100)])
    blocks.put([block(b"c")])
    before, after = blocks.collect(only(b"a", b"c"), ALWAYS, alone())
    assert (before.blocks, after.blocks, after.packs) == (3, 2, 1)
    assert before.bytes - after.bytes >= 100
    assert held(blocks) == {b"a", b"c"}
    with pytest.raises(NotFound):
        blocks.get(Cid.of(RAW, b"b" * 100))
    assert blocks.put([block(b"b" * 100)]) == 1


def test_everything_and_nothing(blocks: LocalBlocks) -> None:
    assert blocks.collect(only(), ALWAYS, alone())[1].blocks == 0
    blocks.put([block(b"a"), block(b"b")])
    assert blocks.collect(only(b"a", b"b"), ALWAYS, alone())[1].blocks == 2
    assert blocks.collect(only(), ALWAYS, alone())[1].blocks == 0
    assert held(blocks) == set()
    assert blocks.put([block(b"a")]) == 1


def test_what_is_young_stays_with_what_it_leads_to(blocks: LocalBlocks) -> None:
    blocks.put([block(b"young"), block(b"below")])
    assert blocks.collect(only(leads_to={b"young": b"below"}), NEVER, alone())[1].blocks == 2
    assert held(blocks) == {b"young", b"below"}


def test_what_is_needed_at_the_last_moment_stays(blocks: LocalBlocks) -> None:
    """A branch is made while the collection runs."""
    blocks.put([block(b"a"), block(b"b")])
    blocks.put([block(b"c")])
    needed = [b"a"]

    @contextmanager
    def meanwhile() -> Iterator[None]:
        needed.append(b"b")
        yield

    def reach(young: Iterable[Cid]) -> AbstractSet[Cid]:
        return only(*needed)(young)

    blocks.collect(reach, ALWAYS, meanwhile())
    assert held(blocks) >= {b"a", b"b"}
    blocks.collect(reach, ALWAYS, alone())
    assert held(blocks) == {b"a", b"b"}


def test_a_damaged_block_that_is_needed_stops_a_collection(blocks: LocalBlocks, tmp_path: Path) -> None:
    blocks.put([block(b"sound"), block(b"damaged block")])
    blocks.put([block(b"other")])
    damage(blocks, tmp_path, b"damaged block")
    with pytest.raises(InvalidData, match="damaged"):
        blocks.collect(only(b"damaged block", b"other"), ALWAYS, alone())
    assert len(list(blocks.cids())) == 3


def damage(blocks: LocalBlocks, folder: Path, data: bytes) -> None:
    if isinstance(blocks, MemoryBlocks):
        blocks.blocks[Cid.of(RAW, data)] = data[:-1] + b"!"
    for path in folder.rglob("*.car"):
        path.write_bytes(path.read_bytes().replace(data, data[:-1] + b"!"))


def test_examine_names_what_is_damaged_and_drop_takes_it_out(blocks: LocalBlocks, tmp_path: Path) -> None:
    assert list(blocks.examine()) == []
    pairs = [block(b"one"), block(b"two" * 20), block(b"\xa0", DAG_CBOR)]
    blocks.put(pairs)
    found = {item.cid: item for item in blocks.examine()}
    assert {cid: (item.size, item.data, item.fault) for cid, item in found.items()} == {
        cid: (len(data), data if cid.codec == DAG_CBOR else b"", "") for cid, data in pairs
    }
    damage(blocks, tmp_path, b"two" * 20)
    assert [item.cid for item in blocks.examine() if item.fault] == [pairs[1][0]]
    assert blocks.drop_damaged() == 1
    assert held(blocks) == {b"one", b"\xa0"}
    assert blocks.put([pairs[1]]) == 1
    assert not [item for item in blocks.examine() if item.fault]
