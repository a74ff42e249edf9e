"""An exact model as an ordinary ONNX file, in which every node's output is a named tensor: n0, n1, …

Any ONNX Runtime executes it: floats in, floats out. The file carries the graph in its metadata, and its profile unless
that is the first one; one model has one file, so that whoever reads it back (read.py) writes it again and compares.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from mlm.adapters.exact.builder import FROM_IMAGE, Builder, tensor_name
from mlm.adapters.exact.ivf32 import FloatBuilder, TracedBuilder
from mlm.adapters.exact.model import ExactModel, Port, image_shape
from mlm.adapters.exact.operators import emit
from mlm.adapters.exact.qop import IntegerBuilder
from mlm.adapters.exact.reference import NUMPY
from mlm.core import dagcbor
from mlm.core.digest import words
from mlm.core.exact.graph import Graph
from mlm.core.exact.node import Node, Op
from mlm.core.exact.tensor import LIMITS, DType
from mlm.ports.lowering import PROFILES

if TYPE_CHECKING:
    import onnx

METADATA = "mlm/exact-graph/1"
OPSET = 17
IR_VERSION = 8
# Of each profile: what writes its file, and what writes it with the tensors that are committed to.
_BUILDERS: dict[str, tuple[type[Builder], type[Builder]]] = dict(
    zip(PROFILES, ((FloatBuilder, TracedBuilder), (IntegerBuilder, IntegerBuilder)), strict=True)
)
_FOLLOWING = (Op.ADD, Op.MUL, Op.TABLE, Op.CONCAT, Op.PAD)  # these take the layout of their largest operand


def to_onnx(model: ExactModel) -> bytes:
    """The file. Raises InvalidData for a model that `ExactModel.check` refuses."""
    return to_proto(model).SerializeToString(deterministic=True)


def to_proto(model: ExactModel, *, traced: bool = False) -> onnx.ModelProto:
    """The file, parsed. `traced` adds outputs: every node's tensor as it is committed to, called `traced_name`.

    The numbers are the same, and made by the profile's second builder.
    """
    from onnx import helper

    model.check()
    graph = model.graph
    builder = _BUILDERS[model.profile][traced](graph, model.parameters, layouts(graph, model.inputs))
    outputs = [_value(port.name, port.dtype, port.shape) for port in model.outputs]
    for index, node in enumerate(graph.nodes):
        if node.op is Op.INPUT:
            _input(builder, index, model.inputs[index])
        else:
            emit(builder, index)
        if traced:
            outputs.append(_traced(builder, index))
    for index, port in enumerate(model.outputs, len(graph.nodes) - graph.outputs):
        _output(builder, index, port)
    inputs = [_value(port.name, port.dtype, port.shape) for port in model.inputs]
    proto = helper.make_graph(builder.operators, "exact", inputs, outputs, list(builder.initializers.values()))
    made = helper.make_model(proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    made.producer_name = "mlm"
    helper.set_model_props(made, {METADATA: b64encode(dagcbor.encode(description(model))).decode()})
    return made


def description(model: ExactModel) -> dict[str, dagcbor.Value]:
    """What the metadata say: the nodes' words, the ports, and the profile where it is not the first."""
    found: dict[str, dagcbor.Value] = {
        "nodes": [words(node.words()) for node in model.graph.nodes],
        "inputs": [_port(port) for port in model.inputs],
        "outputs": [_port(port) for port in model.outputs],
    }
    return found if model.profile == PROFILES[0] else {**found, "profile": model.profile}


def _port(port: Port) -> dict[str, dagcbor.Value]:
    return {
        "name": port.name,
        "shape": list(port.shape),
        "scale": float(port.scale),
        "channels_first": port.channels_first,
        "dtype": port.dtype,
    }


def traced_name(index: int) -> str:
    """What a node's tensor is called as it is committed to: int8 or int32, NHWC."""
    return f"{tensor_name(index)}/traced"


def layouts(graph: Graph, inputs: tuple[Port, ...]) -> list[bool]:
    """For each node whether its tensor is NCHW in the file: what Conv and MaxPool want, and what follows on them."""
    images: list[bool] = []
    for index, node in enumerate(graph.nodes):
        if node.op is Op.INPUT:
            images.append(inputs[index].channels_first)
        elif node.op in _FOLLOWING:
            images.append(_follows(node, images))
        else:
            images.append(node.op in (Op.CONV, Op.MAXPOOL))
    return images


def _follows(node: Node, images: list[bool]) -> bool:
    sources = [(operand.kind.elements, operand.source) for operand in node.operands if isinstance(operand.source, int)]
    return max(((elements, images[source]) for elements, source in sources), default=(0, False))[1]


def _value(name: str, dtype: str, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
    import numpy as np
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), list(shape))


def _input(builder: Builder, index: int, port: Port) -> None:
    """A user's tensor as whole numbers, in the layout it came in."""
    node = builder.graph.nodes[index]
    low, high = LIMITS[node.output.dtype]
    shape = image_shape(node.output.shape) if port.channels_first else node.output.shape
    if node.output.dtype is DType.I32:
        limits = [builder.constant(limit, port.dtype) for limit in (low, high)]
        number = builder.cast(builder.add("Clip", [port.name, *limits]), "int32")
        builder.reshaped(number, shape, tensor_name(index))
        return
    units = builder.add("Div", [builder.reshaped(port.name, shape), builder.constant(port.scale, "float32")])
    builder.rounded(units, low, high, tensor_name(index))


def _output(builder: Builder, index: int, port: Port) -> None:
    value = builder.real(builder.reshaped(builder.output(index, image=port.channels_first), port.shape))
    builder.add("Mul", [value, builder.constant(port.scale, "float32")], port.name)


def _traced(builder: Builder, index: int) -> onnx.ValueInfoProto:
    kind = builder.graph.nodes[index].output
    name, tensor = traced_name(index), tensor_name(index)
    if kind.dtype is DType.I8:
        tensor = builder.small(tensor)
    if builder.images[index]:
        builder.add("Transpose", [tensor], name, perm=list(FROM_IMAGE))
    else:
        builder.add("Identity", [tensor], name)
    return _value(name, NUMPY[kind.dtype], kind.shape)
