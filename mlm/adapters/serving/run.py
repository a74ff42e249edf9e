"""Running the application: one process, one event loop. Told to stop, it finishes what it has admitted."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from mlm.adapters.extras import unavailable
from mlm.adapters.serving.app import Desk, application
from mlm.adapters.serving.arrays import zeros
from mlm.adapters.serving.guard import guarded, server
from mlm.core.errors import StateConflict
from mlm.core.serving import Status

if TYPE_CHECKING:
    import uvicorn

_BACKLOG = 2048
_FLUSH_S = 0.5


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises StateConflict where it is not to be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        made.close()
        words = getattr(error, "strerror", None) or error
        raise StateConflict(
            f"cannot listen on {host} port {port}: {words}", hint="Choose another --port, or 0 for a free one."
        ) from error
    return made


def url(listening: socket.socket) -> str:
    """Where clients find it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(
    desk: Desk,
    listening: socket.socket,
    *,
    started: Callable[[], None],
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT. `started` is called once calls are answered; `beside` runs along.

    Then nothing new is admitted, what was admitted has `limits.drain` seconds to end, and `desk.batches` is closed.
    Raises ToolMissing.
    """
    try:
        import uvicorn
        import uvloop
    except ImportError as error:
        raise unavailable("models over HTTP", "uvicorn", error, "'mlm[cpu,serve]'") from error
    _more_files(2 * desk.limits.connections + 128)
    config = uvicorn.Config(
        application(desk),
        http=guarded(desk.limits, lambda status: _count(desk, status)),
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=max(1, int(desk.limits.idle)),
        timeout_graceful_shutdown=max(1, int(desk.limits.drain)),
    )
    made = server(config)
    _log_errors(desk)
    desk.metrics.gauge("connections", "Open connections.", lambda: len(made.server_state.connections))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(desk, made, listening, started, beside))


async def _run(
    desk: Desk,
    made: uvicorn.Server,
    listening: socket.socket,
    started: Callable[[], None],
    beside: Callable[[], Coroutine[Any, Any, None]] | None,
) -> None:
    loop = asyncio.get_running_loop()
    await desk.batches.warm(zeros(desk.service.signature))

    def stop() -> None:
        made.force_exit = desk.draining  # asked twice: now
        desk.draining = made.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    others = [loop.create_task(_flush(desk))]
    if beside is not None:
        others.append(loop.create_task(beside()))
    serving = loop.create_task(made.serve(sockets=[listening]))
    while not made.started and not serving.done():
        await asyncio.sleep(0.005)
    if not serving.done():
        started()
    try:
        await serving
    finally:
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await desk.batches.close()
        desk.log.flush()


async def _flush(desk: Desk) -> None:
    while True:
        await asyncio.sleep(_FLUSH_S)
        await asyncio.to_thread(desk.log.flush)


def _count(desk: Desk, status: Status) -> None:
    desk.metrics.answers[status.http, status.word] += 1


def _more_files(wanted: int) -> None:
    """Room for so many connections, as far as this process may have it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _log_errors(desk: Desk) -> None:
    """uvicorn's own words go into the access log: of errors only, and never to a terminal."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error: Any = record.exc_info[1] if record.exc_info else None
            told = f"{record.getMessage()} {type(error).__name__ if error else ''}: {error or ''}"
            desk.log.add({"error": " ".join(told.split())[:500]})

    logger = logging.getLogger("uvicorn.error")
    logger.handlers, logger.propagate = [Handler(level=logging.ERROR)], False
    logger.setLevel(logging.ERROR)
