"""The profile ivf32: tensors of float32 that hold whole numbers, for any provider whose products are plain sums.

Floats hold whole numbers over a power of two below 2^24, so that Conv, MatMul, Add and Mul are exact whatever their
order (bounds.py). A requantisation's 2^-shift is multiplied into the weights, which moves exponents and nothing else.
"""

from __future__ import annotations

from mlm.adapters.exact.builder import TO_IMAGE, Builder, kind_of, limits_of, root_of
from mlm.adapters.exact.windows import window
from mlm.core.exact.node import Node


class FloatBuilder(Builder):
    """Emits Conv and MatMul of floats."""

    whole = "float32"

    def conv(self, node: Node, name: str) -> str:
        """A Conv whose weights and bias are multiplied by 2^-shift beforehand."""
        outputs, height, width, _ = kind_of(node, 1).shape
        units = self.units(root_of(node, 3))
        weights = self.parameter(root_of(node, 1), TO_IMAGE)
        weights = self.add("Mul", [weights, self.reshaped(units, [outputs, 1, 1, 1])])
        bias = self.add("Mul", [self.floats(root_of(node, 2)), units])
        seen, attributes = window(self, node, (height, width), None)
        operands = [seen, weights, self.reshaped(bias, [outputs])]
        total = self.add("Conv", operands, group=node.attribute("groups"), **attributes)
        return self.rounded(total, *limits_of(node), name)

    def matmul(self, node: Node, name: str) -> str:
        """A MatMul, 2^-shift in its weights where they are a parameter."""
        units = self.units(root_of(node, 3))
        b, shape = node.operands[1].source, kind_of(node, 1).shape
        if isinstance(b, bytes):
            columns = self.add("Mul", [self.parameter(b, (0, 1, 3, 2)), units])
            if shape[0] == shape[1] == 1:
                columns = self.reshaped(columns, [shape[3], shape[2]])
            total = self.add("MatMul", [self.operand(node, 0), columns])
        else:
            columns = self.transposed(self.operand(node, 1), (0, 1, 3, 2))
            total = self.add("Mul", [self.add("MatMul", [self.operand(node, 0), columns]), units])
        bias = self.add("Mul", [self.floats(root_of(node, 2)), units])
        return self.rounded(self.add("Add", [total, bias]), *limits_of(node), name)

    def rounded(self, tensor: str, low: int, high: int, name: str) -> str:
        """Clipped first: the limits are whole, so that the order is free."""
        limits = [self.constant(limit, "float32") for limit in (low, high)]
        return self.add("Round", [self.add("Clip", [tensor, *limits])], name)

    def real(self, tensor: str) -> str:
        """The tensor as it is."""
        return tensor

    def small(self, tensor: str) -> str:
        """QuantizeLinear by 1: of whole numbers of int8 what Cast gives, by a faster kernel."""
        return self.add("QuantizeLinear", [tensor, self.constant(1, "float32"), self.constant(0, "int8")])

    def held(self, root: bytes) -> str:
        """As float32."""
        return self.floats(root)


class TracedBuilder(FloatBuilder):
    """For a file whose tensors are also given as int8: each is rounded as it is made int8, and a float again by Cast.

    Not by DequantizeLinear, of which ONNX Runtime would make operators that round in their own way.
    """

    def rounded(self, tensor: str, low: int, high: int, name: str) -> str:
        """QuantizeLinear by 1 rounds as Round does: to the nearest, halves to the even."""
        limits = [self.constant(limit, "float32") for limit in (low, high)]
        small = super().small(self.add("Clip", [tensor, *limits]))
        self._forms[name, "int8"] = small
        return self.cast(small, "float32", name)

    def small(self, tensor: str) -> str:
        """What it was made of, or for a node that moves elements only (CONCAT, a view), QuantizeLinear."""
        return self._form(tensor, "int8", super().small)
