"""MemoryBook: the Book port in memory."""

from __future__ import annotations


class MemoryBook:
    """What was written first stands."""

    def __init__(self) -> None:
        self._entries: dict[str, bytes] = {}

    def write(self, name: str, entry: bytes) -> bytes:
        """The entry that stands."""
        return self._entries.setdefault(name, entry)

    def find(self, name: str) -> bytes | None:
        """The entry of a name."""
        return self._entries.get(name)
