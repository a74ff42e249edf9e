"""Work done ahead in threads: for what lets go of the interpreter while it works, as hashing and reading do."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")

MOST_THREADS = 16


def processors() -> int:
    """How many processors this process may use, at most MOST_THREADS."""
    affinity = getattr(os, "sched_getaffinity", None)
    found = len(affinity(0)) if affinity else os.cpu_count() or 1
    return min(found, MOST_THREADS)


def ahead(work: Callable[[T], R], items: Iterable[T], threads: int, most: int) -> Iterator[R]:
    """`work` of each item, in order, at most `most` of them begun and not yet taken. One item needs no thread.

    What an item raises is raised in its place; what was begun after it is waited for and dropped.
    """
    rest = iter(items)
    first = list(islice(rest, 2))
    if len(first) < 2:
        yield from map(work, first)
        return
    from concurrent.futures import ThreadPoolExecutor

    begun: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in chain(first, rest):
            begun.append(pool.submit(work, item))
            if len(begun) >= most:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
