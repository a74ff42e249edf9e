"""The profile qop-s8s8: tensors of int8 as they are committed to, and ONNX's integer kernels. For processors only.

All scales are powers of two and all zero points 0. A kernel sums in int32, which bounds.py keeps below 2^24, so that as
a float the sum is exact, its product with 2^-shift as well, and what is rounded is what the graph says. Both operands
are signed: where the first is not, AVX2 saturates sums of two products (docs/decisions/0029-integer-kernels.md).

QLinearAdd and QLinearMul are Microsoft's, no operators of ONNX, and QLinearAdd rounds halves away from 0 on ARM. So ADD
and MUL cast to float32 instead, as does SOFTMAX. Nor does anything here say DequantizeLinear: ONNX Runtime would make
such operators of it.
"""

from __future__ import annotations

from typing import Any

from mlm.adapters.exact.builder import TO_IMAGE, Builder, kind_of, limits_of, root_of
from mlm.adapters.exact.windows import window
from mlm.core.exact.node import Node
from mlm.core.exact.tensor import LIMITS, DType


class IntegerBuilder(Builder):
    """Emits QLinearConv and MatMulInteger of int8."""

    whole = "int8"

    def conv(self, node: Node, name: str) -> str:
        """A QLinearConv whose weights' scales are 2^-shift; its bias is of int32, and added before them."""
        outputs, height, width, _ = kind_of(node, 1).shape
        units = self.reshaped(self.units(root_of(node, 3)), [outputs])
        weights = self.parameter(root_of(node, 1), TO_IMAGE)
        bias = self.reshaped(self.stored(root_of(node, 2)), [outputs])
        seen, attributes = window(self, node, (height, width), None)
        one, zero = self.constant(1, "float32"), self.constant(0, "int8")
        operands = [seen, one, zero, weights, units, zero, one, zero, bias]
        attributes["group"] = node.attribute("groups")
        return self._clipped("QLinearConv", operands, limits_of(node), name, **attributes)

    def matmul(self, node: Node, name: str) -> str:
        """A MatMulInteger, then the bias and 2^-shift: QLinearMatMul has no bias."""
        b, shape = node.operands[1].source, kind_of(node, 1).shape
        columns = self.transposed(self.operand(node, 1), (0, 1, 3, 2))
        if isinstance(b, bytes) and shape[0] == shape[1] == 1:
            columns = self.reshaped(columns, [shape[3], shape[2]])
        total = self.add("MatMulInteger", [self.operand(node, 0), columns])
        total = self.cast(self.add("Add", [total, self.stored(root_of(node, 2))]), "float32")
        return self.rounded(self.add("Mul", [total, self.units(root_of(node, 3))]), *limits_of(node), name)

    def rounded(self, tensor: str, low: int, high: int, name: str) -> str:
        """A QuantizeLinear by 1."""
        operands = [tensor, self.constant(1, "float32"), self.constant(0, "int8")]
        return self._clipped("QuantizeLinear", operands, (low, high), name)

    def real(self, tensor: str) -> str:
        """Cast."""
        return self.cast(tensor, "float32")

    def small(self, tensor: str) -> str:
        """The tensor as it is."""
        return tensor

    def held(self, root: bytes) -> str:
        """As it is committed to."""
        return self.stored(root)

    def _clipped(self, operator: str, operands: list[str], limits: tuple[int, int], name: str, **options: Any) -> str:
        """An operator whose int8 saturates at its own limits, and Clip where a node's are narrower."""
        if limits == LIMITS[DType.I8]:
            return self.add(operator, operands, name, **options)
        bounds = [self.constant(limit, "int8") for limit in limits]
        return self.add("Clip", [self.add(operator, operands, **options), *bounds], name)
