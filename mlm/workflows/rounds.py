"""The round of a batch auction that a job is in: its book, its price, and who does which job. Reads only."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

from mlm.core.auctions import batch
from mlm.core.auctions.batch import Entry, JobClass, Offer
from mlm.core.errors import NotFound, StateConflict, UsageError
from mlm.core.money import Amount
from mlm.ports.bundle import Ports
from mlm.workflows import lookup

CONTRACT = "BatchAuction"


@dataclass(frozen=True)
class Round:
    """A round as the contract has it; before its close tick and volume are what they would be now.

    `rank` counts the jobs that go before the one asked about: it is awarded if rank < volume.
    """

    batch_id: bytes
    start_price: int
    price_step: int
    lock: int  # stake that an offer reserves for each job
    closes_at: int
    ends_at: int  # no award is drawn from then on
    tick: int
    volume: int
    rank: int
    drawn: bool  # the job asked about has its provider

    @property
    def price(self) -> Amount:
        """What every awarded job pays."""
        return Amount(self.start_price + self.price_step * self.tick)

    @property
    def awarded(self) -> bool:
        """Whether the job asked about is among those that the round awards."""
        return self.rank < self.volume


@dataclass(frozen=True)
class Pair:
    """A job of a round and the offer that does it."""

    job_id: str
    consumer: str
    offer_id: str
    provider: str


def job_class(job: lookup.Job) -> tuple[Any, ...]:
    """What is equal in all jobs of a batch job's round, as the ABI takes it."""
    request, snapshot = job.terms.request, job.terms.snapshot
    found = JobClass(
        version_id=request.version_id,
        tier=request.tier,
        scheme=request.scheme,
        start_price=request.start_price,
        price_step=request.price_step,
        bidding_window=request.bidding_window,
        reveal_window=request.reveal_window,
        delivery_window=request.delivery_window,
        execution_window=request.execution_window,
        verification_window=request.verification_window,
        requirements=request.requirements,
        use_price=snapshot.use_price,
        owner_bps=snapshot.owner_bps,
    )
    return tuple(bytes.fromhex(value[2:]) if isinstance(value, str) else value for value in astuple(found))


def of(ports: Ports, job: lookup.Job) -> Round:
    """The round of a batch job."""
    call = ports.chain.call
    batch_id, _, _, drawn = call(CONTRACT, "entryOf", job.raw)
    start, step, lock, closes, ends, *_ = call(CONTRACT, "batchOf", batch_id)
    tick, volume = call(CONTRACT, "clearingOf", batch_id)
    return Round(batch_id, start, step, lock, closes, ends, tick, volume, call(CONTRACT, "rankOf", job.raw), drawn)


def ticks(ports: Ports, found: Round) -> tuple[list[int], list[int]]:
    """Jobs that pay at most the price of each tick, and units offered for it."""
    demand, supply = ports.chain.call(CONTRACT, "ticksOf", found.batch_id)
    return list(demand), list(supply)


def offers(ports: Ports, found: Round) -> list[tuple[Offer, str]]:
    """The offers of a round, each with its provider, in the order in which they came."""
    return [
        (Offer(row["offer_id"], row["tick"], row["position"], row["quantity"]), row["provider"])
        for row in ports.state.query("offers", batch_id=found.batch_id)
    ]


def pairs(ports: Ports, found: Round) -> list[Pair]:
    """Who does which job, once the round is closed; those that are drawn already are left out.

    Raises StateConflict where the index lacks some of the round.
    """
    rows = {row["job_id"]: row for row in ports.state.query("entries", batch_id=found.batch_id)}
    entries = [Entry(job_id, row["tick"], row["position"]) for job_id, row in rows.items()]
    placed = offers(ports, found)
    providers = {offer.id: provider for offer, provider in placed}
    try:
        paired = batch.pairing(entries, [offer for offer, _ in placed], found.volume)
    except UsageError as error:
        raise StateConflict(f"the local index of the round: {error}", hint="Run `mlm sync --rebuild`.") from error
    return [
        Pair(entry.id, rows[entry.id]["consumer"], offer.id, providers[offer.id])
        for entry, offer in paired
        if not rows[entry.id]["drawn"]
    ]


def pair(ports: Ports, job: lookup.Job, found: Round) -> Pair:
    """The offer that does an awarded job, as the contract pairs them; raises NotFound where the index lacks it."""
    tick, unit = ports.chain.call(CONTRACT, "pairOf", job.raw)
    for offer, provider in offers(ports, found):
        if offer.tick == tick and offer.position <= unit < offer.position + offer.quantity:
            return Pair(job.job_id, job.record.consumer, offer.id, provider)
    raise NotFound(f"the index has no offer for job {job.short}", hint="Run `mlm sync --rebuild`.")
