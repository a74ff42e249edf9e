"""Clock, randomness and progress: what makes a run unrepeatable, in one place."""

from typing import Protocol

BYTES = "bytes"


class System(Protocol):
    def now(self) -> int:
        """Wall clock, seconds."""

    def monotonic(self) -> float:
        """A clock that never goes back, seconds; for durations only."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def random(self, n: int) -> bytes:
        """n cryptographically random bytes."""

    def progress(self, done: int, total: int, what: str, unit: str = "") -> None:
        """Report long work; a bar on a terminal, nothing in a pipe. Of `unit` BYTES: with rate and time left."""
