"""What docs/fault-proofs.md says, written from its text alone: cells (12), trees (2) and proofs (13).

Nothing of mlm is imported, and attributes are found by the page's own table: where the page is wrong, or leaves out
what one needs, tests/exact/test_page.py fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import product
from math import ceil, isqrt, prod
from pathlib import Path
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "fault-proofs.md").read_text(encoding="utf-8")
LEAF, BYTES = 512, {1: 1, 2: 4}
Get = Callable[[int, int], int]  # (operand, flat index)
Node = dict[str, Any]


class Refused(Exception):
    """A proof that convicts nobody; its only argument is the refusal's name."""


# -------------------------------------------------------------------------------------------------- the page's tables


def table(heading: str) -> list[list[str]]:
    """The rows of the table whose heading begins with these words."""
    lines = PAGE[PAGE.index(f"| {heading}") :].splitlines()
    rows = []
    for line in lines[2:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def expanded(names: str) -> list[str]:
    """`step_0 … step_3` as four names."""
    made = []
    for name in filter(None, (each.strip() for each in names.split(","))):
        if found := re.fullmatch(r"(\w+_)(\d) … \1(\d)", name):
            made += [f"{found[1]}{i}" for i in range(int(found[2]), int(found[3]) + 1)]
        else:
            made.append(name)
    return made


OPERATORS = [(row[1], [] if row[3] == "–" else expanded(row[3].split(":")[0])) for row in table("number | operator")]


def struct(name: str) -> str:
    """A struct's ABI type, by the page's table; structs within it too."""
    fields = dict(table("struct | fields"))
    kinds = [field.split()[0] for field in fields[name].split(", ")]
    made = [re.sub(r"^[A-Z]\w+", lambda found: struct(found[0]), kind) for kind in kinds]
    return f"({','.join(made)})"


# -------------------------------------------------------------------------------------------------- words and tensors


def parsed(words: Sequence[int]) -> Node:
    """A node of its words (2)."""
    name, attributes = OPERATORS[words[0]]
    count = words[2]
    operands = [(words[3 + 2 * i] % (1 << 255), words[3 + 2 * i] >> 255, words[4 + 2 * i]) for i in range(count)]
    values = [value - (value >> 255 << 256) for value in words[3 + 2 * count :]]
    return {"op": name, "type": words[1], "operands": operands, "at": dict(zip(attributes, values, strict=True))}


def shape(kind: int) -> tuple[int, ...]:
    return tuple(kind >> 32 * (3 - axis) & 0xFFFFFFFF for axis in range(4))


def size(kind: int) -> int:
    return prod(shape(kind)) * BYTES[kind >> 128]


def flat(at: Sequence[int], of: Sequence[int]) -> int:
    return ((at[0] * of[1] + at[1]) * of[2] + at[2]) * of[3] + at[3]


# -------------------------------------------------------------------------------------------------- cells


def rq(node: Node, value: int, shift: int) -> int:
    q = value // 2**shift
    r = value - q * 2**shift
    q += 2 * r > 2**shift or (2 * r == 2**shift and q % 2 == 1)
    return min(max(q, node["at"]["low"]), node["at"]["high"])


def tdiv(a: int, b: int) -> int:
    return abs(a) // b * (1 if a >= 0 else -1)


def cell(node: Node, index: int, get: Get) -> int:
    """The number at a flat index of a node's output (12)."""
    at, shapes = node["at"], [shape(kind) for kind, _, _ in node["operands"]]
    i = _place(index, shape(node["type"]))

    def x(operand: int, *place: int) -> int:
        return get(operand, flat(place, shapes[operand]))

    def bc(operand: int) -> int:
        return x(operand, *(0 if s == 1 else k for s, k in zip(shapes[operand], i, strict=True)))

    def win(kernel: Sequence[int]) -> list[tuple[int, int, int, int]]:
        taps = []
        for r, c in product(range(kernel[0]), range(kernel[1])):
            row = i[1] * at["stride_h"] - at["pad_top"] + r * at["dilation_h"]
            column = i[2] * at["stride_w"] - at["pad_left"] + c * at["dilation_w"]
            if 0 <= row < shapes[0][1] and 0 <= column < shapes[0][2]:
                taps.append((r, c, row, column))
        return taps

    match node["op"]:
        case "CONV":
            (outputs, *kernel, depth), o = shapes[1], i[3]
            group = o // (outputs // at["groups"])
            total = x(2, 0, 0, 0, o) + sum(
                x(0, i[0], row, column, group * depth + d) * x(1, o, r, c, d)
                for r, c, row, column in win(kernel)
                for d in range(depth)
            )
            return rq(node, total, x(3, 0, 0, 0, o))
        case "MATMUL":
            n, h = (i[axis] if shapes[1][axis] > 1 else 0 for axis in (0, 1))
            p = i[3]
            total = x(2, 0, 0, 0, p) + sum(x(0, i[0], i[1], i[2], k) * x(1, n, h, p, k) for k in range(shapes[0][3]))
            return rq(node, total, x(3, 0, 0, 0, p))
        case "ADD":
            return rq(node, at["factor_a"] * bc(0) + at["factor_b"] * bc(1), at["shift"])
        case "MUL":
            return rq(node, at["factor"] * bc(0) * bc(1), at["shift"])
        case "TABLE":
            return get(1, x(0, *i) + 128)
        case "MAXPOOL":
            taps = win((at["kernel_h"], at["kernel_w"]))
            return max((x(0, i[0], row, column, i[3]) for _, _, row, column in taps), default=-128)
        case "VIEW":
            return get(0, at["offset"] + sum(i[a] // at[f"every_{a}"] * at[f"step_{a}"] for a in range(4)))
        case "CONCAT":
            axis, before = at["axis"], 0
            for operand, own in enumerate(shapes):
                if i[axis] < before + own[axis]:
                    return x(operand, *(k - before * (a == axis) for a, k in enumerate(i)))
                before += own[axis]
            raise AssertionError("the parts do not add up")
        case "PAD":
            place = [k - at[f"before_{a}"] for a, k in enumerate(i)]
            inside = all(0 <= k < s for k, s in zip(place, shapes[0], strict=True))
            return x(0, *place) if inside else int(at["value"])
        case "GATHER":
            number = min(max(x(1, 0, *i[:3]), 0), shapes[0][2] - 1)
            return x(0, 0, 0, number, i[3])
        case "SOFTMAX":
            row = [x(0, *i[:3], j) for j in range(shapes[0][3])]
            weights = [get(1, max(row) - value) for value in row]
            s = sum(weights)
            return min(127, (2 * at["scale"] * weights[i[3]] + s) // (2 * s))
        case "LAYERNORM":
            c = shapes[0][3]
            row = [x(0, *i[:3], j) for j in range(c)]
            total, squares = sum(row), sum(value * value for value in row)
            root = isqrt(c * squares - total * total + at["epsilon"])
            t = tdiv((c * row[i[3]] - total) * 2 ** at["bits"], root)
            return rq(node, x(1, 0, 0, 0, i[3]) * t + x(2, 0, 0, 0, i[3]), at["shift"])
    raise AssertionError(node["op"])


def _place(index: int, of: Sequence[int]) -> tuple[int, ...]:
    place = []
    for s in reversed(of):
        place.append(index % s)
        index //= s
    return tuple(reversed(place))


# -------------------------------------------------------------------------------------------------- trees


def depth_of(leaves: int) -> int:
    return next(d for d in range(40) if 4**d >= leaves)


def root_over(data: bytes) -> bytes:
    """The root of the tree over bytes."""
    count = max(1, ceil(len(data) / LEAF))
    row = [sha256(data[k * LEAF : (k + 1) * LEAF].ljust(LEAF, b"\0")).digest() for k in range(4 ** depth_of(count))]
    while len(row) > 1:
        row = [sha256(b"".join(row[k : k + 4])).digest() for k in range(0, len(row), 4)]
    return row[0]


def multiproof(known: dict[int, bytes], depth: int, siblings: Sequence[bytes]) -> bytes:
    """The root over opened leaves; raises Refused."""
    rest = list(siblings)
    for _ in range(depth):
        above = {}
        for parent in sorted({k // 4 for k in known}):
            children = []
            for k in range(4 * parent, 4 * parent + 4):
                if k not in known and not rest:
                    raise Refused("SiblingMissing")
                children.append(known[k] if k in known else rest.pop(0))
            above[parent] = sha256(b"".join(children)).digest()
        known = above
    if rest:
        raise Refused("SiblingLeftOver")
    return known[0]


def climbed(leaf: bytes, index: int, leaves: int, path: Sequence[bytes]) -> bytes:
    depth = depth_of(leaves)
    if len(path) != 3 * depth:
        raise Refused("PathLengthMismatch")
    return multiproof({index: leaf}, depth, path)


def domain(name: str) -> bytes:
    return keccak(name.encode())


def tensor_root(kind: int, tree_root: bytes) -> bytes:
    return sha256(encode(["bytes32", "uint256", "bytes32"], [domain("mlm/exact-tensor/1"), kind, tree_root])).digest()


# -------------------------------------------------------------------------------------------------- proofs


def judged(call: bytes) -> tuple[int, int] | None:
    """What a call of FaultProofs answers: of a cell what follows and what is claimed; raises Refused."""
    for function, kind, judge in JUDGES:
        types = [struct("Committed"), struct(kind)]
        if keccak(f"{function}({','.join(types)})".encode())[:4] == call[:4]:
            return judge(*decode(types, call[4:]))
    raise AssertionError("no function of the page has this selector")


def of_cell(committed: tuple[Any, ...], fault: tuple[Any, ...]) -> tuple[int, int]:
    number, words, path, index, output, openings = fault
    node = placed(committed, number, words, path)
    if index >= prod(shape(node["type"])):
        raise Refused("IndexOutOfRange")
    opened(committed, node["type"], False, number, output)
    if len(openings) != len(node["operands"]):
        raise Refused("OperandCountMismatch")
    for (kind, is_parameter, source), opening in zip(node["operands"], openings, strict=True):
        if opening[0]:
            opened(committed, kind, bool(is_parameter), source, opening)
    expected = cell(node, index, lambda operand, at: element(node["operands"][operand][0], openings[operand], at))
    claimed = element(node["type"], output, index)
    if expected == claimed:
        raise Refused("CellConsistent")
    return expected, claimed


def of_padding(committed: tuple[Any, ...], fault: tuple[Any, ...]) -> None:
    number, words, path, at, output = fault
    node = placed(committed, number, words, path)
    if at < size(node["type"]):
        raise Refused("NotPadding")
    opened(committed, node["type"], False, number, output)
    if leaf_of(output, at // LEAF)[at % LEAF] == 0:
        raise Refused("PaddingConsistent")


def of_header(committed: tuple[Any, ...], fault: tuple[Any, ...]) -> None:
    number, words, path, word, tree_root, trace_path = fault
    node = placed(committed, number, words, path)
    if word == node["type"]:
        raise Refused("HeaderConsistent")
    if climbed(tensor_root(word, tree_root), number, committed[2], trace_path) != committed[1]:
        raise Refused("RootMismatch")


def placed(committed: tuple[Any, ...], number: int, words: Sequence[int], path: Sequence[bytes]) -> Node:
    graph_root, _, nodes, inputs = committed
    if number < inputs:
        raise Refused("NodeIsInput")
    if number >= nodes:
        raise Refused("NodeOutOfRange")
    digest = sha256(b"".join(word.to_bytes(32, "big") for word in words)).digest()
    if climbed(digest, number, nodes, path) != graph_root:
        raise Refused("DescriptorMismatch")
    return parsed(words)


def opened(committed: tuple[Any, ...], kind: int, is_parameter: bool, source: int, opening: tuple[Any, ...]) -> None:
    leaves, data, siblings, path = opening
    depth = depth_of(max(1, ceil(size(kind) / LEAF)))
    if not leaves:
        raise Refused("LeavesMissing")
    if len(data) != LEAF * len(leaves):
        raise Refused("DataLengthMismatch")
    if list(leaves) != sorted(set(leaves)):
        raise Refused("LeavesNotAscending")
    if leaves[-1] >= 4**depth:
        raise Refused("LeafOutOfRange")
    known = {leaf: sha256(leaf_of(opening, leaf)).digest() for leaf in leaves}
    root = tensor_root(kind, multiproof(known, depth, siblings))
    if is_parameter and path:
        raise Refused("PathLengthMismatch")
    if is_parameter:
        found, wanted = root, source.to_bytes(32, "big")
    else:
        found, wanted = climbed(root, source, committed[2], path), committed[1]
    if found != wanted:
        raise Refused("RootMismatch")


def leaf_of(opening: tuple[Any, ...], leaf: int) -> bytes:
    leaves, data, *_ = opening
    if leaf not in leaves:
        raise Refused("LeafMissing")
    at = list(leaves).index(leaf) * LEAF
    return bytes(data[at : at + LEAF])


def element(kind: int, opening: tuple[Any, ...], index: int) -> int:
    width = BYTES[kind >> 128]
    leaf, at = divmod(index * width, LEAF)
    return int.from_bytes(leaf_of(opening, leaf)[at : at + width], "little", signed=True)


JUDGES: tuple[tuple[str, str, Callable[..., tuple[int, int] | None]], ...] = (
    ("checkCell", "CellFault", of_cell),
    ("checkPadding", "PaddingFault", of_padding),
    ("checkHeader", "HeaderFault", of_header),
)
