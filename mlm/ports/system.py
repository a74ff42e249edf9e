"""Clock, randomness and progress."""

from typing import Protocol


class System(Protocol):
    def now(self) -> int:
        """Wall clock, seconds."""

    def random(self, n: int) -> bytes:
        """n cryptographically random bytes."""

    def progress(self, done: int, total: int, what: str) -> None:
        """Report long work; a bar on a terminal, nothing in a pipe."""
