"""Two orders in one transaction, on a real node: nobody is told of the other one, nor paid by it.

devnet/test/attacks/TwoOrders.t.sol plays the same attack on the contracts.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_utils import keccak

from mlm.adapters.chain.send import EthSender
from mlm.adapters.state import DuckState
from mlm.adapters.wallet import devnet as accounts
from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.commitment import SCHEME_POSEIDON
from mlm.core.errors import ChainError
from mlm.core.job import AuctionKind, Tier
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan
from mlm.core.terms import terms_from_event
from mlm.ports.bundle import Ports
from mlm.workflows import job_post, lookup, verify_steps
from mlm.workflows.apply import DoneStep
from mlm.workflows.events import decode, event
from mlm.workflows.sync import sync
from tests.adapters.test_sync_anvil import TOKEN, Market, live

__all__ = ["live"]

DEAR, CHEAP = 90 * TOKEN, 10 * TOKEN
COMMITMENT = keccak(text="input")
PARAMS = job_post.JobPost("ann/base", Path("input"), Amount(DEAR), AuctionKind.FIXED, Tier.ZK, 600, 600, 600, 0)


@pytest.fixture
def both(live: Market, tmp_path: Path) -> tuple[Ports, DoneStep]:
    """The consumer's ports, and the transaction in which it posted the cheap job before the dear one."""
    version = live.publish("model-provider", "base", "1.0.0", [], "ann")
    head = (version, Tier.ZK, AuctionKind.FIXED, SCHEME_POSEIDON, COMMITMENT, bytes(32))
    requests = [(*head, price, 0, 0, 600, 0, 600, 600, 0, bytes(32), 0, bytes(32)) for price in (CHEAP, DEAR)]
    live.send("consumer", "MarketToken", "approve", live.chain.address_of("JobMarket"), DEAR + CHEAP)
    sender = EthSender(live.chain, accounts.key("consumer"))
    posts = [sender.encode(Call("JobMarket", "post", (request, 7))) for request in requests]
    signed = sender.sign(Call("JobMarket", "multicall", (posts,)))
    sender.broadcast(signed)
    receipt = sender.wait(signed, timeout=20)
    state = DuckState(tmp_path / "state.duckdb")
    ports = Ports(chain=lambda: live.chain, state=lambda: state, sender=lambda: sender)
    sync(ports)
    return ports, DoneStep("transaction", "two orders", receipt.tx_hash, receipt.gas_used, None, 0.0, receipt)


def _posted(ports: Ports, done: DoneStep, price: int) -> job_post.Posted:
    params = replace(PARAMS, max_price=Amount(price))
    facts = job_post._Facts("ann/base", Cid.of(DAG_CBOR, b"input"), COMMITMENT, ())
    plan: Plan[Any] = Plan("job post", (), facts)
    return job_post.result(ports, params, plan, (done,))


def test_each_order_is_told_of_its_own_job(both: tuple[Ports, DoneStep]) -> None:
    ports, done = both
    dear, cheap = _posted(ports, done, DEAR), _posted(ports, done, CHEAP)
    assert dear.job != cheap.job
    for posted, price in ((dear, DEAR), (cheap, CHEAP)):
        job = lookup.read_job(ports, posted.job)
        assert job.terms.request.max_price == job.record.max_price == posted.escrow == price
        assert verify_steps.posted_terms_hash(ports, job) == job.record.terms_hash
    assert ports.chain.call("JobMarket", "totalEscrow") == DEAR + CHEAP


def test_the_index_holds_both_with_their_own_terms(both: tuple[Ports, DoneStep]) -> None:
    ports, _ = both
    found = {row["max_price"]: terms_from_event(row["terms"]).request.max_price for row in ports.state.query("jobs")}
    assert found == {DEAR: DEAR, CHEAP: CHEAP}


def test_an_event_that_may_be_the_other_ones_is_refused(both: tuple[Ports, DoneStep]) -> None:
    ports, done = both
    assert done.receipt
    names = [found.name for found in decode(ports, done.receipt.logs)]
    assert names.count("JobPosted") == 2
    with pytest.raises(ChainError, match="with 2 JobPosted events, expected one of this operation, found 2"):
        event(ports, (done,), "JobPosted")
    with pytest.raises(ChainError, match="found 0"):
        _posted(ports, done, DEAR + 1)
    with pytest.raises(ChainError, match="without a BidPlaced event"):
        event(ports, (done,), "BidPlaced")
