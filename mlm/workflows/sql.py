"""`mlm sql`: the user's read-only SQL over the local index."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass, make_dataclass
from typing import Any

from mlm.core.errors import UsageError
from mlm.ports.bundle import Ports
from mlm.ports.state import SQL_ROWS

_EXACT = 2**53  # beyond it JSON readers round: such numbers are spelt as text


@dataclass(frozen=True)
class Rows:
    """A query's answer: each row a record whose fields are the columns. `truncated`: there were more than `limit`."""

    truncated: bool
    limit: int
    rows: tuple[Any, ...]


def sql(ports: Ports, text: str, *, limit: int = SQL_ROWS) -> Rows:
    """Run one SELECT; raises UsageError when it is not one, fails, or takes too long."""
    if not 1 <= limit <= SQL_ROWS:
        raise UsageError(f"--limit: expected 1 to {SQL_ROWS}, found {limit}")
    columns, found = ports.state.sql(text)
    record = make_dataclass("Record", _fields(columns), frozen=True)
    rows = tuple(record(*(_plain(cell) for cell in row)) for row in found[:limit])
    return Rows(truncated=len(found) > limit, limit=limit, rows=rows)


def _fields(columns: Sequence[str]) -> list[str]:
    """The columns' names, made distinct identifiers."""
    names: list[str] = []
    for column in columns:
        name = re.sub(r"\W", "_", column)
        if not name.isidentifier() or keyword.iskeyword(name):
            name = f"column_{name}"
        names.append(name if name not in names else f"{name}_{len(names)}")
    return names


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
