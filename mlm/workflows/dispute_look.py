"""What is known of a disputed job: what its provider has committed to, what this machine computes, and the games."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlm.core.dispute import challenge
from mlm.core.dispute.commitment import TYPES, salt_domain, salt_message, salt_of
from mlm.core.dispute.game import Game, Phase, Row
from mlm.core.errors import MlmError, UsageError
from mlm.core.exact.commitments import Evidence
from mlm.core.exact.node import Operand
from mlm.core.exact.opening import Prover
from mlm.core.exact.trace import Tensor, Trace, tensor_of
from mlm.core.merkle import HASH_BYTES, root_over
from mlm.ports.bundle import Ports
from mlm.workflows import inputs, lookup, model, outputs, tiers
from mlm.workflows.tiers.optimistic import evidence_of

CONTRACT = "DisputeGame"
# Of the contract's Game, in its order.
_FIELDS = ("jobId", "target", "challenger", "deadline", "node", "below", "phase", "outputType", "position")


@dataclass(frozen=True)
class Case:
    """A job of the tier optimistic, with what its provider has committed to and the model's bytes."""

    ports: Ports
    job: lookup.Job
    claimed: Evidence
    onnx: bytes
    keep: bool = True  # every tensor of this machine's run

    @cached_property
    def own(self) -> Trace:
        """This machine's run; its tensors open cells of an honest trace. Raises NotFound, InvalidData."""
        loaded = model.load(self.ports, lookup.version_by_id(self.ports, self.job.version_id))
        given = inputs.fetch(self.ports, self.job, loaded).tensors
        return self.ports.exact.run(self.onnx, given, keep=self.keep).trace

    @property
    def difference(self) -> int | None:
        """The first node of which the provider has committed to something else; None where there is none."""
        return challenge.first_difference(self.own.graph, self.own.roots, self.claimed.roots)

    def delivered(self, node: int) -> Tensor | None:
        """The provider's own tensor of an output node that was handed over; None where it is withheld."""
        place = self._place(node)
        if place < 0:
            return None
        try:
            block = tiers.delivering(self.job.tier).receive(self.ports, self.job).block
            found = self.ports.exact.outputs(self.onnx, self.ports.tensors.from_block(block))[place]
        except MlmError:
            return None  # it did not arrive, or is something else: another reason to force it open
        return found if found.root == self.claimed.roots[node] else None

    def header(self, node: int) -> tuple[int, bytes] | None:
        """The false type word, and the tree root, of which the provider's tensor root was made; None where not known.

        Outputs that were shown on chain name theirs; others are found by trying.
        """
        place, shown = self._place(node), []
        if place >= 0:
            for row in outputs.answers(self.ports, self.job):
                told = json.loads(row["outputs"])
                shown.append((int(told["typeWords"][place]), root_over(_bytes(told["outputs"][place]))))
        return challenge.false_header(self.own.tensor(node), self.claimed.roots[node], shown)

    def _place(self, node: int) -> int:
        """Of an output among the outputs; below 0 for another node."""
        return node - (len(self.own.graph.nodes) - self.own.graph.outputs)

    def prover(self, node: int, output: Tensor | None = None) -> Prover:
        """Makes proofs about a node of the provider's trace, whose operands are this machine's own.

        `output` is the provider's tensor of the node, where it is known whole.
        """
        graph = self.own.graph
        traced = {node: output or self.own.tensor(node)}
        parameters: dict[bytes, Tensor] = {}
        for operand in graph.nodes[node].operands:
            if isinstance(operand.source, bytes):
                parameters[operand.source] = self._parameter(operand)
            else:
                traced[operand.source] = self.own.tensor(operand.source)
        return Prover(graph, self.claimed.trace, traced, parameters)

    def _parameter(self, operand: Operand) -> Tensor:
        assert isinstance(operand.source, bytes)
        return tensor_of(operand.kind, self._parameters[operand.source])

    @cached_property
    def _parameters(self) -> Mapping[bytes, bytes]:
        return self.ports.exact.parameters(self.onnx)


def case(ports: Ports, name: str, *, keep: bool = True) -> Case:
    """A job that can be disputed; not to `keep` tensors does where nothing is to be opened, and takes less memory.

    Raises UsageError for another tier, StateConflict before there is a result.
    """
    job = lookup.settled_job(ports, name)
    if not tiers.of(job.tier).challenged:
        raise UsageError(
            f"job {job.short} has the tier {job.tier}: only results of the tier optimistic or redundant can be "
            "disputed",
            hint="`mlm verify JOB` says who checks this one.",
        )
    claimed = evidence_of(ports, job)
    loaded = model.load(ports, lookup.version_by_id(ports, job.version_id))
    return Case(ports, job, claimed, loaded.onnx, keep)


def salt(ports: Ports, job_id: str, node: int, index: int) -> bytes:
    """This account's salt of a challenge; the same on every machine, and another once a game of its own has ended."""
    domain = salt_domain(ports.chain.chain_id(), ports.chain.address_of(CONTRACT))
    attempt = sum(game.phase is Phase.ENDED for game in own_games(ports, job_id, node))
    return salt_of(ports.signer.sign_typed(domain, TYPES, salt_message(job_id, node, index, attempt)))


def own_games(ports: Ports, job_id: str, node: int) -> tuple[Game, ...]:
    """This account's games about a node, in the order of their opening."""
    me = ports.sender.address.lower()
    return tuple(game for game in games(ports, job_id) if game.challenger.lower() == me and game.node == node)


def games(ports: Ports, job_id: str) -> tuple[Game, ...]:
    """The games about a job, as the contract has them, in the order of their opening."""
    moves = ports.state.query("game_moves", job_id=job_id)
    return tuple(_game(ports, row["game_id"], moves) for row in ports.state.query("games", job_id=job_id))


def game(ports: Ports, job_id: str, game_id: str) -> Game:
    """A game as the contract has it, with what was posted."""
    return _game(ports, game_id, ports.state.query("game_moves", job_id=job_id))


def _game(ports: Ports, game_id: str, moves: Sequence[Mapping[str, Any]]) -> Game:
    values: Any = ports.chain.call(CONTRACT, "gameOf", bytes.fromhex(game_id[2:]))
    now = dict(zip(_FIELDS, values, strict=False))
    own = [move for move in moves if move["game_id"] == game_id]
    posted = [move for move in own if move["change"] == "posted"]
    leaves = [_bytes(move["shown"]) for move in own if move["change"] == "leaf"]
    return Game(
        game_id=game_id,
        job_id="0x" + now["jobId"].hex(),
        challenger=now["challenger"],
        node=now["node"],
        phase=Phase(now["phase"]),
        target=now["target"],
        below=now["below"],
        position=now["position"],
        deadline=now["deadline"],
        rows=tuple(Row(move["position"], _hashes(_bytes(move["shown"]))) for move in posted),
        leaf=leaves[0] if leaves else b"",
    )


def _hashes(packed: bytes) -> tuple[bytes, ...]:
    return tuple(packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES))


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
