"""Ending a command that runs until it is told to."""

from __future__ import annotations

import signal
from types import FrameType


class Stop:
    """Whether SIGINT or SIGTERM came; a second Ctrl-C ends at once, as it does everywhere."""

    def __init__(self) -> None:
        self._asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def __call__(self) -> bool:
        return self._asked
