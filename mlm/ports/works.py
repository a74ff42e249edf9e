"""What a worker keeps on its machine: results in hand, what it has measured, and why leases were lost."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Works(Protocol):
    """One account's. Every write is durable, whole or not at all, before it returns; StorageError when it cannot be."""

    def hold(self) -> AbstractContextManager[None]:
        """Be this account's worker until the block ends; raises StateConflict while another process is."""

    def held(self) -> bool:
        """Whether a living process is this account's worker; in nobody's way, not for an instant."""

    def keep(self, name: str, data: bytes) -> None:
        """Keep bytes under a name of letters, digits, - and _; replaces what it had."""

    def find(self, name: str) -> bytes | None:
        """The bytes under a name, None where there are none."""

    def forget(self, name: str) -> None:
        """Remove a name, if it is there."""

    def note(self, entry: Mapping[str, Any]) -> None:
        """Append a fact, a JSON object, to the worker's log."""

    def notes(self, newest: int) -> list[dict[str, Any]]:
        """The newest so many facts, oldest first; a line that was torn by a power cut is left out."""
