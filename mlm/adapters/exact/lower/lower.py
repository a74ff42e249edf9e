"""A float ONNX model as an exact one: pass after pass, then node by node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.lower import convolve, moves, pointwise, products, rows
from mlm.adapters.exact.lower.biases import absorb
from mlm.adapters.exact.lower.calibrate import Statistics, best_units, measure
from mlm.adapters.exact.lower.context import Context, rounded
from mlm.adapters.exact.lower.graph import Value
from mlm.adapters.exact.lower.layout import images, natural, row_major
from mlm.adapters.exact.lower.regions import recognise
from mlm.adapters.exact.lower.simplify import Source, Step, simplify
from mlm.adapters.exact.lower.unary import fuse
from mlm.adapters.exact.model import ExactModel, Port
from mlm.core.exact.graph import input_name
from mlm.core.exact.node import Op
from mlm.core.exact.tensor import DType
from mlm.ports.lowering import PROFILES

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

Handler = Callable[[Context, Step], None]

_WINDOWED = {"Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "BatchNormalization", "Resize"}
_SAME = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "MaxPool", "Identity", "Slice"}
_FREE = {"Conv", "Gemm", "Add", "Sub", "Unary", "LayerNorm", "LayerNormalization"}  # their output's scale is free
_CLOSE = 2.0  # scales within this factor are made one where tensors are joined


@dataclass(frozen=True)
class LoweredGraph:
    """The exact model, and where each tensor of the float model is found in it, by index of a node."""

    model: ExactModel
    source: Source
    statistics: Mapping[str, Statistics]
    values: Mapping[str, Value]
    clipped: tuple[tuple[str, int], ...]
    largest: int  # accumulator, at worst


def prepare(data: bytes, scratch: Path, shapes: Mapping[str, tuple[int, ...]] | None = None) -> Source:
    """The model simplified, with what exporters take apart recognised; `scratch` is a folder. Raises InvalidData."""
    return fuse(absorb(recognise(simplify(data, scratch, shapes))))


def lower(
    source: Source, data: Mapping[str, Array], *, padding: bool = False, profile: str = PROFILES[0]
) -> LoweredGraph:
    """Calibrate on `data`, stacked samples of the inputs, and lower. Raises InvalidData, naming what cannot be.

    With `padding` a PAD may go before a padded window, so that its input can have a zero point. `profile` is the
    model's, and changes nothing else.
    """
    for step in source.steps:
        _check(source, step)
    statistics = measure(source, data)
    context = Context(source, statistics, joined(source, statistics), padding)
    ports = [_input(context, name) for name in source.inputs]
    wanted = source.uses()
    for step in source.steps:
        if step.output not in context.fused:
            HANDLERS[step.op](context, step)
        for name in step.outputs[1:]:  # the first is there, or that of the step that it was fused with
            if name in wanted and name not in context.values:
                raise step.fails(f"its output {name!r} is not among what an exact operator computes")
    outputs = [_output(context, name) for name in source.outputs]
    graph, order = context.nodes.finished([node for node, _ in outputs])
    places = {index: at for at, index in enumerate(order)}
    used = {operand.source for node in graph.nodes for operand in node.operands}
    model = ExactModel(
        graph,
        {root: value for root, value in context.nodes.parameters.items() if root in used},
        tuple(ports),
        tuple(port for _, port in outputs),
        profile,
    )
    model.check()
    values = {
        name: Value(places[value.node], value.view, value.scale, value.zero)
        for name, value in context.values.items()
        if value.node in places
    }
    return LoweredGraph(model, source, statistics, values, tuple(context.clipped), context.largest)


def _check(source: Source, step: Step) -> None:
    """Raises InvalidData for an operator that would compute with an input's integers, and for one without a handler."""
    numbers = [] if step.op == "Embedding" else [name for name in step.inputs if name in source.integers]
    if numbers and not (step.op == "Gather" and step.inputs[0] in source.constants):
        raise step.fails(f"expected floats, found the whole numbers of the input {numbers[0]!r}: only tables take them")
    if step.op not in HANDLERS:
        raise step.fails("this operator is not among those that can be lowered")


def joined(source: Source, statistics: Mapping[str, Statistics]) -> dict[str, float]:
    """Scales that the operands of a Concat share with its output, where theirs are near and free."""
    producers = {name: step for step in source.steps for name in step.outputs}
    found: dict[str, float] = {}
    for step in source.steps:
        if step.op != "Concat":
            continue
        scale = found.setdefault(step.output, rounded(best_units(statistics[step.output]).scale))
        for name in step.inputs:
            while name in producers and producers[name].op in _SAME:
                name = producers[name].inputs[0]
            made = producers.get(name)
            if made is None or made.op not in _FREE or "factor" in made.attributes or name not in statistics:
                continue
            if scale / _CLOSE < best_units(statistics[name]).scale < scale * _CLOSE:
                found.setdefault(name, scale)
    return found


def _input(context: Context, name: str) -> Port:
    """The INPUT node: NHWC where what reads it is an operator of images."""
    shape = context.source.shapes[name]
    integer = name in context.source.integers
    windowed = any(step.op in _WINDOWED and step.inputs[0] == name for step in context.source.steps)
    first = windowed and not integer and len(shape) in (3, 4)
    layout = images(shape) if first else row_major(shape)
    scale = 1.0 if integer else rounded(best_units(context.statistics[name], clip=False).scale)
    kind = DType.I32 if integer else DType.I8
    node = context.nodes.add(Op.INPUT, layout.shape, (), (input_name(name),), kind)
    context.bind(name, Value(node, layout.view(len(shape)), scale))
    dtype = "float32"
    if integer:
        dtype = next(_dtype(value) for value in context.source.model.graph.input if value.name == name)
    return Port(name, shape, scale, first, dtype)


def _dtype(value: Any) -> str:
    import numpy as np
    from onnx import helper

    return np.dtype(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)).name


def _output(context: Context, name: str) -> tuple[int, Port]:
    value = context.values[name]
    shape = value.shape
    first = len(shape) in (3, 4) and natural(value.view, context.nodes.shape(value.node)) == images(shape)
    layout = images(shape) if first else row_major(shape)
    node = context.nodes.place(value, layout, repeat=True)
    return node, Port(name, shape, rounded(value.scale), first)


HANDLERS: dict[str, Handler] = {
    "Conv": convolve.conv,
    "ConvTranspose": convolve.conv_transpose,
    "MaxPool": convolve.maxpool,
    "GlobalMaxPool": convolve.reduce_max,
    "ReduceMax": convolve.reduce_max,
    "AveragePool": convolve.average,
    "GlobalAveragePool": convolve.reduce_mean,
    "ReduceMean": convolve.reduce_mean,
    "ReduceSum": convolve.reduce_mean,
    "MatMul": products.matmul,
    "Gemm": products.gemm,
    "Unary": pointwise.unary,
    "Add": pointwise.add,
    "Sub": pointwise.add,
    "Mul": pointwise.multiply,
    "Div": pointwise.divide,
    "BatchNormalization": pointwise.affine,
    "Softmax": rows.softmax,
    "LayerNorm": rows.layernorm,
    "LayerNormalization": rows.layernorm,
    "Embedding": rows.embedding,
    "Gather": lambda context, step: (
        rows.embedding(context, step) if context.is_constant(step, 0) else moves.gather(context, step)
    ),
    "Reshape": moves.reshape,
    "Flatten": moves.reshape,
    "Squeeze": moves.reshape,
    "Unsqueeze": moves.reshape,
    "Identity": moves.alias,
    "Cast": moves.alias,
    "Dropout": moves.alias,
    "Transpose": moves.transpose,
    "Slice": moves.slice_,
    "Split": moves.split,
    "Expand": moves.expand,
    "Resize": moves.resize,
    "Upsample": moves.resize,
    "Pad": moves.pad,
    "Concat": moves.concat,
    "DepthToSpace": moves.depth_to_space,
    "SpaceToDepth": moves.depth_to_space,
}
