"""One suite over every Prover: the in-memory one, ezkl here and on a Ray cluster, on a 16-8-4 net."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from circuits.make_fixtures import tiny_input, tiny_model
from mlm.adapters.ezkl.prover import EzklProver
from mlm.adapters.onnx.run import OnnxRunner
from mlm.adapters.ray.prover import RayProver
from mlm.adapters.ray.runner import RayRunner
from mlm.core.errors import InvalidData, VerificationFailed
from mlm.memory.prover import MemoryProver
from mlm.memory.runner import MemoryRunner
from mlm.memory.toy import ToyModel
from mlm.ports.prover import Proof, Prover
from mlm.ports.runner import Runner


@dataclass(frozen=True)
class Case:
    """A prover, two models of one architecture, two inputs, and a true proof of the first of each."""

    prover: Prover
    again: Prover  # with a cache of its own: another machine
    runner: Runner
    model: bytes
    other_model: bytes
    inputs: dict[str, np.ndarray]
    other_inputs: dict[str, np.ndarray]
    settings: bytes
    proof: Proof


def _toy(seed: int) -> bytes:
    weights = np.random.default_rng(seed).normal(size=(16, 4))
    return ToyModel(tuple(map(tuple, weights.tolist()))).to_bytes()


@pytest.fixture(scope="session", params=["memory", "ezkl", "ray"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Case]:
    provers: tuple[Prover, Prover]
    if request.param == "memory":
        provers, runner, models = (MemoryProver(), MemoryProver()), MemoryRunner(), (_toy(1), _toy(2))
    elif request.param == "ray":
        cluster, srs = request.getfixturevalue("ray_nodes"), root / "circuits"
        provers = (RayProver(cluster.nodes("a"), srs=srs), RayProver(cluster.nodes("b"), srs=srs))
        runner, models = RayRunner(cluster.nodes(), provider="cpu"), (tiny_model(1), tiny_model(2))
    else:
        folder, srs = tmp_path_factory.mktemp("zk"), root / "circuits"
        provers = (EzklProver(cache_dir=folder / "a", srs=srs), EzklProver(cache_dir=folder / "b", srs=srs))
        runner, models = OnnxRunner(provider="cpu"), (tiny_model(1), tiny_model(2))
    first, second = tiny_input(1), tiny_input(2)
    settings = provers[0].settings(models[0], tiny_input(0))
    proof = provers[0].prove(models[0], settings, first)
    yield Case(*provers, runner, *models, first, second, settings, proof)


def test_settings_and_circuit_are_the_same_on_two_machines(case: Case) -> None:
    assert case.again.settings(case.model, tiny_input(0)) == case.settings
    assert case.again.circuit(case.model, case.settings) == case.prover.circuit(case.model, case.settings)


def test_a_batch_calibrates(case: Case) -> None:
    batch = {"x": np.concatenate([tiny_input(seed)["x"] for seed in range(5)])}
    assert case.prover.settings(case.model, batch)


def test_the_circuit_describes_its_instances(case: Case) -> None:
    circuit = case.prover.circuit(case.model, case.settings)
    assert (circuit.inputs, circuit.outputs) == (1, 4)
    assert len(case.proof.instances) == 5
    assert len(circuit.circuit_id) == 64
    assert all(0 <= word < 1 << 256 for word in circuit.vka)


def test_another_model_has_another_key(case: Case) -> None:
    circuit, other = (case.prover.circuit(model, case.settings) for model in (case.model, case.other_model))
    assert circuit.vka != other.vka and circuit.vka[16:24] == other.vka[16:24]
    assert circuit.circuit_id != other.circuit_id


def test_input_hashes_are_the_leading_instances(case: Case) -> None:
    assert case.prover.hash_inputs(case.settings, case.inputs) == case.proof.instances[:1]
    assert case.prover.hash_inputs(case.settings, case.other_inputs) != case.proof.instances[:1]


def test_outputs_are_those_of_the_model(case: Case) -> None:
    expected = case.runner.run(case.model, case.inputs).outputs["y"]
    found = case.prover.outputs(case.settings, case.proof.instances)["y"]
    assert found.shape == expected.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert (expected < 0).any(), "negative outputs must be covered"


def test_a_true_proof_verifies(case: Case) -> None:
    case.prover.verify(case.model, case.settings, case.proof)
    case.again.verify(case.model, case.settings, case.proof)


def test_another_model_of_the_same_size_fails(case: Case) -> None:
    with pytest.raises(VerificationFailed):
        case.prover.verify(case.other_model, case.settings, case.proof)


@pytest.mark.parametrize("at", [0, 100, -1])
def test_a_flipped_byte_fails(case: Case, at: int) -> None:
    proof = bytearray(case.proof.proof)
    proof[at % len(proof)] ^= 1
    with pytest.raises(VerificationFailed):
        case.prover.verify(case.model, case.settings, replace(case.proof, proof=bytes(proof)))


@pytest.mark.parametrize("change", ["pad", "cut", "empty"])
def test_another_length_fails(case: Case, change: str) -> None:
    proof = {"pad": case.proof.proof + bytes(32), "cut": case.proof.proof[:-32], "empty": b""}[change]
    with pytest.raises(VerificationFailed):
        case.prover.verify(case.model, case.settings, replace(case.proof, proof=proof))


@pytest.mark.parametrize("change", ["input", "output", "fewer", "more", "none"])
def test_other_instances_fail(case: Case, change: str) -> None:
    whole = case.proof.instances
    instances = {
        "input": (case.prover.hash_inputs(case.settings, case.other_inputs)[0], *whole[1:]),
        "output": (*whole[:-1], whole[-1] + 1),
        "fewer": whole[:-1],
        "more": (*whole, 0),
        "none": (),
    }[change]
    with pytest.raises(VerificationFailed):
        case.prover.verify(case.model, case.settings, replace(case.proof, instances=instances))


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        ({"x": np.full((1, 16), np.nan, np.float32)}, "NaN"),
        ({"x": np.full((1, 16), np.inf, np.float32)}, "NaN"),
        ({"y": np.zeros((1, 16), np.float32)}, "'x'"),
        ({}, "'x'"),
        ({"x": np.zeros((1, 16), np.float64)}, "float64"),
        ({"x": np.zeros((1, 15), np.float32)}, "15"),
        ({"x": np.zeros((2, 16), np.float32)}, "2"),
    ],
)
def test_wrong_inputs_are_refused(case: Case, inputs: dict[str, np.ndarray], names: str) -> None:
    with pytest.raises(InvalidData, match=names):
        case.prover.prove(case.model, case.settings, inputs)
    with pytest.raises(InvalidData, match=names):
        case.prover.hash_inputs(case.settings, inputs)


@pytest.mark.parametrize("settings", [b"", b"{}", b"[]", b"\xff", b'{"format": "mlm/zk-settings/2"}'])
def test_wrong_settings_are_refused(case: Case, settings: bytes) -> None:
    for step in (
        lambda: case.prover.circuit(case.model, settings),
        lambda: case.prover.hash_inputs(settings, case.inputs),
        lambda: case.prover.outputs(settings, case.proof.instances),
    ):
        with pytest.raises(InvalidData):
            step()


def test_wrong_instances_have_no_outputs(case: Case) -> None:
    with pytest.raises(InvalidData, match="4"):
        case.prover.outputs(case.settings, case.proof.instances[:-1])


@pytest.mark.parametrize("model", [b"", b"\x08", b"not a model"])
def test_a_broken_model_is_refused(case: Case, model: bytes) -> None:
    with pytest.raises(InvalidData):
        case.prover.settings(model, case.inputs)
    with pytest.raises(InvalidData):
        case.prover.circuit(model, case.settings)
