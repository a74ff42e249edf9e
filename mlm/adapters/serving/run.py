"""Running a model's server: its application, hosted, with its log flushed and its children warm."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

from mlm.adapters.serving.app import Desk, application
from mlm.adapters.serving.arrays import zeros
from mlm.adapters.serving.host import Hosted, Later, host
from mlm.core.errors import MlmError
from mlm.core.serving import Refusal, Status

_FLUSH_S = 0.5
_LOOK_S = 0.1


def run(
    desk: Desk,
    listening: socket.socket,
    *,
    started: Callable[[], None],
    closing: Later,
    lost: Callable[[], MlmError | None] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT; what was admitted is finished. Raises ToolMissing, ModelStopped.

    Once `lost` says why this server may serve no more, calls are refused with its code while those that were admitted
    are answered (`limits.drain` seconds at most); then that is raised.
    """

    async def warm() -> None:
        await desk.batches.warm(zeros(desk.service.signature))

    async def flush() -> None:
        while True:
            await asyncio.sleep(_FLUSH_S)
            await asyncio.to_thread(desk.log.flush)

    async def ended() -> None:
        await desk.batches.close()
        await closing()
        desk.log.flush()

    async def until() -> None:
        while (why := lost()) is None:
            await asyncio.sleep(_LOOK_S)
        desk.closed = Refusal(Status.BUSY, f"the server stops: {why}", word=why.code)
        until = time.monotonic() + desk.limits.drain
        while desk.calls and time.monotonic() < until:
            await asyncio.sleep(_LOOK_S)

    def draining() -> None:
        desk.closed = desk.closed or Refusal(Status.BUSY, "the server stops", retry_after=5)

    def refused(status: Status) -> None:
        desk.metrics.answers[status.http, status.word] += 1

    hosted = Hosted(
        app=application(desk),
        limits=desk.limits,
        started=started,
        draining=draining,
        refused=refused,
        failed=lambda words: desk.log.add({"error": words}),
        warm=warm,
        beside=(flush,),
        until=until,
        ended=ended,
        connections=lambda count: desk.metrics.gauge("connections", "Open connections.", count),
    )
    host(hosted, listening)
    if (why := lost()) is not None:
        raise why
