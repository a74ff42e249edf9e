"""The best open bid stands after half of the bids' time: whoever could take it back late had the job at the maximum."""

from __future__ import annotations

import pytest

from mlm.core.errors import StateConflict
from mlm.core.job import AuctionKind
from mlm.core.money import Amount
from mlm.workflows import bid, job_reveal
from mlm.workflows.apply import execute
from mlm.workflows.job_close import JobName
from tests.jobs.market import BOB, FEE, JOB, TOKEN, WINDOW, World


def test_the_best_open_bid_stands_after_half_time() -> None:
    world = World(AuctionKind.REVERSE)
    bob = world.ports(BOB)
    execute(bob, bid.OPERATION, bid.Bid(JOB, Amount(9 * TOKEN)))
    half = world.auction.market.posted_at + WINDOW // 2
    world.pass_by(half - 1 - world.now)
    assert job_reveal.plan_withdraw(bob, JobName(JOB)).payment == FEE
    world.pass_by(1)
    with pytest.raises(StateConflict, match="when half of the time for bids had passed") as refused:
        job_reveal.plan_withdraw(bob, JobName(JOB))
    assert "loses 0.05 MLM" in refused.value.hint
