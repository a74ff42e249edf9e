"""What `mlm verify` checks of a job's replicas: who was drawn, that they were bound in time, and what they found."""

from __future__ import annotations

from mlm.core.dispute import replica
from mlm.core.errors import NotFound, VerificationFailed
from mlm.core.trust import Guarantor
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, replica_look
from mlm.workflows.replica_look import BEACON
from mlm.workflows.verify_checks import HELD, SAID_ON_CHAIN, Step

CHECKERS = "anybody who can read the input and the model's files; the replicas that were drawn have to"
TRUST = "one honest replica, or one honest watcher who re-executes, and a chain that takes its challenge in time"


def steps(ports: Ports, job: lookup.Job) -> tuple[Step, ...]:
    """Three checks.

    1. The replicas are those whom the right round's seed draws from the slots of that time; and the seed is of its
       block's hash and its reveals.
    2. They were bound before the provider showed anything.
    3. What they have shown is its root.
    """
    return (
        Step(
            "the replicas were drawn by the beacon's seed", lambda: _drawn(ports, job), "seed and slots on chain", HELD
        ),
        Step(
            "the replicas had committed before the result was shown",
            lambda: _bound(ports, job),
            "their commitments on chain",
            SAID_ON_CHAIN,
        ),
        Step(
            "the replicas found the same trace",
            lambda: _equal(ports, job),
            "the roots they have shown",
            (Guarantor.CHAIN, Guarantor.REPLICA),
            optional=True,
        ),
    )


def _drawn(ports: Ports, job: lookup.Job) -> str:
    drawn = [row for row in replica_look.rows(ports, job_id=job.job_id) if row["change"] == "drawn"]
    if not drawn:
        raise VerificationFailed("nobody was drawn")
    number, seed = int(drawn[0]["number"]), bytes.fromhex(drawn[0]["word"][2:])
    rules = replica_look.rules(ports)
    expected = (job.record.bids_close_at + job.record.reveal_window) // rules.length
    if number != expected:
        raise VerificationFailed(f"drawn by round {number}, expected {expected}: the first that closes after the lease")
    mixed = ports.chain.call(BEACON, "roundOf", number)[5]
    told = replica_look.rows(ports, "beacon_rounds", round=number)
    reveals = [(row["account"], bytes.fromhex(row["word"][2:])) for row in told if row["change"] == "revealed"]
    place = (ports.chain.chain_id(), ports.chain.address_of(BEACON))
    if replica.seed_of(*place, number, mixed, reveals) != seed:
        raise VerificationFailed(f"0x{seed.hex()} is not the seed of round {number}")
    slots = replica_look.slots_before(ports, job.job_id, rules.stake)
    wanted = slots.draw(job.job_id, seed, (job.record.provider, job.record.consumer))
    found = tuple(row["account"] for row in drawn)
    if wanted != found:
        raise VerificationFailed(f"the seed draws {', '.join(wanted) or 'nobody'}, drawn were {', '.join(found)}")
    return f"{len(found)} replicas of {len(slots.by_account)} slots, by round {number}: {', '.join(found)}"


def _bound(ports: Ports, job: lookup.Job) -> str:
    told = replica_look.rows(ports, job_id=job.job_id)
    drawn = [row["account"] for row in told if row["change"] == "drawn"]
    (trace, *_) = ports.state.query("traces", job_id=job.job_id) or (None,)
    if trace is None:
        raise NotFound("nothing was handed in")
    early = [row["account"] for row in told if row["change"] == "committed" and row["timestamp"] <= trace["timestamp"]]
    absent = [account for account in drawn if account not in early]
    if not early:
        raise VerificationFailed(f"none of {len(drawn)} had committed")
    return f"{len(early)} of {len(drawn)}" + (f", not {', '.join(absent)}" if absent else "")


def _equal(ports: Ports, job: lookup.Job) -> str:
    told = replica_look.rows(ports, job_id=job.job_id)
    equal = [row["account"] for row in told if row["change"] == "equal"]
    other = {row["account"]: row["word"] for row in told if row["change"] == "different"}
    if other:
        raise VerificationFailed("; ".join(f"{account} found {root}" for account, root in other.items()))
    if not equal:
        raise NotFound("no replica has shown what it found")
    drawn = sum(row["change"] == "drawn" for row in told)
    return f"{len(equal)} of {drawn}: {', '.join(equal)}"
