"""An exact model on a market, jobs of the tier optimistic on it, and providers that lie about their results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlm.adapters.exact.read import from_onnx
from mlm.adapters.exact.trace import Tracer
from mlm.adapters.onnx.tensors import NumpyTensorCodec
from mlm.adapters.wallet import devnet as accounts
from mlm.adapters.works import FileWorks
from mlm.core.dispute import answer
from mlm.core.dispute.game import Game, Phase
from mlm.core.exact.commitments import Evidence
from mlm.core.exact.tensor import tensor_root
from mlm.core.exact.trace import Trace
from mlm.core.kept_work import KeptWork
from mlm.core.merkle import root_over
from mlm.ports.lowering import PROFILES
from tests.command_line import INPUT, Market, Person, start, stop
from tests.serving.payers import Chain

EXACT = "alice/digits-exact"
CODEC = NumpyTensorCodec()


def lowered(market: Market, asset: str = EXACT, profile: str = PROFILES[0]) -> bytes:
    """The market's model in whole numbers, as `mlm lower` writes it; published as `asset` where it is not yet."""
    name = asset.removeprefix("alice/")
    provider = market.person("model-provider", f"model-provider/{name}")
    if provider.folder.exists():
        return (provider.folder / "model.onnx").read_bytes()
    source, known = market.provider, ("--calibration", "samples/calibration.npy")
    source.do("lower", "model.onnx", *known, "--profile", profile, "-o", "lowered.onnx")
    provider.folder.mkdir()
    provider.do("init")
    (source.folder / "lowered.onnx").rename(provider.folder / "model.onnx")
    (provider.folder / "mlm.toml").write_text(
        f'[asset]\nname = "{name}"\nversion = "1.0.0"\nkind = "model"\nlicence = "Apache-2.0"\n'
        'description = "Digits in whole numbers"\n\n[model]\nfile = "model.onnx"\n\n'
        '[price]\nuse = "0.1"\n\n[privacy]\npersonal_data = false\n'
    )
    provider.do("add", ".")
    provider.do("commit", "-m", "lowered")
    provider.do("publish", "--handle", "alice")
    return (provider.folder / "model.onnx").read_bytes()


@contextmanager
def exact_market(root: Path) -> Iterator[Market]:
    """A market of its own in `root`, with an exact model."""
    try:
        made = start(root)
        lowered(made)
        yield made
    finally:
        stop(root / "home")


def submitted(market: Market, asset: str = EXACT) -> str:
    """A job whose result compute-1 has computed and handed in."""
    job = leased(market, asset=asset)
    market.first.do("lease", "fulfil", job)
    return job


def posted(consumer: Person, *options: str, file: str = INPUT, asset: str = EXACT) -> str:
    """A job of the tier optimistic at a fixed price; its id."""
    wanted = ("-i", file, "--max-price", "5", "--auction", "fixed", "--tier", "optimistic")
    return str(consumer.do("job", "post", asset, *wanted, *options)["job"])


def leased(market: Market, *options: str, asset: str = EXACT) -> str:
    """A job that compute-1 has won."""
    job = posted(market.consumer, *options, asset=asset)
    market.first.do("bid", job, "--price", "5", "--stake")
    return job


@dataclass(frozen=True)
class Liar:
    """compute-1 with a trace of one node's numbers changed, which it hands in and defends."""

    market: Market
    honest: Trace
    claimed: Trace
    outputs: dict[str, np.ndarray]

    @property
    def person(self) -> Person:
        return self.market.first

    @property
    def _works(self) -> FileWorks:
        return FileWorks(self.market.home / "worker" / accounts.address(self.person.account).lower())

    def keep(self, job: str, trace: Trace) -> None:
        """As if a trace had been computed for a job."""
        evidence = Evidence.of(trace.graph, trace.roots)
        block = CODEC.to_block(self.outputs)
        kept = KeptWork(job, False, "CPUExecutionProvider", proof=evidence.encode(), outputs=block)
        self._works.keep(f"result-{job}", kept.to_bytes())

    def forget(self, job: str) -> None:
        """Nothing was computed for a job."""
        self._works.forget(f"result-{job}")

    def hand_in(self, job: str) -> None:
        """Submit the lie: what is kept is handed in as it is."""
        self.keep(job, self.claimed)
        self.person.do("lease", "fulfil", job)

    def play(self, chain: Chain, game_id: str) -> bool:
        """Make the liar's move in a game, from the trace that it lies with; whether it had one."""
        game = game_of(chain, game_id)
        move = answer.next_move(game, self.claimed, chain.read.block().timestamp)
        raw = bytes.fromhex(game_id[2:])
        match move:
            case answer.Post(hashes=hashes):
                chain.send("DisputeGame", "post", raw, list(hashes))
            case answer.Leaf(data=data):
                chain.send("DisputeGame", "leaf", raw, data)
            case _:
                return False
        return True


def liar(market: Market, node: int, at: int = 0, *, consistent: bool = True) -> Liar:
    """Whoever changes one number of a node; `consistent`: and computes what follows from it, as a clever one does."""
    model = from_onnx(lowered(market))
    inputs = {model.inputs[0].name: np.load(market.first.folder / INPUT)}
    traced = Tracer(model).run(inputs, keep=True)
    honest = traced.trace
    data = list(honest.data)
    node %= len(data)
    changed = bytearray(data[node])
    changed[at] ^= 0x11
    data[node] = bytes(changed)
    if consistent:
        data = _carried_on(model, data, node)
    kinds = [each.output for each in honest.graph.nodes]
    roots = tuple(tensor_root(kind, root_over(own)) for kind, own in zip(kinds, data, strict=True))
    claimed = Trace(honest.graph, roots, tuple(data))
    return Liar(market, honest, claimed, _shown(model, claimed))


def _carried_on(model, data, node):  # type: ignore[no-untyped-def]
    """The numbers of all later nodes, from the changed one."""
    from mlm.adapters.exact.reference import run_node

    nodes = model.graph.nodes
    arrays = [np.frombuffer(raw, np.int8).reshape(each.output.shape) for raw, each in zip(data, nodes, strict=True)]
    for later in range(node + 1, len(nodes)):
        operands = [
            model.parameters[operand.source] if isinstance(operand.source, bytes) else arrays[operand.source]
            for operand in nodes[later].operands
        ]
        arrays[later] = run_node(nodes[later], operands)
    return [array.tobytes() for array in arrays]


def _shown(model, trace: Trace) -> dict[str, np.ndarray]:  # type: ignore[no-untyped-def]
    from mlm.adapters.exact.model import dequantised

    found, first = {}, len(trace.data) - trace.graph.outputs
    for index, port in enumerate(model.outputs):
        kind = trace.graph.nodes[first + index].output
        found[port.name] = dequantised(port, np.frombuffer(trace.data[first + index], np.int8).reshape(kind.shape))
    return found


def game_of(chain: Chain, game_id: str) -> Game:
    """A game as the contract has it, without what was posted: a provider needs no more."""
    job, target, challenger, deadline, node, below, phase, _, position, *_ = chain.read.call(
        "DisputeGame", "gameOf", bytes.fromhex(game_id[2:])
    )
    return Game(game_id, "0x" + job.hex(), challenger, node, Phase(phase), target, below, position, deadline)
