"""An exact model on a market, jobs of the tier optimistic on it, and providers that lie about their results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlm.adapters.exact.model import ExactModel
from mlm.adapters.exact.read import from_onnx
from mlm.adapters.exact.trace import Tracer
from mlm.adapters.onnx.tensors import NumpyTensorCodec
from mlm.adapters.wallet import devnet as accounts
from mlm.adapters.works import FileWorks
from mlm.core.dispute import answer
from mlm.core.dispute.challenge import OPENING
from mlm.core.dispute.commitment import commitment, game_id
from mlm.core.dispute.game import Game, Phase
from mlm.core.exact.commitments import Evidence
from mlm.core.exact.tensor import root_of_word, tensor_root
from mlm.core.exact.trace import Trace
from mlm.core.kept_work import KeptWork
from mlm.core.merkle import LEAF_BYTES, root_over
from mlm.ports.lowering import PROFILES
from tests.command_line import INPUT, ROOT, Market, Person, start, stop
from tests.serving.payers import Chain

EXACT = "alice/digits-exact"
IMAGES = "alice/digits-images"  # a CNN, of the same digits as images of 8x8
IMAGE = "digit-image.npy"
_CNN = ROOT / "templates" / "digits-cnn" / "model.onnx"
CODEC = NumpyTensorCodec()


def lowered(market: Market, asset: str = EXACT, profile: str = PROFILES[0]) -> bytes:
    """The market's model in whole numbers, as `mlm lower` writes it; published as `asset` where it is not yet."""
    name = asset.removeprefix("alice/")
    provider = market.person("model-provider", f"model-provider/{name}")
    if provider.folder.exists():
        return (provider.folder / "model.onnx").read_bytes()
    source = market.provider
    model, known = _images(market) if asset == IMAGES else ("model.onnx", "samples/calibration.npy")
    source.do("lower", model, "--calibration", known, "--profile", profile, "-o", "lowered.onnx")
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


def _images(market: Market) -> tuple[str, str]:
    """The CNN and what it is calibrated with; everybody has the digit as an image."""
    for file, image in (("samples/calibration.npy", "images.npy"), (INPUT, IMAGE)):
        rows = np.load(market.provider.folder / file).reshape(-1, 1, 8, 8)
        folders = [market.provider.folder, *(market.person(name).folder for name in ("consumer", "compute-1"))]
        for folder in folders:
            np.save(folder / image, rows)
    return str(_CNN), "images.npy"


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
    lowered(market, asset)
    job = posted(market.consumer, *options, asset=asset, file=IMAGE if asset == IMAGES else INPUT)
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


def liar(market: Market, node: int, at: int = 0, *, consistent: bool = True, asset: str = EXACT) -> Liar:
    """Whoever changes one number of a node; `consistent`: and computes what follows from it, as a clever one does."""
    model, honest = _traced(market, asset)
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


def padder(market: Market, node: int, at: int, byte: int) -> Liar:
    """Whoever commits to a byte beyond a node's tensor, in its last leaf, that is not zero: every number is true."""
    model, honest = _traced(market, EXACT)
    own = bytearray(honest.data[node].ljust(-(-len(honest.data[node]) // LEAF_BYTES) * LEAF_BYTES, b"\0"))
    own[at] = byte
    root = tensor_root(honest.graph.nodes[node].output, root_over(bytes(own)))
    return _claiming(market, model, honest, node, root, bytes(own))


def mistyper(market: Market, node: int, word: int) -> Liar:
    """Whoever makes a node's tensor root with another type word."""
    model, honest = _traced(market, EXACT)
    node %= len(honest.data)
    return _claiming(market, model, honest, node, root_of_word(word, root_over(honest.data[node])), honest.data[node])


def _traced(market: Market, asset: str) -> tuple[ExactModel, Trace]:
    """An asset's model, and an honest run of it."""
    model = from_onnx(lowered(market, asset))
    (port,) = model.inputs
    given = np.load(market.first.folder / INPUT).reshape(port.shape)
    return model, Tracer(model).run({port.name: given}, keep=True).trace


def _claiming(market: Market, model: ExactModel, honest: Trace, node: int, root: bytes, data: bytes) -> Liar:
    """An honest trace but for one tensor root, and what lies behind it."""
    roots, tensors = list(honest.roots), list(honest.data)
    roots[node], tensors[node] = root, data
    return Liar(market, honest, Trace(honest.graph, tuple(roots), tuple(tensors)), _shown(model, honest))


def griefing(chain: Chain, market: Market, job: str) -> str:
    """An account opens a game about a node of a job that is as it should be; the game's id."""
    _, trace = _traced(market, EXACT)
    node, salt, graph = 1, bytes(32), trace.graph
    place = (chain.read.chain_id(), chain.read.address_of("DisputeGame"))
    chain.send("DisputeGame", "commit", commitment(*place, chain.sender.address, job, node, OPENING, salt))
    chain.send("MarketToken", "approve", place[1], chain.read.call("DisputeGame", "bond"))
    words, path = list(graph.nodes[node].words()), list(graph.tree.prove([node]))
    challenge = (node, words, path, trace.roots[node], list(trace.tree.prove([node])))
    chain.send("DisputeGame", "open", bytes.fromhex(job[2:]), challenge, salt)
    return game_id(*place, chain.sender.address, job, node, salt)


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
