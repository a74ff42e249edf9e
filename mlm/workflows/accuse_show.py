"""`mlm accuse list|show`: accusations of payees as the chain has them now, and the jobs that can prove them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlm.core.accusation import AccusationState
from mlm.core.clock import Instant
from mlm.core.errors import NotFound, UsageError
from mlm.core.job import FINALITY, Reason, State, Tier
from mlm.core.money import Amount
from mlm.core.plan import FIRST_PAGE, NO_AMOUNT, NO_MORE, NO_TEXT
from mlm.core.refs import parse_accusation
from mlm.ports.bundle import Ports
from mlm.workflows import lookup
from mlm.workflows.bond import CONTRACT, bonded
from mlm.workflows.channel_show import asset_of
from mlm.workflows.rows import every
from mlm.workflows.sync import sync

PAGE = 50
# From which no result comes any more.
FAILED = (State.REJECTED, State.EXPIRED, State.CANCELLED, State.UNDELIVERED, State.DEFAULTED)


@dataclass(frozen=True)
class Accusation:
    """An accusation, or a conviction without one. The contract decides, the index has found it."""

    accusation_id: str
    version_id: str
    payee: str
    payer: str
    state: AccusationState
    accused_at: int
    lapses_at: int
    exact_input: str  # empty where two statements contradicted each other
    exact_output: str
    row: Mapping[str, Any]

    @property
    def raw(self) -> bytes:
        """The id as the contract takes it."""
        return bytes.fromhex(self.accusation_id[2:])

    @property
    def short(self) -> str:
        """The id as messages have it; it serves in commands."""
        return self.accusation_id[:10]


@dataclass(frozen=True)
class AccusationCredit:
    """What an account was credited by the end of an accusation, and why."""

    account: str
    reason: Reason
    amount: Amount


@dataclass(frozen=True)
class AccusationView:
    """An accusation as people read it. `job`: what has proven it, or else the payer's newest job with its input.

    `bond` is what stands behind the payee's statements about this version now, `slashed` what a conviction took.
    """

    accusation: str
    asset: str
    state: AccusationState
    next: str | None
    payee: str
    payer: str
    channel: str = field(metadata=NO_TEXT)
    call: int = field(metadata=NO_AMOUNT)
    accused_at: Instant
    lapses_at: Instant
    ended_at: Instant
    job: str = field(metadata=NO_TEXT)
    job_state: State | None = field(metadata={"quiet": None})
    bond: Amount
    slashed: Amount
    finality: str
    credits: tuple[AccusationCredit, ...] = ()


@dataclass(frozen=True)
class AccusationRow:
    """An accusation in a list."""

    accusation: str
    asset: str
    state: AccusationState
    slashed: Amount
    accused_at: Instant
    lapses_at: Instant
    payer: str
    payee: str


@dataclass(frozen=True)
class AccusationList:
    """One page of accusations, newest first; `more` says that another page follows."""

    accusations: tuple[AccusationRow, ...]
    page: int = field(metadata=FIRST_PAGE)
    more: bool = field(metadata=NO_MORE)


def find(ports: Ports, text: str) -> Accusation:
    """Resolve accusation/ID or a unique prefix, synced to the chain's head. Raises UsageError, NotFound."""
    prefix = parse_accusation(text)
    sync(ports)
    found = [row["accusation_id"] for row in ports.state.query("accusation_prefix", prefix=prefix)]
    if not found:
        raise NotFound(f"no accusation starts with {prefix}", hint="`mlm accuse list` shows the accusations.")
    if len(found) > 1:
        raise UsageError(f"{prefix} matches {len(found)} accusations: {', '.join(found[:4])}", hint="Give more digits.")
    return read(ports, ports.state.query("accusations", accusation_id=found[0])[0])


def read(ports: Ports, row: Mapping[str, Any]) -> Accusation:
    """An accusation from its newest row in the index: how it stands the contract says."""
    accusation_id = row["accusation_id"]
    payee, accused_at, lapses_at, payer, ended, *_ = _on_chain(ports, accusation_id)
    spent = ports.chain.call(CONTRACT, "isSpent", bytes.fromhex(accusation_id[2:]))
    state = AccusationState.PROVEN if spent else AccusationState.LAPSED if ended else AccusationState.STANDS
    return Accusation(
        accusation_id=accusation_id,
        version_id=row["version_id"],
        payee=payee if accused_at else row["payee"],
        payer=payer if accused_at else row["payer"],
        state=state,
        accused_at=accused_at,
        lapses_at=lapses_at,
        exact_input=row["exact_input"] or "",
        exact_output=row["exact_output"] or "",
        row=row,
    )


def standing(ports: Ports, accusation_id: str) -> Accusation | None:
    """The accusation of this id while it stands, or once it was proven; None where it was not made, or has lapsed."""
    sync(ports)
    rows = ports.state.query("accusations", accusation_id=accusation_id)
    found = read(ports, rows[0]) if rows else None
    return None if found is None or found.state is AccusationState.LAPSED else found


def _on_chain(ports: Ports, accusation_id: str) -> tuple[Any, ...]:
    found: tuple[Any, ...] = ports.chain.call(CONTRACT, "accusationOf", bytes.fromhex(accusation_id[2:]))
    return found


def judging(ports: Ports, accusation: Accusation) -> Iterator[lookup.Job]:
    """The payer's jobs whose result can prove an accusation, once it is accepted; the newest first."""
    least = ports.chain.call(CONTRACT, "minVerification")
    wanted = (int(Tier.OPTIMISTIC), accusation.exact_input)
    for row in every(ports, "jobs", consumer=accusation.payer.lower(), version_id=accusation.version_id):
        if (row["tier"], row["input_commitment"]) != wanted:
            continue
        job = lookup.read_job(ports, row["job_id"])
        late = not job.record.submitted_at or job.record.submitted_at >= accusation.accused_at
        if late and job.record.verification_window >= least:
            yield job


def under_way(ports: Ports, accusation: Accusation) -> lookup.Job | None:
    """The payer's newest such job that proves it, or can do so yet."""
    found = (job for job in judging(ports, accusation) if job.state not in FAILED)
    return next((job for job in found if job.state is not State.ACCEPTED or not agrees(job, accusation)), None)


def _accepted(ports: Ports, accusation: Accusation) -> lookup.Job | None:
    """The payer's newest such job that was accepted."""
    return next((job for job in judging(ports, accusation) if job.state is State.ACCEPTED), None)


def agrees(job: lookup.Job, accusation: Accusation) -> bool:
    """Whether a job's result is what the payee has signed."""
    return "0x" + job.record.output_commitment.hex() == accusation.exact_output


def view(ports: Ports, accusation: Accusation) -> AccusationView:
    """An accusation with its job and its credits."""
    row, job = accusation.row, None
    if accusation.state is AccusationState.PROVEN and row["job_id"] and int(row["job_id"], 16):
        job = lookup.read_job(ports, row["job_id"])
    elif accusation.state is AccusationState.STANDS:
        job = under_way(ports, accusation) or _accepted(ports, accusation)
    now = ports.chain.block().timestamp
    credits = ports.state.query("bond_credits", accusation_id=accusation.accusation_id)
    return AccusationView(
        accusation=accusation.accusation_id,
        asset=asset_of(ports, accusation.version_id),
        state=accusation.state,
        next=_next(accusation, job, now),
        payee=accusation.payee,
        payer=accusation.payer,
        channel=row["channel_id"] or "",
        call=row["call"] or 0,
        accused_at=Instant(accusation.accused_at),
        lapses_at=Instant(accusation.lapses_at),
        ended_at=Instant(row["ended_at"] or 0),
        job="" if job is None else job.job_id,
        job_state=None if job is None else job.state,
        bond=bonded(ports, accusation.payee, accusation.version_id),
        slashed=Amount(row["slashed"] or 0),
        finality=_finality(row, job),
        credits=tuple(
            AccusationCredit(each["account"], Reason(each["reason"]), Amount(each["amount"])) for each in credits
        ),
    )


def _finality(row: Mapping[str, Any], job: lookup.Job | None) -> str:
    found: str = row["finality"]
    return found if job is None else min(found, job.finality, key=FINALITY.index)


def _next(accusation: Accusation, job: lookup.Job | None, now: int) -> str | None:
    """What can be done now, and by whom."""
    name = accusation.short
    if accusation.state is AccusationState.PROVEN:
        return "who was credited: mlm wallet withdraw"
    if accusation.state is AccusationState.LAPSED:
        return None
    if job is not None and job.state is State.ACCEPTED and not agrees(job, accusation):
        return f"the payer: mlm accuse convict {name} {job.short}"
    if now >= accusation.lapses_at:
        return f"anybody: mlm accuse lapse {name}"
    if job is None:
        return "the payer: mlm accuse open FILE --max-price PRICE posts another job"
    if job.state is State.ACCEPTED:
        return (
            "the job came to what the payee has signed; if that is false, mlm accuse open FILE --max-price PRICE posts "
            "another"
        )
    return f"the payer: mlm job wait {job.short}, then mlm accuse convict {name}"


def show(ports: Ports, text: str) -> AccusationView:
    """One accusation by name."""
    return view(ports, find(ports, text))


def accusations(ports: Ports, *, mine: bool = False, only_standing: bool = False, page: int = 1) -> AccusationList:
    """Accusations, newest first, PAGE to a page; `mine`: those that the account made, or is accused by."""
    sync(ports)
    ended = False if only_standing else None
    if mine:
        me = ports.sender.address.lower()
        both = [every(ports, "accusations", ended=ended, **{side: me}) for side in ("payer", "payee")]
        unique = {(row["accusation_id"], row["block"]): row for row in (*both[0], *both[1])}
        rows = sorted(unique.values(), key=lambda row: (-row["block"], row["accusation_id"]))
        rows = rows[(page - 1) * PAGE : page * PAGE + 1]
    else:
        rows = ports.state.query("accusations", ended=ended, limit=PAGE + 1, offset=(page - 1) * PAGE)
    listed = tuple(
        AccusationRow(
            accusation=row["accusation_id"],
            asset=asset_of(ports, row["version_id"]),
            state=AccusationState(row["ending"] or AccusationState.STANDS),
            slashed=Amount(row["slashed"] or 0),
            accused_at=Instant(row["timestamp"] if row["channel_id"] else 0),
            lapses_at=Instant(row["lapses_at"] or 0),
            payer=row["payer"],
            payee=row["payee"],
        )
        for row in rows[:PAGE]
    )
    return AccusationList(listed, page, len(rows) > PAGE)
