"""One thing otherwise than the version and the job say: refused by the shipped game, or convicted by FaultProofs."""

from __future__ import annotations

import shutil

import pytest

from mlm.core.exact.node import Op
from tests.exact import mutants
from tests.exact.proofs import OPERATORS
from tests.forge import COUNT, LONG, play

MUTANTS = "test/exact/MutantDifferential.t.sol"
# Every change in a long run, one operator after the other; else every sixteenth of a kind.
EVERY, CHOSEN = (1, [[op] for op in OPERATORS]) if COUNT == LONG else (16, [OPERATORS])


@pytest.mark.hypothesis
@pytest.mark.parametrize("operators", CHOSEN, ids=lambda operators: "-".join(op.name for op in operators))
def test_what_a_provider_changes_is_refused_or_convicts(operators: list[Op]) -> None:
    """What is expected of each call is asserted where it is made."""
    try:
        calls = sum(mutants.write(op, EVERY) for op in operators)
        output = play("--match-path", MUTANTS, seconds=300 + calls / 50)
    finally:
        shutil.rmtree(mutants.FOLDER)
    assert calls > 600 * len(operators)
    assert "2 tests passed, 0 failed, 0 skipped" in output, output[-2000:]
