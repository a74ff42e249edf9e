"""What is known of the audit of a result: the contract's rules, what its log has told, and what this account may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlm.core.dispute import audit
from mlm.core.dispute.audit import Audit, Draw, KeyedTrace, Rules, Stage
from mlm.core.errors import StateConflict, UsageError
from mlm.core.exact.trace import Trace
from mlm.core.job import Role
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, tiers
from mlm.workflows.rows import every

CONTRACT = "AuditRewards"
# In the order of AuditParams; then the market's fee.
_RULES = ("drawBps", "shareBps", "protocolFeeBps", "period", "openWindow", "minStake")
_STAGES = {"committed": Stage.COMMITTED, "opened": Stage.OPENED, "paid": Stage.PAID}


def rules(ports: Ports) -> Rules:
    """What the contract was deployed with. Raises NotFound on a deployment that has none."""
    return Rules(*(int(ports.chain.call(CONTRACT, name)) for name in _RULES))


def named(ports: Ports, name: str) -> lookup.Job:
    """A job with a trace as its result. Raises UsageError for a tier that has none, StateConflict before it."""
    job = lookup.settled_job(ports, name)
    if not tiers.of(job.tier).challenged:
        raise UsageError(
            f"job {job.short} has the tier {job.tier}: only results of the tier optimistic or redundant are audited",
            hint="`mlm verify JOB` says who checks this one.",
        )
    if job.record.submitted_at == 0:
        raise StateConflict(f"job {job.short} is {job.state}: there is nothing to audit yet")
    return job


def look(ports: Ports, job: lookup.Job, found: Rules) -> Audit:
    """What the synced index and the chain say of a result's audit."""
    record, me = job.record, ports.sender.address.lower()
    choosing, positions, closes_at, open_by = audit.times(found, record.submitted_at, record.verification_window)
    stage = stage_of(rows(ports, job_id=job.job_id, account=me), me)
    pay = found.pay(record.price)
    left, weight = ports.chain.call(CONTRACT, "auditOf", job.raw)
    eligible = funded = False
    if stage is Stage.NONE:
        stake = int(ports.chain.call("StakeVault", "freeOf", ports.sender.address, int(Role.WATCHER)))
        eligible = stake >= found.min_stake and (job.provider or "").lower() != me
        funded = left > 0 or int(ports.chain.call(CONTRACT, "pool")) >= pay
    return Audit(
        job_id=job.job_id,
        state=job.state,
        rules=found,
        choosing=draw(ports, choosing, found),
        positions=draw(ports, positions, found),
        closes_at=closes_at,
        open_by=open_by,
        stage=stage,
        eligible=eligible,
        pay=pay,
        funded=funded,
        due=left > 0,
        opened=weight > 0,
    )


def rows(ports: Ports, **wanted: Any) -> list[Mapping[str, Any]]:
    """All that was logged about the audits of a job or of an account, in its order."""
    return [*every(ports, "audits", **wanted)]


def stage_of(rows: Sequence[Mapping[str, Any]], account: str) -> Stage:
    """How far an account is, from the rows about a result, in their order."""
    own = [_STAGES[row["change"]] for row in rows if row["account"] == account]
    return own[-1] if own else Stage.NONE


def draw(ports: Ports, period: int, found: Rules) -> Draw:
    """The draw of a period as the log tells it."""
    block, seed = 0, b""
    for row in ports.state.query("audit_draws", period=period):
        block = row["drawn_block"] or block
        seed = bytes.fromhex(row["seed"][2:]) if row["seed"] else seed
    return Draw(period, (period + 1) * found.period, block, seed)


def keyed(ports: Ports, job_id: str, trace: Trace) -> KeyedTrace:
    """A trace, keyed for this account."""
    place = (ports.chain.chain_id(), ports.chain.address_of(CONTRACT))
    return KeyedTrace(trace, audit.key_of(*place, job_id, ports.sender.address))
