"""Random fault proofs, judged by the Python twin or by numpy's whole tensors, and by the shipped FaultProofs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlm.core.exact.node import Op
from tests.exact import cells, proofs
from tests.forge import COUNT, DEVNET, LONG, SEED, play, run

PROOFS = "test/exact/ProofDifferential.t.sol"
# Fault proofs of each operator, attempts at honest traces, and cells that numpy computed, which take 4 KB each: in a
# long run, one operator after the other.
CALLS, TRIES, CELLS = (20_000, LONG, LONG) if COUNT == LONG else (600, 600, 1_000)
OPERATORS = [[op] for op in proofs.OPERATORS] if COUNT == LONG else [proofs.OPERATORS]
by_operators = pytest.mark.parametrize("operators", OPERATORS, ids=lambda made: "-".join(op.name for op in made))

# What is in devnet/contracts/exact/Rounding.sol, and what would not round halves to the even.
ROUNDING = "if (twice > one || (twice == one && whole & 1 != 0)) ++whole;"
WRONG = {
    "half up": "if (twice >= one) ++whole;",
    "half down": "if (twice > one) ++whole;",
    "floor": "twice;",
}


@pytest.fixture(autouse=True)
def _no_files() -> Iterator[None]:
    shutil.rmtree(proofs.FOLDER, ignore_errors=True)
    yield
    shutil.rmtree(proofs.FOLDER, ignore_errors=True)


def judged(test: str, count: int) -> None:
    """Have forge run one test over what was written."""
    output = play("--match-path", PROOFS, "--match-test", test, seconds=300 + count / 50)
    assert "1 tests passed, 0 failed, 0 skipped" in output, output[-2000:]


@pytest.mark.hypothesis
@by_operators
def test_random_fault_proofs_are_judged_the_same_in_python_and_solidity(operators: list[Op]) -> None:
    """Some say something of one cell, true or false; the others are changed, most of them about honest traces."""
    for op in operators:
        proofs.write(op, SEED, CALLS, TRIES)
    judged("test_proofsAreJudgedAsPythonJudgesThem", CALLS + TRIES)


@pytest.mark.hypothesis
@by_operators
def test_random_cells_are_what_numpy_computes(operators: list[Op]) -> None:
    """And among them are, of every operator, enough of what two implementations may see differently."""
    for op in operators:
        seen = cells.write(op, SEED, CELLS)
        assert seen["cells"] == CELLS
        few = {name: seen[name] for name in cells.EXPECTED.get(op, ()) if seen[name] < CELLS / 50}
        assert not few, f"{op.name}: {few} of {CELLS} cells"
        clipped = seen["low"] + seen["high"]
        assert clipped < CELLS / 2, f"{op.name}: {clipped} of {CELLS} cells are clipped"
    judged("test_proofsAreJudgedAsPythonJudgesThem", CELLS)


@pytest.mark.parametrize("name", WRONG)
def test_another_rounding_is_noticed_in_every_operator(name: str, tmp_path: Path) -> None:
    """FaultProofs compiled with it disagrees with the cells of a short run."""
    for op in cells.ROUNDED:
        cells.write(op, SEED, 1_000)
    code = json.loads(_compiled(tmp_path, WRONG[name]))["bytecode"]
    (proofs.FOLDER / "FaultProofs.bin").write_bytes(bytes.fromhex(code[2:]))
    judged("test_otherCodeIsTold", 1_000)


def _compiled(folder: Path, rounding: str) -> str:
    """The artifact of FaultProofs with another line in its rounding."""
    (folder / "circuits").symlink_to(DEVNET.parent / "circuits")
    devnet = folder / "devnet"
    devnet.mkdir()
    for name in ("contracts", "artifacts"):
        shutil.copytree(DEVNET / name, devnet / name)
    shutil.copy(DEVNET / "build.mjs", devnet)
    (devnet / "node_modules").symlink_to(DEVNET / "node_modules")
    source = devnet / "contracts" / "exact" / "Rounding.sol"
    before = source.read_text()
    assert before.count(ROUNDING) == 1
    source.write_text(before.replace(ROUNDING, rounding))
    printed = run("node", str(devnet / "build.mjs"), seconds=300)
    assert printed.startswith("FaultProofs: ") and printed.count("\n") == 1, printed
    return (devnet / "artifacts" / "FaultProofs.json").read_text()
