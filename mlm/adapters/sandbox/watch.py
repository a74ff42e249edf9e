"""What no limit of the kernel bounds: a folder's bytes and files together, and threads. The parent looks, and ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mlm.adapters.sandbox import kernel

INTERVAL_S = 0.05  # what is made in one of these may go beyond the bounds
MAX_FILES = 4096
MAX_THREADS = 256 + 8 * (os.cpu_count() or 1)
_BLOCK = 512  # bytes, of st_blocks everywhere


class Watch:
    """The bounds of one child: `most` bytes on disk more than its folder holds at the start."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most
        self._before = usage(folder)

    def passed(self, pid: int | None) -> str:
        """Which bound the child has passed, in words; empty when none."""
        files, size = usage(self._folder)
        if size - self._before[1] > self._most:
            return f"its limit of {self._most >> 20} MB on disk"
        if files - self._before[0] > MAX_FILES:
            return f"its limit of {MAX_FILES} files"
        if pid is not None and sys.platform == "linux" and _threads(pid) > MAX_THREADS:
            return f"its limit of {MAX_THREADS} threads"
        return ""


def usage(folder: Path) -> tuple[int, int]:
    """Entries below a folder and the bytes of their blocks; stops counting where it is far beyond the bounds."""
    files = size = 0
    waiting = [str(folder)]
    while waiting and files <= 2 * MAX_FILES:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    found = entry.stat(follow_symlinks=False)
                    files, size = files + 1, size + found.st_blocks * _BLOCK
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except (FileNotFoundError, PermissionError):  # gone meanwhile, or closed by the child itself
            continue
    return files, size


def _threads(pid: int) -> int:
    """Threads of a process and of the children of its first thread: those of bubblewrap's are the child's."""
    total, waiting = 0, [pid]
    while waiting and total <= MAX_THREADS:
        found = waiting.pop()
        try:
            total += kernel.threads(str(found))
            with open(f"/proc/{found}/task/{found}/children", "rb") as file:
                waiting += [int(word) for word in file.read().split()]
        except (OSError, ValueError):  # it has ended, or the kernel does not list children
            continue
    return total
