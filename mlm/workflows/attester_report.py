"""`mlm attester report`: show that attesters signed what is false, and have them lose their stake.

`core/reporting.py` decides which reports are made, by what the contract's own views say; nothing is sent that these do
not show to be true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlm.core import reporting, tee
from mlm.core.dispute.commitment import salt_of
from mlm.core.errors import NotFound, StateConflict
from mlm.core.job import State
from mlm.core.money import Amount
from mlm.core.plan import NO_AMOUNT, NO_TEXT, Call, Plan, Tx
from mlm.core.reporting import Kind, Report, Statement
from mlm.core.settlement import challenger_part
from mlm.ports.bundle import Ports
from mlm.workflows import attest_gather, lookup, permit
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.attest_gather import VERIFIER
from mlm.workflows.events import decode
from mlm.workflows.quote_faults import PROOFS, fault_name
from mlm.workflows.report_evidence import Evidence, gather


@dataclass(frozen=True)
class Accusation:
    """Parameters of `attester report`: a job, attesters' answers in files, and a file with the quote of both."""

    job: str | None = None
    attestation: tuple[Path, ...] = ()
    quote: Path | None = None


@dataclass(frozen=True)
class Shown:
    """One report. `fault`: what is false; `other`: of an equivocation, the attestation that excludes this one."""

    report: Kind
    attestation: str  # its digest
    fault: str
    other: str = field(metadata=NO_TEXT)


@dataclass(frozen=True)
class Loss:
    """What an attester has lost, and the reporter's part of it; the rest burns."""

    attester: str
    lost: Amount
    reward: Amount


@dataclass(frozen=True)
class Reported:
    """What was shown, and what came of it. `bond` was taken and credited back; `state` is the job's, where one was
    named.
    """

    reporter: str
    job: str = field(metadata=NO_TEXT)
    state: State | None = field(metadata={"quiet": None})
    shown: tuple[Shown, ...]
    losses: tuple[Loss, ...]
    reward: Amount = field(metadata=NO_AMOUNT)
    bond: Amount = field(metadata=NO_AMOUNT)
    next: str


@dataclass(frozen=True)
class _Facts:
    job: lookup.Job | None
    shown: tuple[Shown, ...]
    losses: tuple[Loss, ...]
    bond: Amount


def plan_report(ports: Ports, params: Accusation) -> Plan[_Facts]:
    """A commitment to each report, and once that is a block old, the reports. No steps where all was shown already.

    Raises StateConflict where nothing is false, or nothing is left to lose, NotFound where only the quote would tell.
    """
    found = gather(ports, params.job or "", params.attestation, params.quote)
    stakes = _stakes(ports, found)
    made = reporting.reports(found.statements, stakes)
    if not made:
        return Plan("attester report", (), _nothing_left(ports, found))
    bonded = sum(report.kind is Kind.FALSE_CHAIN for report in made)
    bond = Amount(ports.chain.call(VERIFIER, "bond") if bonded else 0)
    losses = tuple(
        Loss(account, Amount(stakes[account]), Amount(challenger_part(stakes[account])))
        for report in made
        for account in report.losing
    )
    steps = _commitments(ports, made)
    for report in made:
        own = [loss for loss in losses if loss.attester in report.losing]
        first = not any(step.bond for step in steps)
        steps += _report(ports, report, found.quote or b"", own, bond, first=first)
    shown = tuple(_shown(report) for report in made)
    return Plan("attester report", steps, _Facts(found.job, shown, losses, Amount(bond * bonded)))


def is_due(ports: Ports, found: Evidence) -> bool:
    """Whether there is a report to make."""
    return bool(reporting.reports(found.statements, _stakes(ports, found)))


def _stakes(ports: Ports, found: Evidence) -> dict[str, int]:
    """What everybody who signed has left to lose."""
    accounts = {account for each in found.statements for account in each.signatures}
    members = (attest_gather.member(ports, account) for account in accounts)
    return {member.address: member.stake + member.unbonding for member in members}


def _commitments(ports: Ports, made: Sequence[Report]) -> tuple[Tx, ...]:
    """One transaction for those that do not stand yet."""
    me, now = ports.sender.address, ports.chain.block().timestamp
    calls = []
    for report in made:
        word = reporting.commitment(*_place(ports), me, report.subject, _salt(ports, report))
        _, committed_at = ports.chain.call(VERIFIER, "commitmentOf", me, word)
        if not committed_at or now >= committed_at + reporting.LIFETIME_S - reporting.MARGIN_S:
            calls.append(Call(VERIFIER, "commit", (word,)))
    if not calls:
        return ()
    call = calls[0] if len(calls) == 1 else Call(VERIFIER, "multicall", (tuple(calls),))
    return (Tx("commit to the report, so that nobody copies it", call),)


def _report(
    ports: Ports, report: Report, quote: bytes, losses: Sequence[Loss], bond: Amount, *, first: bool
) -> tuple[Tx, ...]:
    """The report, and what lets the contract take its bond; `first` of the plan to bring one."""
    call = Call(VERIFIER, str(report.kind), report.args(quote, _salt(ports, report)))
    title = f"{_words(report)}: {_effect(losses)}"
    if report.kind is not Kind.FALSE_CHAIN:
        return (Tx(title, call),)
    pay = permit.steps if first else permit.approved
    return pay(ports, Tx(title, call, bond=bond), bond)


def _words(report: Report) -> str:
    name = f"attestation 0x{report.statement.digest.hex()[:8]}"
    if report.other is not None:
        return f"show that {name} and 0x{report.other.digest.hex()[:8]} exclude each other"
    against = "its quote" if report.kind is Kind.CONTRADICTION else "the quote's own signatures"
    return f"hold {name} against {against} ({fault_name(report.statement.fault)})"


def _effect(losses: Sequence[Loss]) -> str:
    if not losses:
        return "nobody who signed it has stake, what rests on it is rejected"
    lost = ", ".join(f"{each.attester} loses {each.lost}" for each in losses)
    return f"{lost}, of which {Amount(sum(each.reward for each in losses))} are yours"


def _shown(report: Report) -> Shown:
    if report.other is not None:
        return _excluding(report.statement, report.other)
    return _disproved(report.statement, report.statement.fault)


def _disproved(statement: Statement, fault: int) -> Shown:
    return Shown(reporting.kind_of(fault), _hex(statement), fault_name(fault), "")


def _excluding(first: Statement, second: Statement) -> Shown:
    """Two attestations of one attester; the fault is the fields in which they differ."""
    there = second.attestation.message
    differing = [name for name, value in first.attestation.message.items() if there[name] != value]
    return Shown(Kind.EQUIVOCATION, _hex(first), ", ".join(differing), _hex(second))


def _hex(statement: Statement) -> str:
    return "0x" + statement.digest.hex()


def _salt(ports: Ports, report: Report) -> bytes:
    domain = reporting.salt_domain(*_place(ports))
    return salt_of(ports.signer.sign_typed(domain, reporting.TYPES, report.salted))


def _place(ports: Ports) -> tuple[int, str]:
    return ports.chain.chain_id(), ports.chain.address_of(VERIFIER)


def _nothing_left(ports: Ports, found: Evidence) -> _Facts:
    """What this account has shown already. Raises StateConflict, NotFound for whatever else cannot be reported."""
    me, known = ports.sender.address.lower(), _known(ports, found.statements)
    if own := tuple(shown for reporter, shown in known if reporter == me):
        return _Facts(found.job, own, (), Amount(0))
    if known or any(each.fault for each in found.statements) or reporting.pairs(found.statements):
        already = f"{known[0][0]} has shown it already, and" if known else "what was signed is false, but"
        raise StateConflict(
            f"{already} nobody who signed it has anything at stake", hint="`mlm attester show ATTESTER` tells."
        )
    if found.quote is None:
        raise NotFound(
            f"the quote that was signed about is not here: {found.missing}",
            hint="Give it by --quote FILE. Whoever lacks it as a consumer complains: `mlm job complain JOB`.",
        )
    kinds = {each.attestation.kind for each in found.statements}
    chain = "every signature in it is true" if kinds <= set(tee.CHAINED) else "its signatures no contract verifies"
    raise StateConflict(
        f"{PROOFS} finds no fault in what was signed: the quote says the same, and {chain}",
        hint="Nothing was sent: a report would convict nobody. `mlm verify` says whether the evidence is true.",
    )


def _known(ports: Ports, found: Sequence[Statement]) -> list[tuple[str, Shown]]:
    """What was shown of these statements, and by whom."""
    told = [
        (
            each.shown_by.lower(),
            Shown(reporting.kind_of(each.shown_fault), _hex(each), fault_name(each.shown_fault), ""),
        )
        for each in found
        if each.shown_by
    ]
    for first, second in reporting.pairs(found):
        both = {_hex(first), _hex(second)}
        for account in first.signatures.keys() & second.signatures.keys():
            for row in ports.state.query("equivocations", account=account):
                if {row["first_digest"], row["second_digest"]} == both:
                    told.append((row["reporter"], _excluding(first, second)))
    return told


def _after(ports: Ports, params: Accusation, plan: Plan[_Facts], done: tuple[DoneStep, ...]) -> Reported:
    """As the receipts have it; another reporter may have been first."""
    facts, me = plan.facts, ports.sender.address
    job = None if facts.job is None else lookup.read_job(ports, facts.job.job_id)
    losses = _lost(ports, facts, done)
    settle = job is not None and job.state is State.REJECTED and not job.record.settled_at
    return Reported(
        reporter=me,
        job="" if job is None else job.job_id,
        state=None if job is None else job.state,
        shown=facts.shown,
        losses=losses,
        reward=Amount(sum(each.reward for each in losses)),
        bond=facts.bond,
        next=f"mlm job settle {job.short}" if job is not None and settle else "mlm wallet withdraw",
    )


def _lost(ports: Ports, facts: _Facts, done: tuple[DoneStep, ...]) -> tuple[Loss, ...]:
    """What the receipts say; what was planned where one is lost."""
    if any(step.receipt is None for step in done):
        return facts.losses
    logs = tuple(log for step in done if step.receipt for log in step.receipt.logs)
    slashed = [each.args for each in decode(ports, logs) if each.name == "AttesterSlashed"]
    return tuple(Loss(each["attester"], Amount(each["amount"]), Amount(each["reward"])) for each in slashed)


REPORT = Operation(
    "attester report",
    Accusation,
    plan_report,
    _after,
    "What was shown stands; `mlm wallet withdraw` draws the reward.",
)
