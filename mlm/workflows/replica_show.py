"""`mlm replica show|list`: a job's replicas, this account's slot, and the jobs it was drawn for. Never sends."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core.clock import Instant
from mlm.core.credits import REPLICAS
from mlm.core.dispute import replica
from mlm.core.dispute.replica import Add, Commit, Draw, Fund, Move, Record, Replicas, Reveal, Settle, Show, Stage
from mlm.core.events.replicas import ENDS
from mlm.core.job import State
from mlm.core.money import Amount
from mlm.core.plan import FIRST_PAGE, NO_AMOUNT
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, replica_look
from mlm.workflows.credits import credits
from mlm.workflows.replica_look import CONTRACT
from mlm.workflows.sync import sync

PAGE = 50
_MOVES: dict[type[Move], str] = {
    Fund: "pay for the replicas",
    Add: "add a secret to the beacon's round",
    Show: "show the secret of the beacon's round",
    Record: "keep the hash of the beacon's round",
    Draw: "draw the replicas",
    Commit: "run it, and commit to the trace root",
    Reveal: "show the trace root",
    Settle: "pay and slash",
}


@dataclass(frozen=True)
class Replica:
    """Whoever was drawn. `end` is what became of it, empty until then; `paid` to it, `slashed` of its stake."""

    replica: str
    stage: str
    trace_root: str | None  # once it was shown
    end: str
    paid: Amount
    slashed: Amount


@dataclass(frozen=True)
class ReplicasView:
    """The replicas of one job. `round` and `seed` drew them, where they are drawn."""

    job: str
    state: State
    wanted: int
    fee: Amount
    funded: bool
    round: int | None
    seed: str | None
    commit_by: Instant | None
    reveal_by: Instant | None
    replicas: tuple[Replica, ...]
    settled: bool
    yours: str  # what this account can do now, or why nothing
    next: str | None


@dataclass(frozen=True)
class Slot:
    """This account's slot: no stake, no slot. `needs` is what each has."""

    account: str
    stake: Amount
    needs: Amount
    place: int
    left_at: Instant | None
    exit_at: Instant | None
    job: str


@dataclass(frozen=True)
class ReplicaRow:
    """A job that this account was drawn for."""

    job: str
    state: State
    stage: str
    yours: str


@dataclass(frozen=True)
class Mine:
    """This account's slot, what it may withdraw, and the jobs it was drawn for, the newest first."""

    slot: Slot
    slots: int = field(metadata=NO_AMOUNT)
    credit: Amount
    jobs: tuple[ReplicaRow, ...]
    offset: int = field(default=0, metadata=FIRST_PAGE)


def show(ports: Ports, name: str) -> ReplicasView:
    """One job's replicas. Raises UsageError for another tier."""
    job = replica_look.named(ports, name)
    found, now = replica_look.look(ports, job, replica_look.rules(ports)), ports.chain.block().timestamp
    move = replica.next_move(found, now)
    told = replica_look.rows(ports, job_id=job.job_id)
    drawn = [row for row in told if row["change"] == "drawn"]
    return ReplicasView(
        job=job.job_id,
        state=job.state,
        wanted=found.policy.replicas,
        fee=Amount(found.policy.fee),
        funded=found.funded,
        round=drawn[0]["number"] if drawn else None,
        seed=drawn[0]["word"] if drawn else None,
        commit_by=Instant(found.commit_by) if found.commit_by else None,
        reveal_by=Instant(found.reveal_by) if found.reveal_by else None,
        replicas=replicas(ports, job.job_id),
        settled=found.settled,
        yours=why(found, now) if move is None else _MOVES[type(move)],
        next=None if move is None else f"mlm replica step {job.short}",
    )


def replicas(ports: Ports, job_id: str) -> tuple[Replica, ...]:
    """Those who were drawn for a job, in the draw's order."""
    told = replica_look.rows(ports, job_id=job_id)
    made = []
    for account in (row["account"] for row in told if row["change"] == "drawn"):
        own = [row for row in told if row["account"] == account]
        shown = [row["word"] for row in own if row["change"] in ("equal", "different")]
        ends = [row for row in own if row["change"] in ENDS]
        stage = replica_look.stage_of(own, account).name.lower()
        end, paid, slashed = (ends[-1]["change"], ends[-1]["amount"], ends[-1]["slashed"]) if ends else ("", 0, 0)
        made.append(Replica(account, stage, shown[-1] if shown else None, end, Amount(paid), Amount(slashed)))
    return tuple(made)


def slot_of(ports: Ports) -> Slot:
    """This account's slot, as the contract has it."""
    me = ports.sender.address
    stake, _, left_at, place, job = ports.chain.call(CONTRACT, "slotOf", me)
    needs = Amount(ports.chain.call(CONTRACT, "stake"))
    leaves = Instant(left_at + ports.chain.call(CONTRACT, "leaveWindow")) if left_at else None
    serves = "0x" + job.hex() if any(job) else ""
    return Slot(me, Amount(stake), needs, place, Instant(left_at) if left_at else None, leaves, serves)


def mine(ports: Ports, offset: int = 0) -> Mine:
    """This account's slot, and its jobs."""
    sync(ports)
    me, rules = ports.sender.address.lower(), replica_look.rules(ports)
    drawn = [row["job_id"] for row in replica_look.rows(ports, account=me) if row["change"] == "drawn"]
    credit = sum(credits(ports.chain, me, REPLICAS).values())
    return Mine(
        slot=slot_of(ports),
        slots=len(replica_look.slots_before(ports, "", rules.stake).by_account),
        credit=Amount(credit),
        jobs=tuple(_row(ports, job, rules) for job in drawn[::-1][offset : offset + PAGE]),
        offset=offset,
    )


def _row(ports: Ports, job_id: str, rules: replica_look.Rules) -> ReplicaRow:
    job, now = lookup.read_job(ports, job_id), ports.chain.block().timestamp
    found = replica_look.look(ports, job, rules)
    move = replica.next_move(found, now)
    (own,) = (each for each in replicas(ports, job_id) if each.replica == ports.sender.address.lower())
    return ReplicaRow(job_id, job.state, own.end or own.stage, why(found, now) if move is None else _MOVES[type(move)])


def why(found: Replicas, now: int) -> str:
    """Why an account has nothing to do about a job's replicas, at a time when it has nothing."""
    if found.settled:
        return "they are settled"
    if not found.funded:
        return "its consumer has not paid for them"
    if not found.drawn:
        return _undrawn(found)
    if found.stage is Stage.DRAWN and not found.commit_by:
        return "a replica runs a job once its provider has accepted it, and has its lock at stake"
    if found.stage is Stage.COMMITTED and not found.reveal_by:
        return "it is shown once the provider has handed its result in"
    if found.state.is_final and now < found.reveal_by:
        return f"they are settled at {Instant(found.reveal_by)}, when all have had their time to show what they found"
    if found.stage in (Stage.EQUAL, Stage.DIFFERENT):
        return "it is paid, or not, once the job's state is final"
    if found.stage is Stage.NONE and not found.may_submit(now):
        return f"{found.committed} of {len(found.drawn)} replicas have committed"
    return "nothing is due"


def _undrawn(found: Replicas) -> str:
    if found.state in (State.OPEN, State.REVEALING):
        return "they are drawn once the provider is known"
    if found.state is not State.LEASED or found.round is None:
        return f"nobody was drawn before the job was {found.state}"
    if found.round.seed:
        return f"{found.found} of {found.policy.replicas} slots that the seed draws are free: it is drawn once they are"
    if found.round.fresh:
        return "the beacon's round was closed in the newest block: it goes on with the next one"
    if found.round.closed:
        return f"the beacon's reveals run until {Instant(found.round.ends_at)}, closed in block {found.round.closed_in}"
    return f"the beacon's round closes at {Instant(found.round.closes_at)}: until then `--secret` adds one"
