"""The local index of the chain: an index, never a source of truth."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from mlm.ports.chain import Block, Log

SQL_ROWS = 10_000  # what `sql` gives at most, and one more to show that there is more


class Event(NamedTuple):
    """A decoded log. `args` holds ints, strings, bools, 0x-hex strings for bytes and addresses, lists and dicts."""

    contract: str
    name: str
    args: dict[str, Any]
    log: Log


class State(Protocol):
    """Connections are short; a locked file is retried for a bounded time and then raises StorageError."""

    # The parameters and columns of the named queries: mlm/core/events/queries.py.

    def head(self) -> Block | None:
        """The last block ingested."""

    def ingest(
        self, blocks: Sequence[Block], events: Sequence[Event], after: str | None = None, **facts: int | str
    ) -> None:
        """Add events and their blocks behind the block whose hash is `after`, and mark `facts`, in one transaction.

        Raises StateConflict when the head is another block (None: when there is one), InvalidData for a bad batch.
        """

    def rewind(self, number: int) -> None:
        """Forget every block >= number; 0 forgets everything, also when what is stored cannot be read."""

    def mark(self, **facts: int | str) -> None:
        """Record named facts about the index, such as the last safe and finalized block: query("marks")."""

    def block_hash(self, number: int) -> str | None: ...

    def query(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """Run a named query of queries.sql."""

    def sql(self, text: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run the user's read-only SQL: column names and at most SQL_ROWS + 1 rows; raises UsageError for bad SQL."""
