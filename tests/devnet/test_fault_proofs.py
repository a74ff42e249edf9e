"""Random fault proofs, judged by the Python twin and by the shipped FaultProofs."""

from __future__ import annotations

import shutil

import pytest

from mlm.core.exact.node import Op
from tests.exact import proofs
from tests.forge import COUNT, LONG, SEED, play

PROOFS = "test/exact/ProofDifferential.t.sol"
# Fault proofs of each operator, and attempts at honest traces, which take 4 KB each: in a long run, one operator after
# the other.
CALLS, TRIES = (20_000, LONG) if COUNT == LONG else (600, 600)
OPERATORS = [[op] for op in proofs.OPERATORS] if COUNT == LONG else [proofs.OPERATORS]


@pytest.mark.hypothesis
@pytest.mark.parametrize("operators", OPERATORS, ids=lambda operators: "-".join(op.name for op in operators))
def test_random_fault_proofs_are_judged_the_same_in_python_and_solidity(operators: list[Op]) -> None:
    """Some say something of one cell, true or false; the others are changed, most of them about honest traces."""
    for op in operators:
        proofs.write(op, SEED, CALLS, TRIES)
    try:
        output = play("--match-path", PROOFS, seconds=300 + (CALLS + TRIES) / 50)
    finally:
        shutil.rmtree(proofs.FOLDER)
    assert "1 tests passed, 0 failed, 0 skipped" in output, output[-2000:]
