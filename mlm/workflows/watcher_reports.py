"""A watcher's reports: results of the tier tee that can still be judged, whose quotes convict who signed them, or not.

`core/reporting.py` decides; what is done is `mlm attester report`, journalled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlm.core.errors import ChainError, MlmError, NotFound
from mlm.core.job import State, Tier
from mlm.ports.bundle import Ports
from mlm.workflows import lookup
from mlm.workflows.apply import DoneStep, Preview, preview
from mlm.workflows.attest_gather import VERIFIER
from mlm.workflows.attester_report import REPORT, Accusation, is_due, plan_report
from mlm.workflows.once import once
from mlm.workflows.report_evidence import gather

_JUDGED = (State.SUBMITTED, State.DISPUTED)


class Reporting:
    """Each result is looked at until its quote is here, and then once. `made` counts what was reported.

    `affordable`: whether a report, as it is shown before it is sent, may lock and cost what it does.
    """

    def __init__(self, ports: Ports, *, observe: bool, affordable: Callable[[Preview], bool]) -> None:
        self._ports, self._observe, self._affordable = ports, observe, affordable
        self._seen: set[str] = set()
        self.made = 0
        try:
            ports.chain.address_of(VERIFIER)
        except NotFound:
            self._stands = False  # a deployment without attesters
        else:
            self._stands = True

    def may_judge(self, job: lookup.Job) -> bool:
        """Whether a result is yet to be looked at, and would be rejected for what is found."""
        return self._stands and job.tier is Tier.TEE and job.state in _JUDGED and job.job_id not in self._seen

    def move(self, job: lookup.Job, say: Callable[[str, str], None]) -> Sequence[DoneStep]:
        """Look at a result, and report what is false; what was done for it. Raises MlmErrors."""
        try:
            found = gather(self._ports, job.job_id, (), None)
        except ChainError:
            raise
        except MlmError as error:
            say(job.job_id, f"cannot be checked yet: {error}")
            return ()
        if not is_due(self._ports, found):
            if found.quote is None:
                say(job.job_id, f"cannot be checked yet: {found.missing}")
            else:
                self._seen.add(job.job_id)
            return ()
        asked = Accusation(job.job_id)
        if self._observe:
            self._seen.add(job.job_id)
            say(job.job_id, f"would run: mlm {REPORT.name} {job.short}")
            return ()
        if not self._affordable(preview(self._ports, plan_report(self._ports, asked))):
            say(job.job_id, "left alone: a report would lock or cost more than allowed")
            return ()
        steps = once(self._ports, REPORT, asked).steps
        self.made += 1
        return steps
