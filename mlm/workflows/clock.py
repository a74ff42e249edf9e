"""What a Dutch auction's clock offers."""

from __future__ import annotations

from mlm.core.auctions import dutch
from mlm.core.money import Amount
from mlm.ports.bundle import Ports
from mlm.workflows import lookup


def offered_now(ports: Ports, job: lookup.Job) -> Amount:
    """The price of an open auction in the newest block; the next block's is no lower."""
    record, now = job.record, ports.chain.block().timestamp
    window = record.bids_close_at - record.posted_at
    return Amount(dutch.offered_down(record.start_price, record.max_price, window, now - record.posted_at))
