"""A node of an exact graph: operator, operands, attributes and the type of its output, as words that are hashed. Pure.

What each operator computes stands in `cell.py`, cell by cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from mlm.core.digest import words
from mlm.core.errors import InvalidData
from mlm.core.exact.tensor import TensorType

MAX_OPERANDS = 16
_PARAMETER = 1 << 255
_WORD = 1 << 256


class Op(IntEnum):
    """The numbers are part of every graph root: never renumber."""

    INPUT = 0
    CONV = 1
    MATMUL = 2
    ADD = 3
    MUL = 4
    TABLE = 5
    MAXPOOL = 6
    VIEW = 7
    CONCAT = 8
    PAD = 9
    GATHER = 10
    SOFTMAX = 11
    LAYERNORM = 12


_WINDOW = ("stride_h", "stride_w", "pad_top", "pad_left", "dilation_h", "dilation_w")
_REQUANTISE = ("shift", "low", "high")
# Attributes in the order of their words, each a whole number.
ATTRIBUTES: dict[Op, tuple[str, ...]] = {
    Op.INPUT: ("name",),  # graph.input_name
    Op.CONV: (*_WINDOW, "groups", "low", "high"),
    Op.MATMUL: ("low", "high"),
    Op.ADD: ("factor_a", "factor_b", *_REQUANTISE),
    Op.MUL: ("factor", *_REQUANTISE),
    Op.TABLE: (),
    Op.MAXPOOL: ("kernel_h", "kernel_w", *_WINDOW),
    Op.VIEW: ("offset", "step_0", "step_1", "step_2", "step_3", "every_0", "every_1", "every_2", "every_3"),
    Op.CONCAT: ("axis",),
    Op.PAD: ("before_0", "before_1", "before_2", "before_3", "value"),
    Op.GATHER: (),
    Op.SOFTMAX: ("scale",),
    Op.LAYERNORM: ("epsilon", "bits", *_REQUANTISE),
}


@dataclass(frozen=True)
class Operand:
    """A tensor that a node reads: the output of an earlier node, or a parameter of the graph by its tensor root."""

    kind: TensorType
    source: int | bytes  # index of the node, or the parameter's tensor root

    @property
    def is_parameter(self) -> bool:
        return isinstance(self.source, bytes)


@dataclass(frozen=True)
class Node:
    """`attributes` in the order of ATTRIBUTES[op]."""

    op: Op
    output: TensorType
    operands: tuple[Operand, ...] = ()
    attributes: tuple[int, ...] = ()

    def attribute(self, name: str) -> int:
        """One attribute by its name."""
        return self.attributes[ATTRIBUTES[self.op].index(name)]

    def words(self) -> tuple[int, ...]:
        """op ‖ output's type ‖ number of operands ‖ (type, with the top bit for a parameter; source) each ‖ attributes.

        Negative numbers are in two's complement.
        """
        made = [int(self.op), self.output.word(), len(self.operands)]
        for each in self.operands:
            if isinstance(each.source, bytes):
                made += [each.kind.word() | _PARAMETER, int.from_bytes(each.source, "big")]
            else:
                made += [each.kind.word(), each.source]
        return (*made, *(value % _WORD for value in self.attributes))

    def digest(self) -> bytes:
        """sha256(abi.encodePacked(uint256[])) of the words: the node's leaf in the graph's tree."""
        return sha256(words(self.words())).digest()


def of_words(values: Sequence[int]) -> Node:
    """The inverse of `Node.words`. Raises InvalidData for whatever it does not write."""
    if len(values) < 3 or values[0] not in list(Op) or values[2] > MAX_OPERANDS:
        raise InvalidData(f"expected the words of a node, found {list(values[:3])}")
    op, count = Op(values[0]), values[2]
    if len(values) != 3 + 2 * count + len(ATTRIBUTES[op]):
        raise InvalidData(f"expected the words of {op.name} with {count} operands, found {len(values)} words")
    operands = tuple(_operand(*values[3 + 2 * i : 5 + 2 * i]) for i in range(count))
    attributes = tuple(value - _WORD if value >> 255 else value for value in values[3 + 2 * count :])
    return Node(op, TensorType.of_word(values[1]), operands, attributes)


def _operand(kind: int, source: int) -> Operand:
    if kind & _PARAMETER:
        return Operand(TensorType.of_word(kind ^ _PARAMETER), source.to_bytes(32, "big"))
    return Operand(TensorType.of_word(kind), source)
