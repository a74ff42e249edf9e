"""Writing settings: one file, edited in place, comments kept."""

from typing import Any, Protocol


class Settings(Protocol):
    """A TOML file of settings."""

    @property
    def path(self) -> str:
        """Where it is."""

    def set(self, table: str, key: str, value: Any) -> None:
        """Set one key of a table ("" is the top). Atomic; raises UsageError when the file is not valid TOML."""
