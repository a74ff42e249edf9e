"""A worker ends when it is told to, and for nothing that a node answers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from mlm.adapters.wallet import devnet
from mlm.core.job import JobFacts
from mlm.core.money import Amount
from mlm.core.pricing import Margin
from mlm.memory.system import MemorySystem
from mlm.memory.works import MemoryWorks
from mlm.ports.bundle import Ports
from mlm.workflows.worker import Fact, Run, _Worker, work
from mlm.workflows.worker_look import _Known
from tests.workflows.test_private import PROVIDER, World


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
        journal=lambda: SimpleNamespace(operations=lambda **_: []),
    )
    params = Run(capacity=1, strategy=Margin(0, 0), collect_from=Amount(0))
    turns = iter([False] * 200 + [True] * 9)
    came = work(ports, params, lambda: ports, tell=told.append, stopped=lambda: next(turns))
    assert came.failures > 1 and [fact.what for fact in told if fact.what.startswith("waits: ")]
    assert len(told) == 1, "said once"


def test_near_its_deadline_a_lease_rests_for_a_quarter_of_what_is_left() -> None:
    """Ten minutes of rest after seven failures would lose a lock that an answer of the node could have saved."""
    won = World().job
    times = {"posted_at": 1, "bids_close_at": 100, "delivery_window": 9_000, "execution_window": 9_000}
    job = replace(won, record=replace(won.record, **times))
    ports = Ports(
        works=MemoryWorks,
        system=lambda: MemorySystem(seed=1),
        sender=lambda: SimpleNamespace(address=devnet.address(PROVIDER)),
    )
    tried = _Worker(ports, Run(1, Margin(0, 0), Amount(0)), lambda: ports, lambda fact: None)
    facts = JobFacts.of(job.record)
    for left, expected in ((4_000, 600.0), (400, 100.0), (20, 10.0)):
        tried._memory.jobs[job.job_id] = _Known((), job, sealed=False)
        tried._now = facts.bids_close_at + facts.delivery_window - left
        tried._failures[job.job_id] = 9
        tried._fail(job.job_id, KeyError())
        until = tried._memory.rests[job.job_id] - ports.system.monotonic()
        assert until == pytest.approx(expected, abs=1)
