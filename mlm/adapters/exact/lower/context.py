"""What the lowering of one operator needs: values so far, statistics, scales, and the activation that follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.lower.calibrate import Statistics, Units, best_units
from mlm.adapters.exact.lower.graph import Nodes, Value
from mlm.adapters.exact.lower.quantise import columns
from mlm.adapters.exact.lower.simplify import Source, Step
from mlm.adapters.exact.lower.views import View
from mlm.core.exact.node import Op
from mlm.core.exact.tensor import LIMITS, DType

if TYPE_CHECKING:
    import numpy as np

    from mlm.adapters.exact.lower.layout import Shape4

    Array = np.ndarray[Any, np.dtype[Any]]

LOW, HIGH = LIMITS[DType.I8]
# Operators whose output has the zero point that their operands have, and operators take any, besides
# Conv and MatMul.
_MAXIMA = frozenset(("MaxPool", "ReduceMax", "GlobalMaxPool"))
_MOVES = frozenset(("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Identity", "Dropout", "Cast"))
_PARTS = frozenset(("Slice", "Split", "Expand", "Resize", "DepthToSpace", "SpaceToDepth", "Pad"))
_THROUGH = _MAXIMA | _MOVES | _PARTS | {"Add", "Sub"}
_POOLS = frozenset(("GlobalAveragePool", "ReduceMean", "ReduceSum"))
_TAKING = _POOLS | {"Gemm", "Unary", "LayerNorm", "LayerNormalization", "Softmax", "BatchNormalization"}
_ENOUGH = 256  # values to choose units by


@dataclass(frozen=True)
class Target:
    """What a step's numbers become: the tensor after an activation that the requantisation does itself, if one follows.

    `bounds` are that activation's, as real numbers.
    """

    name: str
    scale: float
    zero: float = 0.0
    bounds: tuple[float, float] = (-inf, inf)

    def limits(self, scale: float = 0.0) -> tuple[int, int]:
        """The requantisation's low and high, under a scale other than the one wanted, if need be."""
        low, high = (bound / (scale or self.scale) + self.zero for bound in self.bounds)
        return round(min(max(low, LOW), HIGH)), round(min(max(high, LOW), HIGH))


class Context:
    """The state of one lowering."""

    def __init__(
        self, source: Source, statistics: Mapping[str, Statistics], forced: Mapping[str, float], padding: bool
    ) -> None:
        self.source = source
        self.statistics = statistics
        self.nodes = Nodes()
        self.values: dict[str, Value] = {}
        self.fused: set[str] = set()  # outputs of steps that another has done already
        self.clipped: list[tuple[str, int]] = []  # step, weights
        self.largest = 0  # accumulator, at worst
        self.padding = padding  # whether a PAD may go before a window that a zero point asks one of
        self._forced = forced
        self._uses = source.uses()

    def value(self, step: Step, at: int = 0) -> Value:
        """An operand that is no constant. Raises InvalidData, naming the step."""
        if at >= len(step.inputs) or (name := step.inputs[at]) not in self.values:
            raise step.fails(f"expected a computed tensor as input {at}, found a constant or none")
        return self.values[name]

    def constant(self, step: Step, at: int) -> Array | None:
        """An operand that is a constant; None where it is absent. Raises InvalidData where it is computed."""
        if at >= len(step.inputs) or not step.inputs[at]:
            return None
        if step.inputs[at] not in self.source.constants:
            raise step.fails(f"expected a constant as input {at}, found the computed tensor {step.inputs[at]!r}")
        return self.source.constants[step.inputs[at]]

    def is_constant(self, step: Step, at: int) -> bool:
        """Whether an operand is there and a constant."""
        return at < len(step.inputs) and step.inputs[at] in self.source.constants

    def shape(self, step: Step) -> tuple[int, ...]:
        """Of the step's output."""
        return self.source.shapes[step.output]

    def bind(self, name: str, value: Value) -> None:
        """The value of a tensor from here on."""
        self.values[name] = value

    def mean(self, name: str, axis: int) -> Array | None:
        """A tensor's mean along all axes but one, where it was measured."""
        known = self.statistics.get(name)
        if known is None:
            return None
        others = tuple(i for i in range(known.mean.ndim) if i != axis % known.mean.ndim)
        result: Array = known.mean.mean(axis=others)
        return result

    def units(self, name: str, *, like: str = "", offset: bool = True, centre: float | None = None) -> Units:
        """The units for a tensor, by what was measured of it, or of the one that is `like` it.

        A zero point is chosen only where all that read the tensor take one, and `offset` allows it.
        """
        if name in self._forced:
            return Units(self._forced[name])
        readers = self._uses.get(name, [])
        known, pooled = self._seen(name, like)
        if any(reader.op == "Output" for reader in readers):
            return whole(best_units(known, clip=False))
        function = None
        if len(readers) == 1 and readers[0].op == "Unary" and "clip" not in readers[0].attributes:
            function = readers[0].attributes["function"]
        offset = offset and self._takes_offset(name)
        return whole(best_units(known, function, offset=offset, centre=centre, beyond=pooled))

    def _seen(self, name: str, like: str = "") -> tuple[Statistics, bool]:
        """Statistics of what of a tensor is left in the end: of the maxima where a maximum alone reads it.

        And whether that is so. A function before the maximum passes on what it maps to the range of the maxima.
        """
        known, readers = self.statistics[like or name], self._uses.get(name, [])
        if len(readers) != 1:
            return known, False
        (reader,) = readers
        if reader.op in _MAXIMA:
            return self._seen(reader.output)[0], not is_padded(reader)
        if reader.op in _MOVES:
            return self._seen(reader.output) if self._seen(reader.output)[1] else (known, False)
        if reader.op == "Unary" and "clip" not in reader.attributes:
            left, pooled = self._seen(reader.output)
            kept = known.values[reader.attributes["function"](known.values) >= left.low] if pooled else known.values
            if len(kept) >= _ENOUGH and pooled:
                return Statistics(float(kept.min()), known.high, kept, known.mean), True
        return known, False

    def _takes_offset(self, name: str) -> bool:
        """Whether everything that reads a tensor takes numbers with a zero point."""
        return all(
            self._takes_offset(reader.output)
            if reader.op in _THROUGH or "clip" in reader.attributes
            else self._reads_offset(reader)
            for reader in self._uses.get(name, [])
        )

    def _reads_offset(self, reader: Step) -> bool:
        if reader.op in ("Conv", "AveragePool"):
            return self.padding or not is_padded(reader)
        if reader.op == "MatMul":
            return any(other in self.source.constants for other in reader.inputs)
        return reader.op in _TAKING

    def target(self, step: Step, *, offset: bool = True, centre: float | None = None) -> Target:
        """Where a requantisation's numbers go: through Relu or Clip too, when that alone reads them."""
        name, like = step.output, step.attributes.get("like", "")
        readers = self._uses.get(name, [])
        if len(readers) == 1 and "clip" in readers[0].attributes and not like:
            reader = readers[0]
            self.fused.add(reader.output)
            units = self.units(reader.output, offset=offset, centre=centre)
            return Target(reader.output, units.scale, units.zero, reader.attributes["clip"])
        units = self.units(name, like=like, offset=offset, centre=centre)
        return Target(name, units.scale, units.zero)

    def weighted(
        self,
        step: Step,
        op: Op,
        value: Value,
        node: int,
        weights: Array,
        bias: Array | None,
        shape: Shape4,
        view: View,
        attributes: Sequence[int] = (),
        means: Array | None = None,
    ) -> None:
        """Emit a CONV or MATMUL of float weights [O, KH, KW, C] or [1, 1, P, K], whose `node` holds `value`."""
        import numpy as np

        count = weights.shape[0] if op is Op.CONV else weights.shape[2]
        target = self.target(step)
        made = columns(
            weights.reshape(count, -1).astype(np.float64) * (value.scale / target.scale),
            (np.zeros(count) if bias is None else bias.astype(np.float64)) / target.scale,
            means=None if means is None else means / value.scale,
            offset=value.zero,
            target=target.zero,
        )
        self.largest = max(self.largest, made.largest)
        if made.clipped:
            self.clipped.append((step.name, made.clipped))
        row = (1, 1, 1, count)
        index = self.nodes.add(
            op,
            shape,
            [node, made.weights.reshape(weights.shape), made.bias.reshape(row), made.shifts.reshape(row)],
            (*attributes, *target.limits()),
        )
        self.bind(target.name, Value(index, view, target.scale, target.zero))


def is_padded(step: Step) -> bool:
    """Whether a window may reach beyond the image."""
    automatic = step.attributes.get("auto_pad", b"NOTSET")
    same = automatic in (b"SAME_UPPER", b"SAME_LOWER", "SAME_UPPER", "SAME_LOWER")
    return same or any(step.attributes.get("pads", ())) or bool(step.attributes.get("ceil_mode", 0))


def whole(units: Units) -> Units:
    """Units whose scale float32 holds; what the zero point stands for stays."""
    scale = rounded(units.scale)
    return Units(scale, units.zero)


def rounded(scale: float) -> float:
    """A scale as float32 holds it."""
    import numpy as np

    return float(np.float32(max(scale, 1e-30)))
