"""`mlm verify --policy FILE`: each demand of a policy is one more numbered check of a verification. Never sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from mlm.core import verify_policy
from mlm.core.verify_policy import Demand, Judged
from mlm.ports.bundle import Ports
from mlm.workflows.verify_checks import RECOMPUTED, Step, Verification, make


def read(ports: Ports, file: Path | None) -> tuple[Demand, ...]:
    """The demands of a policy file; none without one. Raises UsageError, NotFound, InvalidData."""
    return () if file is None else verify_policy.parse(ports.files.read(file, verify_policy.MAX_FILE), str(file))


def held_to(demands: Sequence[Demand], found: Verification) -> Verification:
    """The verification with each demand as a check behind its own; `complete` is still about its own."""
    judged = Judged(
        kind=found.kind,
        tier=found.tier,
        complete=found.complete,
        guaranteed_by=found.guaranteed_by,
        cost=found.cost_to_cheat,
        facts=found.evidence,
    )
    steps = tuple(Step(each.check, partial(each.judge, judged), each.against, RECOMPUTED) for each in demands)
    more = tuple(make(steps, len(found.checks) + 1))
    return replace(
        found, verified=found.verified and all(check.passed for check in more), checks=(*found.checks, *more)
    )
