"""All rows of a query, however many."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from mlm.ports.bundle import Ports
from mlm.workflows.rows import ROWS, every


@pytest.mark.parametrize("count", [0, 1, ROWS - 1, ROWS, ROWS + 1, 3 * ROWS + 7])
def test_no_row_is_missed_or_given_twice(count: int) -> None:
    asked: list[dict[str, Any]] = []

    def query(name: str, /, *, limit: int, offset: int, **wanted: Any) -> list[int]:
        asked.append({"name": name, **wanted})
        return [*range(count)][offset : offset + limit]

    ports = cast(Ports, SimpleNamespace(state=SimpleNamespace(query=query)))
    assert [*every(ports, "jobs", consumer="0x1")] == [*range(count)]
    assert asked == [{"name": "jobs", "consumer": "0x1"}] * (count // ROWS + 1)
