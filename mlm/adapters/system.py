"""The real clock, the system's randomness, and a progress bar on a terminal."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, TextIO

from mlm.ports.system import BYTES

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class OsSystem:
    """The System port of this machine. `stream` shows the progress bar, if it is a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._bar: tuple[Progress, TaskID] | None = None

    def now(self) -> int:
        """Wall clock, whole seconds."""
        return int(time.time())

    def monotonic(self) -> float:
        """A clock that never goes back, seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def random(self, n: int) -> bytes:
        """n bytes of the operating system's generator."""
        return os.urandom(n)

    def progress(self, done: int, total: int, what: str, unit: str = "") -> None:
        """Show a bar until `done` reaches `total`; it then leaves the screen."""
        if not self._stream.isatty():
            return
        if done >= total:
            if self._bar is not None:
                self._bar[0].stop()
                self._bar = None
            return
        if self._bar is None:
            self._bar = self._start(unit)
        progress, task = self._bar
        # Names may come from the chain: no markup.
        progress.update(task, completed=done, total=total, what=_printable(what))

    def _start(self, unit: str) -> tuple[Progress, TaskID]:
        from rich import progress as bars
        from rich.console import Console

        counts = (
            (bars.DownloadColumn(), bars.TransferSpeedColumn(), bars.TimeRemainingColumn())
            if unit == BYTES
            else (bars.MofNCompleteColumn(), bars.TimeElapsedColumn())
        )
        progress = bars.Progress(
            bars.TextColumn("{task.fields[what]}", markup=False),
            bars.BarColumn(),
            *counts,
            console=Console(file=self._stream),
            transient=True,
        )
        progress.start()
        return progress, progress.add_task("", total=None, what="")


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
