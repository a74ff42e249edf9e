"""Which hash function and leaf a tensor's tree should have: `python -m bench.leaves` prints the tables of decision 27.

For each, the time to hash every tensor of a run, beside that run without any; what it takes on chain to open the
leaves that single cells need, estimated; and what a hash of one leaf takes, by every way to call for it from Python.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from itertools import starmap
from struct import Struct

from bench import exact_models
from mlm.adapters.exact.emit import to_onnx
from mlm.adapters.exact.trace import Tracer
from mlm.core.digest import keccak256
from mlm.core.exact.cell import cell
from mlm.core.exact.node import Node, Op, Operand
from mlm.core.exact.tensor import ITEM_BYTES, DType, TensorType

LEAVES = (32, 64, 128, 256, 512, 1024)
CHILDREN = (2, 4, 16)  # of a node; mlm.core.merkle has 4
REPEAT = 15
Hash = Callable[[bytes, int], list[bytes]]
# Of consecutive pieces of this size.
HASHES: dict[str, Hash] = {
    "sha256": lambda data, size: [sha256(data[at : at + size]).digest() for at in range(0, len(data), size)],
    "keccak256": lambda data, size: [keccak256(data[at : at + size]) for at in range(0, len(data), size)],
}


def root(data: bytes, leaf: int, digests: Hash, children: int) -> bytes:
    """As mlm.core.merkle.root_over does, for another leaf, hash function or number of children."""
    row = digests(data + bytes(-len(data) % leaf), leaf)
    while len(row) > 1:
        row += row[-1:] * (-len(row) % children)
        row = digests(b"".join(row), 32 * children)
    return row[0]


@dataclass
class Opened:
    """What shows one cell: bytes of leaves and siblings, those beyond a tensor's end, which are zeros, and hashes."""

    bytes: int = 0
    zeros: int = 0
    hashes: int = 0

    @property
    def gas(self) -> int:
        """Calldata at 16 gas a byte (4 a zero), the precompile's 60 and 12 a word, and about 200 to call it."""
        full = self.bytes - self.zeros
        return full * 16 + self.zeros * 4 + self.bytes * 12 // 32 + self.hashes * 260

    @property
    def floor(self) -> int:
        """What the calldata cost at least from Prague on, whatever is computed (EIP-7623)."""
        return (self.bytes - self.zeros) * 40 + self.zeros * 10


def opened(node: Node, index: int, leaf: int, children: int) -> Opened:
    """The leaves of its output and of all that it reads; every element within a tensor is taken to be no zero."""
    needed: list[set[int]] = [set() for _ in node.operands]

    def read(operand: int, at: int) -> int:
        needed[operand].add(at * ITEM_BYTES[node.operands[operand].kind.dtype] // leaf)
        return 1

    cell(node, index, read)
    kinds, result = [*(operand.kind for operand in node.operands), node.output], Opened()
    for kind, leaves in zip(kinds, [*needed, {index // leaf}], strict=True):
        result.bytes += leaf * len(leaves)
        result.zeros += sum(max(0, (at + 1) * leaf - kind.size) for at in leaves)
        result.hashes += len(leaves)
        row, count = leaves, -(-kind.size // leaf)
        while count > 1:
            above = {at // children for at in row}
            result.bytes += 32 * (len(above) * children - len(row))
            result.hashes += len(above)
            row, count = above, -(-count // children)
    return result


def _image(op: Op, side: int, channels: int, kernel: int, groups: int, out: int) -> Node:
    """A convolution of an image in the middle of a network."""
    image = TensorType(DType.I8, (1, side, side, channels))
    weights = TensorType(DType.I8, (channels, kernel, kernel, channels // groups))
    row = (1, 1, 1, channels)
    kinds = (image, weights, TensorType(DType.I32, row), TensorType(DType.I8, row))
    operands = tuple(Operand(kind, i) for i, kind in enumerate(kinds))
    pad = kernel // 2 if out > 1 else 0
    return Node(op, TensorType(DType.I8, (1, out, out, channels)), operands, (1, 1, pad, pad, 1, 1, groups, 0, 127))


NODES = {
    "conv, K = 288": _image(Op.CONV, 14, 32, 3, 1, 14),
    "conv, K = 1152": _image(Op.CONV, 14, 128, 3, 1, 14),
    "conv, K = 4608": _image(Op.CONV, 14, 512, 3, 1, 14),
    "depthwise 3 x 3 of 512": _image(Op.CONV, 14, 512, 3, 512, 14),
    "average of 8 x 8 x 512": _image(Op.CONV, 8, 512, 8, 512, 1),
}


def worst(node: Node, leaf: int, children: int, of: str) -> int:
    """Of some cells in the middle of the output: each lies otherwise in its leaves."""
    _, height, width, channels = node.output.shape
    places = [(y, x) for y in {height // 2, height // 3} for x in {width // 2, width // 3, width * 2 // 3}]
    indices = [(y * width + x) * channels + c for y, x in places for c in (7 * channels // 9, channels // 3)]
    return max(int(getattr(opened(node, index, leaf, children), of)) for index in indices)


def best(call: Callable[[], object]) -> float:
    """The shortest of repeated processor times, in milliseconds."""
    took = []
    for _ in range(REPEAT):
        started = time.process_time()
        call()
        took.append(time.process_time() - started)
    return min(took) * 1000


def _times(network: exact_models.Network) -> None:
    """Of one network, for each leaf: milliseconds to hash its tensors, and the whole over the plain run."""
    import numpy as np

    model = exact_models.classifier(network)
    image = np.random.default_rng(0).normal(size=model.inputs[0].shape).astype(np.float32)
    tracer, plain = Tracer(model, threads=1), exact_models.session(to_onnx(model))
    tensors = tracer.run({"image": image}, keep=True).trace.data
    alone = best(lambda: plain.run(None, {"image": image}))
    together = best(lambda: tracer.execute({"image": image}))
    size = sum(map(len, tensors))
    print(f"\n{network.macs / 1e6:.0f}M MACs, {size:,} bytes: plain {alone:.2f} ms, with its tensors {together:.2f} ms")
    for name, children in (("sha256", 2), ("keccak256", 2), ("sha256", 4), ("sha256", 16)):
        cells = []
        for leaf in LEAVES:
            took = best(lambda leaf=leaf: [root(data, leaf, HASHES[name], children) for data in tensors])  # type: ignore[misc]  # noqa: B023
            cells.append(f"{took:.2f} ms {(together + took) / alone:.2f} x")
        print(f"{name}, {children} children", *cells, sep="\t")


def _ways() -> dict[str, Callable[[bytes], list[bytes]]]:
    """Ways to have the SHA-256 of each leaf of 512 bytes."""
    import _hashlib
    import ctypes

    from Crypto.Hash import SHA256
    from cryptography.hazmat.primitives import hashes

    cut, empty, digest, algorithm = Struct("512s"), sha256(), type(sha256()).digest, hashes.SHA256()
    plain = ctypes.PyDLL(_hashlib.__file__).SHA256  # OpenSSL's, without a context; the lock is kept
    plain.argtypes, plain.restype = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p), ctypes.c_void_p
    out = ctypes.create_string_buffer(32)

    def copied(leaf: bytes) -> bytes:
        made = empty.copy()
        made.update(leaf)
        return made.digest()

    def called(leaf: bytes) -> bytes:
        plain(leaf, 512, out)
        return out.raw

    def each(way: Callable[[bytes], bytes]) -> Callable[[bytes], list[bytes]]:
        return lambda data: [way(leaf) for (leaf,) in cut.iter_unpack(data)]

    return {
        "cut alone, without a hash": lambda data: [leaf for (leaf,) in cut.iter_unpack(data)],
        "sha256, without its loop": lambda data: list(map(digest, starmap(sha256, cut.iter_unpack(data)))),
        "sha256": lambda data: [sha256(leaf).digest() for (leaf,) in cut.iter_unpack(data)],
        "sha256, of slices": lambda data: [sha256(data[at : at + 512]).digest() for at in range(0, len(data), 512)],
        "sha256, not for security": each(lambda leaf: sha256(leaf, usedforsecurity=False).digest()),
        "sha256, an empty one copied": each(copied),
        "OpenSSL's SHA256 by ctypes": each(called),
        "cryptography": each(lambda leaf: hashes.Hash.hash(algorithm, leaf)),
        "pycryptodome": each(lambda leaf: SHA256.new(leaf).digest()),
    }


def _calls() -> None:
    """Microseconds a leaf, of a megabyte, by each way."""
    data = bytes(range(256)) * 4096
    print("\nmicroseconds for 512 bytes")
    for name, way in _ways().items():
        print(f"{name}\t{best(lambda way=way: way(data)) * 1000 / (len(data) // 512):.2f}")  # type: ignore[misc]


def main() -> None:
    """Print the tables."""
    _calls()
    print("leaf", *LEAVES, sep="\t")
    for network in (exact_models.small(), exact_models.large()):
        _times(network)
    for title, value in (("gas of opening one cell", "gas"), ("its calldata from Prague on, at least", "floor")):
        print(f"\n{title}, estimated")
        for name, node in NODES.items():
            for children in CHILDREN:
                cells = [f"{worst(node, leaf, children, value):,}" for leaf in LEAVES]
                print(f"{name}, {children} children", *cells, sep="\t")


if __name__ == "__main__":
    main()
