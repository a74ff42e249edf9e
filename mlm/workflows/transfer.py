"""Blocks on their way: several in flight, only those that are missing, each checked before it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from mlm.core import dag
from mlm.core.cid import Cid
from mlm.core.errors import InvalidData
from mlm.core.parallel import in_parallel
from mlm.ports.blocks import Blocks
from mlm.ports.remote import Remote
from mlm.ports.system import BYTES, System

IN_FLIGHT = 8  # blocks, of at most 2 MiB
GB = 10**9


@dataclass(frozen=True)
class Sent:
    """What a push did: blocks below the root, and those that the remote lacked with their bytes."""

    blocks: int
    new: int
    bytes: int


def receive(
    source: Remote,
    objects: Blocks,
    root: Cid,
    *,
    max_bytes: int | None = None,
    system: System | None = None,
    expected: int = 0,
    seen: set[Cid] | None = None,
) -> dag.Copied:
    """Bring everything below `root` into `objects`; only what is missing travels, at most `max_bytes` of it.

    Into an empty store all comes as one stream, where the remote can; what that does not bring, or brings wrongly, is
    asked for block by block, and so is everything where something is here already. What has arrived stays, whatever
    happens then: the same call goes on from there. `expected` bytes are what a progress bar counts to.
    What `seen` names is here already, with all below it.
    Raises NotFound, InvalidData, StorageError.
    """
    tell = partial(_tell, system, expected, "receiving")
    clock = _still if system is None else system.monotonic
    came = new = 0
    empty = next(iter(objects.cids()), None) is None
    if empty and (stream := source.stream(root)) is not None:

        def count(blocks: int, size: int) -> None:
            nonlocal came, new
            new, came = blocks, size
            tell(blocks, size)

        try:
            dag.absorb(stream, objects, root, max_bytes=max_bytes, progress=count, clock=clock)
        except dag.TooLarge:
            raise
        except InvalidData:
            pass  # blocks that nobody asked for: the walk asks for those that are wanted
    left = None if max_bytes is None else max_bytes - came
    try:
        copied = dag.copy(
            source,
            objects,
            root,
            many=in_parallel(source.get, IN_FLIGHT),
            max_bytes=left,
            progress=lambda blocks, size: tell(new + blocks, came + size),
            clock=clock,
            seen=seen,
        )
    finally:
        _end(system)
    return dag.Copied(copied.blocks, new + copied.new, came + copied.bytes)


def send(objects: Blocks, remote: Remote, root: Cid, system: System | None = None) -> Sent:
    """Have `remote` hold everything below `root`, which is all here; only what it lacks travels, from below upwards.

    A push that was cut goes on from where it was. Raises NotFound, InvalidData, StorageError.
    """
    cids = list(dag.dag(objects, root))
    missing = remote.missing(cids)
    batch: list[tuple[Cid, bytes]] = []
    held = total = 0
    clock = _still if system is None else system.monotonic
    since = clock()
    try:
        for number, cid in enumerate(reversed(missing), start=1):
            data = objects.get(cid)
            batch.append((cid, data))
            held += len(data)
            total += len(data)
            if held >= dag.BATCH or clock() - since >= dag.FLUSH:
                remote.put(batch)
                batch, held, since = [], 0, clock()
            _tell(system, total * len(missing) // number, "sending", number, total)
        remote.put(batch)  # also of nothing: an earlier push may have been killed before the remote listed all
    finally:
        _end(system)
    return Sent(len(cids), len(missing), total)


def _still() -> float:
    """The clock of those who have none."""
    return 0.0


def _tell(system: System | None, expected: int, what: str, blocks: int, size: int) -> None:
    if system is not None:
        system.progress(size, max(expected, size + 1), what, BYTES)


def _end(system: System | None) -> None:
    if system is not None:
        system.progress(1, 1, "")
