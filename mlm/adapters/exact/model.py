"""An exact model: a graph with its parameters, and how a user's tensors become the graph's whole numbers and back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, prod
from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.bounds import check_bounds, check_provable
from mlm.adapters.exact.reference import NUMPY
from mlm.core.errors import InvalidData
from mlm.core.exact.graph import Graph, input_name
from mlm.core.exact.tensor import AXES, LIMITS, DType, TensorType
from mlm.ports.lowering import PROFILES

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

# Names that the ONNX file gives to tensors of its own: nodes, parameters, constants and what lies between.
_TAKEN = re.compile(r"n\d+(/.*)?|[cpt]/.*", re.DOTALL)
_MAX_NAME = 200
DTYPES = {DType.I8: ("float32",), DType.I32: ("int32", "int64")}


@dataclass(frozen=True)
class Port:
    """An input or output as its user sees it: whole number = round(value / scale), clipped to int8.

    `shape` holds as many elements as the exact tensor. With `channels_first` its axes are [N, C, …]: the exact tensor
    [N, H, W, C] is transposed to [N, C, H, W] and then reshaped to it; otherwise it is reshaped as it is. Token numbers
    have the scale 1 and are int32 or int64; all others are float32.
    """

    name: str
    shape: tuple[int, ...]
    scale: float = 1.0
    channels_first: bool = False
    dtype: str = "float32"


@dataclass(frozen=True)
class ExactModel:
    """`parameters` by tensor root, arrays of their types' four axes; `inputs` and `outputs` in the graph's order.

    `profile` says by which operators its file computes the graph, and changes no number.
    """

    graph: Graph
    parameters: Mapping[bytes, Array]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    profile: str = PROFILES[0]

    def check(self) -> None:
        """Raises InvalidData unless (1) the graph is one, (2) its parameters keep the bounds, its cells can be proven,
        (3) the ports are its, and the profile is known.
        """
        self.graph.check()  # (1)
        check_bounds(self.graph, self.parameters)  # (2)
        check_provable(self.graph)
        nodes = self.graph.nodes  # (3)
        inputs, outputs = nodes[: self.graph.inputs], nodes[len(nodes) - self.graph.outputs :]
        names = [port.name for port in (*self.inputs, *self.outputs)]
        if len(self.inputs) != len(inputs) or len(self.outputs) != len(outputs) or len(set(names)) != len(names):
            raise InvalidData(
                f"expected {len(inputs)} inputs and {len(outputs)} outputs with names of their own, found {names}"
            )
        for port, node in zip((*self.inputs, *self.outputs), (*inputs, *outputs), strict=True):
            _check_port(port, node.output)
        for port, node in zip(self.inputs, inputs, strict=True):
            if node.attribute("name") != input_name(port.name):
                raise InvalidData(f"expected the input {port.name!r} to be named so in the graph")
        if self.profile not in PROFILES:
            raise InvalidData(f"expected a profile among {', '.join(PROFILES)}, found {self.profile[:_MAX_NAME]!r}")


def quantised(port: Port, kind: TensorType, value: Array) -> Array:
    """A user's input as the exact tensor, in numpy: what the ONNX file does first. Raises InvalidData."""
    import numpy as np

    if value.dtype.name != port.dtype or value.shape != port.shape:
        expected = f"{port.dtype} {list(port.shape)}"
        raise InvalidData(f"input {port.name!r}: expected {expected}, found {value.dtype.name} {list(value.shape)}")
    low, high = LIMITS[kind.dtype]
    if port.dtype == "float32":
        if not np.isfinite(value).all():
            raise InvalidData(f"expected finite numbers, input {port.name!r} holds NaN or infinity")
        with np.errstate(over="ignore"):
            value = np.rint(np.clip(value / np.float32(port.scale), low, high))
    number = np.clip(value, low, high).astype(NUMPY[kind.dtype])
    if not port.channels_first:
        return number.reshape(kind.shape)
    return np.ascontiguousarray(number.reshape(image_shape(kind.shape)).transpose(0, 2, 3, 1))


def dequantised(port: Port, value: Array) -> Array:
    """An exact output as its user sees it, in numpy: what the ONNX file does last. An input: what `quantised` takes."""
    import numpy as np

    if port.channels_first:
        value = value.transpose(0, 3, 1, 2)
    if port.dtype != "float32":
        return value.reshape(port.shape).astype(port.dtype)
    return value.reshape(port.shape).astype(np.float32) * np.float32(port.scale)


def image_shape(shape: Sequence[int]) -> tuple[int, int, int, int]:
    """[N, H, W, C] as [N, C, H, W]."""
    n, h, w, c = shape
    return n, c, h, w


def _check_port(port: Port, kind: TensorType) -> None:
    """That a port fits the type of its node."""
    import numpy as np

    if not port.name or len(port.name) > _MAX_NAME or _TAKEN.fullmatch(port.name):
        raise InvalidData(f"expected the name of an input or output, found {port.name[:_MAX_NAME]!r}")
    if port.dtype not in DTYPES[kind.dtype]:
        raise InvalidData(f"{port.name!r}: expected a dtype among {DTYPES[kind.dtype]}, found {port.dtype!r}")
    if not all(size >= 1 for size in port.shape) or prod(port.shape) != kind.elements:
        raise InvalidData(f"{port.name!r}: expected the elements of {list(kind.shape)}, found {list(port.shape)}")
    if port.channels_first:
        expected, found = kind.shape[0::3], port.shape[:2]
        if len(port.shape) < 2 or found != expected:
            raise InvalidData(f"{port.name!r}: expected {expected} images and channels, found {found}")
    exact = isfinite(port.scale) and port.scale > 0 and float(np.float32(port.scale)) == port.scale
    normal = exact and np.finfo(np.float32).tiny <= port.scale <= np.finfo(np.float32).max
    if not normal or (kind.dtype is DType.I32 and port.scale != 1):
        raise InvalidData(f"{port.name!r}: expected a positive scale of 32 bits (1 for numbers), found {port.scale}")


assert AXES == 4, "a Port's channels_first names four axes"
