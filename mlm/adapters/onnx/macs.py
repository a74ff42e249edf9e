"""How many multiplications one execution takes: what a circuit's size follows from."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx


def multiplications(model: onnx.ModelProto) -> int:
    """Multiply-accumulates of the Conv, Gemm and MatMul operators; an axis without a known size counts as 1."""
    from onnx import shape_inference

    graph = shape_inference.infer_shapes(model).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        dims = value.type.tensor_type.shape.dim
        shapes.setdefault(value.name, tuple(max(axis.dim_value, 1) for axis in dims))
    total = 0
    for node in graph.node:
        out = prod(shapes.get(node.output[0], ()))
        if node.op_type == "MatMul":
            left = shapes.get(node.input[0], ())
            total += out * (left[-1] if left else 1)
        elif node.op_type == "Gemm":
            left = shapes.get(node.input[0], ())
            transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
            total += out * ((left[0] if transposed else left[-1]) if left else 1)
        elif node.op_type in ("Conv", "ConvTranspose"):
            total += out * prod(shapes.get(node.input[1], ())[1:])  # channels per group, times the kernel
    return total
