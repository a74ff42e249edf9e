"""Which hash function and leaf a tensor's tree should have: `python -m bench.leaves` prints the tables of decision 27.

For each, the time to hash every tensor of a run, beside that run without any; and what it takes on chain to open the
leaves that single cells need, estimated: calldata at 16 gas a byte, a hash at 200 gas and the precompile's price.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from hashlib import sha256

from bench import exact_models
from mlm.adapters.exact.emit import to_onnx
from mlm.adapters.exact.trace import Tracer
from mlm.core.digest import keccak256
from mlm.core.exact.cell import cell
from mlm.core.exact.node import Node, Op, Operand
from mlm.core.exact.tensor import ITEM_BYTES, DType, TensorType

LEAVES = (32, 64, 128, 256, 512, 1024)
REPEAT = 15
Hash = Callable[[bytes, int], list[bytes]]
# Of consecutive pieces of this size.
HASHES: dict[str, Hash] = {
    "sha256": lambda data, size: [sha256(data[at : at + size]).digest() for at in range(0, len(data), size)],
    "keccak256": lambda data, size: [keccak256(data[at : at + size]) for at in range(0, len(data), size)],
}


def root(data: bytes, leaf: int, digests: Hash) -> bytes:
    """As mlm.core.merkle.tree_over does, for another leaf or hash function."""
    row = digests(data + bytes(-len(data) % leaf), leaf)
    while len(row) > 1:
        row += row[-1:] * (len(row) % 2)
        row = digests(b"".join(row), 64)
    return row[0]


def opened(node: Node, index: int, leaf: int) -> tuple[int, int]:
    """Bytes of leaves and siblings, and hashes, that show one cell: its output's leaf and all that it reads."""
    needed: list[set[int]] = [set() for _ in node.operands]

    def read(operand: int, at: int) -> int:
        needed[operand].add(at * ITEM_BYTES[node.operands[operand].kind.dtype] // leaf)
        return 1

    cell(node, index, read)
    kinds = [*(operand.kind for operand in node.operands), node.output]
    bytes_, hashes = 0, 0
    for kind, leaves in zip(kinds, [*needed, {index // leaf}], strict=True):
        bytes_ += leaf * len(leaves)
        hashes += len(leaves)
        row = leaves
        for _ in range((-(-kind.size // leaf) - 1).bit_length()):
            bytes_ += 32 * sum(at ^ 1 not in row for at in row)
            row = {at >> 1 for at in row}
            hashes += len(row)
    return bytes_, hashes


def gas(node: Node, index: int, leaf: int) -> int:
    """What opening a cell costs about; a larger leaf's hash costs more, which this counts by its words."""
    bytes_, hashes = opened(node, index, leaf)
    return bytes_ * 16 + bytes_ * 12 // 32 + hashes * 260


def _image(op: Op, side: int, channels: int, kernel: int, groups: int, out: int) -> Node:
    """A convolution of an image in the middle of a network."""
    image = TensorType(DType.I8, (1, side, side, channels))
    weights = TensorType(DType.I8, (channels, kernel, kernel, channels // groups))
    row = (1, 1, 1, channels)
    kinds = (image, weights, TensorType(DType.I32, row), TensorType(DType.I8, row))
    operands = tuple(Operand(kind, i) for i, kind in enumerate(kinds))
    pad = kernel // 2 if out > 1 else 0
    return Node(op, TensorType(DType.I8, (1, out, out, channels)), operands, (1, 1, pad, pad, 1, 1, groups, 0, 127))


def cells() -> dict[str, tuple[Node, int]]:
    """Cells of the usual kinds, in the middle of their tensors."""
    nodes = {
        "conv, K = 1152": _image(Op.CONV, 16, 128, 3, 1, 16),
        "conv, K = 4608": _image(Op.CONV, 8, 512, 3, 1, 8),
        "depthwise 3 x 3 of 512": _image(Op.CONV, 8, 512, 3, 512, 8),
        "average of 8 x 8 x 512": _image(Op.CONV, 8, 512, 8, 512, 1),
    }
    return {name: (node, node.output.elements // 2) for name, node in nodes.items()}


def best(call: Callable[[], object]) -> float:
    """The shortest of repeated processor times, in milliseconds."""
    took = []
    for _ in range(REPEAT):
        started = time.process_time()
        call()
        took.append(time.process_time() - started)
    return min(took) * 1000


def _rows(network: exact_models.Network) -> list[Sequence[object]]:
    """Of one network: leaf, hash function, milliseconds to hash, times the plain run."""
    import numpy as np

    model = exact_models.classifier(network)
    image = np.random.default_rng(0).normal(size=model.inputs[0].shape).astype(np.float32)
    tracer, plain = Tracer(model, threads=1), exact_models.session(to_onnx(model))
    tensors = tracer.run({"image": image}, keep=True).trace.data
    alone = best(lambda: plain.run(None, {"image": image}))
    together = best(lambda: tracer.execute({"image": image}))
    rows: list[Sequence[object]] = []
    for name, digests in HASHES.items():
        for leaf in LEAVES:
            took = best(lambda leaf=leaf, digests=digests: [root(data, leaf, digests) for data in tensors])  # type: ignore[misc]
            rows.append((leaf, name, f"{took:.2f} ms", f"{(together + took) / alone:.2f} x"))
    size = sum(map(len, tensors))
    print(f"\n{network.macs / 1e6:.0f}M MACs, {size:,} bytes: plain {alone:.2f} ms, with its tensors {together:.2f} ms")
    return rows


def main() -> None:
    """Print both tables."""
    for network in (exact_models.small(), exact_models.large()):
        for row in _rows(network):
            print(*row, sep="\t")
    print("\ngas of opening one cell, estimated", *LEAVES, sep="\t")
    for name, (node, index) in cells().items():
        print(name, *(f"{gas(node, index, leaf):,}" for leaf in LEAVES), sep="\t")


if __name__ == "__main__":
    main()
