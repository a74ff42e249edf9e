"""What binds a job of the tiers optimistic and redundant: input, output, and the evidence of a submission. Pure.

The same formulas stand in devnet/contracts/DisputeGame.sol; tests/vectors/exact.json holds both to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from mlm.core.commitment import commit_outputs, input_commitment
from mlm.core.digest import words
from mlm.core.errors import InvalidData
from mlm.core.exact.graph import MAX_NODES, Graph, key_of
from mlm.core.merkle import HASH_BYTES, Tree, tree_of

TIER = 2  # Tier.Optimistic of Types.sol
SCHEME_EXACT = 3  # scheme: the input root is over tensor roots
_HEAD = 5  # words before the roots: graph root, inputs, outputs, offset, count


@dataclass(frozen=True)
class Evidence:
    """What a provider submits: the graph, and a tensor root for each of its nodes."""

    graph_root: bytes
    inputs: int
    outputs: int
    roots: tuple[bytes, ...]

    @classmethod
    def of(cls, graph: Graph, roots: Sequence[bytes]) -> Evidence:
        """Of a run of a graph: its nodes' tensor roots, in the graph's order."""
        return cls(graph.tree.root, graph.inputs, graph.outputs, tuple(roots))

    @property
    def key(self) -> bytes:
        """The key of the version that this is a run of."""
        return key_of(self.graph_root, len(self.roots), self.inputs, self.outputs)

    @property
    def trace(self) -> Tree:
        """Over the tensor roots: its root is what the contract keeps."""
        return tree_of(self.roots)

    @property
    def output_commitment(self) -> bytes:
        """What the contract derives of it."""
        return exact_output_commitment(self.roots[len(self.roots) - self.outputs :])

    def input_commitment(self, version_id: bytes, tier: int = TIER) -> bytes:
        """What the job must have been posted with."""
        return exact_input_commitment(version_id, self.roots[: self.inputs], tier)

    def encode(self) -> bytes:
        """abi.encode(bytes32 graphRoot, uint256 inputs, uint256 outputs, bytes32[] roots)."""
        return words((self.graph_root, self.inputs, self.outputs, 4 * HASH_BYTES, len(self.roots), *self.roots))

    @classmethod
    def decode(cls, data: bytes) -> Evidence:
        """The inverse of `encode`; raises InvalidData for anything else."""
        count = len(data) // HASH_BYTES - _HEAD
        if len(data) % HASH_BYTES or not 1 <= count <= MAX_NODES:
            raise InvalidData(f"expected evidence of 1 to {MAX_NODES} tensor roots, found {len(data)} bytes")
        found = [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
        made = cls(found[0], int.from_bytes(found[1]), int.from_bytes(found[2]), tuple(found[_HEAD:]))
        if made.inputs + made.outputs > count or made.encode() != data:
            raise InvalidData("evidence is not in its canonical ABI encoding")
        return made


def exact_input_commitment(version_id: bytes, roots: Sequence[bytes], tier: int = TIER) -> bytes:
    """The commitment to the inputs' tensor roots, in the graph's order: sha256 of them, packed, is its root."""
    return input_commitment(tier, SCHEME_EXACT, version_id, sha256(b"".join(roots)).digest())


def exact_output_commitment(roots: Sequence[bytes]) -> bytes:
    """The commitment to the outputs' tensor roots, in the graph's order."""
    return commit_outputs(sha256(b"".join(roots)).digest())
