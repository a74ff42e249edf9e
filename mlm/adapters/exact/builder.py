"""Collects the operators and constants of an ONNX graph, and gives each exact tensor in the layout that is asked for.

Names follow from the order of the calls and constants are shared, so that one model has one file. What tensors are made
of, and by which operators they are multiplied, is the profile's: ivf32.py, qop.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from mlm.core.exact.graph import Graph
from mlm.core.exact.node import Node
from mlm.core.exact.tensor import TensorType

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Array = np.ndarray[Any, np.dtype[Any]]

TO_IMAGE, FROM_IMAGE = (0, 3, 1, 2), (0, 2, 3, 1)  # NHWC to NCHW and back


def tensor_name(index: int) -> str:
    """What the output of a node is called in the ONNX graph."""
    return f"n{index}"


def parameter_name(root: bytes) -> str:
    """What a parameter is called in the ONNX graph."""
    return f"p/{root.hex()}"


class Builder(ABC):
    """`images[i]` says that node i's tensor is laid out NCHW in the ONNX graph; all others are as in the trace."""

    whole: str  # the element type of nodes' tensors in the file, where the trace has int8; named as numpy does

    def __init__(self, graph: Graph, parameters: Mapping[bytes, Array], images: Sequence[bool]) -> None:
        self.graph = graph
        self.images = images
        self.operators: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self._parameters = parameters
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._forms: dict[tuple[str, str], str] = {}

    def add(self, operator: str, inputs: Sequence[str], name: str = "", **attributes: Any) -> str:
        """An operator with one output, which is returned; `name` is the output's."""
        from onnx import helper

        name = name or f"t/{len(self.operators)}"
        self.operators.append(helper.make_node(operator, list(inputs), [name], name=f"{operator}/{name}", **attributes))
        return name

    def constant(self, values: Any, dtype: str) -> str:
        """An initializer, shared by all that have the same content."""
        import numpy as np
        from onnx import numpy_helper

        array = np.asarray(values, dtype)
        key = (dtype, array.shape, array.tobytes())
        if key not in self._constants:
            name = self._constants[key] = f"c/{len(self._constants)}"
            self.initializers[name] = numpy_helper.from_array(array, name)
        return self._constants[key]

    def reshaped(self, tensor: str, shape: Sequence[int], name: str = "") -> str:
        """Reshape, to a fixed shape."""
        return self.add("Reshape", [tensor, self.constant(list(shape), "int64")], name)

    def cast(self, tensor: str, dtype: str, name: str = "") -> str:
        """Cast to an element type, named as numpy does."""
        import numpy as np
        from onnx import helper

        return self.add("Cast", [tensor], name, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def scaled(self, tensor: str, factor: float) -> str:
        """Multiplied by a whole number over a power of two."""
        return tensor if factor == 1 else self.add("Mul", [tensor, self.constant(factor, "float32")])

    def looked_up(self, table: str, numbers: str, shape: Sequence[int], name: str = "") -> str:
        """Elements of a table of one axis, in this shape: GatherElements is ten times as fast as Gather here."""
        flat = self.reshaped(numbers, [prod(shape)])
        return self.reshaped(self.add("GatherElements", [table, flat], axis=0), shape, name)

    @abstractmethod
    def conv(self, node: Node, name: str) -> str:
        """The operators of a CONV; `name` is its output's."""

    @abstractmethod
    def matmul(self, node: Node, name: str) -> str:
        """The operators of a MATMUL; `name` is its output's."""

    @abstractmethod
    def rounded(self, tensor: str, low: int, high: int, name: str) -> str:
        """The last steps of every requantisation: float32, rounded to the nearest, halves to the even, and clipped."""

    @abstractmethod
    def real(self, tensor: str) -> str:
        """A node's tensor as float32."""

    @abstractmethod
    def small(self, tensor: str) -> str:
        """A node's tensor as int8."""

    @abstractmethod
    def held(self, root: bytes) -> str:
        """A parameter of int8 with elements as a node's tensor has them."""

    def operand(self, node: Node, index: int, *, image: bool = False) -> str:
        """An operand's whole numbers, elements as the profile has them, NCHW if `image`."""
        source = node.operands[index].source
        if isinstance(source, bytes):
            return self.parameter(source, TO_IMAGE if image else ())
        return self.output(source, image=image)

    def output(self, index: int, *, image: bool) -> str:
        """A node's output, NCHW if `image`."""
        if self.images[index] == image:
            return tensor_name(index)
        return self.transposed(tensor_name(index), TO_IMAGE if image else FROM_IMAGE)

    def numbers(self, node: Node, index: int) -> str:
        """An operand of int32 as it is."""
        source = node.operands[index].source
        return self.stored(source) if isinstance(source, bytes) else self.output(source, image=False)

    def stored(self, root: bytes) -> str:
        """A parameter as it is committed to: an initializer of int8 or int32 with four axes."""
        from onnx import numpy_helper

        name = parameter_name(root)
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(self._parameters[root], name)
        return name

    def floats(self, root: bytes) -> str:
        """A parameter as float32. ONNX Runtime computes it once, when it loads the file, as the other forms here."""
        return self._form(self.stored(root), "float32", lambda tensor: self.cast(tensor, "float32"))

    def parameter(self, root: bytes, axes: Sequence[int] = ()) -> str:
        """A parameter of int8 with elements as a node's tensor has them, its axes in another order."""
        return self.transposed(self.held(root), axes) if axes else self.held(root)

    def transposed(self, tensor: str, axes: Sequence[int]) -> str:
        """Transpose, once for each order of the axes."""
        return self._form(tensor, str(tuple(axes)), lambda name: self.add("Transpose", [name], perm=list(axes)))

    def units(self, root: bytes) -> str:
        """2^-shift of a parameter of shifts, [1, 1, 1, C]: looked up, so that no power is computed."""

        def make(shifts: str) -> str:
            powers = self.constant([2.0**-shift for shift in range(32)], "float32")
            return self.add("Gather", [powers, self.cast(shifts, "int32")], axis=0)

        return self._form(self.stored(root), "units", make)

    def steps(self, size: int, every: int) -> str:
        """0, …, size - 1, each over `every`, as int64: computed in the file, which stays small."""
        bounds = [self.constant(value, "int64") for value in (0, size, 1)]
        along = self.add("Range", bounds)
        return along if every == 1 else self.add("Div", [along, self.constant(every, "int64")])

    def _form(self, tensor: str, form: str, make: Any) -> str:
        key = (tensor, form)
        if key not in self._forms:
            self._forms[key] = make(tensor)
        return self._forms[key]


def root_of(node: Node, index: int) -> bytes:
    """The root of an operand that Graph.check takes only as a parameter."""
    source = node.operands[index].source
    assert isinstance(source, bytes)
    return source


def kind_of(node: Node, index: int) -> TensorType:
    """The type of an operand."""
    return node.operands[index].kind


def limits_of(node: Node) -> tuple[int, int]:
    """What a node's numbers are clipped to."""
    return node.attribute("low"), node.attribute("high")
