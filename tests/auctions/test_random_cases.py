"""What the random markets are that tests/devnet/test_forge.py has the real market play again."""

from __future__ import annotations

import pytest

from mlm.core.job import AuctionKind
from tests.auctions.cases import ERRORS
from tests.auctions.random_cases import KINDS, cases

SEED = 1


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_markets_are_not_all_alike(kind: AuctionKind) -> None:
    """Enough of them end in each way, and every refusal that the kind knows is met."""
    drawn = list(cases(kind, SEED, 2_000))
    ends = {case.end.state for case in drawn}
    assert ends == {7, 9, 10, 11, 12}
    led = [case for case in drawn if case.after.leader]
    assert len(led) > 500
    prices = {case.posted.max_price - case.after.price for case in led}
    assert prices == {0} if str(kind) == "fixed" else len(prices) > 40
    met = {ERRORS[row.refused] for case in drawn for row in case.moves}
    assert {"", "JobInState", "FreeStakeTooLow", "ConsumerCannotBid", "NotConsumer", "AuctionKindUnsuited"} <= met
    own = {
        "fixed": {"PriceNotFixed", "PriceBelowFloor", "PriceAboveMaximum"},
        "reverse": {"PriceNotLower", "PriceBelowFloor", "JobHasBid", "NotBestBidder"},
        "sealed": {"BidCommitmentMismatch", "BidAlreadyCommitted", "RevealsStillOpen", "JobHasCommitments"},
        "dutch": {"PriceAboveClock"},
    }
    assert own[str(kind)] <= met
