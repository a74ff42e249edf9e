"""The local index of the chain: an index, never a source of truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mlm.ports.chain import Block, Log


@dataclass(frozen=True)
class Event:
    """A decoded log. `args` holds ints, strings, bools, 0x-hex strings for bytes and addresses, lists and dicts."""

    contract: str
    name: str
    args: dict[str, Any]
    log: Log


class State(Protocol):
    """Connections are short; a locked file is retried for a bounded time and then raises StorageError."""

    def head(self) -> Block | None:
        """The last block ingested."""

    def ingest(self, blocks: Sequence[Block], events: Sequence[Event]) -> None:
        """Add events and the blocks they came from, in one transaction."""

    def rewind(self, number: int) -> None:
        """Forget every block >= number."""

    def block_hash(self, number: int) -> str | None: ...

    def query(self, name: str, **parameters: Any) -> list[dict[str, Any]]:
        """Run a named query of queries.sql."""

    def sql(self, text: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run the user's read-only SQL: column names and rows."""
