"""A CARv1 being written. Where a block goes follows from the lengths before it, so that bytes are written while later
blocks are still read and hashed, in threads, in any order; the header, which names the root, comes last.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING

from mlm.core import car
from mlm.core.cid import Cid

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

_BATCH = 1 << 20  # bytes that one write takes, or a little more
_PIECES = 512  # that one write takes: the kernel allows 1024
_THREADS = 2
_AHEAD = 6  # writes that may wait, which bounds the memory


class CarFile:
    """Blocks of an open file, whose caller names no block twice. Raises OSError, of a write, at a later call."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: deque[Future[None]] = deque()
        self._pieces: list[bytes] = []
        self._start = self.size = car.HEADER_LENGTH

    def add(self, cid: Cid, data: bytes) -> int:
        """Plan a block's place and have it written; where its bytes begin."""
        prefix = car.record(cid, data)
        place = self.size + len(prefix)
        self._pieces += [prefix, data]
        self.size = place + len(data)
        if self.size - self._start >= _BATCH or len(self._pieces) >= _PIECES:
            self._send()
        return place

    def finish(self, root: Cid) -> None:
        """Write what is left, and the header."""
        write_at(self._handle, self._pieces, self._start)
        while self._waiting:
            self._waiting.popleft().result()
        self.close()
        write_at(self._handle, [car.header(root)], 0)

    def close(self) -> None:
        """Let the threads end; for a file that is given up, too."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _send(self) -> None:
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(_THREADS)
        self._waiting.append(self._pool.submit(write_at, self._handle, self._pieces, self._start))
        self._pieces, self._start = [], self.size
        if len(self._waiting) > _AHEAD:
            self._waiting.popleft().result()


def write_at(handle: int, pieces: list[bytes], at: int) -> None:
    """Write every byte; a single write may stop short. Raises OSError."""
    total = sum(map(len, pieces))
    done = os.pwritev(handle, pieces, at) if pieces else 0
    if done < total:
        rest = memoryview(b"".join(pieces))
        while done < total:
            done += os.pwrite(handle, rest[done:], at + done)
