"""`mlm accuse convict|contradict|lapse`: how an accusation of a payee ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mlm.core.accusation import AccusationState
from mlm.core.clock import Duration
from mlm.core.errors import NotFound, StateConflict, UsageError
from mlm.core.job import State
from mlm.core.money import Amount
from mlm.core.plan import NO_TEXT, Call, Plan, Tx
from mlm.core.settlement import challenger_part
from mlm.ports.bundle import Ports
from mlm.workflows import accuse_show, channel_show, lookup, statements
from mlm.workflows.accuse_show import Accusation, AccusationView
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.bond import CONTRACT, bonded


@dataclass(frozen=True)
class Convict:
    """Parameters of `accuse convict`: an accusation, and the job that proves it; None for any of its payer's."""

    accusation: str
    job: str | None = None


@dataclass(frozen=True)
class Contradict:
    """Parameters of `accuse contradict`: two files of evidence. `model` names the model's file, as in `accuse open`."""

    first: Path
    second: Path
    model: str | None = None


@dataclass(frozen=True)
class Lapse:
    """Parameters of `accuse lapse`."""

    accusation: str


@dataclass(frozen=True)
class Convicted:
    """A conviction. `slashed` left the bond, `reward` is the payer's half of it, `deposit` what came back beside."""

    accusation: str
    payee: str
    job: str = field(metadata=NO_TEXT)
    slashed: Amount
    reward: Amount
    deposit: Amount
    next: str


@dataclass(frozen=True)
class _Judged:
    accusation: str
    job: str


def plan_convict(ports: Ports, params: Convict) -> Plan[_Judged]:
    """Slash by an accepted job with other outputs; nothing where it is proven. Raises StateConflict, NotFound."""
    found = accuse_show.find(ports, params.accusation)
    if found.state is AccusationState.PROVEN:
        return Plan("accuse convict", (), _Judged(found.accusation_id, found.row["job_id"] or ""))
    _need_standing(found)
    if found.payer.lower() != ports.sender.address.lower():
        raise StateConflict(
            f"{found.payer} has accused, expected {ports.sender.address}: who accused convicts, by a job of its own",
            hint="Choose the account with --account.",
        )
    job = _judge(ports, found, params.job)
    slashed = Amount(min(_left(ports, job), bonded(ports, found.payee, found.version_id)))
    call = Call(CONTRACT, "convict", (found.raw, job.raw, job.terms.as_args()))
    title = f"convict {found.payee} by job {job.short}: it loses {slashed}, {Amount(challenger_part(slashed))} is yours"
    return Plan("accuse convict", (Tx(title, call),), _Judged(found.accusation_id, job.job_id))


def _left(ports: Ports, job: lookup.Job) -> int:
    """Base units that convictions by a job can still take: its lock, less what others by it have taken."""
    taken: int = ports.chain.call(CONTRACT, "takenBy", job.raw)
    return job.record.lock - taken


def _need_standing(found: Accusation) -> None:
    if found.state is not AccusationState.STANDS:
        raise StateConflict(
            f"accusation {found.short} is {found.state}, expected that it stands",
            hint=f"`mlm accuse show {found.short}` tells how it ended.",
        )


def _judge(ports: Ports, found: Accusation, name: str | None) -> lookup.Job:
    """The job that proves it. Raises NotFound, StateConflict: it agrees, or is not accepted."""
    jobs = list(accuse_show.judging(ports, found))
    if name is not None:
        wanted = lookup.job(ports, name)
        jobs = [job for job in jobs if job.job_id == wanted.job_id]
        if not jobs:
            raise StateConflict(
                f"job {wanted.short} proves nothing about accusation {found.short}: expected a job of its payer in the "
                "tier optimistic, with the same version and input, whose result came after the accusation",
                hint=f"`mlm accuse show {found.short}` names the job that does.",
            )
    accepted = [job for job in jobs if job.state is State.ACCEPTED]
    proving = [job for job in accepted if not accuse_show.agrees(job, found)]
    if proving:
        return max(proving, key=lambda job: _left(ports, job))
    running = [job for job in jobs if job.state is not State.ACCEPTED and job.state not in accuse_show.FAILED]
    if accepted and not running:
        raise StateConflict(
            f"job {accepted[0].short} came to the very outputs that {found.payee} has signed: it convicts nobody",
            hint="It could be disputed while its window lasted; if it is false too, `mlm accuse open FILE --max-price "
            "PRICE` posts another.",
        )
    if running:
        raise StateConflict(
            f"job {running[0].short} is {running[0].state}, expected accepted",
            hint=f"`mlm job wait {running[0].short}` follows it; then run this again.",
        )
    if jobs:
        raise StateConflict(
            f"job {jobs[0].short} is {jobs[0].state}, expected accepted",
            hint="Nothing comes of it any more: `mlm accuse open FILE --max-price PRICE` posts another.",
        )
    raise NotFound(
        f"no job has run the input of accusation {found.short}",
        hint="`mlm accuse open FILE --max-price PRICE` posts one.",
    )


def plan_contradict(ports: Ports, params: Contradict) -> Plan[_Judged]:
    """Slash the whole bond by two statements about one input; nothing where the first has convicted.

    Raises UsageError where they are about different things, StateConflict where they agree or nothing is left.
    """
    first = statements.read(ports, params.first, params.model)
    second = statements.read(ports, params.second, params.model, paid=False)
    accusation_id = first.accusation(ports)
    if ports.chain.call(CONTRACT, "isSpent", bytes.fromhex(accusation_id[2:])):
        return Plan("accuse contradict", (), _Judged(accusation_id, ""))
    for what, here, there in (
        ("payee", first.payee, second.payee),
        ("version", first.version_id, second.version_id),
        ("input", first.statement.exact_input.hex(), second.statement.exact_input.hex()),
    ):
        if here.lower() != there.lower():
            raise UsageError(f"the {what} of both results: expected the same, found {here} and {there}")
    if first.statement.exact_output == second.statement.exact_output:
        raise StateConflict(
            "both results say the same: nothing contradicts",
            hint="`mlm accuse open FILE --max-price PRICE` has a job run the input.",
        )
    terms = channel_show.find(ports, first.statement.result.channel).terms
    if terms.payer.lower() != ports.sender.address.lower():
        raise StateConflict(
            f"the first call was paid by {terms.payer}, expected {ports.sender.address}",
            hint="Choose the account with --account, or name the files the other way round.",
        )
    bond = bonded(ports, first.payee, first.version_id)
    if not bond:
        raise StateConflict(f"{first.payee} has no bond for this version: there is nothing to take")
    call = Call(CONTRACT, "contradict", (terms.as_args(), first.statement.as_args(), second.statement.as_args()))
    title = f"convict {first.payee}, who has signed both: it loses {bond}, {Amount(challenger_part(bond))} is yours"
    return Plan("accuse contradict", (Tx(title, call),), _Judged(accusation_id, ""))


def plan_lapse(ports: Ports, params: Lapse) -> Plan[str]:
    """End an accusation that nobody has proven; nothing where it has ended. Raises StateConflict before its time."""
    found = accuse_show.find(ports, params.accusation)
    if found.state is not AccusationState.STANDS:
        return Plan("accuse lapse", (), found.accusation_id)
    now = ports.chain.block().timestamp
    if now < found.lapses_at:
        raise StateConflict(
            f"accusation {found.short} stands for another {Duration(found.lapses_at - now)}", hint="Run it again then."
        )
    call = Call(CONTRACT, "lapse", (found.raw,))
    return Plan(
        "accuse lapse", (Tx(f"end accusation {found.short}, which nobody has proven", call),), found.accusation_id
    )


def _convicted(
    ports: Ports, params: Convict | Contradict, plan: Plan[_Judged], done: tuple[DoneStep, ...]
) -> Convicted:
    """As the index has it, which the chain's events make: whoever else was first has changed what was left."""
    found = accuse_show.find(ports, plan.facts.accusation)
    slashed = Amount(found.row["slashed"] or 0)
    # An earlier accusation of the same statement may have given its deposit back as well.
    mine = [
        row["amount"]
        for row in ports.state.query("bond_credits", accusation_id=found.accusation_id, account=found.payer.lower())
        if row["timestamp"] == found.row["ended_at"]
    ]
    reward = Amount(challenger_part(slashed))
    return Convicted(
        accusation=found.accusation_id,
        payee=found.payee,
        job=plan.facts.job,
        slashed=slashed,
        reward=reward,
        deposit=Amount(sum(mine) - reward),
        next="mlm wallet withdraw",
    )


def _lapsed(ports: Ports, params: Lapse, plan: Plan[str], done: tuple[DoneStep, ...]) -> AccusationView:
    return accuse_show.show(ports, plan.facts)


CONVICT = Operation("accuse convict", Convict, plan_convict, _convicted, "A conviction stands.")
CONTRADICT = Operation("accuse contradict", Contradict, plan_contradict, _convicted, "A conviction stands.")
LAPSE = Operation(
    "accuse lapse", Lapse, plan_lapse, _lapsed, "The same statement can be accused again: `mlm accuse open FILE`."
)
