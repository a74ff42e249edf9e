"""ONNX models that never end, or that want more memory than there is: they end their own process, not ours."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from circuits.make_fixtures import tiny_input, tiny_model
from mlm.adapters.onnx import child
from mlm.adapters.onnx.confined import ConfinedRunner
from mlm.core.errors import InvalidData, ModelStopped, StorageError, ToolMissing, UsageError

ONE = {"x": np.ones(1, np.float32)}
HUGE = numpy_helper.from_array(np.array([25_000_000_000], np.int64), "size")  # 100 GB of float32


def _value(name: str, shape: list[int], kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def _model(nodes: list[Any], stored: list[Any], shape: list[int] | None = None) -> bytes:
    out = [_value("y", [1] if shape is None else shape)]
    graph = helper.make_graph(nodes, "g", [_value("x", [1])], out, stored)
    model: ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def _endless() -> bytes:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["still"]), helper.make_node("Add", ["v", "v"], ["w"])],
        "body",
        [_value("i", [], TensorProto.INT64), _value("go", [], TensorProto.BOOL), _value("v", [1])],
        [_value("still", [], TensorProto.BOOL), _value("w", [1])],
    )
    true = numpy_helper.from_array(np.array(True), "true")
    return _model([helper.make_node("Loop", ["", "true", "x"], ["y"], body=body)], [true])


def _constant_of_shape() -> bytes:
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=1),
        helper.make_node("Add", ["sum", "x"], ["y"]),
    ]
    return _model(nodes, [HUGE])


def _expand() -> bytes:
    nodes = [
        helper.make_node("Expand", ["x", "size"], ["many"]),
        helper.make_node("ReduceSum", ["many"], ["y"], keepdims=1),
    ]
    return _model(nodes, [HUGE])


def _large_output() -> bytes:
    size = numpy_helper.from_array(np.array([(1 << 28) + 1], np.int64), "size")
    return _model([helper.make_node("Expand", ["x", "size"], ["y"])], [size], [(1 << 28) + 1])


def _files(folder: Path) -> list[Path]:
    """What a run has left behind; the folder that runs work in stays."""
    return [path for path in folder.rglob("*") if path != folder / "tmp"]


def _children() -> set[int]:
    """Live children of this process (Linux)."""
    found = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return {int(pid) for pid in found.read_text().split()} if found.exists() else set()


def test_an_endless_loop_is_ended_by_the_time_limit(tmp_path: Path) -> None:
    before, started = _children(), time.monotonic()
    with pytest.raises(ModelStopped, match=r"^running the model passed its time limit of 3 s$") as caught:
        ConfinedRunner(folder=tmp_path, provider="cpu", timeout_s=3).run(_endless(), ONE)
    assert time.monotonic() - started < 10 and "runner.timeout" in caught.value.hint
    assert _children() <= before and _files(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not bound the address space")
@pytest.mark.parametrize("make", [_constant_of_shape, _expand])
def test_a_hundred_gigabytes_are_ended_by_the_memory_limit(tmp_path: Path, make: Callable[[], bytes]) -> None:
    with pytest.raises(ModelStopped, match=r"^running the model ran out of its memory limit of 4096 MB") as caught:
        ConfinedRunner(folder=tmp_path).run(make(), ONE)
    assert "\n" not in str(caught.value) and "runner.memory_mb" in caught.value.hint
    assert _files(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not bound the address space")
@pytest.mark.parametrize("memory_mb", [0, 64])
def test_a_limit_that_python_itself_passes(tmp_path: Path, memory_mb: int) -> None:
    with pytest.raises(ModelStopped) as caught:
        ConfinedRunner(folder=tmp_path, memory_mb=memory_mb).inspect(tiny_model(1))
    assert "\n" not in str(caught.value)


def test_outputs_larger_than_tensors_may_be(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="expected at most 256 tensors"):
        ConfinedRunner(folder=tmp_path, provider="cpu").run(_large_output(), ONE)
    assert _files(tmp_path) == []


def test_noise_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="not an ONNX file") as caught:
        ConfinedRunner(folder=tmp_path).inspect(b"\xff\xfe noise")
    assert not isinstance(caught.value, ModelStopped)
    assert _files(tmp_path) == []


def test_names_of_tensors_are_no_paths(tmp_path: Path) -> None:
    """Inputs and outputs travel under numbers; scalars stay scalars."""
    graph = helper.make_graph(
        [helper.make_node("Neg", ["../x"], ["/tmp/y"])], "g", [_value("../x", [])], [_value("/tmp/y", [])]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    ran = ConfinedRunner(folder=tmp_path, provider="cpu").run(
        model.SerializeToString(), {"../x": np.array(2, np.float32)}
    )
    assert {name: (array.shape, float(array)) for name, array in ran.outputs.items()} == {"/tmp/y": ((), -2.0)}


def test_what_is_wrong_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="auto, cpu, cuda"):
        ConfinedRunner(folder=tmp_path, provider="tpu")
    with pytest.raises(InvalidData, match="'x': expected a dtype among"):
        ConfinedRunner(folder=tmp_path).run(tiny_model(1), {"x": np.array([{}])})
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="runner's folder"):
        ConfinedRunner(folder=tmp_path / "file" / "below").inspect(tiny_model(1))


def test_cuda_without_cuda_is_an_error(tmp_path: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has CUDA: `make gpu` covers it")
    with pytest.raises(ToolMissing, match="CUDA was asked for") as caught:
        ConfinedRunner(folder=tmp_path, provider="cuda").run(tiny_model(1), tiny_input(1))
    assert "mlm[gpu]" in caught.value.hint


def test_memory_is_bounded_unless_cuda_runs_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    cases = {"cpu": True, "cuda": False, "auto": False}
    (tmp_path / "device").write_text("")
    monkeypatch.setattr(child, "_DEVICES", (tmp_path / "device",))
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    assert {name: child.bounds_memory("run", {"provider": name}) for name in cases} == cases
    assert child.bounds_memory("inspect", {"provider": "cuda"})
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert child.bounds_memory("run", {"provider": "auto"})
    monkeypatch.setattr(child, "_DEVICES", (tmp_path / "none",))
    monkeypatch.delattr(onnxruntime, "get_available_providers")
    assert child.bounds_memory("run", {"provider": "auto"})
