"""`mlm sync`: bring the local index up to the chain, following reorganisations.

The index keeps a block for each batch's end and for every block with events. A batch is a compare-and-swap on its head,
each one transaction: a killed sync continues where it stood, and two at once cannot spoil each other's work.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from mlm.core import events as catalogue
from mlm.core.errors import ChainError, InvalidData, NotFound, StateConflict
from mlm.ports.bundle import Ports
from mlm.ports.chain import Block, Chain, Log
from mlm.ports.state import Event, State
from mlm.workflows.standing import standing

FIRST_SPAN = 2_000  # blocks asked for at once, to begin with
MAX_SPAN = 50_000
MANY_LOGS = 20_000  # after a batch with more, the next asks for fewer blocks: memory stays bounded
RETRIES = 10  # how often the chain or another process may move under one sync
_PAGE = 1_000


@dataclass(frozen=True)
class Synced:
    """What a sync did: blocks passed and events added, blocks forgotten because the chain left them, the new head."""

    blocks: int
    events: int
    rewound: int
    head: int
    safe: int | None
    finalized: int | None


class _Moved(Exception):
    """The chain was reorganised while a batch was read."""


def sync(ports: Ports, *, rebuild: bool = False) -> Synced:
    """Add everything from the index's head to the chain's; `rebuild` forgets the index first.

    Raises ChainError when the node is dead or contradicts itself, InvalidData when it sends a false log of our
    contracts, StorageError when the index is locked or unusable.
    """
    chain, state = ports.chain, ports.state
    names = {address: name for name, address in standing(chain, catalogue.emitters()).items()}
    if rebuild:
        state.rewind(0)
    known = _adopt(chain, state, names)
    start, head = chain.first_block, chain.block("latest")
    passed = added = rewound = 0
    span, cap, retries, first = FIRST_SPAN, MAX_SPAN, 0, None
    final: dict[str, int] | None = None  # asked for once, with the last batch
    while True:
        at, forgotten = _rewind_to_fork(chain, state, head)
        if forgotten:
            rewound, known = rewound + forgotten, _marks(state)
        try:
            while (at.number + 1 if at else start) <= head.number:
                low = at.number + 1 if at else start
                high = min(low + span - 1, head.number)
                first = low if first is None else first
                try:
                    with _no_collection():
                        blocks, events = _fetch(chain, names, at, low, high)
                except ChainError:
                    # Nodes limit a query by blocks, results or bytes, each in words of its own: ask for less. A dead
                    # node fails here, at once.
                    chain.block("latest")
                    if high == low:
                        raise
                    span, cap = max(1, (high - low + 1) // 4), max(1, (high - low + 1) // 2)
                    continue
                if high == head.number:
                    final = _finality(chain)
                with _no_collection():
                    state.ingest(blocks, events, after=at.hash if at else None, **(final or {}))
                at, known = blocks[-1], known | _spelt(final or {})
                passed, added = passed + at.number - low + 1, added + len(events)
                span = max(1, span // 4) if len(events) > MANY_LOGS else min(2 * span, cap)
                if head.number - first > FIRST_SPAN:
                    ports.system.progress(at.number - first + 1, head.number - first + 1, "sync")
            final = _finality(chain) if final is None else final
            if not _spelt(final).items() <= known.items():
                state.mark(**final)
            return Synced(passed, added, rewound, head.number, final.get("safe"), final.get("finalized"))
        except (_Moved, StateConflict) as error:
            # Another process that adds what this one would is no trouble: only moving in place is counted.
            reached = state.head()
            ahead = reached is not None and (at is None or reached.number > at.number)
            retries = 0 if ahead else retries + 1
            if retries > RETRIES:
                raise ChainError(
                    f"the chain or the index moved {retries} times during one sync", hint="Run `mlm sync` again."
                ) from error
            head = chain.block("latest")


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without garbage collection: logs hold no cycles, and looking at new ones again takes a fifth of a sync."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _marks(state: State) -> dict[str, str]:
    return {row["name"]: row["value"] for row in state.query("marks")}


def _adopt(chain: Chain, state: State, names: Mapping[str, str]) -> dict[str, str]:
    """An index of another deployment is forgotten: its blocks may agree, its contracts not. Returns the marks."""
    deployment = f"{chain.chain_id()}:" + ",".join(sorted(names))
    known = _marks(state)
    if known.get("deployment") == deployment:
        return known
    # Without a mark there is nothing to forget: the mark comes before the first event, and goes with the last.
    # Another process may have begun meanwhile, and what it has added stays.
    if "deployment" in known:
        state.rewind(0)
    state.mark(deployment=deployment)
    return {"deployment": deployment}


def _rewind_to_fork(chain: Chain, state: State, head: Block) -> tuple[Block | None, int]:
    """Forget the blocks that the chain does not hold (any more); the index's head then, and how many numbers that were.

    A hash covers all ancestors: below a block on which both agree, they agree on everything.
    """
    at = state.head()
    if at is None or _holds(chain, head, at.number, at.hash):
        return at, 0
    fork, before = -1, at.number
    while fork < 0:
        page = state.query("blocks", before=before, limit=_PAGE)  # descending
        if not page:
            break
        before = page[-1]["number"]
        if not _holds(chain, head, before, page[-1]["hash"]):
            continue
        low, high = 0, len(page) - 1  # page[high] is held; find the first that is
        while low < high:
            middle = (low + high) // 2
            if _holds(chain, head, page[middle]["number"], page[middle]["hash"]):
                high = middle
            else:
                low = middle + 1
        fork = page[low]["number"]
    if fork >= 0:
        state.rewind(fork + 1)
    else:
        deployment = _marks(state)["deployment"]
        state.rewind(0)
        state.mark(deployment=deployment)
    return state.head(), at.number - fork


def _holds(chain: Chain, head: Block, number: int, block_hash: str) -> bool:
    if number >= head.number:
        return number == head.number and head.hash == block_hash
    try:
        return chain.block(number).hash == block_hash
    except NotFound:
        return False


def _fetch(
    chain: Chain, names: Mapping[str, str], after: Block | None, low: int, high: int
) -> tuple[list[Block], list[Event]]:
    """Blocks and events of [low, high] as of one state of the chain; raises _Moved when it moved meanwhile."""
    try:
        end = chain.block(high)
        logs = chain.logs(low, high)
        hashes = {log.block_number: log.block_hash for log in logs}
        for number in hashes:
            if not low <= number <= high:
                raise InvalidData(f"asked for logs of blocks {low} to {high}, got one of block {number}")
        numbers = sorted(hashes.keys() - {high})
        blocks = dict(zip(numbers, chain.blocks(numbers), strict=True)) | {high: end}
        if any(blocks[log.block_number].hash != log.block_hash for log in logs):
            raise _Moved
        # The logs belong to one chain if its ends, read before them, still stand after them.
        if chain.block(high).hash != end.hash:
            raise _Moved
        if after is not None and chain.block(after.number).hash != after.hash:
            raise _Moved
    except NotFound as error:
        raise _Moved from error
    return [blocks[number] for number in sorted(blocks)], _decode(names, logs)


def _decode(names: Mapping[str, str], logs: list[Log]) -> list[Event]:
    events = []
    for log in logs:
        contract = names.get(log.address.lower())
        decoded = catalogue.decode(contract, log.topics, log.data) if contract else None
        if contract and decoded:
            events.append(Event(contract, decoded[0], decoded[1], log))
    return events


def _finality(chain: Chain) -> dict[str, int]:
    """The node's safe and finalized blocks; a node that knows none leaves what was recorded."""
    found: dict[str, int] = {}
    for tag in ("safe", "finalized"):
        try:
            found[tag] = chain.block(tag).number
        except (NotFound, ChainError):
            continue
    return found


def _spelt(facts: Mapping[str, int]) -> dict[str, str]:
    """As the index keeps marks."""
    return {name: str(value) for name, value in facts.items()}
