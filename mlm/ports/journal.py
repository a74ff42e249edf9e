"""What was planned and done, so that a killed operation can continue."""

from contextlib import AbstractContextManager
from typing import Any, Protocol

ENDED = DONE, UNDONE, SUPERSEDED = "done", "undone", "superseded"  # outcomes after which nothing is left to resume


class Journal(Protocol):
    """Append-only; every write is durable before it returns. An operation belongs to one process at a time."""

    def begin(self, operation: str, params: dict[str, Any]) -> str:
        """Open an operation; returns its id. This process holds it until it ends, or its `hold` does."""

    def hold(self, op: str) -> AbstractContextManager[None]:
        """Hold an operation until the block ends; raises StateConflict while another process has it, NotFound."""

    def record(self, op: str, step: int, entry: dict[str, Any]) -> None:
        """Append a fact about a step (signed bytes before the broadcast, then the receipt, or what was stored)."""

    def close(self, op: str, outcome: str) -> None:
        """Append the outcome; an operation that is resumed may be closed again."""

    def entries(self, op: str) -> list[dict[str, Any]]:
        """The facts recorded, in order: {step, at, entry}."""

    def operations(
        self, newest: int | None = None, *, op: str | None = None, open_only: bool = False
    ) -> list[dict[str, Any]]:
        """Oldest first, all or the `newest` so many: {op, operation, params, started_at, closed_at, outcome}.

        `op`: that one alone; raises NotFound. `open_only` may leave out those of which nothing is left to resume, which
        were put away: then what is read does not grow with all that was ever done.
        """

    def held(self, op: str) -> bool:
        """Whether a living process, this one or another, works on the operation."""
