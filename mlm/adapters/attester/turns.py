"""Turns: one request is worked on at a time, and those that wait take turns by who asks."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from mlm.core.serving import Refusal, Status


class Turns:
    """At most `most` requests have a place, at most `each` of one asker.

    INVARIANT: between two turns of one asker everybody else who waits has one.
    """

    def __init__(self, most: int, each: int) -> None:
        self._most, self._each = most, each
        self._places: Counter[str] = Counter()
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._busy = False

    @contextmanager
    def place(self, who: str) -> Iterator[None]:
        """Hold a place among all. Raises Refusal TOO_MANY or BUSY where there is none."""
        if self._places[who] >= self._each:
            raise Refusal(Status.TOO_MANY, f"{self._each} requests of {who} wait already", retry_after=2)
        if self._places.total() >= self._most:
            raise Refusal(Status.BUSY, f"{self._most} requests wait already", retry_after=2)
        self._places[who] += 1
        try:
            yield
        finally:
            self._places[who] -= 1
            if not self._places[who]:
                del self._places[who]

    @asynccontextmanager
    async def turn(self, who: str) -> AsyncIterator[None]:
        """Wait until it is one's turn."""
        if self._busy:
            mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._lines.setdefault(who, deque()).append(mine)
            try:
                await mine
            except asyncio.CancelledError:
                if mine.done() and not mine.cancelled():  # it had become one's turn
                    self._next(who)
                raise
        self._busy = True
        try:
            yield
        finally:
            self._next(who)

    def _next(self, last: str) -> None:
        self._busy = False
        if last in self._lines:
            self._lines.move_to_end(last)
        while self._lines and not self._busy:
            who, line = self._lines.popitem(last=False)
            first = line.popleft()
            if line:
                self._lines[who] = line
            if not first.done():
                self._busy = True  # nobody who comes meanwhile goes first
                first.set_result(None)
