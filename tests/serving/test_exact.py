"""Paid calls of an exact model: signed so that a fault proof could start from them, and no step beside is forgiven."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlm.adapters.exact.model import dequantised
from mlm.adapters.exact.read import from_onnx
from mlm.adapters.exact.trace import Tracer
from mlm.adapters.onnx.tensors import NumpyTensorCodec
from mlm.core import served
from mlm.core.commitment import NO_SALT, commit_outputs, tensors_root
from mlm.core.evidence import Evidence
from mlm.core.exact.commitments import exact_input_commitment, exact_output_commitment
from mlm.ports.bundle import Ports
from tests.command_line import INPUT, Market, Person
from tests.disputing import EXACT, lowered
from tests.enclaves import ports_of
from tests.serving.clients import request
from tests.serving.conftest import Running, start, stop
from tests.serving.payers import Chain, Payer, call, terms_of

CODEC = NumpyTensorCodec()
SLOW = {"MLM_ACCOUNT": "compute-2", "MLM_SERVE_PAYER_RATE": "0.02"}  # a call of a payer in 50 seconds


@pytest.fixture(scope="module")
def exact(market: Market) -> Iterator[Running]:
    """compute-2 serves an exact model, and takes few calls of one payer."""
    lowered(market)
    running = start(market.second.folder, market.home, EXACT, "--price", "0.3", "--name", "exact", env=SLOW)
    try:
        yield running
    finally:
        assert stop(running) == 0


def test_a_served_exact_result_is_of_exact_arithmetic_and_a_step_beside_it_is_a_lie(
    market: Market, exact: Running, tmp_path: Path
) -> None:
    onnx, person = lowered(market), market.person("watcher")
    asked = ("run", EXACT, INPUT, "--remote", exact.url, "--max-price", "0.3", "--deposit", "1")
    called = person.do(*asked, "--keep", str(tmp_path))
    kept = Path(called["kept"])
    found = person.do("verify", str(kept))
    assert found["verified"] and found["checks"][5]["found"] == "bit for bit the same, in exact arithmetic"
    # The word in the signature opens to the commitments that a job of the tier optimistic would have.
    evidence, model = Evidence.from_bytes(kept.read_bytes()), from_onnx(onnx)
    trace = Tracer(model).run(CODEC.from_block(evidence.inputs)).trace
    version = bytes.fromhex(evidence.terms.version_id[2:])
    given = exact_input_commitment(version, trace.roots[: model.graph.inputs])
    expected = served.exact_profile(given, exact_output_commitment(trace.roots[-model.graph.outputs :]))
    assert evidence.result.profile == expected != served.ANY
    # One step of one number: of floats it would pass for last bits.
    outputs = {name: array.copy() for name, array in CODEC.from_block(evidence.outputs).items()}
    (port,) = model.outputs
    outputs[port.name].flat[0] += dequantised(port, np.ones(model.graph.nodes[-1].output.shape, np.int8)).flat[0]
    ports = ports_of(market.second)
    lie = signed(ports, replace(evidence, outputs=CODEC.to_block(outputs)))
    refused_at(person, tmp_path, lie, 6, "another one; 1 of 10 numbers differ")
    # True outputs under a word that commits to others: its signer has contradicted itself.
    other = replace(evidence, result=replace(evidence.result, profile=served.exact_profile(given, b"\1" * 32)))
    refused_at(person, tmp_path, signed(ports, other), 6, "the result's profile: expected")
    # Whoever promises no arithmetic is held to the numbers all the same.
    bare = replace(evidence, result=replace(evidence.result, profile=served.ANY))
    (tmp_path / "bare.call").write_bytes(signed(ports, bare).to_bytes())
    assert person.do("verify", str(tmp_path / "bare.call"))["verified"]


def test_a_payer_beyond_its_rate_is_asked_to_wait_and_has_paid_nothing(market: Market, exact: Running) -> None:
    payer, given = Payer.open(Chain.of(market, "consumer"), terms_of(exact), 5), np.load(market.consumer.folder / INPUT)
    first, second = payer.voucher(1, {"image": given}), payer.voucher(2, {"image": given + 1})
    assert call(exact, first, given).status == 200
    refused = call(exact, second, given + 1)
    assert (refused.status, refused.json["code"]) == (429, "too_many_calls") and int(refused.headers["retry-after"]) > 1
    assert request(exact.url, "GET", f"/v2/channels/{payer.id}").json["served"] == 1
    assert call(exact, first, given).status == 200  # what was paid for is given again whatever the rate


def signed(ports: Ports, evidence: Evidence) -> Evidence:
    """The payee's own word on these outputs."""
    commitment = "0x" + commit_outputs(tensors_root(NO_SALT, evidence.outputs)).hex()
    result, terms = replace(evidence.result, output_commitment=commitment), evidence.terms
    domain = served.domain(terms.chain_id, terms.channels)
    signature = ports.signer.sign_typed(domain, served.TYPES, result.message)
    return replace(evidence, result=replace(result, signature=signature))


def refused_at(person: Person, folder: Path, lie: Evidence, number: int, words: str) -> None:
    """All checks but this one pass."""
    (folder / "lie.call").write_bytes(lie.to_bytes())
    failed = person.run("verify", str(folder / "lie.call"), "--json")
    assert failed.code == 1
    wrong = [check for check in failed.value["checks"] if not check["passed"]]
    assert [check["number"] for check in wrong] == [number] and words in wrong[0]["found"], wrong
