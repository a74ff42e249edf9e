"""tests/vectors/served.json, which forge plays too: what a signed result of an exact model binds, and who signed it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.chain import typed
from mlm.core import accusation, served
from mlm.core.eip712 import Signable
from mlm.core.exact.commitments import exact_input_commitment
from mlm.core.exact.tensor import DType, TensorType, tensor_root
from mlm.core.merkle import root_over
from mlm.core.served import ServedResult, exact_profile
from tests.vectors import make_merkle

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "served.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_a_statement_binds_what_the_contract_opens(case: dict[str, Any]) -> None:
    kinds = [TensorType(DType(dtype), tuple(axes)) for dtype, *axes in case["types"]]
    assert [str(kind.word()) for kind in kinds] == case["typeWords"]
    roots = [tensor_root(kind, root_over(make_merkle.data(kind.size))) for kind in kinds]
    exact_input = exact_input_commitment(bytes.fromhex(case["versionId"][2:]), roots)
    assert "0x" + exact_input.hex() == case["exactInput"]
    assert exact_profile(exact_input, bytes.fromhex(case["exactOutput"][2:])) == case["profile"]
    said = ServedResult(
        *(case["channelId"], int(case["call"]), case["request"], case["versionId"], case["inputCommitment"]),
        *(case["outputCommitment"], case["profile"], int(case["servedAt"]), bytes.fromhex(case["signature"][2:])),
    )
    domain = served.domain(case["chainId"], case["channels"])
    digest = Signable(domain, served.TYPES).digest(said.members)
    assert "0x" + digest.hex() == case["digest"]
    assert typed.sign_digest(bytes.fromhex(case["key"][2:]), digest) == said.signature
    made = accusation.opened(said, exact_input, bytes.fromhex(case["exactOutput"][2:]))
    assert accusation.accusation_id(case["chainId"], case["bonds"], made) == case["accusationId"]
