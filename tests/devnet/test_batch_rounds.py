"""Random rounds of batch auctions, played by the rule in Python and by the real contracts."""

from __future__ import annotations

import shutil

import pytest

from tests.auctions import batch_rounds
from tests.forge import COUNT, play

ROUNDS = "test/auctions/BatchDifferential.t.sol"
BATCHES = COUNT  # rounds: each posts, draws and settles several jobs


@pytest.mark.hypothesis
def test_random_batch_rounds_end_the_same_in_python_and_solidity() -> None:
    """Same clearing, winners, refunds, reserved, locked and lost stake, by the digests of each block of rounds."""
    batch_rounds.write(BATCHES)
    try:
        output = play("--match-path", ROUNDS, seconds=300 + BATCHES / 10)
    finally:
        shutil.rmtree(batch_rounds.FILE.parent)
    assert "1 tests passed, 0 failed, 0 skipped" in output, output[-2000:]
