"""`mlm audit show|list`: how a result's audit stands, the pool, and what this account has audited. Never sends."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core.clock import Instant
from mlm.core.dispute import audit
from mlm.core.dispute.audit import Audit, Claim, Commit, Decide, Draw, Move, Open, Release, Stage
from mlm.core.job import Role, State
from mlm.core.money import Amount
from mlm.core.plan import FIRST_PAGE, NO_AMOUNT
from mlm.ports.bundle import Ports
from mlm.workflows import audit_look, lookup
from mlm.workflows.audit_look import CONTRACT
from mlm.workflows.sync import sync

PAGE = 50
_MOVES: dict[type[Move], str] = {
    Decide: "draw",
    Commit: "commit to the trace",
    Open: "open the leaves that were drawn",
    Claim: "take the pay",
    Release: "put back what was set aside",
}


@dataclass(frozen=True)
class Auditor:
    """Whoever takes part in an audit. `stake` is its share's weight, `paid` what it has taken."""

    auditor: str
    stage: str
    stake: Amount
    paid: Amount


@dataclass(frozen=True)
class AuditView:
    """The audit of one result. `drawn` is None until it is known; `pay` is that of all auditors together."""

    job: str
    state: State
    drawn: bool | None
    pay: Amount
    commit_by: Instant
    open_by: Instant
    auditors: tuple[Auditor, ...]
    yours: str  # what this account can do now, or why nothing
    next: str | None


@dataclass(frozen=True)
class AuditRow:
    """A result that this account audits or has audited."""

    job: str
    state: State
    stage: str
    yours: str
    paid: Amount


@dataclass(frozen=True)
class Audits:
    """The pool, what an auditor needs, and this account's audits, the newest first.

    `drawn_bps` of all results are audited, on average; `pay_bps` of a job's price is what its auditors get together.
    """

    pool: Amount
    drawn_bps: int = field(metadata=NO_AMOUNT)
    pay_bps: int = field(metadata=NO_AMOUNT)
    needs_stake: Amount
    stake: Amount
    audits: tuple[AuditRow, ...]
    offset: int = field(default=0, metadata=FIRST_PAGE)


def show(ports: Ports, name: str) -> AuditView:
    """One result's audit. Raises UsageError and StateConflict as `audit_look.named`."""
    job = audit_look.named(ports, name)
    found = audit_look.look(ports, job, audit_look.rules(ports))
    move = _move(ports, found)
    return AuditView(
        job=job.job_id,
        state=job.state,
        drawn=found.is_drawn,
        pay=Amount(found.pay),
        commit_by=Instant(found.closes_at),
        open_by=Instant(found.open_by),
        auditors=auditors(ports, job.job_id),
        yours=why(found) if move is None else _MOVES[type(move)],
        next=None if move is None else f"mlm audit join {job.short}",
    )


def auditors(ports: Ports, job_id: str) -> tuple[Auditor, ...]:
    """All who have committed to a result's trace, in the order of their first commitment."""
    rows = audit_look.rows(ports, job_id=job_id)
    accounts = dict.fromkeys(row["account"] for row in rows if row["account"])
    return tuple(
        Auditor(
            account,
            audit_look.stage_of(rows, account).name.lower(),
            Amount([row["amount"] for row in rows if (row["account"], row["change"]) == (account, "committed")][-1]),
            Amount(sum(row["amount"] for row in rows if (row["account"], row["change"]) == (account, "paid"))),
        )
        for account in accounts
    )


def listed(ports: Ports, offset: int = 0) -> Audits:
    """The pool, and this account's audits."""
    sync(ports)
    rules, me = audit_look.rules(ports), ports.sender.address
    jobs = taken_part(ports)
    return Audits(
        pool=Amount(ports.chain.call(CONTRACT, "pool")),
        drawn_bps=rules.draw_bps,
        pay_bps=rules.pay(audit.BPS),
        needs_stake=Amount(rules.min_stake),
        stake=Amount(ports.chain.call("StakeVault", "freeOf", me, int(Role.WATCHER))),
        audits=tuple(_row(ports, job, rules) for job in [*jobs][::-1][offset : offset + PAGE]),
        offset=offset,
    )


def taken_part(ports: Ports) -> dict[str, bool]:
    """Jobs whose audits this account takes part in, in the order of its first commitment; True where it is paid."""
    rows = audit_look.rows(ports, account=ports.sender.address)
    return {row["job_id"]: row["change"] == "paid" for row in rows}


def _row(ports: Ports, job_id: str, rules: audit.Rules) -> AuditRow:
    job = lookup.read_job(ports, job_id)
    found = audit_look.look(ports, job, rules)
    move = _move(ports, found)
    mine = [each for each in auditors(ports, job_id) if each.auditor == ports.sender.address.lower()]
    yours = why(found) if move is None else _MOVES[type(move)]
    return AuditRow(job_id, job.state, found.stage.name.lower(), yours, mine[0].paid)


def _move(ports: Ports, found: Audit) -> Move | None:
    block = ports.chain.block()
    return audit.next_move(found, block.timestamp, block.number)


def why(found: Audit) -> str:
    """Why an account has nothing to do in an audit, at a time when it has nothing."""
    if found.stage is Stage.PAID:
        return "it is paid"
    if found.state is State.REJECTED:
        return "the result was rejected, and nobody is paid for it"
    if found.stage is Stage.OPENED:
        return f"pay is due at {Instant(found.open_by)}, once the job is accepted"
    if found.stage is Stage.COMMITTED:
        return _waits(found.positions, f"positions are drawn at {Instant(found.positions.ends_at)}")
    if found.is_drawn is False:
        return "it was not drawn"
    if not found.eligible:
        return f"it takes {Amount(found.rules.min_stake)} of stake as a watcher, and not to be the job's provider"
    if not (found.pay and found.funded):
        return f"the pool does not hold the pay of {Amount(found.pay)}"
    if found.state in (State.SUBMITTED, State.DISPUTED) and found.is_drawn is None:
        return _waits(found.choosing, f"it is drawn, or not, at {Instant(found.choosing.ends_at)}")
    return f"commitments are taken until {Instant(found.closes_at)}"


def _waits(draw: Draw, otherwise: str) -> str:
    return "its draw was recorded too late" if draw.block and not draw.seed else otherwise
