"""Models that are not what they claim, or that want more than a machine gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tests.bad.harness import Scene, bad
from tests.bad.shared import TINY, TINY_INPUT, npy

ONE = npy(np.ones(1, "f4"))


def value(name: str, shape: list[int], kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def graph(nodes: list[Any], stored: list[Any] | None = None, shape: list[int] | None = None, **model: Any) -> bytes:
    """An ONNX file from x to y, both float32 of this shape ([1])."""
    shape = [1] if shape is None else shape
    made = helper.make_graph(nodes, "g", [value("x", shape)], [value("y", shape)], stored or [])
    options = {"opset_imports": [helper.make_opsetid("", 17)], "ir_version": 8, **model}
    return bytes(helper.make_model(made, **options).SerializeToString())


IDENTITY = graph([helper.make_node("Identity", ["x"], ["y"])])


def _model(scene: Scene, content: bytes, tensor: bytes = ONE) -> None:
    scene.write("m.onnx", content)
    scene.write("x.npy", tensor)


@bad("mlm run m.onnx x.npy", 4, "not an ONNX file", f"expected an ONNX file, found {len(TINY) // 2} bytes")
def truncated_onnx(scene: Scene) -> None:
    _model(scene, TINY[: len(TINY) // 2])


@bad("mlm run m.onnx x.npy", 4, "an ONNX file has 1 to", "found 0")
def empty_onnx(scene: Scene) -> None:
    _model(scene, b"")


@bad("mlm run m.onnx x.npy", 4, "not an ONNX file")
def text_in_place_of_onnx(scene: Scene) -> None:
    _model(scene, b"<!DOCTYPE html><html>404</html>\n")


@bad("mlm run m.onnx x.npy", 4, "expected an ONNX file, found 133 bytes", hint="git lfs pull")
def git_lfs_pointer_in_place_of_onnx(scene: Scene) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 12345678\n"
    _model(scene, pointer.encode())


@bad("mlm run m.onnx x.npy", 4, "'Frobnicate'", "expected")
def unsupported_operator(scene: Scene) -> None:
    _model(scene, graph([helper.make_node("Frobnicate", ["x"], ["y"])]))


@bad("mlm run m.onnx x.npy", 4, "'Inverse'", "'com.microsoft'", "expected standard ONNX operators only")
def operator_of_a_foreign_domain(scene: Scene) -> None:
    _model(scene, graph([helper.make_node("Inverse", ["x"], ["y"], domain="com.microsoft")]))


@bad("mlm prove m.onnx x.npy", 11, "cannot turn the model into a circuit", "Det")
def operator_that_no_circuit_has(scene: Scene) -> None:
    node = helper.make_node("Det", ["x"], ["y"])
    made = helper.make_graph([node], "g", [value("x", [1, 2, 2])], [value("y", [1])])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    _model(scene, model.SerializeToString(), npy(np.ones((1, 2, 2), "f4")))


@bad("mlm run m.onnx x.npy", 4, "opset", "99", "expected")
def opset_of_the_future(scene: Scene) -> None:
    _model(scene, graph([helper.make_node("Identity", ["x"], ["y"])], opset_imports=[helper.make_opsetid("", 99)]))


@bad("mlm run m.onnx x.npy", 4, "ir_version 99 is higher than")
def ir_version_of_the_future(scene: Scene) -> None:
    _model(scene, graph([helper.make_node("Identity", ["x"], ["y"])], ir_version=99))


@bad("mlm run m.onnx x.npy", 4, "weight 'w' holds NaN or infinity", "expected finite")
def nan_weights(scene: Scene) -> None:
    weight = numpy_helper.from_array(np.array([np.nan], "f4"), "w")
    _model(scene, graph([helper.make_node("Add", ["x", "w"], ["y"])], [weight]))


@bad("mlm run m.onnx x.npy", 4, "weight 'w' lies in another file", "expected one self-contained")
def weights_in_another_file(scene: Scene) -> None:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    entry = weight.external_data.add()
    entry.key, entry.value = "location", "/etc/hostname"
    _model(scene, graph([helper.make_node("Add", ["x", "w"], ["y"])], [weight]))


@bad("mlm run m.onnx x.npy", 4, "not a valid ONNX model")
def weights_of_another_size_than_they_say(scene: Scene) -> None:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1000], raw_data=b"\0" * 8)
    _model(scene, graph([helper.make_node("Add", ["x", "w"], ["y"])], [weight]))


@bad("mlm run m.onnx x.npy", 4, "not a valid ONNX model")
def graph_with_a_cycle(scene: Scene) -> None:
    nodes = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Add", ["a", "x"], ["b"])]
    _model(scene, graph([*nodes, helper.make_node("Identity", ["b"], ["y"])]))


@bad("mlm run m.onnx x.npy", 4, "no operators")
def model_without_operators(scene: Scene) -> None:
    _model(scene, graph([]))


@bad("mlm run m.onnx x.npy", 4, "limit of 1 s", error="model_stopped", hint="runner.timeout")
def model_that_never_ends(scene: Scene) -> None:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["v", "v"], ["w"])],
        "body",
        [value("i", [], TensorProto.INT64), value("go", [], TensorProto.BOOL), value("v", [1])],
        [value("on", [], TensorProto.BOOL), value("w", [1])],
    )
    most = numpy_helper.from_array(np.array(2**62), "most")
    yes = numpy_helper.from_array(np.array(True), "yes")
    _model(scene, graph([helper.make_node("Loop", ["most", "yes", "x"], ["y"], body=body)], [most, yes]))
    scene.env["MLM_RUNNER_TIMEOUT"] = "1"


@bad("mlm run m.onnx x.npy", 4, "memory", error="model_stopped", hint="runner.memory_mb")
def model_that_wants_a_hundred_gigabytes(scene: Scene) -> None:
    size = numpy_helper.from_array(np.array([25_000_000_000], "i8"), "size")
    nodes = [helper.make_node("ConstantOfShape", ["size"], ["big"]), helper.make_node("ReduceMax", ["big"], ["m"])]
    _model(scene, graph([*nodes, helper.make_node("Add", ["x", "m"], ["y"])], [size]))


@bad("mlm prove m.onnx x.npy", 4, "at most 350,000", "needs 360,000")
def model_too_large_for_a_circuit(scene: Scene) -> None:
    weight = numpy_helper.from_array(np.ones((600, 600), "f4"), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    _model(scene, graph([node], [weight], [1, 600]), npy(np.ones((1, 600), "f4")))


@bad("mlm run m.onnx x.npy", 3, "no such file: m.onnx")
def model_that_is_not_there(scene: Scene) -> None:
    scene.write("x.npy", ONE)


@bad("mlm run m.onnx x.npy", 5, "m.onnx", "symbolic links")
def model_that_is_a_link_to_itself(scene: Scene) -> None:
    scene.write("x.npy", ONE)
    (scene.folder / "m.onnx").symlink_to("m.onnx")


@bad("mlm run model x.npy", 3, "no mlm.toml in model", hint="Name an ONNX file")
def folder_without_a_model(scene: Scene) -> None:
    scene.write("x.npy", ONE)
    (scene.folder / "model").mkdir()


@bad("mlm prove tiny.onnx x.npy --calibration c.npy", 4, "expected", "[1, 16]", "[3, 7]")
def calibration_of_another_shape(scene: Scene) -> None:
    scene.write("tiny.onnx", TINY)
    scene.write("x.npy", TINY_INPUT)
    scene.write("c.npy", npy(np.ones((3, 7), "f4")))
