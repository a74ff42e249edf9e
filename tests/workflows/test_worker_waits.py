"""A worker ends when it is told to, and for nothing that a node answers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mlm.core.money import Amount
from mlm.core.pricing import Margin
from mlm.memory.system import MemorySystem
from mlm.memory.works import MemoryWorks
from mlm.ports.bundle import Ports
from mlm.workflows.worker import Fact, Run, work


@pytest.mark.parametrize("error", [TypeError("a list"), KeyError("result"), RecursionError(), OverflowError()])
def test_a_node_that_answers_nonsense_is_waited_for(error: Exception) -> None:
    class Node:
        def __getattr__(self, name: str) -> Any:
            raise error

    told: list[Fact] = []
    ports = Ports(
        chain=Node,
        state=Node,
        works=MemoryWorks,
        system=lambda: MemorySystem(seed=1),
        sender=lambda: SimpleNamespace(address="0x" + "ab" * 20),
        journal=lambda: SimpleNamespace(operations=list),
    )
    params = Run(capacity=1, strategy=Margin(0, 0), collect_from=Amount(0))
    turns = iter([False] * 200 + [True] * 9)
    came = work(ports, params, lambda: ports, tell=told.append, stopped=lambda: next(turns))
    assert came.failures > 1 and [fact.what for fact in told if fact.what.startswith("waits: ")]
    assert len(told) == 1, "said once"
