"""What the chain says of channels, as a server needs it: known at once, never older than a bound, few questions asked.

A channel that nobody has heard of costs the node a question whoever names it: all that wait are asked about together,
by one thread, and of those that do not exist it is remembered for a moment.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mlm.core.channel import Channel
from mlm.core.errors import MlmError
from mlm.core.serving import Refusal, Status

_TOGETHER = 64  # channels that are asked about in one turn
_WAITING = 256  # unknown ones that may wait for the next
_UNKNOWN = 4096  # of which it is remembered that there are none, or that they have ended
_PAUSE = 0.05  # seconds between two turns


@dataclass(frozen=True)
class Seen:
    """A channel, or that there is none, as read at `at` (monotonic); `clock` was the chain's time then, in seconds."""

    channel: Channel | None
    at: float
    clock: int

    def now(self, at: float) -> int:
        """The chain's time by now."""
        return self.clock + int(at - self.at)


Read = Callable[[Sequence[str]], tuple[int, Mapping[str, Channel | None]]]


class Facts:
    """`read` gives the chain's time and the channels of these ids, in a thread of its own, within `timeout` seconds.

    A known channel is read again in the background once it is `fresh` seconds old, and waited for at `stale`.
    INVARIANT: whoever makes channels up delays those that are unknown, never those that exist: these are asked about
    first, and are forgotten for no others.
    """

    def __init__(self, read: Read, *, fresh: float = 5.0, stale: float = 30.0, timeout: float = 20.0) -> None:
        self._read, self._fresh, self._stale, self._timeout = read, fresh, stale, timeout
        self._known: dict[
            str, Seen
        ] = {}  # open ones: `read` gives those of this payee, and each cost its payer a transaction
        self._missing: OrderedDict[str, Seen] = OrderedDict()
        self._asked: dict[str, asyncio.Future[Seen]] = {}
        self._first: list[str] = []
        self._todo: list[str] = []
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="mlm serve facts")
        self._task: asyncio.Task[None] | None = None
        self.turns = self.failures = 0

    async def of(self, channel: str) -> Seen:
        """What is known of a channel. Raises Refusal BUSY where the node gives no answer."""
        now = time.monotonic()
        if seen := self._known.get(channel):
            if now - seen.at < self._fresh:
                return seen
            if now - seen.at < self._stale:
                self._ask(channel)
                return seen
        elif (seen := self._missing.get(channel)) and now - seen.at < 1.0:
            return seen
        return await self.again(channel)

    async def again(self, channel: str) -> Seen:
        """What the chain says now. Raises Refusal BUSY."""
        if channel not in self._asked and channel not in self._known and len(self._todo) >= _WAITING:
            raise Refusal(Status.BUSY, "too many unknown channels are asked about", retry_after=1)
        try:
            return await asyncio.wait_for(asyncio.shield(self._ask(channel)), self._timeout)
        except (MlmError, TimeoutError) as error:
            words = f"the chain cannot be asked about the channel now: {str(error)[:200]}"
            raise Refusal(Status.BUSY, words, retry_after=5) from error

    def close(self) -> None:
        """Ask no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, channel: str) -> asyncio.Future[Seen]:
        if channel not in self._asked:
            self._asked[channel] = asyncio.get_running_loop().create_future()
            (self._first if channel in self._known else self._todo).append(channel)
            if self._task is None or self._task.done():
                self._task = asyncio.get_running_loop().create_task(self._turns())
        return self._asked[channel]

    async def _turns(self) -> None:
        while waiting := self._first + self._todo:
            names, known = waiting[:_TOGETHER], len(self._first)
            self._first, self._todo = self._first[_TOGETHER:], self._todo[max(0, _TOGETHER - known) :]
            self.turns += 1
            try:
                at = time.monotonic()
                clock, found = await asyncio.get_running_loop().run_in_executor(self._pool, self._read, names)
            except Exception as error:  # noqa: BLE001  # whoever asked hears of it
                self.failures += 1
                for name in names:
                    self._tell(name, error)
            else:
                for name in names:
                    self._learn(name, Seen(found.get(name), at, clock))
            await asyncio.sleep(_PAUSE)

    def _learn(self, name: str, seen: Seen) -> None:
        if seen.channel is not None and seen.channel.ending is None:
            self._known[name] = seen
            self._missing.pop(name, None)
        else:
            self._known.pop(
                name, None
            )  # a reorganisation took it, or it has ended: it is kept, and asked about, no more
            self._missing[name] = seen
            self._missing.move_to_end(name)
            if len(self._missing) > _UNKNOWN:
                self._missing.popitem(last=False)
        self._tell(name, seen)

    def _tell(self, name: str, came: Seen | Exception) -> None:
        asked = self._asked.pop(name)
        if asked.done():
            return
        if isinstance(came, Seen):
            asked.set_result(came)
        else:
            asked.set_exception(came if isinstance(came, MlmError) else MlmError(f"{type(came).__name__}: {came}"))
            asked.exception()  # also where nobody waits for it
