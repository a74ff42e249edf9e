"""Loads an ONNX file from hostile hands and describes it. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Any

from mlm.adapters.extras import unavailable
from mlm.core.errors import InvalidData
from mlm.ports.runner import ModelInfo, TensorSpec

if TYPE_CHECKING:
    import onnx

MAX_BYTES = (1 << 31) - 1  # protobuf's own limit
MAX_DEPTH = 16  # of subgraphs (If, Loop)
DOMAINS = {"": "", "ai.onnx": "", "ai.onnx.ml": "ai.onnx.ml."}
_LFS = b"version https://git-lfs.github.com/"


def load(data: bytes, *, infinite: bool = False) -> onnx.ModelProto:
    """Parse and check: (1) protobuf, (2) no external data, (3) standard operators only, (4) onnx.checker with shapes,

    (5) finite weights; with `infinite` an infinity may be among them, as where a maximum begins. Raises InvalidData, or
    ToolMissing without the package onnx.
    """
    try:
        import onnx
    except ImportError as error:
        raise unavailable("models", "onnx", error, "'mlm[cpu]'") from error
    if not data or len(data) > MAX_BYTES:
        raise InvalidData(f"an ONNX file has 1 to {MAX_BYTES} bytes, found {len(data)}")
    try:
        model = onnx.load_model_from_string(data)  # (1)
    except Exception as error:  # protobuf's DecodeError, which onnx does not re-export
        hint = "It is a Git LFS pointer: run `git lfs pull`." if data.startswith(_LFS) else ""
        raise InvalidData(
            f"expected an ONNX file, found {len(data)} bytes that are not an ONNX file, or a truncated one", hint=hint
        ) from error
    if not model.graph.node:
        raise InvalidData("not an ONNX model: expected a graph of operators, found no operators")
    tensors = list(_tensors(model))
    for tensor in tensors:
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:  # (2)
            raise InvalidData(
                f"expected one self-contained ONNX file, found that weight {tensor.name[:60]!r} lies in another file",
                hint="Save it whole: onnx.save(model, path, save_as_external_data=False).",
            )
    _check_operators(model)  # (3)
    try:
        onnx.checker.check_model(model, full_check=True)  # (4)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError) as error:
        raise InvalidData(f"not a valid ONNX model: {' '.join(str(error).split())[:300]}") from error
    for tensor in tensors:
        _check_finite(tensor, infinite)  # (5)
    return model


def inspect(model: onnx.ModelProto) -> ModelInfo:
    """Describe a model that `load` returned."""
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = tuple(_spec(value) for value in model.graph.input if value.name not in stored)
    if not inputs or not model.graph.output:
        raise InvalidData(f"a model needs inputs and outputs, found {len(inputs)} and {len(model.graph.output)}")
    opsets = [entry.version for entry in model.opset_import if DOMAINS.get(entry.domain) == ""]
    return ModelInfo(
        inputs=inputs,
        outputs=tuple(_spec(value) for value in model.graph.output),
        opset=max(opsets, default=0),
        parameters=sum(prod(tensor.dims) for tensor in _tensors(model)),
        operators=tuple(sorted({DOMAINS[node.domain] + node.op_type for node in _nodes(model.graph)})),
    )


def _nodes(graph: onnx.GraphProto, depth: int = 0) -> Iterator[onnx.NodeProto]:
    if depth > MAX_DEPTH:
        raise InvalidData(f"subgraphs are nested more than {MAX_DEPTH} deep")
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _nodes(inner, depth + 1)


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every stored tensor, wherever in the file it stands: what is not found here is not checked.

    Named places were not enough: a sparse constant's values in another file were read by ONNX Runtime.
    """
    import onnx

    stack: list[Any] = [model]
    while stack:
        message = stack.pop()
        if isinstance(message, onnx.TensorProto):
            yield message
            continue
        for field, value in message.ListFields():
            if field.message_type is not None:
                stack.extend([value] if hasattr(value, "ListFields") else value)


def _check_operators(model: onnx.ModelProto) -> None:
    from onnx import defs

    if model.functions:
        raise InvalidData("the model defines functions of its own; expected standard ONNX operators only")
    versions = {"" if entry.domain == "ai.onnx" else entry.domain: entry.version for entry in model.opset_import}
    opset, known = versions.get("", 1), defs.onnx_opset_version()
    if not 1 <= opset <= known:
        raise InvalidData(f"expected an opset from 1 to {known}, found {opset}")
    for node in _nodes(model.graph):
        if node.domain not in DOMAINS:
            raise InvalidData(
                f"operator {node.op_type[:60]!r} comes from the domain {node.domain[:60]!r}; "
                "expected standard ONNX operators only"
            )
        domain = DOMAINS[node.domain].removesuffix(".")
        try:
            defs.get_schema(node.op_type, versions.get(domain, 1), domain)
        except defs.SchemaError as error:
            where = f"{domain or 'ONNX'} opset {versions.get(domain, 1)}"
            raise InvalidData(f"expected an operator of {where}, found {node.op_type[:60]!r}") from error


def _check_finite(tensor: onnx.TensorProto, infinite: bool) -> None:
    import numpy as np
    from onnx import numpy_helper

    try:
        values = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidData(f"weight {tensor.name[:60]!r} cannot be read: {error}") from error
    if values.dtype.kind in "iubSUO":
        return
    if np.isnan(values).any() if infinite else not np.isfinite(values).all():
        raise InvalidData(f"expected finite numbers, weight {tensor.name[:60]!r} holds NaN or infinity")


def _spec(value: onnx.ValueInfoProto) -> TensorSpec:
    from onnx import helper

    kind = value.type
    if kind.WhichOneof("value") != "tensor_type":
        raise InvalidData(f"{value.name[:60]!r} is a {kind.WhichOneof('value') or 'nothing'}; expected a tensor")
    try:
        dtype = helper.tensor_dtype_to_np_dtype(kind.tensor_type.elem_type).name
    except (KeyError, ValueError) as error:
        raise InvalidData(f"{value.name[:60]!r} has an unknown element type") from error
    if dtype in ("object", "complex64", "complex128"):
        raise InvalidData(f"{value.name[:60]!r} holds {'text' if dtype == 'object' else dtype}; expected numbers")
    shape: list[int | str] = []
    for i, axis in enumerate(kind.tensor_type.shape.dim):
        shape.append(axis.dim_value if axis.HasField("dim_value") else axis.dim_param or f"axis{i}")
    return TensorSpec(value.name, dtype, tuple(shape))
