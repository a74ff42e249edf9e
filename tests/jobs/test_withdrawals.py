"""The best open bid is taken back in the first half of the bids' time, for a part of its bond; then it stands."""

from __future__ import annotations

import pytest

from mlm.core.errors import StateConflict
from mlm.core.job import AuctionKind
from mlm.core.money import Amount
from mlm.workflows import bid, job_reveal
from mlm.workflows.apply import execute
from mlm.workflows.job_close import JobName
from tests.jobs.market import BOB, CID, FEE, JOB, TOKEN, WINDOW, World


def test_the_best_open_bid_costs_its_fee_and_stands_after_half_time() -> None:
    world = World(AuctionKind.REVERSE)
    bob, cid = world.ports(BOB), world.ports(CID)
    execute(bob, bid.OPERATION, bid.Bid(JOB, Amount(9 * TOKEN)))
    with pytest.raises(StateConflict, match="has no bid on job 0x7a7a7a7a that stands"):
        job_reveal.plan_withdraw(cid, JobName(JOB))
    plan = job_reveal.plan_withdraw(bob, JobName(JOB))
    assert plan.payment == FEE and "0.05 MLM of its bond burn" in plan.steps[0].title
    execute(bob, job_reveal.WITHDRAW, JobName(JOB))
    assert world.auction.burned == {BOB: FEE} and not world.auction.leader
    execute(cid, bid.OPERATION, bid.Bid(JOB, Amount(9 * TOKEN)))
    world.pass_by(world.auction.market.posted_at + WINDOW // 2 - world.now)
    with pytest.raises(StateConflict, match="when half of the time for bids had passed") as refused:
        job_reveal.plan_withdraw(cid, JobName(JOB))
    assert "loses 0.05 MLM" in refused.value.hint
