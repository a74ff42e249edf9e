"""Walking and copying what hangs below a CID. Works over anything that has, gets and puts blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from mlm.core import dagcbor, dagpb
from mlm.core.cid import DAG_CBOR, RAW, Cid
from mlm.core.errors import InvalidData

MAX_BLOCKS = 50_000_000
MAX_PENDING = 1 << 19  # blocks that were named and have not come: their names are held in memory
# A killed transfer loses at most so many bytes, or, where it is slow, what came within so many seconds.
BATCH = 32 * 1024 * 1024
FLUSH = 3.0
Clock = Callable[[], float]  # seconds; never goes back


class TooLarge(InvalidData):
    """More would be transferred than was allowed."""


class Source(Protocol):
    """The part of ports.Blocks that is read from; `get` verifies."""

    def get(self, cid: Cid) -> bytes: ...


class Sink(Source, Protocol):
    """The part of ports.Blocks that is written to."""

    def has(self, cid: Cid) -> bool: ...

    def put(self, blocks: Iterable[tuple[Cid, bytes]]) -> int: ...


# Gives the blocks that `wanted` names, each verified, in any order, until it names none and none is on its way.
Many = Callable[[Callable[[], Cid | None]], Iterator[tuple[Cid, bytes]]]


@dataclass(frozen=True)
class Copied:
    """What a copy did: blocks below the root, and those that were missing with their bytes."""

    blocks: int
    new: int
    bytes: int


def links(cid: Cid, data: bytes) -> list[Cid]:
    """The CIDs that a block names; raises InvalidData when its bytes are not of its codec."""
    if cid.codec == RAW:
        return []
    if cid.codec == DAG_CBOR:
        return dagcbor.links(dagcbor.decode(data))
    return [link.cid for link in dagpb.decode(data).links]


def dag(blocks: Source, root: Cid, *, max_blocks: int = MAX_BLOCKS) -> Iterator[Cid]:
    """Every CID reachable from `root`, each once, parents first. Leaves are named without being read."""
    seen = {root}
    stack = [root]
    while stack:
        cid = stack.pop()
        yield cid
        below = links(cid, b"" if cid.codec == RAW else blocks.get(cid))
        for child in reversed(below):
            if child not in seen:
                seen.add(child)
                stack.append(child)
        _check_bounds(root, len(seen), len(stack), max_blocks)


def _check_bounds(root: Cid, seen: int, pending: int, max_blocks: int) -> None:
    for found, most, what in ((seen, max_blocks, "blocks"), (pending, MAX_PENDING, "blocks that are still to come")):
        if found > most:
            raise InvalidData(f"expected at most {most} {what} below {root}, found more")


def one_by_one(src: Source) -> Many:
    """Blocks of `src`, one after the other."""

    def many(wanted: Callable[[], Cid | None]) -> Iterator[tuple[Cid, bytes]]:
        while (cid := wanted()) is not None:
            yield cid, src.get(cid)

    return many


def copy(
    src: Source,
    dst: Sink,
    root: Cid,
    *,
    many: Many | None = None,
    max_blocks: int = MAX_BLOCKS,
    max_bytes: int | None = None,
    progress: Callable[[int, int], None] = lambda blocks, size: None,
    clock: Clock = lambda: 0.0,
    seen: set[Cid] | None = None,
) -> Copied:
    """Bring `dst` to hold everything below `root`; only what it lacks is read from `src`, whose `get` verifies.

    A cut copy continues where it stopped: what arrived is found by `has`, and the walk goes through it, so a gap
    below a block that is there is filled too. What arrived before an error is kept. `progress(blocks, bytes)` is told
    what was transferred so far; `many` may bring several blocks at a time. Copies that share `seen`, none of which
    has failed, walk through what they have in common once.
    Raises InvalidData when more than `max_bytes` would be transferred.
    """
    seen = set() if seen is None else seen
    stack = [] if root in seen else [root]
    seen.add(root)
    batch = _Batch(dst, max_bytes, progress, clock)

    def go_on(cid: Cid, data: bytes) -> None:
        for child in links(cid, data):
            if child not in seen:
                seen.add(child)
                stack.append(child)
        _check_bounds(root, len(seen), len(stack), max_blocks)

    def wanted() -> Cid | None:
        """The next block that `dst` lacks; through what it holds the walk just goes on."""
        while stack:
            cid = stack.pop()
            if not dst.has(cid):
                return cid
            go_on(cid, b"" if cid.codec == RAW else dst.get(cid))
        return None

    try:
        for cid, data in (many or one_by_one(src))(wanted):
            batch.add(root, cid, data)
            go_on(cid, data)
    finally:
        batch.flush()
    return Copied(len(seen), batch.new, batch.total)


def absorb(
    blocks: Iterable[tuple[Cid, bytes]],
    dst: Sink,
    root: Cid,
    *,
    max_bytes: int | None = None,
    progress: Callable[[int, int], None] = lambda blocks, size: None,
    clock: Clock = lambda: 0.0,
) -> Copied:
    """Put verified blocks that arrive unasked, such as those of a CAR, if they hang below `root`, parents first.

    What arrived before an error is kept. Raises InvalidData for a block that no block before it names, and when more
    than `max_bytes` arrive.
    """
    named, came = {root}, 0
    batch = _Batch(dst, max_bytes, progress, clock)
    try:
        for cid, data in blocks:
            if cid not in named:
                raise InvalidData(f"expected the blocks below {root}, parents first, found {cid}")
            named.update(links(cid, data))
            came += 1
            _check_bounds(root, len(named), len(named) - came, MAX_BLOCKS)
            if not dst.has(cid):
                batch.add(root, cid, data)
    finally:
        batch.flush()
    return Copied(len(named), batch.new, batch.total)


class _Batch:
    """Blocks on their way into a store: put together, as each put has its cost."""

    def __init__(self, dst: Sink, max_bytes: int | None, progress: Callable[[int, int], None], clock: Clock) -> None:
        self._dst, self._max, self._progress, self._clock = dst, max_bytes, progress, clock
        self._since = clock()
        self._blocks: list[tuple[Cid, bytes]] = []
        self._held = 0
        self.new = self.total = 0

    def add(self, root: Cid, cid: Cid, data: bytes) -> None:
        self.total += len(data)
        if self._max is not None and self.total > self._max:
            raise TooLarge(f"expected at most {self._max} bytes of blocks below {root}, found more")
        self.new += 1
        self._blocks.append((cid, data))
        self._held += len(data)
        self._progress(self.new, self.total)
        if self._held >= BATCH or self._clock() - self._since >= FLUSH:
            self.flush()

    def flush(self) -> None:
        blocks, self._blocks, self._held, self._since = self._blocks, [], 0, self._clock()
        if blocks:
            self._dst.put(blocks)
