"""What a Dutch auction's clock offers."""

from __future__ import annotations

from mlm.core.auctions import dutch
from mlm.core.errors import ChainError
from mlm.core.money import Amount
from mlm.ports.bundle import Ports
from mlm.workflows import lookup


def offered_now(ports: Ports, job: lookup.Job) -> Amount:
    """The price of an open auction in the newest block; the next block's is no lower. Raises ChainError."""
    record, now = job.record, ports.chain.block().timestamp
    window = record.bids_close_at - record.posted_at
    if window <= 0:
        raise ChainError(
            f"the node says that job {job.short} takes bids, and from {record.posted_at} to {record.bids_close_at}",
            hint="No contract says that: ask another node.",
        )
    return Amount(dutch.offered_down(record.start_price, record.max_price, window, now - record.posted_at))
