"""A float ONNX model made static and simple: shapes fixed, constants folded, batch normalisation merged into its Conv.

The rewriting is ONNX Runtime's own at its basic level, which leaves standard operators only: constants folded,
Conv+BatchNormalization, Conv+Add, Conv+Mul and MatMul+Add merged, Identity, Dropout and what else does nothing removed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm.adapters.extras import unavailable
from mlm.adapters.onnx.inspect import load
from mlm.adapters.onnx.run import CPU, NO_TELEMETRY
from mlm.core.errors import InvalidData

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Array = np.ndarray[Any, np.dtype[Any]]

_QUIET = 4  # fatal only
_OPTIMISED = "optimised.onnx"
_UNWANTED = ("TransposeOptimizer",)  # it moves transposes into what is to be recognised as one operator


@dataclass(frozen=True)
class Step:
    """An operator to lower: ONNX's, or one that a pass has made of several. `name` is the ONNX node's, for errors."""

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> str:
        return self.outputs[0]

    def fails(self, why: str) -> InvalidData:
        """The error that this operator cannot be lowered."""
        return InvalidData(f"cannot lower node {self.name!r} ({self.op}): {why}")


@dataclass(frozen=True)
class Source:
    """The simplified model and what is known of it: steps in topological order, constants, static shapes."""

    model: onnx.ModelProto
    steps: tuple[Step, ...]
    constants: Mapping[str, Array]
    shapes: Mapping[str, tuple[int, ...]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    integers: frozenset[str]  # inputs that are whole numbers, tokens, bytes, or that are true or false

    def uses(self) -> dict[str, list[Step]]:
        """Who reads each tensor; an output of the graph has a reader of its own."""
        found: dict[str, list[Step]] = {name: [Step("Output", name, (name,), ())] for name in self.outputs}
        for step in self.steps:
            for name in dict.fromkeys(step.inputs):
                found.setdefault(name, []).append(step)
        return found

    def with_steps(self, steps: Iterable[Step]) -> Source:
        """The same with other steps."""
        return replace(self, steps=tuple(steps))


def simplify(data: bytes, scratch: Path, shapes: Mapping[str, tuple[int, ...]] | None = None) -> Source:
    """Check the model, fix its inputs' shapes (`shapes` by name; a free first axis is 1 otherwise) and simplify it.

    ONNX Runtime writes what it has simplified into the folder `scratch`, where it stays; it has no other way. Raises
    InvalidData, naming the input whose shape must be given or the operator that needs what is not static.
    """
    import numpy as np
    from onnx import helper, numpy_helper, shape_inference

    model = load(data, infinite=True)
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in stored]
    for value in inputs:
        _fix(value, (shapes or {}).get(value.name))
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    model = _optimised(model, scratch / _OPTIMISED)
    stored = {tensor.name for tensor in model.graph.initializer}
    if any(set(node.input) <= stored for node in model.graph.node):  # of an operator that was a function until now
        model = _optimised(model, scratch / _OPTIMISED)
    try:
        model = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except shape_inference.InferenceError as error:
        raise InvalidData(f"the model's shapes cannot be inferred: {' '.join(str(error).split())[:200]}") from error
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    steps = []
    for at, node in enumerate(model.graph.node):
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        if node.op_type == "Constant" and "value" in attributes:
            constants[node.output[0]] = numpy_helper.to_array(attributes["value"])
            continue
        name = node.name or node.output[0] or f"#{at}"
        steps.append(Step(node.op_type, name, tuple(node.input), tuple(node.output), attributes))
    known = {name: value.shape for name, value in constants.items()}
    for value in (*model.graph.input, *model.graph.value_info, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        if all(dim.HasField("dim_value") for dim in dims):
            known[value.name] = tuple(dim.dim_value for dim in dims)
    for step in steps:
        for name in step.outputs:
            if name and name not in known:
                raise step.fails("the shape of its output depends on the input's values: expected static shapes")
            if name and 0 in known[name]:
                raise step.fails(f"expected tensors that hold something, found an output of {list(known[name])}")
    integers = {
        value.name
        for value in inputs
        if np.dtype(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)).kind in "iub"
    }
    names = {value.name for value in model.graph.input}
    return Source(
        model=model,
        steps=tuple(steps),
        constants=constants,
        shapes=known,
        inputs=tuple(value.name for value in inputs if value.name in names),
        outputs=tuple(value.name for value in model.graph.output),
        integers=frozenset(integers),
    )


def _fix(value: onnx.ValueInfoProto, given: tuple[int, ...] | None) -> None:
    dims = value.type.tensor_type.shape.dim
    if given is not None and len(given) != len(dims):
        raise InvalidData(f"input {value.name!r}: expected {len(dims)} axes, found the shape {list(given)}")
    for axis, dim in enumerate(dims):
        declared = dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None
        if given is not None and declared is not None and given[axis] != declared and axis > 0:
            raise InvalidData(f"input {value.name!r}: expected {declared} along axis {axis}, found {given[axis]}")
        size = given[axis] if given is not None else declared or (1 if axis == 0 else None)
        if size is None:
            raise InvalidData(
                f"input {value.name!r} is free along axis {axis}; an exact graph has static shapes",
                hint=f"Give its shape: --shape '{value.name}=1,…'.",
            )
        dim.ClearField("value")
        dim.dim_value = size


def session(model: onnx.ModelProto | bytes, options: Any = None, without: Iterable[str] = ()) -> Any:
    """ONNX Runtime on the CPU, `without` some of its optimisers. Raises InvalidData for what it cannot load."""
    os.putenv(*NO_TELEMETRY)
    try:
        import onnxruntime
    except ImportError as error:
        raise unavailable("models", "onnxruntime", error, "'mlm[cpu]'") from error
    onnxruntime.set_default_logger_severity(_QUIET)
    options = options or onnxruntime.SessionOptions()
    options.log_severity_level = _QUIET
    data = model if isinstance(model, bytes) else model.SerializeToString()
    try:
        return onnxruntime.InferenceSession(
            data, sess_options=options, providers=[CPU], disabled_optimizers=list(without)
        )
    except Exception as error:  # ONNX Runtime's errors share no public base class
        raise InvalidData(f"ONNX Runtime cannot load the model: {' '.join(str(error).split())[:300]}") from error


def _optimised(model: onnx.ModelProto, file: Path) -> onnx.ModelProto:
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(file)
    session(model, options, _UNWANTED)
    return onnx.load(file)
