"""`mlm gc`: remove blocks that nothing needs, and join small packs.

What is needed, with everything below it:

1. every branch and tag, and HEAD, also where it is a commit by itself;
2. every staged file;
3. of an operation in the journal that has not ended, what its steps store, and the commits that it moves a name from
   and to: `mlm op resume` and `mlm op undo` need them;
4. of every operation but those given up, what was pushed for others: versions, inputs and results, so that a remote
   that has lost them can be given them again.

What was brought from a remote by the way (others' models and results) is not: it is fetched again when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from mlm.core import dag
from mlm.core.cid import RAW, Cid
from mlm.core.errors import InvalidData, NotFound
from mlm.core.plan import Move, Store, thawed
from mlm.ports.blocks import Volume
from mlm.ports.bundle import Ports
from mlm.ports.journal import Journal
from mlm.workflows.journalled import SUPERSEDED, UNDONE, ended

GRACE = 14 * 24 * 3600  # seconds: as Git's


@dataclass(frozen=True)
class Collected:
    """What was removed, and what there is: different blocks, bytes of packs on disk, packs; and what there was."""

    removed_blocks: int
    freed_bytes: int
    blocks: int
    bytes: int
    packs: int
    blocks_before: int
    bytes_before: int
    packs_before: int


def gc(ports: Ports, prune: int = GRACE) -> Collected:
    """Remove what nothing needs and nothing has asked for within `prune` seconds, and what only that leads to.

    Raises NotFound or InvalidData when something that a branch, a tag, HEAD or the index needs is missing or damaged:
    what is left may then serve to mend it, so nothing is removed.
    """
    found: set[Cid] = set()

    def reach(young: Iterable[Cid]) -> AbstractSet[Cid]:
        _mark(ports, needed(ports), found, strict=True)
        _mark(ports, (root for _, root in promised(ports.journal)), found, strict=False)
        _mark(ports, young, found, strict=False)
        return found

    before = ports.system.now() - prune + 1
    was, now = ports.repo.objects.collect(reach, before, ports.repo.refs.hold())
    return Collected(was.blocks - now.blocks, was.bytes - now.bytes, *_each(now), *_each(was))


def _each(volume: Volume) -> tuple[int, int, int]:
    return volume.blocks, volume.bytes, volume.packs


def needed(ports: Ports) -> Iterator[Cid]:
    """The roots (1) and (2)."""
    yield from ports.repo.refs.all().values()
    if (head := ports.repo.refs.head().commit) is not None:
        yield head
    for entry in ports.repo.index.load().values():
        yield entry.cid


def promised(journal: Journal) -> Iterator[tuple[str, Cid]]:
    """The roots (3) and (4), each with its operation."""
    for summary in journal.operations():
        if summary["outcome"] in (UNDONE, SUPERSEDED):
            continue
        for record in summary["params"].get("steps", ()):
            if record.get("kind") not in ("store", "move"):
                continue
            step = thawed(record)
            if isinstance(step, Store) and (step.push or not ended(summary["outcome"])):
                yield summary["op"], step.root
            elif isinstance(step, Move) and not ended(summary["outcome"]):
                yield from ((summary["op"], cid) for cid in (step.before, step.after) if cid is not None)


def _mark(ports: Ports, roots: Iterable[Cid], found: set[Cid], *, strict: bool) -> None:
    """Add what hangs below the roots; what is not here leads nowhere, and is an error only where it is `strict`."""
    stack = list(roots)
    while stack:
        cid = stack.pop()
        if cid in found:
            continue
        if cid.codec == RAW:
            found.add(cid)
            continue
        try:
            below = dag.links(cid, ports.repo.objects.get(cid))
        except (NotFound, InvalidData) as error:
            if strict:
                error.hint = "Nothing was removed. `mlm fsck` names what is missing or damaged."
                raise
            continue
        found.add(cid)
        stack += below
