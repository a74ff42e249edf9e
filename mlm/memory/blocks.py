"""Blocks in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager

from mlm.core import car
from mlm.core.cid import RAW, Cid
from mlm.core.errors import InvalidData, NotFound
from mlm.ports.blocks import Examined, Reach, Volume


class MemoryBlocks:
    """Implements ports.LocalBlocks over a dict, which tests may damage. `now` is its clock, in seconds."""

    def __init__(self) -> None:
        self.blocks: dict[Cid, bytes] = {}
        self.now = 0
        self._stored: dict[Cid, int] = {}

    def has(self, cid: Cid) -> bool:
        return cid in self.blocks

    def get(self, cid: Cid) -> bytes:
        if cid not in self.blocks:
            raise NotFound(f"no block {cid} in memory")
        data = self.blocks[cid]
        cid.verify(data)
        return data

    def size(self, cid: Cid) -> int:
        if cid not in self.blocks:
            raise NotFound(f"no block {cid} in memory")
        return len(self.blocks[cid])

    def put(self, blocks: Iterable[tuple[Cid, bytes]]) -> int:
        new: dict[Cid, bytes] = {}
        for cid, data in blocks:
            if len(data) > car.Limits().block:
                raise InvalidData(f"a block has at most {car.Limits().block} bytes, {cid} has {len(data)}")
            if self.blocks.get(cid) != data:
                new[cid] = bytes(data)
        self.blocks.update(new)
        self._stored |= dict.fromkeys(new, self.now)
        return len(new)

    def cids(self) -> Iterator[Cid]:
        return iter(list(self.blocks))

    def collect(self, reach: Reach, before: int, alone: AbstractContextManager[None]) -> tuple[Volume, Volume]:
        found = self._volume()
        with alone:
            needed = reach(cid for cid in self.blocks if self._stored.get(cid, self.now) >= before)
            for cid in needed & self.blocks.keys():
                cid.verify(self.blocks[cid])
            for cid in self.blocks.keys() - needed:
                del self.blocks[cid]
        return found, self._volume()

    def examine(self) -> Iterator[Examined]:
        for cid, data in self.blocks.items():
            try:
                cid.verify(data)
            except InvalidData as error:
                yield Examined(cid, b"", len(data), "memory", str(error))
            else:
                yield Examined(cid, b"" if cid.codec == RAW else data, len(data), "memory")

    def drop_damaged(self) -> int:
        damaged = [found.cid for found in self.examine() if found.fault and found.cid is not None]
        for cid in damaged:
            del self.blocks[cid]
        return len(damaged)

    def _volume(self) -> Volume:
        return Volume(len(self.blocks), sum(map(len, self.blocks.values())), 1 if self.blocks else 0)
