"""ONNX files that reach for other files, or that would crash what reads their outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import AttributeProto, ModelProto, SparseTensorProto, TensorProto, helper, numpy_helper

from mlm.adapters.onnx.inspect import load
from mlm.adapters.onnx.run import OnnxRunner
from mlm.core.errors import InvalidData


def _value(name: str, shape: list[int], kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def _model(nodes: list[Any], outputs: list[Any]) -> ModelProto:
    graph = helper.make_graph(nodes, "g", [_value("x", [4])], outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _elsewhere() -> TensorProto:
    tensor = TensorProto(name="v", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "secret.bin"
    return tensor


def _sparse_constant() -> bytes:
    sparse = SparseTensorProto(dims=[4])
    sparse.values.CopyFrom(_elsewhere())
    sparse.indices.CopyFrom(numpy_helper.from_array(np.arange(4), "i"))
    node = helper.make_node("Constant", [], ["c"])
    attribute = node.attribute.add()
    attribute.name, attribute.type = "sparse_value", AttributeProto.SPARSE_TENSOR
    attribute.sparse_tensor.CopyFrom(sparse)
    return bytes(_model([node, helper.make_node("Add", ["x", "c"], ["y"])], [_value("y", [4])]).SerializeToString())


def _training_graph() -> bytes:
    model = _model([helper.make_node("Identity", ["x"], ["y"])], [_value("y", [4])])
    model.training_info.add().initialization.initializer.append(_elsewhere())
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("make", [_sparse_constant, _training_graph])
def test_weights_in_another_file_wherever_they_are_named(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # ONNX Runtime read this file from the working folder and gave its bytes out as the model's output.
    (tmp_path / "secret.bin").write_bytes(np.arange(4, dtype="f4").tobytes())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidData, match="lies in another file"):
        OnnxRunner(provider="cpu").run(make(), {"x": np.zeros(4, "f4")})


def test_outputs_of_text() -> None:
    text = helper.make_tensor("t", TensorProto.STRING, [1], [b"\x1b[2J"])
    model = _model([helper.make_node("Constant", [], ["s"], value=text)], [_value("s", [1], TensorProto.STRING)])
    with pytest.raises(InvalidData, match="holds text"):
        OnnxRunner(provider="cpu").inspect(model.SerializeToString())


def test_a_sound_model_still_loads() -> None:
    model = _model([helper.make_node("Identity", ["x"], ["y"])], [_value("y", [4])])
    assert load(model.SerializeToString()).graph.node
