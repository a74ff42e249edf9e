"""The check that a batch of blocks and events continues an index: ingesting is a compare-and-swap on the head."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter, lt
from typing import Protocol

from mlm.core.errors import InvalidData, StateConflict


class _Block(Protocol):
    @property
    def number(self) -> int: ...
    @property
    def hash(self) -> str: ...


class _Log(Protocol):
    @property
    def block_number(self) -> int: ...
    @property
    def block_hash(self) -> str: ...
    @property
    def log_index(self) -> int: ...


class _Event(Protocol):
    @property
    def log(self) -> _Log: ...


def check_batch(blocks: Sequence[_Block], events: Sequence[_Event], head: _Block | None, after: str | None) -> None:
    """Check that the batch follows on `head`, of which the caller says that its hash is `after` (None: no head yet).

    Raises StateConflict when the head is another one: the same batch came before, or another process wrote or rewound.
    Raises InvalidData when blocks or events are out of order, or an event's block did not come with it.
    """
    if (head.hash if head else None) != after:
        found = f"block {head.number} {head.hash}" if head else "nothing"
        raise StateConflict(f"the index ends at {found}, expected {after or 'nothing'}", hint="Run `mlm sync`.")
    numbers = ([head.number] if head else []) + [block.number for block in blocks]
    if any(left >= right for left, right in zip(numbers, numbers[1:], strict=False)):
        raise InvalidData(f"blocks must ascend, found {numbers[:8]}")
    places = list(map(attrgetter("log.block_number", "log.log_index"), events))
    if not all(map(lt, places, places[1:])):
        raise InvalidData("events must come in chain order, each once")
    hashes = {block.number: block.hash for block in blocks}
    for event in events:
        if hashes.get(event.log.block_number) != event.log.block_hash:
            expected = hashes.get(event.log.block_number, "its block in the batch")
            raise InvalidData(f"an event of block {event.log.block_number} {event.log.block_hash}: expected {expected}")
