"""Random markets, played by mlm/core/auctions and by the real market: what comes of them is the same."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator

import pytest

from tests.auctions import batch_rounds
from tests.auctions.cases import ERRORS
from tests.auctions.random_cases import FOLDER, KINDS, cases, write
from tests.devnet.test_forge import FORGE, _run

# `make fuzz` plays more of them.
COUNT = 100_000 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 10_000
SEED = 1
ROUNDS = COUNT // 5  # of a batch: each posts, draws and settles several jobs


@pytest.fixture
def _written() -> Iterator[None]:
    for kind in KINDS:
        write(kind, SEED, COUNT)
    yield
    # 110 MB, which a forge run by hand would play again.
    shutil.rmtree(FOLDER)


@pytest.mark.hypothesis
@pytest.mark.usefixtures("_written")
def test_random_markets_end_the_same_in_python_and_solidity() -> None:
    """Same refusals by name, winners, prices, locks, free stake, refunds and credits, to the unit."""
    begun = time.monotonic()
    output = _run(str(FORGE), "test", "--match-path", "test/auctions/Differential.t.sol", seconds=COUNT / 10)
    assert re.search(rf"{len(KINDS)} tests passed, 0 failed, 0 skipped", output), output[-2000:]
    print(f"{COUNT:,} markets of {len(KINDS)} kinds, played again by forge in {time.monotonic() - begun:.0f} s")


@pytest.mark.hypothesis
def test_random_batch_rounds_end_the_same_in_python_and_solidity() -> None:
    """Same clearing, winners, refunds, reserved, locked and lost stake, by the digests of each block of rounds."""
    batch_rounds.write(ROUNDS)
    try:
        output = _run(
            str(FORGE), "test", "--match-path", "test/auctions/BatchDifferential.t.sol", seconds=300 + ROUNDS / 10
        )
    finally:
        shutil.rmtree(batch_rounds.FILE.parent)
    assert "1 tests passed, 0 failed, 0 skipped" in output, output[-2000:]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_markets_are_not_all_alike(kind: object) -> None:
    """Enough of them end in each way, and every refusal that the kind knows is met."""
    drawn = list(cases(kind, SEED, 2_000))  # type: ignore[arg-type]
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
