"""When blocks that arrive are put: in batches, on an error, and when the transfer is slow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from mlm.core import dag
from mlm.core.cid import RAW, Cid
from mlm.core.errors import InvalidData
from mlm.memory.blocks import MemoryBlocks
from tests.exchange.trees import tree


class Counting(MemoryBlocks):
    def __init__(self) -> None:
        super().__init__()
        self.puts: list[int] = []

    def put(self, blocks: Iterable[tuple[Cid, bytes]]) -> int:
        held = list(blocks)
        self.puts.append(len(held))
        return super().put(held)


def test_a_fast_transfer_is_put_at_once_and_a_slow_one_as_it_comes() -> None:
    source, root = tree(2)
    fast, slow, now = Counting(), Counting(), [0.0]

    def clock() -> float:
        now[0] += 1.0
        return now[0]

    dag.copy(source, fast, root)
    dag.copy(source, slow, root, clock=clock)
    assert len(fast.puts) == 1 and len(slow.puts) > 3 and sum(slow.puts) == sum(fast.puts) == len(source.blocks)


def test_what_arrived_before_an_error_is_kept() -> None:
    source, root = tree(2)
    here = Counting()

    def failing(blocks: Iterator[tuple[Cid, bytes]]) -> Iterator[tuple[Cid, bytes]]:
        for number, pair in enumerate(blocks):
            if number == 5:
                raise InvalidData("the source lies")
            yield pair

    ordered = [(cid, source.get(cid)) for cid in dag.dag(source, root)]
    with pytest.raises(InvalidData, match="lies"):
        dag.absorb(failing(iter(ordered)), here, root)
    assert len(here.blocks) == 5
    assert dag.copy(source, here, root).new == len(source.blocks) - 5


def test_only_what_hangs_below_the_root_is_absorbed() -> None:
    source, root = tree(1)
    ordered = [(cid, source.get(cid)) for cid in dag.dag(source, root)]
    junk = (Cid.of(RAW, b"junk"), b"junk")
    for blocks in ([junk, *ordered], [*ordered, junk], list(reversed(ordered))):
        here = MemoryBlocks()
        with pytest.raises(InvalidData, match="parents first"):
            dag.absorb(iter(blocks), here, root)
        assert not here.has(junk[0])
    whole = MemoryBlocks()
    assert dag.absorb(iter(ordered), whole, root).new == len(ordered) and whole.blocks == source.blocks
    with pytest.raises(dag.TooLarge):
        dag.absorb(iter(ordered), MemoryBlocks(), root, max_bytes=1000)
