"""Cells of every operator against their definitions on whole arrays: those of the vectors, and random ones."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from mlm.core.exact.cell import cell
from mlm.core.exact.node import Op, of_words
from mlm.core.exact.trace import element
from tests.exact.fitting import fitted
from tests.exact.proofs import OPERATORS
from tests.vectors import make_exact_cells

CASES: list[dict[str, Any]] = json.loads((make_exact_cells.HERE / "exact_cells.json").read_text())["cases"]


def test_vectors() -> None:
    """devnet/test/exact/Cells.t.sol runs them too."""
    assert make_exact_cells.value()["cases"] == CASES
    seen = set()
    for case in CASES:
        packed = bytes.fromhex(case["words"][2:])
        node = of_words([int.from_bytes(packed[i : i + 32], "big") for i in range(0, len(packed), 32)])
        data = [bytes.fromhex(text[2:]) for text in case["operands"]]
        kinds = [operand.kind for operand in node.operands]
        found = cell(node, case["index"], lambda i, at, data=data, kinds=kinds: element(kinds[i], data[i], at))  # type: ignore[misc]
        assert found == case["expected"], case["name"]
        seen.add(node.op)
    assert seen == set(OPERATORS) and len(CASES) > 100


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_random_cells_are_as_defined(op: Op) -> None:
    random = Random(f"defined {op}")
    for _ in range(60):
        made = fitted(op, random).sample
        for _ in range(5):
            index = random.randrange(made.node.output.elements)
            assert made.output(index) == make_exact_cells.expected(made, index)
