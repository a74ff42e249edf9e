"""docs/fault-proofs.md stands alone: what is written from its text computes and judges as the vectors say."""

from __future__ import annotations

import ast
import json
import re
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from mlm.core.exact import graph
from mlm.core.exact.node import ATTRIBUTES, Op
from tests.exact import standalone
from tests.exact.calldata import selectors
from tests.exact.proofs import OPERATORS, Case, cases
from tests.exact.standalone import Refused
from tests.vectors import make_merkle

VECTORS = Path(__file__).resolve().parent.parent / "vectors"


def vectors(name: str) -> dict[str, Any]:
    return dict(json.loads((VECTORS / name).read_text()))


def raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def test_nothing_of_mlm_is_imported() -> None:
    tree = ast.parse(Path(standalone.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names}
    assert "hashlib" in imported and not [name for name in imported if name and name.startswith(("mlm", "tests"))]


def test_cells_are_the_vectors() -> None:
    found = vectors("exact_cells.json")["cases"]
    for case in found:
        packed, data = raw(case["words"]), [raw(text) for text in case["operands"]]
        node = standalone.parsed([int.from_bytes(packed[at : at + 32], "big") for at in range(0, len(packed), 32)])

        def get(operand: int, at: int, node: Any = node, data: Any = data) -> int:
            width = standalone.BYTES[node["operands"][operand][0] >> 128]
            return int.from_bytes(data[operand][at * width : (at + 1) * width], "little", signed=True)

        assert standalone.cell(node, case["index"], get) == case["expected"], case["name"]
    assert len(found) > 100


def test_trees_are_the_vectors() -> None:
    found = vectors("merkle.json")
    for case in found["trees"]:
        data, depth, root = make_merkle.data(case["size"]), case["depth"], raw(case["root"])
        assert standalone.root_over(data) == root
        assert standalone.depth_of(max(1, -(-case["size"] // 512))) == depth
        for proof in case["proofs"]:
            known = {k: sha256(data[512 * k : 512 * k + 512].ljust(512, b"\0")).digest() for k in proof["leaves"]}
            assert standalone.multiproof(known, depth, [raw(each) for each in proof["siblings"]]) == root
    for case in found["paths"]:
        leaf, path = sha256(bytes([case["index"]])).digest(), [raw(each) for each in case["path"]]
        assert standalone.climbed(leaf, case["index"], case["count"], path) == raw(case["root"])
    for case in found["tensors"]:
        assert standalone.tensor_root(int(case["type"], 0), raw(case["tree"])) == raw(case["root"])


@pytest.mark.parametrize("trace", ["honest", "lying"])
def test_proofs_are_judged_as_the_vectors_say(trace: str) -> None:
    found = vectors("exact_proofs.json")
    for case in (*found["cells"], found["padding"], found["header"]):
        if trace == "honest":
            with pytest.raises(Refused, match="Consistent"):
                standalone.judged(raw(case[trace]))
        else:
            answer = (case["expected"], case["claimed"]) if "expected" in case else None
            assert standalone.judged(raw(case[trace])) == answer


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_random_proofs_are_judged_as_by_the_code(op: Op) -> None:
    """True, false and changed ones: the same numbers, or the same refusal. Calls that the ABI refuses do not occur."""
    reasons = {selector: name for name, selector in selectors().items()}
    judged: list[Case] = list(islice(cases(op, 11, 120), 120))
    for case in judged:
        if case.convicts:
            answer = tuple(int.from_bytes(case.answer[at : at + 32], "big", signed=True) for at in (0, 32))
            assert standalone.judged(case.call) == answer
        else:
            with pytest.raises(Refused) as found:
                standalone.judged(case.call)
            assert found.value.args == (reasons[case.answer[:4]],)
    assert 10 < sum(case.convicts for case in judged) < 110


def test_the_pages_tables_are_the_code() -> None:
    assert [(name, tuple(names)) for name, names in standalone.OPERATORS[1:]] == [
        (op.name, ATTRIBUTES[op]) for op in OPERATORS
    ]
    assert [row[0] for row in standalone.table("operator | operands (int8")] == [op.name for op in OPERATORS]
    ranges = {
        name: tuple(int(row[which].replace(",", "")) for which in (1, 2))
        for row in standalone.table("attribute | least")
        for name in standalone.expanded(row[0])
    }
    assert ranges == {name: (low, high) for name, low, high in graph._RANGES}


def test_the_pages_domains_are_those_that_proofs_and_games_hash(root: Path) -> None:
    contracts = root / "devnet" / "contracts"
    places = [*(contracts / "exact").iterdir(), *(contracts / "base" / name for name in ("Traces.sol", "Games.sol"))]
    hashed = {name for path in places for name in re.findall(r'keccak256\("(mlm/[^"]+)"\)', path.read_text())}
    listed = {row[0] for row in standalone.table("domain | of")}
    assert hashed <= listed and len(hashed) >= 5
    everywhere = "".join(path.read_text() for path in contracts.rglob("*.sol"))
    assert all(f'keccak256("{name}")' in everywhere for name in listed)
