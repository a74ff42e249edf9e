"""Running a model's server: its application, hosted, with its log flushed and its children warm."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from mlm.adapters.serving.app import Desk, application
from mlm.adapters.serving.arrays import zeros
from mlm.adapters.serving.host import Hosted, Later, host
from mlm.core.serving import Status

_FLUSH_S = 0.5


def run(
    desk: Desk, listening: socket.socket, *, started: Callable[[], None], closing: Later, beside: tuple[Later, ...] = ()
) -> None:
    """Serve until SIGTERM or SIGINT; what was admitted is finished. Raises ToolMissing, ModelStopped."""

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

    def draining() -> None:
        desk.draining = True

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
        beside=(flush, *beside),
        ended=ended,
        connections=lambda count: desk.metrics.gauge("connections", "Open connections.", count),
    )
    host(hosted, listening)
