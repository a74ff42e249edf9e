"""What is known of a job's replicas: the contracts' rules, and what their logs have told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlm.core.dispute import replica
from mlm.core.dispute.commitment import salt_of
from mlm.core.dispute.replica import Policy, Replicas, Round, Slots, Stage
from mlm.core.errors import UsageError
from mlm.core.job import State, Tier
from mlm.ports.bundle import Ports
from mlm.workflows import lookup
from mlm.workflows.permit import TOKEN
from mlm.workflows.rows import every

CONTRACT, BEACON = "Replication", "CommitRevealBeacon"
_STAGES = {
    "drawn": Stage.DRAWN,
    "committed": Stage.COMMITTED,
    "equal": Stage.EQUAL,
    "different": Stage.DIFFERENT,
}
STAYS = 2  # phases of a round: whoever runs for less may be gone before it can show a secret


@dataclass(frozen=True)
class Rules:
    """What both contracts were deployed with: times in seconds, the stake of a slot in base units."""

    stake: int
    reveal_window: int
    leave_window: int
    length: int  # of each of a round's two phases


def rules(ports: Ports) -> Rules:
    """Raises NotFound on a deployment that has no replication."""
    asked = ((CONTRACT, "stake"), (CONTRACT, "revealWindow"), (CONTRACT, "leaveWindow"), (BEACON, "length"))
    return Rules(*(int(ports.chain.call(*each)) for each in asked))


def named(ports: Ports, name: str) -> lookup.Job:
    """A job of the tier redundant. Raises UsageError for another tier."""
    job = lookup.settled_job(ports, name)
    if job.tier is not Tier.REDUNDANT:
        raise UsageError(
            f"job {job.short} has the tier {job.tier}: only jobs of the tier redundant have replicas",
            hint="`mlm verify JOB` says who checks this one.",
        )
    return job


def policy_of(job: lookup.Job) -> Policy:
    """A job's own terms; the contract took them, so that they have the form."""
    return Policy.parse(bytes.fromhex(job.terms.request.policy[2:]))


def rows(ports: Ports, query: str = "replicas", **wanted: Any) -> list[Mapping[str, Any]]:
    """All that was logged about slots and replicas, of a job or an account, in its order; or about beacon_rounds."""
    return [*every(ports, query, **wanted)]


def look(ports: Ports, job: lookup.Job, found: Rules, *, secret: bool = False) -> Replicas:
    """What the synced index and the chain say of a job's replicas, for this account, which would add a `secret`."""
    record, me = job.record, ports.sender.address.lower()
    told = rows(ports, job_id=job.job_id)
    drawn = tuple(row["account"] for row in told if row["change"] == "drawn")
    submitted, turn = record.submitted_at, round_of(ports, job, found)
    draws = turn is not None and turn.seed and not drawn and job.state is State.LEASED
    return Replicas(
        job_id=job.job_id,
        state=job.state,
        policy=policy_of(job),
        round=turn,
        commit_by=record.accepted_at + record.execution_window // 2 if record.accepted_at else 0,
        reveal_by=submitted + found.reveal_window if submitted else 0,
        funded=any(row["change"] == "funded" for row in told),
        settled=any(row["change"] == "settled" for row in told),
        drawn=drawn,
        found=len(ports.chain.call(CONTRACT, "drawnBy", job.raw, turn.seed)) if turn and draws else None,
        committed=sum(row["change"] == "committed" for row in told),
        stage=stage_of(told, me),
        consumer=record.consumer.lower() == me,
        secret=secret,
    )


def stage_of(told: list[Mapping[str, Any]], account: str) -> Stage:
    """How far an account is with a job, from the rows about it."""
    own = [_STAGES[row["change"]] for row in told if row["account"] == account and row["change"] in _STAGES]
    return own[-1] if own else Stage.NONE


def round_of(ports: Ports, job: lookup.Job, found: Rules) -> Round | None:
    """The beacon's round that draws a job's replicas; None before its provider is known."""
    if job.provider is None or job.state in (State.OPEN, State.REVEALING):
        return None
    number = int(ports.chain.call(BEACON, "roundAfter", job.record.bids_close_at + job.record.reveal_window))
    closed_in, closed_at, commitments, reveals, _, mixed, _, seed = ports.chain.call(BEACON, "roundOf", number)
    waits, since = commitments != reveals, ports.chain.block().number - closed_in
    return Round(
        number,
        closes_at=(number + 1) * found.length,
        ends_at=closed_at + found.length,
        closed_in=closed_in,
        commitments=commitments,
        reveals=reveals,
        seed=seed if any(seed) else b"",
        fresh=since == 0,
        unkept=since if closed_in and not any(mixed) else 0,
        added=waits and any(ports.chain.call(BEACON, "commitmentOf", number, ports.sender.address)),
    )


def may_add(ports: Ports, found: Rules, most: int, seconds: float | None) -> bool:
    """Whether this account adds a secret by itself: it stays long enough to show it (None: it does), has the deposit,
    and fewer than `most` of its deposits are lost, or wait for it."""
    if most < 1 or (seconds is not None and seconds < STAYS * found.length):
        return False
    me = ports.sender.address
    own = rows(ports, "beacon_rounds", account=me.lower())
    changes = [row["change"] for row in own]
    if changes.count("committed") - changes.count("revealed") >= most:
        return False
    held, needed = ports.chain.call(TOKEN, "balanceOf", me), ports.chain.call(BEACON, "deposit")
    return int(held) >= int(needed)


def secret_of(ports: Ports, number: int) -> tuple[bytes, bytes]:
    """This account's secret of a round, the same on every machine, and what it commits to it with."""
    place = (ports.chain.chain_id(), ports.chain.address_of(BEACON))
    signature = ports.signer.sign_typed(replica.secret_domain(*place), replica.SECRET_TYPES, {"round": number})
    secret = salt_of(signature)
    return secret, replica.secret_commitment(*place, ports.sender.address, number, secret)


def slots_before(ports: Ports, job_id: str, stake: int) -> Slots:
    """All slots as they were when a job's replicas were drawn; as they are now, where nobody has drawn."""
    slots = Slots(stake)
    for row in rows(ports):
        if row["job_id"] == job_id and row["change"] == "drawn":
            break
        slots.apply(row)
    return slots


def salt(ports: Ports, job_id: str) -> bytes:
    """This account's salt of a commitment; the same on every machine."""
    domain = replica.salt_domain(ports.chain.chain_id(), ports.chain.address_of(CONTRACT))
    return salt_of(ports.signer.sign_typed(domain, replica.TYPES, {"job": bytes.fromhex(job_id[2:])}))


def commitment(ports: Ports, job_id: str, trace_root: bytes) -> bytes:
    """What this account commits to for a job."""
    place = (ports.chain.chain_id(), ports.chain.address_of(CONTRACT), ports.sender.address)
    return replica.commitment(*place, job_id, trace_root, salt(ports, job_id))


def is_equal(ports: Ports, job_id: str) -> bool:
    """Whether this account has shown the provider's own root: it can answer games for it, and is convicted with it."""
    me = ports.sender.address.lower()
    return stage_of(rows(ports, job_id=job_id, account=me), me) is Stage.EQUAL
