"""Walking and copying what hangs below a CID. Works over anything that has, gets and puts blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from mlm.core import dagcbor, dagpb
from mlm.core.cid import DAG_CBOR, RAW, Cid
from mlm.core.errors import InvalidData

MAX_BLOCKS = 50_000_000
_BATCH = 64 * 1024 * 1024  # bytes put at once: what a cut transfer loses at most


class Source(Protocol):
    """The part of ports.Blocks that is read from; `get` verifies."""

    def get(self, cid: Cid) -> bytes: ...


class Sink(Source, Protocol):
    """The part of ports.Blocks that is written to."""

    def has(self, cid: Cid) -> bool: ...

    def put(self, blocks: Iterable[tuple[Cid, bytes]]) -> int: ...


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
        if len(seen) > max_blocks:
            raise InvalidData(f"expected at most {max_blocks} blocks below {root}, found more")


def copy(
    src: Source,
    dst: Sink,
    root: Cid,
    *,
    max_blocks: int = MAX_BLOCKS,
    max_bytes: int | None = None,
    progress: Callable[[int, int], None] = lambda blocks, size: None,
) -> Copied:
    """Bring `dst` to hold everything below `root`; only what it lacks is read from `src`, whose `get` verifies.

    A cut copy continues where it stopped: what arrived is found by `has`, and the walk goes through it, so a gap
    below a block that is there is filled too. `progress(blocks, bytes)` is told what was transferred so far.
    Raises InvalidData when more than `max_bytes` would be transferred.
    """
    seen = {root}
    stack = [root]
    batch: list[tuple[Cid, bytes]] = []
    held = new = total = 0
    while stack:
        cid = stack.pop()
        if dst.has(cid):
            data = b"" if cid.codec == RAW else dst.get(cid)
        else:
            data = src.get(cid)
            batch.append((cid, data))
            held += len(data)
            new += 1
            total += len(data)
            if max_bytes is not None and total > max_bytes:
                raise InvalidData(f"expected at most {max_bytes} bytes of blocks below {root}, found more")
            progress(new, total)
        for child in links(cid, data):
            if child not in seen:
                seen.add(child)
                stack.append(child)
        if len(seen) > max_blocks:
            raise InvalidData(f"expected at most {max_blocks} blocks below {root}, found more")
        if held >= _BATCH:
            dst.put(batch)
            batch, held = [], 0
    if batch:
        dst.put(batch)
    return Copied(len(seen), new, total)
