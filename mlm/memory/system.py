"""The System port for tests: a clock that moves when told, repeatable randomness, recorded progress."""

from __future__ import annotations

import random


class MemorySystem:
    """`sleep` advances the clock at once; `reports` holds what `progress` was told."""

    def __init__(self, now: int = 1_800_000_000, seed: int = 0) -> None:
        self._now = float(now)
        self._random = random.Random(seed)
        self.reports: list[tuple[int, int, str]] = []

    def now(self) -> int:
        """The set time, whole seconds."""
        return int(self._now)

    def monotonic(self) -> float:
        """The set time; it never goes back."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Advance the clock without waiting."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        if seconds < 0:
            raise ValueError(f"time does not go back: {seconds}")
        self._now += seconds

    def random(self, n: int) -> bytes:
        """n bytes that follow from the seed."""
        return self._random.randbytes(n)

    def progress(self, done: int, total: int, what: str, unit: str = "") -> None:
        """Keep the report."""
        self.reports.append((done, total, what))
