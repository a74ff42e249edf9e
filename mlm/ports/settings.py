"""Writing settings: one file, edited in place, comments kept."""

from collections.abc import Mapping
from typing import Any, Protocol


class Settings(Protocol):
    """A TOML file of settings."""

    @property
    def path(self) -> str:
        """Where it is."""

    def set(self, table: str, values: Mapping[str, Any]) -> None:
        """Set keys of a table ("" is the top), all or none; raises UsageError when the file is not valid TOML."""

    def drop(self, table: str) -> None:
        """Remove a table with all its keys; raises UsageError when it is not there as one block of lines."""
