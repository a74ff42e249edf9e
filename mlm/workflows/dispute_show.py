"""`mlm dispute status|show|explain`: which games are played about what, and a fault in words. Never sends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mlm.core.clock import Instant
from mlm.core.dispute.game import Game, Phase
from mlm.core.errors import StateConflict
from mlm.core.exact.cell import cell, coordinates
from mlm.core.exact.node import Node, Op
from mlm.core.exact.opening import Prover
from mlm.core.exact.trace import Tensor, element
from mlm.core.job import State
from mlm.core.merkle import LEAF_BYTES
from mlm.core.plan import NO_AMOUNT
from mlm.ports.bundle import Ports
from mlm.workflows import dispute_look, lookup
from mlm.workflows.dispute_look import Case

FAULTS = ("cell", "padding", "header", "silence")
_MOVES = {
    Phase.ROOT: "open the node's tensor",
    Phase.POST: "show the hashes below",
    Phase.PICK: "pick a hash",
    Phase.LEAF: "show the leaf",
    Phase.PROVE: "prove the fault",
}
_SHOWN = 6  # operands' numbers that a sentence holds


@dataclass(frozen=True)
class GameView:
    """A game. `turn` is whose it is, `deadline` when that side's clock runs out; both None once it has ended."""

    game: str
    job: str
    node: int = field(metadata=NO_AMOUNT)
    challenger: str
    turn: str | None
    deadline: Instant | None
    opened: int = field(metadata=NO_AMOUNT)  # levels of the tensor's tree that the provider has shown


@dataclass(frozen=True)
class Conviction:
    """What a provider was convicted of, as the contract logged it; numbers are a cell's."""

    fault: str
    node: int = field(metadata=NO_AMOUNT)
    cell: int = field(metadata=NO_AMOUNT)
    expected: int = field(metadata=NO_AMOUNT)
    claimed: int = field(metadata=NO_AMOUNT)
    challenger: str


@dataclass(frozen=True)
class Dispute:
    """All that is known of the disputes about a job."""

    job: str
    asset: str
    state: State
    provider: str | None
    window_ends_at: Instant
    nodes: int = field(metadata=NO_AMOUNT)
    conviction: Conviction | None
    games: tuple[GameView, ...]


@dataclass(frozen=True)
class Disputes:
    """The games that an account plays, as a challenger or a provider, the newest first."""

    games: tuple[GameView, ...]


@dataclass(frozen=True)
class Explained:
    """A fault in words. `claimed` is None while the provider has not shown it; `known_from` says whence it is known."""

    job: str
    node: int = field(metadata=NO_AMOUNT)
    operator: str
    shape: tuple[int, ...]
    cell: int | None = field(metadata=NO_AMOUNT)
    at: tuple[int, ...] | None
    expected: int | None = field(metadata=NO_AMOUNT)
    claimed: int | None = field(metadata=NO_AMOUNT)
    operands: tuple[str, ...]
    known_from: str
    explanation: str


def show(ports: Ports, name: str) -> Dispute:
    """One job's disputes. Raises UsageError, StateConflict as `dispute_look.case`."""
    case = dispute_look.case(ports, name)
    job = case.job
    record = job.record
    return Dispute(
        job=job.job_id,
        asset=str(lookup.version_by_id(ports, job.version_id).asset),
        state=job.state,
        provider=job.provider,
        window_ends_at=Instant(record.submitted_at + record.verification_window),
        nodes=len(case.claimed.roots),
        conviction=conviction(ports, job.job_id),
        games=tuple(map(_view, dispute_look.games(ports, job.job_id))),
    )


def status(ports: Ports) -> Disputes:
    """The games of this account: those it opened, and those about what it has handed in."""
    me = ports.sender.address.lower()
    jobs = [row["job_id"] for row in ports.state.query("jobs", provider=me, limit=1000)]
    against = [row for job in jobs for row in ports.state.query("games", job_id=job)]
    found = {row["game_id"]: row["job_id"] for row in (*ports.state.query("games", challenger=me), *against)}
    return Disputes(tuple(_view(dispute_look.game(ports, job, game)) for game, job in reversed(found.items())))


def conviction(ports: Ports, job_id: str) -> Conviction | None:
    """What the provider of a job was convicted of; None where it was not."""
    for row in ports.state.query("convictions", job_id=job_id):
        node, at, expected, claimed = (int(row[name]) for name in ("node", "place", "expected", "claimed"))
        return Conviction(FAULTS[row["fault"]], node, at, expected, claimed, row["challenger"])
    return None


def _view(game: Game) -> GameView:
    ended = game.phase in (Phase.NONE, Phase.ENDED)
    side = "challenger" if game.phase.is_challengers else "provider"
    return GameView(
        game=game.game_id,
        job=game.job_id,
        node=game.node,
        challenger=game.challenger,
        turn=None if ended else f"{side}: {_MOVES[game.phase]}",
        deadline=None if ended else Instant(game.deadline),
        opened=sum(row.levels for row in game.rows),
    )


def explain(ports: Ports, name: str) -> Explained:
    """The fault of a job's result: from its conviction, from what a game or a delivery has shown, or as far as this
    machine can tell. Raises StateConflict where there is none.
    """
    case = dispute_look.case(ports, name)
    found = conviction(ports, case.job.job_id)
    if found is not None and found.fault == "cell":
        return _explained(case, found.node, found.cell, found.claimed, "its conviction on chain")
    node = case.difference
    if node is None:
        raise StateConflict(
            f"the trace of job {case.job.short} is the one that this machine computes: there is nothing to explain",
            hint=f"`mlm verify {case.job.short}` says what was checked.",
        )
    if (known := case.delivered(node)) is not None and (at := _differs(case.own.tensor(node), known)) is not None:
        return _explained(case, node, at, known.at(at), "the outputs that were handed over")
    for game in dispute_look.games(ports, case.job.job_id):
        if game.node == node and game.leaf:
            at = _in_leaf(case.own.tensor(node), game)
            if at is not None:
                claimed = element(case.own.tensor(node).kind, game.leaf, at - game.position * LEAF_BYTES)
                return _explained(case, node, at, claimed, f"the leaf shown in game {game.game_id[:10]}")
    return _explained(case, node, None, None, "nothing yet: the provider withholds the node's numbers")


def _differs(own: Tensor, theirs: Tensor) -> int | None:
    return next((i for i, (a, b) in enumerate(zip(own.data, theirs.data, strict=True)) if a != b), None)


def _in_leaf(own: Tensor, game: Game) -> int | None:
    """The first element of a posted leaf that is another than one's own; int8, so that bytes are elements."""
    first, mine = game.position * LEAF_BYTES, own.leaf(game.position)
    at = next((first + i for i, (a, b) in enumerate(zip(mine, game.leaf, strict=True)) if a != b), None)
    return at if at is not None and at < own.kind.size else None


def _explained(case: Case, node: int, at: int | None, claimed: int | None, known_from: str) -> Explained:
    made = case.own.graph.nodes[node]
    shape = made.output.shape
    expected, operands = (None, ()) if at is None else _recomputed(case.prover(node), made, node, at)
    where = "" if at is None else f" at {list(coordinates(at, shape))}"
    what = f"node {node} ({made.op.name}, output {list(shape)})"
    if claimed is None:
        words = f"{what} is the first whose numbers differ from this machine's; all its operands are the same"
    else:
        words = f"{what}{where}: {' and '.join(operands)} give {expected}, the provider claims {claimed}"
    return Explained(
        job=case.job.job_id,
        node=node,
        operator=made.op.name,
        shape=shape,
        cell=at,
        at=None if at is None else coordinates(at, shape),
        expected=expected,
        claimed=claimed,
        operands=operands,
        known_from=known_from,
        explanation=words,
    )


def _recomputed(prover: Prover, made: Node, node: int, at: int) -> tuple[int, tuple[str, ...]]:
    """The number that follows, and what was read for it, operand by operand."""
    seen: dict[int, dict[int, int]] = {}
    value = cell(made, at, lambda which, index: _remember(seen, which, index, prover.operand(node, which).at(index)))
    return value, tuple(_operand(made, which, numbers) for which, numbers in sorted(seen.items()))


def _remember(seen: dict[int, dict[int, int]], which: int, index: int, value: int) -> int:
    seen.setdefault(which, {})[index] = value
    return value


_NAMES: dict[Op, tuple[str, ...]] = {
    Op.CONV: ("image", "weights", "bias", "shift"),
    Op.MATMUL: ("a", "b", "bias", "shift"),
    Op.ADD: ("a", "b"),
    Op.MUL: ("a", "b"),
    Op.TABLE: ("x", "table"),
    Op.GATHER: ("table", "number"),
    Op.SOFTMAX: ("x", "weights"),
    Op.LAYERNORM: ("x", "gamma", "beta"),
}


def _operand(made: Node, which: int, numbers: dict[int, int]) -> str:
    names = _NAMES.get(made.op, ("x",))
    name = names[which] if which < len(names) else f"operand {which}"
    source = made.operands[which].source
    whence = "a parameter" if isinstance(source, bytes) else f"node {source}"
    return f"{name} of {whence} {_listed(numbers.values())}"


def _listed(values: Iterable[int]) -> str:
    found = list(values)
    shown = ", ".join(map(str, found[:_SHOWN]))
    return f"[{shown}{f', … {len(found)} numbers' if len(found) > _SHOWN else ''}]"
