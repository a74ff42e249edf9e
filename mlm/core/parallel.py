"""Several calls at a time, for what waits on others: bounded in number, and so in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def in_parallel(act: Callable[[K], V], workers: int) -> Callable[[Callable[[], K | None]], Iterator[tuple[K, V]]]:
    """A function that acts on the keys that `wanted` names, until it names none and no call is under way.

    `wanted` is called by the thread that iterates, also after results that may have given it more to name. Pairs come
    in the order in which the calls end; at most `workers` calls are under way or have a result that nobody took. The
    first exception of a call is raised when the calls under way have ended, and their results been given. The threads
    are daemons: an interrupted process does not wait for them.
    """

    def many(wanted: Callable[[], K | None]) -> Iterator[tuple[K, V]]:
        todo: SimpleQueue[K | None] = SimpleQueue()
        done: SimpleQueue[tuple[K, V | None, BaseException | None]] = SimpleQueue()

        def work() -> None:
            while (key := todo.get()) is not None:
                try:
                    done.put((key, act(key), None))
                except BaseException as error:  # noqa: BLE001 - it is raised in the thread that asked
                    done.put((key, None, error))

        started = running = 0
        failed: BaseException | None = None
        try:
            while True:
                while failed is None and running < workers and (key := wanted()) is not None:
                    if running == started:
                        threading.Thread(target=work, daemon=True).start()
                        started += 1
                    todo.put(key)
                    running += 1
                if not running:
                    break
                key, value, error = done.get()
                running -= 1
                if error is None:
                    yield key, value  # type: ignore[misc]  # a value that may be None itself
                else:
                    failed = failed or error
        finally:
            for _ in range(started):
                todo.put(None)
        if failed is not None:
            raise failed

    return many
