"""Disputes, as transactions on the devnet of bench/gas_steps.py: convictions in one, and games for what is withheld.

Whoever is convicted has run a real graph and lies about one number of it. What `prove` decides alone is measured in
gas_faults.py; here it is the game's, with the job's state, the conviction and the reward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np

from bench import exact_models
from bench.gas_chain import ALL, CONSUMER, FIRST, ONE, PROVIDER, SALT, SECOND, VERIFICATION, GasChain
from bench.gas_faults import CELLS, TERMS, convolution, largest, least
from mlm.adapters.exact.reference import run_graph
from mlm.adapters.wallet import devnet as accounts
from mlm.core.dispute.commitment import commitment
from mlm.core.exact.commitments import SCHEME_EXACT, TIER, Evidence
from mlm.core.exact.opening import CellFault, Prover, leaf_of
from mlm.core.exact.trace import Tensor, Trace, tensor_of, trace_of
from mlm.core.merkle import tree_of, width_of
from mlm.core.plan import Call

LOCK = 2000 * ONE  # of provider's stake, that convictions eat up
CHALLENGERS = (SECOND, CONSUMER, "watcher")
STEP = 2  # levels that a move opens
OPENING = 2**256 - 1
WITHHELD = "dispute, withheld"
ONE_SHOT = "dispute, in one transaction: K = "
Publish = Callable[[str, bytes], bytes]


@dataclass(frozen=True)
class Lie:
    """A trace of which one node's number is false, at a flat index."""

    prover: Prover
    node: int
    index: int

    @property
    def evidence(self) -> Evidence:
        """What its provider hands in."""
        graph = self.prover.graph
        return Evidence.of(graph, self.prover.trace_tree.levels[0][: len(graph.nodes)])

    @property
    def fault(self) -> CellFault:
        """The proof that convicts."""
        return self.prover.cell(self.node, self.index)


def disputes(chain: GasChain, publish: Publish) -> None:
    """Every move of a dispute; whole convictions by K; games about CNNs of some 25 million multiplications."""
    Disputes(chain, publish).run()


class Disputes:
    """The transactions, in order."""

    def __init__(self, chain: GasChain, publish: Publish) -> None:
        self._chain, self._publish = chain, publish
        self._nonce = 2**41
        self._versions: dict[bytes, bytes] = {}

    def run(self) -> None:
        """Every step."""
        chain = self._chain
        spenders = ((FIRST, "StakeVault"), (CONSUMER, "JobMarket"), *((each, "DisputeGame") for each in CHALLENGERS))
        for account, spender in spenders:
            chain.do("", account, "MarketToken", "approve", chain.at(spender), ALL)
        chain.do("", FIRST, "StakeVault", "deposit", PROVIDER, 2 * LOCK)
        self._convictions()
        for name, lie in games():
            self._game(name, lie)
        self._others()

    # ------------------------------------------------------------------ in one transaction

    def _convictions(self) -> None:
        """For each K; the whole is the commitment, and the proof or what EIP-7623 takes at least of it."""
        chain = self._chain
        for terms in TERMS:
            lie, first = convolution_lie(terms), terms == TERMS[0]
            job, posted = self._submitted("dispute, submit: 256 nodes" if first else "", lie)
            self._commit("dispute, commit" if first else "", job, lie.node, lie.index)
            step = f"dispute, prove: a convolution's cell, K = {terms}"
            call = (job, lie.fault.words(), SALT)
            chain.do(step, SECOND, "DisputeGame", "prove", *call)
            floor = least(chain.senders[SECOND].encode(Call("DisputeGame", "prove", call)))
            chain.gas[f"{step}, at least from Prague on"] = floor
            chain.gas[f"{ONE_SHOT}{terms}"] = chain.gas["dispute, commit"] + max(chain.gas[step], floor)
            step = "settle: convicted" if terms == TERMS[-1] else ""
            chain.advance(1)  # as in gas_steps.py: the vault counts no time twice in one second
            chain.do(step, CONSUMER, "JobMarket", "settle", job, posted)

    # ------------------------------------------------------------------ games

    def _game(self, name: str, lie: Lie) -> None:
        """Every move of both sides, from the commitment to the proof; `name` says what the game is about."""
        chain = self._chain

        def row(move: str) -> str:
            return f"{name}, {move}" if name == DETAILED else ""

        job, _ = self._submitted("", lie)
        spent = self._commit("", job, lie.node, OPENING)
        game, opened = self._open(row("open"), job, lie)
        spent += opened
        tensor = lie.prover.trace[lie.node]
        below, place, rounds = tensor.tree.depth, 0, 0
        leaf = leaf_of(tensor.kind, lie.index)
        while below:
            rounds += 1
            levels = min(below, STEP)
            shown = tensor.tree.below(below, place, levels)
            below -= levels
            spent += self._move(row(f"post {rounds}"), FIRST, "post", game, shown)
            index = leaf // width_of(below) % len(shown)
            spent += self._move(row(f"pick {rounds}"), SECOND, "pick", game, index, shown)
            place = place * len(shown) + index
        spent += self._move(row("leaf"), FIRST, "leaf", game, tensor.leaf(leaf))
        spent += self._move(row("prove in the game"), SECOND, "proveInGame", game, lie.fault.words())
        assert chain.number(chain.chain.call("DisputeGame", "challengerOf", job)) == chain.number(
            accounts.address(SECOND)
        )
        chain.gas[f"{name}, the whole in {rounds} rounds"] = spent

    def _others(self) -> None:
        """What else convicts, and how else a game ends."""
        chain, lie = self._chain, convolution_lie(TERMS[0])
        node, tensor = lie.node, lie.prover.trace[lie.node]
        size = len(tensor.data)
        padded = _replaced(lie, tensor_of(tensor.kind, tensor.data + b"\1"))
        job, _ = self._submitted("", padded)
        self._commit("", job, node, size)
        fault = padded.prover.padding(node, size)
        chain.do("dispute, prove padding", SECOND, "DisputeGame", "provePadding", job, fault.words(), SALT)
        typed = Tensor(replace(tensor.kind, shape=(1, size, 1, 1)), tensor.data, tensor.tree)
        headed = _replaced(lie, typed)
        job, _ = self._submitted("", headed)
        self._commit("", job, node, typed.kind.word())
        header = headed.prover.header(node, typed.kind.word(), typed.tree.root)
        chain.do("dispute, prove a header", SECOND, "DisputeGame", "proveHeader", job, header.words(), SALT)
        clock = chain.chain.call("DisputeGame", "clock")
        job, _ = self._submitted("", lie, 2 * clock)
        opened = []
        for account in CHALLENGERS:
            self._commit("", job, node, OPENING, account)
            opened.append(self._open("", job, lie, account)[0])
        self._move("", FIRST, "post", opened[0], tensor.tree.below(tensor.tree.depth, 0, STEP))
        chain.advance(clock)
        for name, game in zip(
            ("timeout: the challenger's clock", "timeout: the provider's clock", "reclaim"), opened, strict=True
        ):
            chain.do(f"dispute, {name}", SECOND, "DisputeGame", name.split(":")[0], game)

    def _open(self, step: str, job: bytes, lie: Lie, account: str = SECOND) -> tuple[bytes, int]:
        """Open a game on the lie's node; its id, and the gas."""
        place, roots = lie.prover.place(lie.node), lie.evidence.roots
        challenge = (*place.words(), roots[lie.node], list(lie.prover.trace_tree.prove([lie.node])))
        receipt = self._chain.do(step, account, "DisputeGame", "open", job, challenge, SALT)
        return bytes.fromhex(self._chain.event(receipt, "DisputeGame", "GameOpened")["gameId"][2:]), receipt.gas_used

    def _move(self, step: str, account: str, function: str, *args: Any) -> int:
        """A move's gas, or what Prague takes at least for its calldata.

        It is made a second or more after the last: within the same one a clock's word would be written as it was.
        """
        chain = self._chain
        chain.advance(1)
        floor = least(chain.senders[account].encode(Call("DisputeGame", function, args)))
        return max(chain.do(step, account, "DisputeGame", function, *args).gas_used, floor)

    def _commit(self, step: str, job: bytes, node: int, index: int, account: str = SECOND) -> int:
        """Commit to a proof or an opening; the gas."""
        chain = self._chain
        place = (chain.chain.chain_id(), chain.at("DisputeGame"), accounts.address(account))
        digest = commitment(*place, "0x" + job.hex(), node, index, SALT)
        return chain.do(step, account, "DisputeGame", "commit", digest).gas_used

    # ------------------------------------------------------------------ jobs

    def _submitted(self, step: str, lie: Lie, window: int = VERIFICATION) -> tuple[bytes, tuple[Any, ...]]:
        """A job whose result is the lie; its id and terms."""
        chain, evidence = self._chain, lie.evidence
        version = self._version(evidence.key)
        self._nonce += 1
        given = evidence.input_commitment(version)
        job, terms = chain.leased("", (version, TIER, SCHEME_EXACT, given), self._nonce, window=window)
        chain.do("", FIRST, "JobMarket", "accept", job)
        chain.do(step, FIRST, "JobMarket", "submit", job, terms, evidence.encode(), SALT)
        return job, terms

    def _version(self, key: bytes) -> bytes:
        if key not in self._versions:
            self._versions[key] = self._publish(f"exact-{len(self._versions)}", key)
        return self._versions[key]


# The game whose every move is a row: it has the most of them.
DETAILED = f"{WITHHELD}, a CNN of 24M multiplications at 224 x 224"


def games() -> Iterator[tuple[str, Lie]]:
    """What is withheld, and a lie about it in the middle of a tensor."""
    yield DETAILED, _network_lie(exact_models.wide())
    yield f"{WITHHELD}, a CNN of 27M multiplications at 32 x 32", _network_lie(exact_models.small())
    yield f"{WITHHELD}, 256 nodes, K = {TERMS[-1]}", convolution_lie(TERMS[-1])


def convolution_lie(terms: int) -> Lie:
    """About a cell of the convolution of gas_faults.py."""
    random = Random(terms)
    prover, fault = largest(convolution(terms // 9, random), random, CELLS)
    return Lie(prover, fault.place.node, fault.index)


def _network_lie(network: exact_models.Network) -> Lie:
    """About the convolution that has the deepest tree, of these the last; one of its numbers is another by a bit."""
    model = exact_models.classifier(network)
    graph = model.graph
    image = np.random.default_rng(2).integers(-128, 128, graph.nodes[0].output.shape, np.int8)
    values = [value.tobytes() for value in run_graph(graph, model.parameters, [image])]
    node = max((made.output.depth, at) for at, made in enumerate(graph.nodes) if made.op.name == "CONV")[1]
    index = graph.nodes[node].output.elements // 2 + 77
    false = bytearray(values[node])
    false[index] ^= 1
    claimed: Trace = trace_of(graph, [*values[:node], bytes(false), *values[node + 1 :]])
    sources = [operand.source for operand in graph.nodes[node].operands]
    tensors = {at: claimed.tensor(at) for at in (node, *(at for at in sources if isinstance(at, int)))}
    parameters = {
        operand.source: tensor_of(operand.kind, model.parameters[operand.source].tobytes())
        for operand in graph.nodes[node].operands
        if isinstance(operand.source, bytes)
    }
    return Lie(Prover(graph, claimed.tree, tensors, parameters), node, index)


def _replaced(lie: Lie, tensor: Tensor) -> Lie:
    """The same run, with another tensor in the lie's place."""
    roots = [*lie.evidence.roots]
    roots[lie.node] = tensor.root
    prover, trace = lie.prover, {**lie.prover.trace, lie.node: tensor}
    return replace(lie, prover=Prover(prover.graph, tree_of(roots), trace, prover.parameters))
