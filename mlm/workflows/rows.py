"""Named queries of the index, whole: however many rows there are, a thousand at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlm.ports.bundle import Ports

ROWS = 1000  # that one query gives


def every(ports: Ports, query: str, **wanted: Any) -> Iterator[dict[str, Any]]:
    """All rows, in the query's order.

    Each thousand is a look of its own: where there are more, an index that another process lengthens meanwhile may give
    a row twice, and one that it rewinds may pass one over, which the next look gives. For what an
    account pays for itself, or must not miss; who shows what anybody can write asks for a page.
    """
    offset = 0
    while rows := ports.state.query(query, **wanted, limit=ROWS, offset=offset):
        yield from rows
        if len(rows) < ROWS:
            return
        offset += ROWS
