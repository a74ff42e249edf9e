"""Files of the working tree read and hashed ahead, leaf by leaf, in threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from mlm.adapters.ahead import ahead, processors
from mlm.adapters.disk import read_at, storage_errors
from mlm.core.cid import RAW, Cid
from mlm.core.unixfs import CHUNK
from mlm.ports.repo import FileStat

_TASK = 4 * CHUNK  # bytes that one task reads
_FILES = 256  # and files
_SMALL = 1 << 16  # bytes that are not worth a buffer

Leaf = tuple[int, Cid, bytes]  # number of the file, the piece's CID, its bytes


class Part(NamedTuple):
    """A piece of the file of this number: at most CHUNK bytes."""

    number: int
    at: int
    size: int


def leaves(
    files: Sequence[FileStat], opened: Callable[[FileStat], int], check: Callable[[FileStat, int], None]
) -> Iterator[Leaf]:
    """Every leaf of every file, in order; the bytes may be a view of a buffer, which is used again once it is dropped.

    `opened` gives a handle to read a file by, which is closed here; `check` raises unless the file is as its stat says.
    """

    buffers = _Buffers()

    def read(task: Sequence[Part]) -> list[Leaf]:
        found: list[Leaf] = []
        with storage_errors("cannot read a file"):
            for number, parts in groupby(task, key=attrgetter("number")):
                file = files[number]
                handle = opened(file)
                try:
                    check(file, handle)
                    for part in parts:
                        data = buffers.read(handle, part.at, part.size)
                        found.append((number, Cid.of(RAW, data), data))
                    # Bytes of two versions must not become one file.
                    check(file, handle)
                finally:
                    os.close(handle)
        return found

    threads = processors()
    for found in ahead(read, _tasks(files), threads, 2 * threads + 2):
        yield from found


def _parts(files: Sequence[FileStat]) -> Iterator[Part]:
    for number, file in enumerate(files):
        for at in range(0, max(file.size, 1), CHUNK):
            yield Part(number, at, min(CHUNK, file.size - at))


def _tasks(files: Sequence[FileStat]) -> Iterator[list[Part]]:
    """Pieces together, until they are many bytes, or many files."""
    task: list[Part] = []
    held = 0
    for part in _parts(files):
        if task and (held + part.size > _TASK or len(task) == _FILES):
            yield task
            task, held = [], 0
        task.append(part)
        held += part.size
    if task:
        yield task


class _Buffers:
    """Memory that is used again: to map fresh memory costs half as much as to hash what is read into it.

    A bytearray that somebody still has a view of refuses to change its size, so none is overwritten before its time.
    """

    def __init__(self) -> None:
        self._known: deque[bytearray] = deque()

    def read(self, handle: int, at: int, size: int) -> bytes:
        """`size` bytes from `at` on, or as many as there are; of many bytes a view."""
        if size <= _SMALL:
            return read_at(handle, at, size)
        view = self._free()[:size]
        done = 0
        while done < size and (more := os.preadv(handle, [view[done:]], at + done)):
            done += more
        return view[:done]  # type: ignore[return-value]  # whoever takes bytes here only reads them

    def _free(self) -> memoryview:
        for _ in range(len(self._known)):
            try:
                buffer = self._known.popleft()
            except IndexError:  # other threads hold them all
                buffer = bytearray(CHUNK)
                break
            try:
                buffer.append(buffer.pop())
            except BufferError:
                self._known.append(buffer)
                continue
            break
        else:
            buffer = bytearray(CHUNK)
        view = memoryview(buffer)  # before another thread can find it
        self._known.append(buffer)
        return view
