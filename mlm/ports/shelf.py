"""Blocks that were brought from elsewhere for a while: bounded in total, what was used least recently goes first."""

from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from typing import Protocol

from mlm.ports.blocks import Blocks


class Shelf(Protocol):
    """Blocks lie in groups: all that one model needs, or one job's input. A group goes whole."""

    limit: int  # bytes: a group that is larger is never brought

    def group(self, name: str) -> AbstractContextManager[Blocks]:
        """What is brought until the block ends belongs to `name` (letters, digits, - and _), which stays meanwhile.

        Where that made the whole larger than it may be, groups go at the end. Raises StorageError, UsageError.
        """

    def current(self) -> Blocks | None:
        """The group that this thread is in."""

    def keep(self, names: AbstractSet[str]) -> None:
        """These groups stay, whatever they take; any others may go."""
