"""What the float model's tensors hold on calibration data, and the scale that serves each tensor best.

A scale is chosen by the least mean squared error over a sample of the tensor's values, as in "Data-Free Quantization"
and the survey of Nagel et al. (arXiv 2106.08295, §2.3); outliers are clipped where that costs less than coarser steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.lower.simplify import Source, session
from mlm.core.errors import InvalidData

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Array = np.ndarray[Any, np.dtype[Any]]

LARGEST = 127
UNNAMED = ""  # stands for the only input
_KEPT = 1 << 15  # values of each tensor
_CANDIDATES = 48
_SMALLEST = 0.15  # of the largest value: where the search for a clip ends
_ONE_SIDED = 0.2  # how far off 0 the middle of a range is, in its width, for a zero point to pay
_SYNTHETIC = 32  # samples where no data is given


@dataclass
class Statistics:
    """Of one tensor: extremes, a sample of its values, and its mean over the calibration samples, with its shape."""

    low: float
    high: float
    values: Array
    mean: Array


def batches(source: Source, data: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
    """Inputs of the model's static shapes out of tensors that are stacked along their first axes.

    Raises InvalidData unless names, types and shapes fit and the samples are a whole number.
    """
    import numpy as np

    if set(data) == {UNNAMED} and len(source.inputs) == 1:
        data = {source.inputs[0]: data[UNNAMED]}
    if sorted(data) != sorted(source.inputs):
        raise InvalidData(f"expected data for the inputs {sorted(source.inputs)}, found {sorted(data)}")
    counts = set()
    for name in source.inputs:
        shape, found = source.shapes[name], data[name]
        if found.ndim != len(shape) or found.shape[1:] != shape[1:] or not len(found) or len(found) % shape[0]:
            raise InvalidData(
                f"input {name!r}: expected samples of shape {list(shape)}, stacked along the first axis, "
                f"found {list(found.shape)}"
            )
        if (found.dtype.kind in "iu") != (name in source.integers):
            raise InvalidData(f"input {name!r}: found {found.dtype.name}, which is not what the model takes")
        counts.add(len(found) // shape[0])
    if len(counts) != 1:
        raise InvalidData(f"expected as many samples of each input, found {sorted(counts)}")
    kinds = {value.name: value.type.tensor_type.elem_type for value in source.model.graph.input}
    for at in range(counts.pop()):
        yield {
            name: np.ascontiguousarray(
                data[name][at * source.shapes[name][0] : (at + 1) * source.shapes[name][0]], _dtype(kinds[name])
            )
            for name in source.inputs
        }


def _dtype(kind: int) -> Any:
    from onnx import helper

    return helper.tensor_dtype_to_np_dtype(kind)


def synthetic(source: Source, low: float, high: float) -> dict[str, Array]:
    """Uniform numbers in a declared range, for want of data; reproducible. Raises InvalidData for a model of tokens."""
    import numpy as np

    if source.integers:
        raise InvalidData(f"expected calibration data for the whole numbers of {sorted(source.integers)}, found none")
    random = np.random.default_rng(0)
    return {
        name: random.uniform(low, high, (_SYNTHETIC * source.shapes[name][0], *source.shapes[name][1:])).astype(
            np.float32
        )
        for name in source.inputs
    }


def with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """A copy of the model that gives out these tensors, in their order."""
    import onnx
    from onnx import helper

    made = onnx.ModelProto()
    made.CopyFrom(model)
    known = {value.name: value for value in (*model.graph.value_info, *model.graph.output, *model.graph.input)}
    del made.graph.output[:]
    made.graph.output.extend(known.get(name) or helper.make_empty_tensor_value_info(name) for name in names)
    return made


def measure(source: Source, data: Mapping[str, Array], most: int = 128) -> dict[str, Statistics]:
    """Statistics of every float tensor that a step reads or makes, over at most `most` samples, evenly chosen."""
    import numpy as np

    original = {name for node in source.model.graph.node for name in node.output}
    names = [name for step in source.steps for name in step.outputs if name in original]
    running = session(with_outputs(source.model, names))
    samples = list(batches(source, data))
    samples = samples[:: -(-len(samples) // most)]
    per_sample = max(_KEPT // len(samples), 64)
    seen: dict[str, list[Array]] = {}
    found: dict[str, Statistics] = {}
    for at, inputs in enumerate(samples):
        outputs = dict(zip(names, running.run(names, inputs), strict=True))
        for name, value in {**inputs, **outputs}.items():
            if value.dtype.kind != "f":
                continue
            flat = value.ravel()
            if not np.isfinite(flat).all():
                raise InvalidData(f"the model computes NaN or infinity in {name!r} on calibration sample {at}")
            random = np.random.default_rng(at)
            drawn = flat if flat.size <= per_sample else flat[random.integers(0, flat.size, per_sample)]
            seen.setdefault(name, []).append(drawn)
            low, high = float(flat.min()), float(flat.max())
            known = found.setdefault(name, Statistics(low, high, drawn, np.zeros(value.shape)))
            known.low, known.high = min(known.low, low), max(known.high, high)
            known.mean += value / len(samples)
    for name, known in found.items():
        known.values = np.concatenate(seen[name]).astype(np.float64)
    return found


@dataclass(frozen=True)
class Units:
    """number = scale · (whole number - zero); `zero` need not be whole."""

    scale: float
    zero: float = 0.0


def best_units(
    known: Statistics,
    function: Callable[[Array], Array] | None = None,
    *,
    clip: bool = True,
    offset: bool = False,
    centre: float | None = None,
    beyond: bool = False,
) -> Units:
    """The units of least squared error of a tensor's numbers, or of the function's of them that alone reads them.

    With `offset` the zero point may be any whole number, else it is 0; with `centre` the whole number 0 stands for
    that number. Without `clip` no number that was seen is clipped; with `beyond` the zero point may stand for 0 beyond
    int8, where 0 is not among the numbers.
    """
    import numpy as np

    low, high = known.low, known.high
    if not (offset and beyond):
        low, high = min(low, 0.0), max(high, 0.0)
    if centre is not None:
        offset = False
        widest = max((high - centre) / LARGEST, (centre - low) / (LARGEST + 1), 1e-12)
    elif offset and abs(low + high) > _ONE_SIDED * (high - low):
        widest = max((high - low) / (2 * LARGEST + 1), 1e-12)
    else:
        offset, widest = False, max(high / LARGEST, -low / (LARGEST + 1), 1e-12)
    values = known.values
    wanted = values if function is None else function(values)
    best, least = Units(0.0), np.inf
    for ratio in np.geomspace(1, _SMALLEST, _CANDIDATES) if clip else (1.0,):
        scale = widest * float(ratio)
        zero = 0.0 if centre is None else -centre / scale
        if offset:
            # The side that reaches less far is kept whole.
            zero = -(LARGEST + 1) - np.floor(low / scale) if -low < high else LARGEST - np.ceil(high / scale)
        held = (np.clip(np.rint(values / scale + zero), -LARGEST - 1, LARGEST) - zero) * scale
        error = float(np.square((held if function is None else function(held)) - wanted).mean())
        if error < least:
            best, least = Units(scale, float(zero)), error
    return best
