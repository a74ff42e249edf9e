"""What was planned and done, so that a killed operation can continue."""

from typing import Any, Protocol


class Journal(Protocol):
    """Append-only; every write is durable before it returns."""

    def begin(self, operation: str, params: dict[str, Any]) -> str:
        """Open an operation; returns its id."""

    def record(self, op: str, step: int, entry: dict[str, Any]) -> None:
        """Append a fact about a step (signed bytes before the broadcast, then the receipt, or what was stored)."""

    def close(self, op: str, outcome: str) -> None: ...

    def entries(self, op: str) -> list[dict[str, Any]]: ...

    def operations(self) -> list[dict[str, Any]]: ...
