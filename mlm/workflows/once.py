"""Doing an operation that a killed run may have begun: what it signed is sent again, and nothing is done twice.

For operations whose plan is empty once they are done: they are planned anew, and the chain says what is left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mlm.core.errors import Reverted
from mlm.ports.bundle import Ports
from mlm.workflows import op
from mlm.workflows.apply import Applied, Operation, Preview, execute
from mlm.workflows.rerun import earlier, request_of

P = TypeVar("P")
R = TypeVar("R")


def resumed(ports: Ports, operation: Operation[P, R], params: P) -> None:
    """Do an operation whose plan is never empty; where this very one was begun and may have sent, that is ended
    instead. Raises as `once`, and asks nobody."""
    left = earlier(ports, operation.name, request_of(ports, operation.name, params))
    if left is None:
        execute(ports, operation, params)
    else:
        op.resume(ports, left)


def once(
    ports: Ports, operation: Operation[P, R], params: P, confirm: Callable[[Preview], bool] | None = None
) -> Applied[R]:
    """Resume what was begun of this very command, then do what is left of it: nothing where it is done by now.

    What was begun may have become impossible: a permit lasts an hour, and others settle jobs too. Then it is planned
    anew. That pays nothing twice: a posting has the same nonce again, and the market takes no nonce twice.
    Raises StateConflict while another process works on it, and what planning and applying raise.
    """
    left = earlier(ports, operation.name, request_of(ports, operation.name, params))
    if left is None:
        return execute(ports, operation, params, confirm)
    plan = operation.plan(ports, params)
    if not plan.steps:
        return Applied(operation.result(ports, params, plan, ()), ())
    try:
        op.resume(ports, left)
    except Reverted:
        return execute(ports, operation, params, confirm, again=True)
    return execute(ports, operation, params, confirm)
