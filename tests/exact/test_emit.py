"""Exact models as ONNX files, of each profile: the same numbers as the reference whatever the session, and files that

are refused.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from bench.exact_models import classifier, resnet
from mlm.adapters.exact.emit import to_onnx
from mlm.adapters.exact.model import ExactModel, Port, dequantised, quantised
from mlm.adapters.exact.read import from_onnx, is_exact
from mlm.adapters.exact.reference import run_graph
from mlm.adapters.exact.trace import Tracer
from mlm.core import dagcbor
from mlm.core.errors import InvalidData
from mlm.core.exact.node import Op
from mlm.ports.lowering import PROFILES
from tests.exact.fitting import fitted
from tests.exact.models import feed, model_of, random_inputs, transformer
from tests.exact.sampling import Sample, sample
from tests.exact.test_graph import OPERATORS

LEVELS = (0, 1, 2, 3)
in_each_profile = pytest.mark.parametrize("profile", PROFILES)


def by_file(model: ExactModel, given: dict[str, np.ndarray]) -> np.ndarray:
    """The first output of the file that anybody gets, which rounds by other operators than a traced run."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(to_onnx(model), options, providers=["CPUExecutionProvider"])
    return session.run(None, given)[0]


@in_each_profile
@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_a_node_computes_the_same_in_onnx(op: Op, profile: str) -> None:
    random = Random(op + 400)
    for turn in range(12):
        model, inputs = model_of(fitted(op, random).sample, random, profile)
        expected = run_graph(model.graph, model.parameters, inputs)
        values = Tracer(model, threads=1, optimise=LEVELS[turn % 4]).execute(feed(model, inputs))
        for at, (ours, theirs) in enumerate(zip(expected, values[1:], strict=True)):
            np.testing.assert_array_equal(theirs, ours, err_msg=f"{model.graph.nodes[at]}", strict=True)
        np.testing.assert_array_equal(values[0], dequantised(model.outputs[0], expected[-1]), strict=True)
        np.testing.assert_array_equal(by_file(model, feed(model, inputs)), values[0], strict=True)


def _turned(made: Sample, random: Random) -> Sample:
    """The same node with attributes and axes that nobody would choose, most of which `Graph.check` refuses."""
    attributes, shape = list(made.node.attributes), list(made.node.output.shape)
    for _ in range(random.randint(1, 3)):
        if attributes and random.random() < 0.7:
            at = random.randrange(len(attributes))
            near = attributes[at] + random.choice((-1, 1, 2))
            far = random.choice((1 << random.randint(0, 40), -(1 << random.randint(0, 250)), (1 << 255) - 1))
            attributes[at] = random.choice((near, 0, 1, 2, far, random.randint(-5, 40)))
        else:
            at = random.randrange(4)
            shape[at] = max(1, random.choice((shape[at] - 1, shape[at] + 1, 1, 2, shape[at] * 2)))
    output = replace(made.node.output, shape=tuple(shape))
    return replace(made, node=replace(made.node, attributes=tuple(attributes), output=output))


@in_each_profile
@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_whatever_a_graph_may_hold_computes_the_same_in_onnx(op: Op, profile: str) -> None:
    random, ran = Random(op + 700), 0
    for _ in range(60):
        made = _turned(sample(op, random), random)
        try:
            model, inputs = model_of(made, random, profile)
            model.check()
        except InvalidData:
            continue
        expected = run_graph(model.graph, model.parameters, inputs)
        values = Tracer(model, threads=1).execute(feed(model, inputs))
        np.testing.assert_array_equal(values[-1], expected[-1], err_msg=f"{made.node}", strict=True)
        np.testing.assert_array_equal(by_file(model, feed(model, inputs)), values[0], strict=True)
        cells = made.node.output.elements
        assert all(expected[-1].flat[i] == made.output(i) for i in random.sample(range(cells), min(cells, 9)))
        ran += 1
    assert ran


@in_each_profile
@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_a_file_is_its_model(op: Op, profile: str) -> None:
    random = Random(op + 500)
    for _ in range(5):
        model, inputs = model_of(sample(op, random), random, profile)
        data = to_onnx(model)
        assert is_exact(data)
        found = from_onnx(data)
        assert replace(found, parameters={}) == replace(model, parameters={})
        assert set(found.parameters) == set(model.parameters)
        assert to_onnx(found) == data
        onnx.checker.check_model(data, full_check=True)
        for port, node, value in zip(model.inputs, model.graph.nodes, inputs, strict=False):
            given = feed(model, inputs)[port.name]
            np.testing.assert_array_equal(quantised(port, node.output, given), value, strict=True)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("optimise", LEVELS)
@pytest.mark.parametrize("which", ["cnn", "transformer"])
@in_each_profile
def test_neither_threads_nor_optimisations_change_a_number(
    profile: str, which: str, optimise: int, threads: int
) -> None:
    model = replace(MODELS[which], profile=profile)
    tracer = Tracer(model, threads=threads, optimise=optimise)
    for seed in range(3):
        inputs = random_inputs(model, seed)
        expected = run_graph(model.graph, model.parameters, inputs)
        for ours, theirs in zip(expected, tracer.execute(feed(model, inputs))[1:], strict=True):
            np.testing.assert_array_equal(theirs, ours, strict=True)
        outputs = tracer.run(feed(model, inputs)).outputs
        np.testing.assert_array_equal(by_file(model, feed(model, inputs)), outputs[model.outputs[0].name], strict=True)


@in_each_profile
def test_a_batch_is_its_images(profile: str) -> None:
    networks = (classifier(resnet(13, (8, 12), stem=5, batch=count)) for count in (1, 4))
    single, batch = (replace(model, profile=profile) for model in networks)
    inputs = random_inputs(batch, 5)
    together = Tracer(batch).execute(feed(batch, inputs))[1:]
    for at in range(4):
        alone = Tracer(single).execute(feed(single, [inputs[0][at : at + 1]]))[1:]
        for ours, theirs in zip(together, alone, strict=True):
            np.testing.assert_array_equal(ours[at : at + 1], theirs)


@pytest.mark.parametrize(("profile", "dtype"), [("ivf32", np.float32), ("qop-s8s8", np.int8)])
def test_whoever_knows_nothing_of_us_runs_the_file(profile: str, dtype: type) -> None:
    """The named tensors are there, hold whole numbers, and the outputs are theirs times the scale."""
    model = replace(MODELS["cnn"], profile=profile)
    proto = onnx.load_model_from_string(to_onnx(model))
    last = len(model.graph.nodes) - 1
    proto.graph.output.extend([onnx.ValueInfoProto(name=f"n{index}") for index in range(last + 1)])
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    scores, *values = session.run(None, feed(model, random_inputs(model, 9)))
    assert all(value.dtype == dtype and (value == np.rint(value)).all() for value in values)
    np.testing.assert_array_equal(scores.ravel(), values[last].ravel() * np.float32(model.outputs[0].scale))


@pytest.mark.parametrize("which", ["cnn", "transformer"])
def test_no_optimisation_makes_an_integer_operator_that_other_processors_round_otherwise(
    which: str, tmp_path: Path
) -> None:
    """QLinearAdd does so on ARM, which no test here runs on; unsigned operands saturate on AVX2."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    data = to_onnx(replace(MODELS[which], profile="qop-s8s8"))
    onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    graph = onnx.load(tmp_path / "optimised.onnx").graph
    multiplied = {node.op_type for node in graph.node if node.op_type.endswith(("Conv", "Integer"))}
    assert multiplied == ({"QLinearConv", "MatMulInteger"} if which == "cnn" else {"MatMulInteger"})
    assert not {"QLinearAdd", "QLinearMul", "DequantizeLinear"} & {node.op_type for node in graph.node}
    assert onnx.TensorProto.UINT8 not in {tensor.data_type for tensor in graph.initializer}


MODELS = {"cnn": classifier(resnet(13, (8, 12), stem=5)), "transformer": transformer()}


def _described(proto: onnx.ModelProto, change: Callable[[dict[str, list]], object]) -> None:
    value = dagcbor.decode(b64decode(proto.metadata_props[0].value))
    change(value)  # type: ignore[arg-type]
    proto.metadata_props[0].value = b64encode(dagcbor.encode(value)).decode()


def _swap(description: dict[str, list]) -> None:
    """The other profile, in the metadata only."""
    if not description.pop("profile", None):
        description.update(profile="qop-s8s8")  # type: ignore[arg-type]


def _weight(proto: onnx.ModelProto) -> onnx.TensorProto:
    return next(tensor for tensor in proto.graph.initializer if tensor.name.startswith("p/"))


def _flip(proto: onnx.ModelProto) -> None:
    tensor = _weight(proto)
    tensor.raw_data = bytes([tensor.raw_data[0] ^ 1]) + tensor.raw_data[1:]


def _half(proto: onnx.ModelProto) -> None:
    """A constant of the program, no parameter of the graph: 2^-shift of all channels."""
    tensor = next(t for t in proto.graph.initializer if t.name.startswith("c/") and t.data_type == 1 and t.dims == [32])
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) / 2, tensor.name))


DEFECTS: dict[str, tuple[Callable[[onnx.ModelProto], object], str]] = {
    "no metadata": (lambda p: p.ClearField("metadata_props"), "without mlm/exact-graph/1"),
    "metadata twice": (lambda p: p.metadata_props.extend([p.metadata_props[0]]), "without mlm/exact-graph/1"),
    "further metadata": (lambda p: p.metadata_props.add(key="a", value="b"), "expected nothing beside"),
    "not base64": (lambda p: setattr(p.metadata_props[0], "value", "*"), "base64"),
    "not CBOR": (lambda p: setattr(p.metadata_props[0], "value", "AAAA"), "DAG-CBOR"),
    "no map": (lambda p: setattr(p.metadata_props[0], "value", "AA=="), "expected nodes, inputs and outputs"),
    "a key more": (lambda p: _described(p, lambda v: v.update(more=[])), "expected nodes, inputs and outputs"),
    "no list": (lambda p: _described(p, lambda v: v.update(nodes=3)), "expected lists"),
    "words cut": (lambda p: _described(p, lambda v: v["nodes"].append(b"abc")), "words of a node"),
    "a node fewer": (lambda p: _described(p, lambda v: v["nodes"].pop(3)), "node"),
    "a node twice": (lambda p: _described(p, lambda v: v["nodes"].insert(3, v["nodes"][3])), "node"),
    "scale of 0": (lambda p: _described(p, lambda v: v["inputs"][0].update(scale=0.0)), "scale"),
    "scale of 64 bits": (lambda p: _described(p, lambda v: v["inputs"][0].update(scale=0.1)), "scale"),
    "scale without its file": (lambda p: _described(p, lambda v: v["inputs"][0].update(scale=0.5)), "differs"),
    "shape of text": (lambda p: _described(p, lambda v: v["inputs"][0].update(shape=["a"])), "shape"),
    "shape too small": (lambda p: _described(p, lambda v: v["inputs"][0].update(shape=[1])), "elements"),
    "no port": (lambda p: _described(p, lambda v: v["outputs"].append(3)), "dtype of an input or output"),
    "another name": (lambda p: _described(p, lambda v: v["inputs"][0].update(name="b")), "named so"),
    "taken name": (lambda p: _described(p, lambda v: v["outputs"][0].update(name="n3")), "name"),
    "another profile": (lambda p: _described(p, _swap), "differs"),
    "the first profile by name": (lambda p: _described(p, lambda v: v.update(profile="ivf32")), "differs"),
    "unknown profile": (lambda p: _described(p, lambda v: v.update(profile="ivf16")), "ivf32, qop-s8s8, found 'ivf16'"),
    "profile of a number": (lambda p: _described(p, lambda v: v.update(profile=3)), "name of a profile"),
    "weight flipped": (_flip, "expected this root"),
    "weight cut": (lambda p: setattr(_weight(p), "raw_data", b"a"), "bytes"),
    "weight gone": (lambda p: setattr(_weight(p), "name", "w"), "found none in the file"),
    "weight elsewhere": (lambda p: setattr(_weight(p), "data_location", 1), "initializer"),
    "weight of another type": (lambda p: setattr(_weight(p), "data_type", 2), "initializer"),
    "constant halved": (_half, "initializer"),
    "operator swapped": (lambda p: setattr(p.graph.node[4], "op_type", "Floor"), "node 4"),
    "operator more": (lambda p: p.graph.node.add(op_type="Relu", input=["n1"], output=["z"]), "of node"),
    "output more": (lambda p: p.graph.output.add(name="n1"), "of output"),
    "attribute changed": (lambda p: setattr(_conv(p).attribute[0], "i", 7), "node"),
    "opset": (lambda p: setattr(p.opset_import[0], "version", 18), "expected nothing beside"),
    "function": (lambda p: p.functions.add(name="f"), "expected nothing beside"),
    "text": (lambda p: setattr(p.graph, "doc_string", "a"), "expected nothing beside"),
}


def _conv(proto: onnx.ModelProto) -> onnx.NodeProto:
    return next(node for node in proto.graph.node if node.op_type in ("Conv", "QLinearConv"))


@in_each_profile
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_file_that_differs_from_its_graph_is_refused(defect: str, profile: str) -> None:
    change, words = DEFECTS[defect]
    proto = onnx.load_model_from_string(to_onnx(replace(MODELS["cnn"], profile=profile)))
    change(proto)
    with pytest.raises(InvalidData, match=words):
        from_onnx(proto.SerializeToString())


@pytest.mark.parametrize("data", [b"", b"abc", to_onnx(MODELS["cnn"])[:-9]], ids=["empty", "text", "cut"])
def test_what_is_no_onnx_is_refused(data: bytes) -> None:
    assert not is_exact(data)
    with pytest.raises(InvalidData, match="ONNX file"):
        from_onnx(data)


@in_each_profile
def test_bytes_turned_at_random_are_refused_or_change_nothing(profile: str) -> None:
    random, data = Random(3), to_onnx(replace(MODELS["cnn"], profile=profile))
    for _ in range(150):
        changed = bytearray(data)
        changed[random.randrange(len(data))] ^= 1 << random.randrange(8)
        try:
            found = from_onnx(bytes(changed))
        except InvalidData:
            continue
        assert to_onnx(found) == data


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inputs": ()}, "expected 1 inputs"),
        ({"outputs": (Port("image", (1, 10)),)}, "names of their own"),
        ({"outputs": (Port("", (1, 10)),)}, "name"),
        ({"outputs": (Port("n1/x", (1, 10)),)}, "name"),
        ({"outputs": (Port("y", (10, 1), channels_first=True),)}, "images and channels"),
        ({"outputs": (Port("y", (1, 10), dtype="int32"),)}, "dtype"),
        ({"outputs": (Port("y", (1, 10), float("nan")),)}, "scale"),
        ({"outputs": (Port("y", (-1, -10)),)}, "elements"),
    ],
)
def test_ports_that_do_not_fit_are_refused(change: dict[str, tuple[Port, ...]], words: str) -> None:
    with pytest.raises(InvalidData, match=words):
        to_onnx(replace(MODELS["cnn"], **change))


def test_parameters_that_are_not_there_are_refused() -> None:
    model: ExactModel = MODELS["cnn"]
    with pytest.raises(InvalidData, match=r"node 1 \(CONV\): expected the parameter"):
        to_onnx(replace(model, parameters={}))
