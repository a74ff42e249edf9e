"""A watcher's replicas: the jobs that its account was drawn for, or may draw for, and its next move in each.

`core/dispute/replica.py` decides; what is done is `mlm replica step`, journalled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mlm.core.dispute import answer, replica
from mlm.core.dispute.replica import Add, Commit, Fund, Replicas, Settle, Stage
from mlm.core.errors import NotFound
from mlm.core.job import State
from mlm.ports.bundle import Ports
from mlm.workflows import dispute, dispute_look, lookup, replica_look
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.job_close import JobName
from mlm.workflows.once import once
from mlm.workflows.replica import STEP, Step


class Replicating:
    """Those that may ask this account for a move. `committed` counts those that it has run here, `drawn` holds the jobs
    that it was drawn for when it last looked: their results are checked whatever is asked for.

    `secrets` is how many deposits of the beacon it may have lost, or wait for, when it adds a secret."""

    def __init__(self, ports: Ports, *, observe: bool, secrets: int) -> None:
        self._ports, self._observe, self._secrets = ports, observe, secrets
        self._rules: replica_look.Rules | None = None
        self._over: set[str] = set()
        self._may_draw = self._may_add = False
        self.committed = 0
        self.drawn: frozenset[str] = frozenset()
        try:
            self._rules = replica_look.rules(ports)
        except NotFound:
            return  # a deployment without replicas

    def look(self, left: float | None) -> None:
        """Read once what all jobs need: those that it was drawn for, its slot, and whether it adds secrets, as one that
        is to run for `left` seconds more (None: without end). Raises MlmErrors."""
        if self._rules is None:
            return
        me = self._ports.sender.address
        rows = replica_look.rows(self._ports, account=me.lower())
        self.drawn = frozenset(row["job_id"] for row in rows if row["change"] == "drawn")
        self._may_draw = bool(self._ports.chain.call(replica_look.CONTRACT, "slotOf", me)[3])
        self._may_add = replica_look.may_add(self._ports, self._rules, self._secrets, left)

    def names(self, undrawn: Sequence[str]) -> tuple[str, ...]:
        """Jobs to look at: those that it was drawn for and are not over, and leased ones that it may draw for."""
        if self._rules is None:
            return ()
        mine = self.drawn - self._over
        return (*sorted(mine), *(name for name in undrawn if self._may_draw and name not in mine))

    def move(self, name: str, say: Callable[[str, str], None]) -> tuple[Sequence[DoneStep], bool]:
        """Make the next move about a job: what was done for it, and whether another one may be near.

        Raises MlmErrors.
        """
        assert self._rules is not None
        job, now = lookup.read_job(self._ports, name), self._ports.chain.block().timestamp
        found = replica_look.look(self._ports, job, self._rules, secret=self._may_add)
        if found.settled:
            self._over.add(name)
            return (), False
        waits = found.round is not None and (
            found.round.added or found.round.fresh
        )  # for its secret's turn, or a block
        move = replica.next_move(found, now)
        if move is None and self._answers(job, found, now):
            return self._do(job, dispute.RESPOND, JobName(name), say), True
        if move is None:
            return (), waits
        if found.stage is Stage.NONE and isinstance(move, Fund | Settle):
            return (), False
        done = self._do(job, STEP, Step(name, secret=isinstance(move, Add)), say)
        self.committed += bool(done) and isinstance(move, Commit)
        return done, True

    def _do(
        self, job: lookup.Job, operation: Operation[Any, Any], params: Any, say: Callable[[str, str], None]
    ) -> Sequence[DoneStep]:
        if self._observe:
            say(job.job_id, f"would run: mlm {operation.name} {job.short}")
            return ()
        return once(self._ports, operation, params).steps

    def _answers(self, job: lookup.Job, found: Replicas, now: int) -> bool:
        """Whether a game about a result that this account has confirmed waits for an answer."""
        if found.stage is not Stage.EQUAL or job.state is not State.DISPUTED:
            return False
        return any(answer.is_due(game, now) for game in dispute_look.games(self._ports, job.job_id))
