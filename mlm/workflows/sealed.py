"""Sealed bids: what opens them, made again from the account's key or found where it was kept."""

from __future__ import annotations

from mlm.core.auctions import kept
from mlm.core.auctions.kept import KeptBid
from mlm.core.money import Amount
from mlm.ports.bundle import Ports
from mlm.workflows import lookup


def made(ports: Ports, job: lookup.Job, price: Amount) -> KeptBid:
    """This account's bid of `price` on a job; the same key makes the same bid on every machine."""
    chain_id, market = ports.chain.chain_id(), ports.chain.address_of("JobMarket")
    message = kept.message(job.job_id, int(price))
    signature = ports.signer.sign_typed(kept.domain(chain_id, market), kept.TYPES, message)
    return KeptBid(chain_id, market, job.job_id, ports.sender.address, int(price), kept.salt_of(signature))


def standing(ports: Ports, job: lookup.Job, bidder: str) -> bytes | None:
    """The commitment of a bidder's sealed bid that stands, as the contract has it; None where there is none."""
    found: bytes = ports.chain.call("JobMarket", "commitmentOf", job.raw, bidder)
    return found if any(found) else None


def unrevealed(ports: Ports, job: lookup.Job) -> list[str]:
    """Bidders whose sealed bids stand: the index names them, the contract decides."""
    left: dict[str, None] = {}
    for row in ports.state.query("bid_changes", job_id=job.job_id):
        if row["change"] == "committed":
            left[row["bidder"]] = None
        else:
            left.pop(row["bidder"], None)
    return [bidder for bidder in left if standing(ports, job, bidder)]
