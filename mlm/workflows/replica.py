"""`mlm replica join|leave|move|withdraw|step`: have a slot, be drawn, run again what others run; pay those who do."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core.clock import Instant
from mlm.core.credits import REPLICAS
from mlm.core.dispute import replica
from mlm.core.dispute.replica import Add, Commit, Draw, Fund, Move, Record, Replicas, Reveal, Show
from mlm.core.errors import InsufficientFunds, StateConflict
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, permit, replica_look, replica_run, replica_show
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.credits import credits, withdrawals
from mlm.workflows.replica_look import BEACON, CONTRACT
from mlm.workflows.replica_show import Mine, ReplicasView
from mlm.workflows.sync import sync
from mlm.workflows.tiers.redundant import funding


@dataclass(frozen=True)
class Nothing:
    """Parameters of the commands that are about this account alone: none."""


@dataclass(frozen=True)
class Step:
    """Parameters of `replica step`. `secret`: commit to one in the beacon's round, where it runs; it is shown later."""

    job: str
    secret: bool = field(default=False, repr=False)  # to the journal a step is a step: what was begun is gone on with


def plan_join(ports: Ports, params: Nothing) -> Plan[None]:
    """Put up a slot's stake, or fill it up. Raises StateConflict where it is full or leaves, InsufficientFunds."""
    own = replica_show.slot_of(ports)
    if own.left_at:
        raise StateConflict("this account's slot leaves: join again once it has", hint="`mlm replica leave` ends it.")
    missing = own.needs - own.stake
    if missing <= 0:
        raise StateConflict(f"this account's slot has its stake of {own.stake}", hint="`mlm replica list` shows it.")
    title = f"stake {Amount(missing)} as a replica's slot"
    step = Tx(title, Call(CONTRACT, "join", ()), bond=Amount(missing))
    return Plan("replica join", permit.steps(ports, step, missing), None)


def plan_leave(ports: Ports, params: Nothing) -> Plan[None]:
    """Begin to leave; later take the stake back. Raises StateConflict where there is no slot, or it is too early."""
    own, now = replica_show.slot_of(ports), ports.chain.block().timestamp
    if own.stake == 0:
        raise StateConflict("this account has no slot", hint="`mlm replica join` makes one.")
    if not own.left_at:
        step = Tx("begin to leave", Call(CONTRACT, "leave", ()))
        return Plan("replica leave", (step,), None)
    if own.job:
        raise StateConflict(
            f"its slot serves job {own.job[:10]}", hint=f"`mlm replica show {own.job[:10]}` tells how it stands."
        )
    if own.exit_at is not None and now < own.exit_at:
        raise StateConflict(f"the slot leaves at {Instant(own.exit_at)}", hint="Run it again then.")
    calls = (Call(CONTRACT, "exit", ()), Call(CONTRACT, "withdraw", ()))
    step = Tx(f"take the stake of {own.stake} back", Call(CONTRACT, "multicall", (calls,)))
    return Plan("replica leave", (step,), None)


def plan_move(ports: Ports, params: Nothing) -> Plan[None]:
    """Take the slot into the lowest empty place. Raises StateConflict where it has none, or none below is empty."""
    sync(ports)
    own = replica_show.slot_of(ports)
    if own.stake == 0:
        raise StateConflict("this account has no slot", hint="`mlm replica join` makes one.")
    empty = replica_look.slots_before(ports, "", int(own.needs)).lowest_empty()
    if not 0 < empty < own.place:
        raise StateConflict(
            f"no place below {own.place}, the slot's own, is empty",
            hint="A draw looks at all places up to the last slot's.",
        )
    step = Tx(f"move the slot from place {own.place} to {empty}", Call(CONTRACT, "move", (empty,)))
    return Plan("replica move", (step,), None)


def plan_withdraw(ports: Ports, params: Nothing) -> Plan[None]:
    """Take what replicas were paid, and what came back to consumer or committer. Raises InsufficientFunds."""
    steps = withdrawals(credits(ports.chain, ports.sender.address, REPLICAS))
    if not steps:
        raise InsufficientFunds(
            f"nothing of replicas is credited to {ports.sender.address}",
            hint="A replica is paid when its job has ended: `mlm replica list`.",
        )
    return Plan("replica withdraw", steps, None)


def _after_slot(ports: Ports, params: Nothing, plan: Plan[None], done: tuple[DoneStep, ...]) -> Mine:
    return replica_show.mine(ports)


# ------------------------------------------------------------------ about a job


def plan_step(ports: Ports, params: Step) -> Plan[str]:
    """This account's next move about a job's replicas: fund, add a secret, draw, commit, reveal, settle.

    Raises StateConflict where there is none.
    """
    job = replica_look.named(ports, params.job)
    rules, now = replica_look.rules(ports), ports.chain.block().timestamp
    found = replica_look.look(ports, job, rules, secret=params.secret)
    move = replica.next_move(found, now)
    if move is None:
        raise StateConflict(
            f"there is nothing for {ports.sender.address} to do about the replicas of {job.short}: "
            f"{replica_show.why(found, now)}",
            hint=f"`mlm replica show {job.short}` tells how it stands.",
        )
    return Plan("replica step", steps(ports, job, found, move), job.job_id)


def steps(ports: Ports, job: lookup.Job, found: Replicas, move: Move) -> tuple[Tx, ...]:
    """The transactions of a move. What is committed to is this machine's own run."""
    match move:
        case Fund():
            return funding(ports, job.raw, job.terms, found.policy)
        case Add():
            _, word = replica_look.secret_of(ports, move.round)
            deposit = Amount(ports.chain.call(BEACON, "deposit"))
            step = Tx(
                f"add a secret to the beacon's round {move.round}",
                Call(BEACON, "commit", (move.round, word)),
                bond=deposit,
            )
            return permit.steps(ports, step, deposit)
        case Show():
            secret, _ = replica_look.secret_of(ports, move.round)
            return (Tx(f"show the secret of round {move.round}", Call(BEACON, "reveal", (move.round, secret))),)
        case Record():
            return (Tx(f"keep the hash of the beacon's round {move.round}", Call(BEACON, "record", (move.round,))),)
        case Draw():
            return _drawing(job, move)
        case Commit():
            word = replica_look.commitment(ports, job.job_id, replica_run.own_root(ports, job))
            return (Tx(f"commit to the trace of {job.short}", Call(CONTRACT, "commit", (job.raw, word))),)
        case Reveal():
            root, salt = replica_run.committed_root(ports, job), replica_look.salt(ports, job.job_id)
            return (Tx(f"show the trace root of {job.short}", Call(CONTRACT, "reveal", (job.raw, root, salt))),)
    replica_run.forget(ports, job.job_id)
    return (Tx(f"settle the replicas of {job.short}", Call(CONTRACT, "settle", (job.raw,))),)


def _drawing(job: lookup.Job, move: Draw) -> tuple[Tx, ...]:
    made: list[Tx] = []
    if move.closes:
        made.append(Tx(f"close the beacon's round {move.round}", Call(BEACON, "close", (move.round,))))
    if move.finishes:
        made.append(Tx(f"make the seed of round {move.round}", Call(BEACON, "finish", (move.round,))))
    if move.draws:
        made.append(Tx(f"draw the replicas of {job.short}", Call(CONTRACT, "draw", (job.raw,))))
    return tuple(made)


def _after_step(ports: Ports, params: Step, plan: Plan[str], done: tuple[DoneStep, ...]) -> ReplicasView:
    return replica_show.show(ports, plan.facts)


JOIN = Operation(
    "replica join",
    Nothing,
    plan_join,
    _after_slot,
    "`mlm replica leave` takes the stake back, a while later.",
)
LEAVE = Operation(
    "replica leave",
    Nothing,
    plan_leave,
    _after_slot,
    "`mlm replica join` makes a slot again, once this one is gone.",
)
MOVE = Operation(
    "replica move",
    Nothing,
    plan_move,
    _after_slot,
    "A slot moves to lower places alone; `mlm replica leave` gives it up.",
)
WITHDRAW = Operation(
    "replica withdraw",
    Nothing,
    plan_withdraw,
    _after_slot,
    "What was withdrawn is in the account; nothing has to be taken back.",
)
STEP = Operation(
    "replica step",
    Step,
    plan_step,
    _after_step,
    "A move about replicas stands: the next one is made with `mlm replica step JOB`, or by a watcher.",
)
