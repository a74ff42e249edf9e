"""Merkle trees over bytes: proofs of any set of leaves, and nothing else passes."""

from __future__ import annotations

import json
from hashlib import sha256
from random import Random

import pytest

from mlm.core.errors import InvalidData
from mlm.core.exact.tensor import TensorType, tensor_root
from mlm.core.merkle import (
    CHILDREN,
    LEAF_BYTES,
    NO_LEAF,
    Tree,
    depth_of,
    leaves_of,
    padding,
    root_of,
    siblings_of,
    tree_of,
    tree_over,
    width_of,
)
from tests.vectors import make_merkle

VECTORS = json.loads((make_merkle.HERE / "merkle.json").read_text())


def test_vectors() -> None:
    """devnet/test/exact/Merkle.t.sol runs them too."""
    assert make_merkle.value() == VECTORS
    for case in VECTORS["trees"]:
        data = make_merkle.data(case["size"])
        tree = tree_over(data)
        assert (tree.depth, "0x" + tree.root.hex()) == (case["depth"], case["root"])
        for proof in case["proofs"]:
            siblings = [bytes.fromhex(text[2:]) for text in proof["siblings"]]
            assert list(tree.prove(proof["leaves"])) == siblings
            assert siblings_of(proof["leaves"], tree.depth) == len(siblings)
            leaves = {i: sha256(padded(data, i)).digest() for i in proof["leaves"]}
            assert root_of(leaves, tree.depth, siblings) == tree.root
    for case in VECTORS["paths"]:
        tree = tree_of([sha256(bytes([i])).digest() for i in range(case["count"])])
        assert "0x" + tree.root.hex() == case["root"]
        assert ["0x" + each.hex() for each in tree.prove([case["index"]])] == case["path"]
    for case in VECTORS["tensors"]:
        kind = TensorType.of_word(int(case["type"], 16))
        root = tensor_root(kind, bytes.fromhex(case["tree"][2:]))
        assert (kind.depth, "0x" + root.hex()) == (case["depth"], case["root"])


def padded(data: bytes, index: int) -> bytes:
    """A leaf as it is hashed."""
    return data[index * LEAF_BYTES : (index + 1) * LEAF_BYTES].ljust(LEAF_BYTES, b"\0")


def by_hand(data: bytes) -> bytes:
    """The root, computed as the definition says: from all leaves, padded to a power of four."""
    count = max(1, -(-len(data) // LEAF_BYTES))
    whole = next(4**depth for depth in range(20) if 4**depth >= count)
    return folded([sha256(padded(data, i)).digest() for i in range(whole)])


def folded(row: list[bytes]) -> bytes:
    """The root over a whole row."""
    while len(row) > 1:
        row = [sha256(row[i] + row[i + 1] + row[i + 2] + row[i + 3]).digest() for i in range(0, len(row), 4)]
    return row[0]


SIZES = [0, 1, 511, 512, 513, 1025, 4 * 512, 4 * 512 + 1, 512 * 15, 512 * 16, 512 * 16 + 1, 512 * 64, 512 * 100]


@pytest.mark.parametrize("size", SIZES)
def test_a_root_is_that_of_the_definition(size: int) -> None:
    data = Random(size).randbytes(size)
    tree = tree_over(data)
    assert tree.root == by_hand(data) and tree.depth == depth_of(leaves_of(size))


@pytest.mark.parametrize("size", [1, 600, 512 * 5, 512 * 9 + 1, 512 * 33])
def test_any_set_of_leaves_is_proved_and_no_other(size: int) -> None:
    random = Random(size)
    data = random.randbytes(size)
    tree = tree_over(data)
    for _ in range(30):
        indices = sorted(random.sample(range(width_of(tree.depth)), random.randint(1, width_of(tree.depth))))
        leaves = {i: sha256(padded(data, i)).digest() for i in indices}
        siblings = tree.prove(indices)
        assert root_of(leaves, tree.depth, siblings) == tree.root
        other = dict(leaves)
        other[random.choice(indices)] = random.randbytes(32)
        assert root_of(other, tree.depth, siblings) != tree.root
        with pytest.raises(InvalidData, match="siblings"):
            root_of(leaves, tree.depth, (*siblings, bytes(32)))
        if siblings:
            with pytest.raises(InvalidData, match="siblings"):
                root_of(leaves, tree.depth, siblings[:-1])


@pytest.mark.parametrize("leaves", [{}, {-1: bytes(32)}, {16: bytes(32)}, {3: bytes(32), 16: bytes(32)}])
def test_leaves_outside_the_tree_are_refused(leaves: dict[int, bytes]) -> None:
    with pytest.raises(InvalidData, match="depth 2"):
        root_of(leaves, 2, ())


def test_a_tree_over_hashes_takes_them_as_leaves() -> None:
    hashes = [sha256(bytes([i])).digest() for i in range(5)]
    tree = tree_of(hashes)
    assert tree.depth == 2 and tree.node(0, 15) == NO_LEAF and tree.node(1, 3) == padding(NO_LEAF, 1)
    assert root_of({4: hashes[4]}, 2, tree.prove([4])) == tree.root
    assert len(tree.prove([4])) == 2 * (CHILDREN - 1)


def test_what_lies_below_a_node_hashes_to_it() -> None:
    tree = tree_over(Random(1).randbytes(512 * 21))
    assert tree.depth == 3
    for level in range(1, tree.depth + 1):
        for index in range(width_of(tree.depth - level)):
            assert folded(list(tree.below(level, index, min(level, 2)))) == tree.node(level, index)


def test_a_depth_is_the_least_that_holds_the_leaves() -> None:
    for depth in range(1, 14):
        assert [depth_of(width_of(depth) + more) for more in (0, 1)] == [depth, depth + 1]
    assert [depth_of(leaves) for leaves in (1, 2, 3, 4, 5)] == [0, 1, 1, 1, 2]


def test_the_tree_of_one_leaf_is_its_hash() -> None:
    assert tree_over(b"x") == Tree(((sha256(padded(b"x", 0)).digest(),),))
