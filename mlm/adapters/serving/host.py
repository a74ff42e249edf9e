"""Hosting an ASGI application: one process, one event loop, bounds on connections and headers, an orderly end."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlm.adapters.extras import unavailable
from mlm.adapters.serving.guard import guarded, server
from mlm.core.errors import StateConflict
from mlm.core.serving import Limits, Status

if TYPE_CHECKING:
    import uvicorn

_BACKLOG = 2048

Later = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Hosted:
    """An application, and what it wants to hear of.

    `warm` comes first, then `started` once requests are answered; `beside` runs along. SIGTERM or SIGINT calls
    `draining`: nothing new is to be admitted, what was admitted has `limits.drain` seconds, and `ended` comes last.
    Where `until` returns it ends as if asked to.
    `refused` hears of what never reached the application, `failed` of its mistakes, in one line.
    """

    app: Any
    limits: Limits
    started: Callable[[], None]
    draining: Callable[[], None]
    refused: Callable[[Status], None]
    failed: Callable[[str], None]
    warm: Later | None = None
    beside: tuple[Later, ...] = ()
    until: Later | None = None
    ended: Later | None = None
    connections: Callable[[Callable[[], int]], None] = lambda count: None  # is given what counts the open ones


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


def host(hosted: Hosted, listening: socket.socket) -> None:
    """Host it until a signal ends it; a second one ends it at once. Raises ToolMissing, and what `warm` raises."""
    try:
        import uvicorn
        import uvloop
    except ImportError as error:
        raise unavailable("servers", "uvicorn", error, "'mlm[cpu,serve]'") from error
    limits = hosted.limits
    _more_files(2 * limits.connections + 128)
    config = uvicorn.Config(
        hosted.app,
        http=guarded(limits, hosted.refused),
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=max(1, int(limits.idle)),
        timeout_graceful_shutdown=max(1, int(limits.drain)),
    )
    made = server(config)
    _tell_errors(hosted.failed)
    hosted.connections(lambda: len(made.server_state.connections))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(hosted, made, listening))


async def _run(hosted: Hosted, made: uvicorn.Server, listening: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    if hosted.warm is not None:
        await hosted.warm()

    def stop() -> None:
        made.force_exit = made.should_exit  # asked twice: now
        made.should_exit = True
        hosted.draining()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)

    async def of_itself(until: Later) -> None:
        await until()
        if not made.should_exit:
            stop()

    beside = [loop.create_task(each()) for each in hosted.beside]
    if hosted.until is not None:
        beside.append(loop.create_task(of_itself(hosted.until)))
    serving = loop.create_task(made.serve(sockets=[listening]))
    while not made.started and not serving.done():
        await asyncio.sleep(0.005)
    if not serving.done():
        hosted.started()
    try:
        await serving
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        if hosted.ended is not None:
            await hosted.ended()


def _more_files(wanted: int) -> None:
    """Room for so many connections, as far as this process may have it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _tell_errors(failed: Callable[[str], None]) -> None:
    """uvicorn's own words: of errors only, and never to a terminal."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error: Any = record.exc_info[1] if record.exc_info else None
            told = f"{record.getMessage()} {type(error).__name__ if error else ''}: {error or ''}"
            failed(" ".join(told.split())[:500])

    logger = logging.getLogger("uvicorn.error")
    logger.handlers, logger.propagate = [Handler(level=logging.ERROR)], False
    logger.setLevel(logging.ERROR)
