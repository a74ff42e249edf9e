"""A watcher's audits: which results are drawn, and its next move in those that it takes part in.

`core/dispute/audit.py` decides; what is done is `mlm audit join`, journalled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlm.core.dispute import audit
from mlm.core.errors import NotFound
from mlm.ports.bundle import Ports
from mlm.workflows import audit_look, audit_show, lookup
from mlm.workflows.apply import DoneStep
from mlm.workflows.audit import JOIN
from mlm.workflows.job_close import JobName
from mlm.workflows.once import once
from mlm.workflows.watcher_spending import Spending


class Audits:
    """Those that may ask this account for a move. `committed` counts those joined here; `paid` is in base units."""

    def __init__(self, ports: Ports, spending: Spending, *, observe: bool, needed: bool) -> None:
        """Raises NotFound on a deployment without audits, where they are `needed`."""
        self._ports, self._spending, self._observe = ports, spending, observe
        self._open: dict[str, None] = {}
        self._undrawn: set[str] = set()
        self._rules: audit.Rules | None = None
        self.committed = self.paid = 0
        try:
            self._rules = audit_look.rules(ports)
        except NotFound:
            if needed:
                raise
            return
        self._open = dict.fromkeys(job for job, paid in audit_show.taken_part(ports).items() if not paid)

    @property
    def names(self) -> tuple[str, ...]:
        """The jobs to ask about."""
        return tuple(self._open) if self._rules is not None else ()

    def add(self, name: str) -> None:
        """A result that was found true."""
        self._open[name] = None

    def is_undrawn(self, name: str) -> bool:
        """Whether it is known that nobody is paid for looking at a result."""
        return name in self._undrawn

    def is_drawn(self, job: lookup.Job) -> bool:
        """Whether a result is drawn; where nobody has drawn yet, this account does, if it may take part."""
        assert self._rules is not None
        found = audit_look.look(self._ports, job, self._rules)
        if found.is_drawn is False:
            self._undrawn.add(job.job_id)
        elif found.is_drawn is None:
            self._open[job.job_id] = None
        return bool(found.is_drawn)

    def move(self, name: str, *, is_true: bool, say: Callable[[str, str], None]) -> Sequence[DoneStep]:
        """Make the next move in an audit; what was done for it, nothing where there was none.

        Raises TooDear where a limit does not take it, and MlmErrors.
        """
        assert self._rules is not None
        job, block = lookup.read_job(self._ports, name), self._ports.chain.block()
        found = audit_look.look(self._ports, job, self._rules)
        if audit.is_over(found, block.timestamp):
            del self._open[name]
            return ()
        move = audit.next_move(found, block.timestamp, block.number)
        if move is None or (isinstance(move, audit.Commit) and not is_true):
            return ()
        if self._observe:
            say(name, f"would run: mlm {JOIN.name} {job.short}")
            return ()
        done = once(self._ports, JOIN, JobName(name), self._spending.asked(job.job_id, begins=True))
        me = self._ports.sender.address.lower()
        if isinstance(move, audit.Commit):
            self.committed += 1
        if isinstance(move, audit.Claim):
            self.paid += sum(each.paid for each in done.result.auditors if each.auditor == me)
        return done.steps
