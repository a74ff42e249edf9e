"""ONNX files from hostile hands, and the runner's providers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, load_model_from_string, numpy_helper

from circuits.make_fixtures import tiny_input, tiny_model
from mlm.adapters.onnx.confined import ConfinedRunner
from mlm.adapters.onnx.inspect import inspect, load
from mlm.adapters.onnx.macs import multiplications
from mlm.adapters.onnx.run import OnnxRunner
from mlm.core.errors import InvalidData, ToolMissing, UsageError


def _tiny() -> ModelProto:
    return load_model_from_string(tiny_model(1))


def _saved(nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: dict[str, np.ndarray]) -> bytes:
    stored = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, stored)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("custom", 1)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def _value(name: str, shape: list[Any], kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def _with_weight(value: float) -> bytes:
    model = _tiny()
    weights = numpy_helper.to_array(model.graph.initializer[0]).copy()
    weights[3, 3] = value
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "w1"))
    return bytes(model.SerializeToString())


def _external() -> bytes:
    model = _tiny()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    return bytes(model.SerializeToString())


def _short_weight() -> bytes:
    model = _tiny()
    model.graph.initializer[0].dims[0] = 1 << 40
    return bytes(model.SerializeToString())


def _nan_in_a_branch() -> bytes:
    def branch(value: float, name: str) -> Any:
        node = helper.make_node("Constant", [], [name], value=helper.make_tensor("", TensorProto.FLOAT, [1], [value]))
        return helper.make_graph([node], name, [], [_value(name, [1])])

    node = helper.make_node("If", ["c"], ["y"], then_branch=branch(1, "t"), else_branch=branch(float("nan"), "e"))
    return _saved([node], [_value("c", [], TensorProto.BOOL)], [_value("y", [1])], {})


CUSTOM = _saved([helper.make_node("Evil", ["x"], ["y"], domain="custom")], [_value("x", [1])], [_value("y", [1])], {})
BAD = {
    "empty": (b"", "1 to"),
    "noise": (b"\xff\xfe noise", "ONNX"),
    "text": (b"hello", "ONNX"),
    "truncated": (tiny_model(1)[:-30], "ONNX"),
    "NaN weight": (_with_weight(float("nan")), "w1.*NaN"),
    "infinite weight": (_with_weight(float("inf")), "w1.*NaN"),
    "NaN in a branch": (_nan_in_a_branch(), "NaN"),
    "external data": (_external(), "another file"),
    "custom operator": (CUSTOM, "Evil.*custom"),
    "weight shorter than its shape": (_short_weight(), "w1|ONNX"),
}


@pytest.mark.parametrize(("data", "names"), BAD.values(), ids=BAD)
def test_bad_models_are_refused_in_one_line(data: bytes, names: str) -> None:
    with pytest.raises(InvalidData, match=names) as caught:
        OnnxRunner().inspect(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("at", range(0, 860, 41))
def test_a_flipped_byte_never_crashes(at: int) -> None:
    data = bytearray(tiny_model(1))
    data[at] ^= 0xFF
    try:
        OnnxRunner().inspect(bytes(data))
    except InvalidData as error:
        assert "\n" not in str(error)


def test_local_functions_are_refused() -> None:
    model = _tiny()
    node = helper.make_node("Relu", ["a"], ["b"])
    model.functions.append(helper.make_function("own", "F", ["a"], ["b"], [node], [helper.make_opsetid("", 13)]))
    with pytest.raises(InvalidData, match="functions of its own"):
        load(model.SerializeToString())


def test_inspect_describes_the_model() -> None:
    info = inspect(load(tiny_model(1)))
    assert (info.opset, info.parameters, info.operators) == (13, 16 * 8 + 8 + 8 * 4 + 4, ("Gemm", "Relu"))


def test_multiplications() -> None:
    assert multiplications(load(tiny_model(1))) == 16 * 8 + 8 * 4
    kernel = np.zeros((4, 3, 3, 3), np.float32)
    conv = helper.make_node("Conv", ["x", "k"], ["y"], strides=[1, 1], kernel_shape=[3, 3])
    data = _saved([conv], [_value("x", [1, 3, 8, 8])], [_value("y", [1, 4, 6, 6])], {"k": kernel})
    assert multiplications(load(data)) == 4 * 6 * 6 * 3 * 9


def test_a_named_batch_axis_takes_any_size_but_one() -> None:
    node = helper.make_node("Add", ["a", "b"], ["y"])
    values = [_value(name, ["batch", 2]) for name in ("a", "b", "y")]
    model, runner = _saved([node], values[:2], values[2:], {}), OnnxRunner(provider="cpu")
    assert inspect(load(model)).inputs[0].shape == ("batch", 2)
    ones = {rows: np.ones((rows, 2), np.float32) for rows in (1, 5)}
    for rows in (1, 5):
        assert runner.run(model, {"a": ones[rows], "b": ones[rows]}).outputs["y"].shape == (rows, 2)
    with pytest.raises(InvalidData, match=r"'b': expected shape \['batch', 2\], found \[5, 2\]"):
        runner.run(model, {"a": ones[1], "b": ones[5]})


def test_auto_runs_somewhere_and_says_where() -> None:
    assert OnnxRunner(provider="auto").run(tiny_model(1), tiny_input(1)).provider.endswith("ExecutionProvider")


def test_cuda_without_cuda_is_an_error() -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has CUDA: bench/gpu.py covers it")
    with pytest.raises(ToolMissing, match="CUDA was asked for"):
        OnnxRunner(provider="cuda").run(tiny_model(1), tiny_input(1))
    with pytest.raises(UsageError, match="auto, cpu, cuda"):
        OnnxRunner(provider="tpu")


def test_nothing_is_written_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    OnnxRunner(provider="auto").run(tiny_model(2), tiny_input(1))
    with pytest.raises(InvalidData):
        OnnxRunner().inspect(_short_weight())
    assert capfd.readouterr() == ("", "")


def test_onnx_runtime_sends_nothing_and_keeps_no_device_number(tmp_path: Path, root: Path) -> None:
    """Its telemetry is on by default, and writes a number of this device and a queue of events below HOME."""
    code = (
        "from circuits.make_fixtures import tiny_input, tiny_model; from mlm.adapters.onnx.run import OnnxRunner\n"
        "OnnxRunner(provider='cpu').run(tiny_model(1), tiny_input(1))"
    )
    home = {"HOME": str(tmp_path), "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", code], env=home, check=True, timeout=60)
    assert list(tmp_path.rglob("*")) == []


def test_nor_does_the_confined_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[str] = []
    monkeypatch.setattr(
        "shutil.rmtree", lambda path, **_: left.extend(found.name for found in Path(path).rglob("*") if found.is_file())
    )
    ConfinedRunner(folder=tmp_path, provider="cpu").run(tiny_model(1), tiny_input(1))
    assert sorted(left) == ["log.txt", "model.onnx", "response.json", "task.json"]  # tensors are gone by then
