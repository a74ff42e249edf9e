"""What an attester has signed, so that it never signs otherwise."""

from typing import Protocol


class Book(Protocol):
    """Each entry stands for ever: nothing is replaced, and a restart forgets nothing. Raises StorageError."""

    def write(self, name: str, entry: bytes) -> bytes:
        """Write an entry durably, unless one of this name stands; the one that stands now, ours or the earlier."""

    def find(self, name: str) -> bytes | None:
        """The entry of a name; None where there is none."""
