"""Blocks in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlm.core import car
from mlm.core.cid import Cid
from mlm.core.errors import InvalidData, NotFound


class MemoryBlocks:
    """Implements ports.Blocks over a dict, which tests may damage."""

    def __init__(self) -> None:
        self.blocks: dict[Cid, bytes] = {}

    def has(self, cid: Cid) -> bool:
        return cid in self.blocks

    def get(self, cid: Cid) -> bytes:
        if cid not in self.blocks:
            raise NotFound(f"no block {cid} in memory")
        data = self.blocks[cid]
        cid.verify(data)
        return data

    def put(self, blocks: Iterable[tuple[Cid, bytes]]) -> int:
        new: dict[Cid, bytes] = {}
        for cid, data in blocks:
            if len(data) > car.Limits().block:
                raise InvalidData(f"a block has at most {car.Limits().block} bytes, {cid} has {len(data)}")
            if cid not in self.blocks:
                new[cid] = bytes(data)
        self.blocks.update(new)
        return len(new)

    def cids(self) -> Iterator[Cid]:
        return iter(list(self.blocks))
