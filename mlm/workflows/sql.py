"""`mlm sql`: the user's read-only SQL over the local index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlm.core.errors import UsageError
from mlm.ports.bundle import Ports
from mlm.ports.state import SQL_ROWS

_EXACT = 2**53  # beyond it JSON readers round: such numbers are spelt as text


@dataclass(frozen=True)
class Rows:
    """A query's answer. `truncated` says that there were more rows than `limit`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    limit: int
    truncated: bool


def sql(ports: Ports, text: str, *, limit: int = SQL_ROWS) -> Rows:
    """Run one SELECT; raises UsageError when it is not one, fails, or takes too long."""
    if not 1 <= limit <= SQL_ROWS:
        raise UsageError(f"--limit: expected 1 to {SQL_ROWS}, found {limit}")
    columns, rows = ports.state.sql(text)
    shown = tuple(tuple(_plain(cell) for cell in row) for row in rows[:limit])
    return Rows(tuple(columns), shown, limit, len(rows) > limit)


def _plain(cell: Any) -> Any:
    """A scalar that JSON can carry without loss; NaN and infinities, dates and nested values as text."""
    if cell is None or isinstance(cell, (bool, str)):
        return cell
    if isinstance(cell, int) and abs(cell) < _EXACT:
        return cell
    if isinstance(cell, float) and abs(cell) < float("inf"):
        return cell
    if isinstance(cell, (bytes, bytearray, memoryview)):
        return "0x" + bytes(cell).hex()
    return str(cell)
