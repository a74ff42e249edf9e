"""One suite over every Runner: in memory, ONNX Runtime in this process, in a confined one, and on a Ray cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from circuits.make_fixtures import tiny_input, tiny_model
from mlm.adapters.onnx.confined import ConfinedRunner
from mlm.adapters.onnx.run import OnnxRunner
from mlm.adapters.ray.runner import RayRunner
from mlm.core.errors import InvalidData
from mlm.memory.runner import MemoryRunner
from mlm.memory.toy import ToyModel
from mlm.ports.runner import Runner


@dataclass(frozen=True)
class Case:
    runner: Runner
    model: bytes
    provider: str


@pytest.fixture(scope="module", params=["memory", "onnx", "confined", "staying", "ray"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    if request.param in ("confined", "staying"):
        stay = 2 * (request.param == "staying")
        confined = ConfinedRunner(folder=tmp_path_factory.mktemp("runner"), provider="cpu", stay=stay)
        return Case(confined, tiny_model(1), "CPUExecutionProvider")
    if request.param == "ray":
        nodes = request.getfixturevalue("ray_nodes").nodes()
        return Case(RayRunner(nodes, provider="cpu"), tiny_model(1), "CPUExecutionProvider")
    if request.param == "onnx":
        return Case(OnnxRunner(provider="cpu"), tiny_model(1), "CPUExecutionProvider")
    weights = np.random.default_rng(1).normal(size=(16, 4))
    return Case(MemoryRunner(), ToyModel(tuple(map(tuple, weights.tolist()))).to_bytes(), "MemoryProvider")


def test_inspect(case: Case) -> None:
    info = case.runner.inspect(case.model)
    assert [(spec.name, spec.dtype, spec.shape) for spec in info.inputs] == [("x", "float32", (1, 16))]
    assert [(spec.name, spec.dtype, spec.shape) for spec in info.outputs] == [("y", "float32", (1, 4))]
    assert info.parameters >= 64 and info.opset >= 1 and info.operators


def test_run_is_deterministic_and_reports_its_provider(case: Case) -> None:
    first, second = (case.runner.run(case.model, tiny_input(3)) for _ in range(2))
    assert first.outputs["y"].shape == (1, 4) and first.outputs["y"].dtype == np.float32
    np.testing.assert_array_equal(first.outputs["y"], second.outputs["y"])
    assert first.provider == case.provider and first.seconds >= 0
    assert not np.array_equal(first.outputs["y"], case.runner.run(case.model, tiny_input(4)).outputs["y"])


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        ({"x": np.full((1, 16), np.nan, np.float32)}, "NaN"),
        ({"x": np.full((1, 16), -np.inf, np.float32)}, "NaN"),
        ({"x": np.zeros((1, 16), np.float64)}, "expected float32, found float64"),
        ({"x": np.zeros((1, 16), np.int8)}, "expected float32, found int8"),
        ({"x": np.zeros((1, 15), np.float32)}, r"expected shape \[1, 16\], found \[1, 15\]"),
        ({"x": np.zeros((16,), np.float32)}, r"expected shape \[1, 16\], found \[16\]"),
        ({"x": np.zeros((0, 16), np.float32)}, r"found \[0, 16\]"),
        ({"z": np.zeros((1, 16), np.float32)}, r"inputs \['x'\], found \['z'\]"),
        ({}, r"found \[\]"),
    ],
)
def test_wrong_inputs_name_expected_and_found(case: Case, inputs: dict[str, np.ndarray], names: str) -> None:
    with pytest.raises(InvalidData, match=names):
        case.runner.run(case.model, inputs)


@pytest.mark.parametrize("cut", [0, 1, 20, -1])
def test_truncated_models_are_refused(case: Case, cut: int) -> None:
    with pytest.raises(InvalidData):
        case.runner.inspect(case.model[:cut])


def test_a_model_is_inspected_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process found out is kept by the model's digest; what cannot be read any more is found out again."""
    runner, model = ConfinedRunner(folder=tmp_path), tiny_model(1)
    found = runner.inspect(model)
    (kept,) = (tmp_path / "inspected").iterdir()
    kept.write_text("{")
    assert runner.inspect(model) == found
    monkeypatch.setattr("mlm.adapters.confine.ask", None)
    assert ConfinedRunner(folder=tmp_path).inspect(model) == found
    with pytest.raises(TypeError):
        runner.inspect(tiny_model(2))
