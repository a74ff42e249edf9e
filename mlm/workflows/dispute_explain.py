"""`mlm dispute explain`: a fault in words. Never sends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mlm.core.dispute import challenge
from mlm.core.dispute.game import Game
from mlm.core.errors import InvalidData, StateConflict
from mlm.core.exact.cell import cell, coordinates
from mlm.core.exact.node import Node, Op
from mlm.core.exact.opening import Prover
from mlm.core.exact.tensor import TensorType
from mlm.core.merkle import LEAF_BYTES
from mlm.core.plan import NO_AMOUNT
from mlm.ports.bundle import Ports
from mlm.workflows import dispute_look, dispute_show
from mlm.workflows.dispute_look import Case
from mlm.workflows.dispute_show import Conviction

_SHOWN = 6  # operands' numbers that a sentence holds
CONVICTED = "its conviction on chain"
WITHHELD = "nothing yet: the provider withholds the node's numbers"


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A fault in words. `fault` is cell, padding, header or silence, None while nobody has shown which it is.

    A cell has `cell`, `at` and `operands`; a padding `byte`, which counts in the bytes of the node's tree and should
    be 0; a header `claimed_type`, where `type` should be. `claimed` is None where it is not known; `known_from` says
    whence all this is.
    """

    job: str
    node: int = field(metadata=NO_AMOUNT)
    operator: str
    shape: tuple[int, ...]
    type: str
    fault: str | None = None
    cell: int | None = field(default=None, metadata=NO_AMOUNT)
    at: tuple[int, ...] | None = None
    byte: int | None = field(default=None, metadata=NO_AMOUNT)
    expected: int | None = field(default=None, metadata=NO_AMOUNT)
    claimed: int | None = field(default=None, metadata=NO_AMOUNT)
    claimed_type: str | None = None
    operands: tuple[str, ...] = ()
    known_from: str
    explanation: str


def explain(ports: Ports, name: str) -> Explained:
    """The fault of a job's result: from its conviction, from what a game or a delivery has shown, or as far as this
    machine can tell. Raises StateConflict where there is none.
    """
    case = dispute_look.case(ports, name)
    found = dispute_show.conviction(ports, case.job.job_id)
    if found is not None:
        return _convicted(case, found)
    node = case.difference
    if node is None:
        raise StateConflict(
            f"the trace of job {case.job.short} is the one that this machine computes: there is nothing to explain",
            hint=f"`mlm verify {case.job.short}` says what was checked.",
        )
    own = case.own.tensor(node)
    if (known := case.delivered(node)) is not None and (at := challenge.differs(own.data, known.data)) is not None:
        return _cell(case, node, at, known.at(at), "the outputs that were handed over")
    if (header := case.header(node)) is not None:
        return _header(case, node, header[0], "its tensor root")
    for game in dispute_look.games(ports, case.job.job_id):
        if game.node != node or not game.leaf:
            continue
        found_at = challenge.differs(own.leaf(game.position), game.leaf)
        if found_at is not None:
            at, whence = game.position * LEAF_BYTES + found_at, f"the leaf shown in game {game.game_id[:10]}"
            if at >= own.kind.size:
                return _padding(case, node, at, game.leaf[found_at], whence)
            return _cell(case, node, at, _signed(game.leaf[found_at]), whence)
    return _made(
        case,
        node,
        WITHHELD,
        f"{_named(case, node)} is the first whose numbers differ from this machine's; all its operands are the same",
    )


def _convicted(case: Case, found: Conviction) -> Explained:
    node = found.node
    if found.fault == "cell":
        made = _cell(case, node, found.cell, found.claimed, CONVICTED)
        return made if made.expected == found.expected else _of_its_own(made, found)
    if found.fault == "padding":
        leaf = next((game.leaf for game in _shown(case, node, found.cell // LEAF_BYTES)), None)
        return _padding(case, node, found.cell, None if leaf is None else leaf[found.cell % LEAF_BYTES], CONVICTED)
    if found.fault == "header":
        return _header(case, node, found.cell, CONVICTED)
    return _silence(case, node)


def _shown(case: Case, node: int, leaf: int) -> Iterable[Game]:
    """Games in which this leaf of a node's was shown."""
    games = dispute_look.games(case.ports, case.job.job_id)
    return (game for game in games if game.node == node and game.leaf and game.position == leaf)


def _cell(case: Case, node: int, at: int, claimed: int, known_from: str) -> Explained:
    made = case.own.graph.nodes[node]
    expected, operands = _recomputed(case.prover(node), made, node, at)
    where = coordinates(at, made.output.shape)
    words = (
        f"{_named(case, node)} at {list(where)}: {' and '.join(operands) or 'no operand'} give {expected}, "
        f"the provider claims {claimed}"
    )
    return replace(
        _made(case, node, known_from, words),
        fault="cell",
        cell=at,
        at=where,
        expected=expected,
        claimed=claimed,
        operands=operands,
    )


def _of_its_own(made: Explained, found: Conviction) -> Explained:
    """A cell that was convicted by operands which are not this machine's: a node before it is false too."""
    words = (
        f"node {made.node} ({made.operator}, output {list(made.shape)}) at {list(made.at or ())}: the provider's own "
        f"operands, which are not this machine's, give {found.expected}, the provider claims {found.claimed}"
    )
    return replace(made, expected=found.expected, operands=(), explanation=words)


def _padding(case: Case, node: int, at: int, claimed: int | None, known_from: str) -> Explained:
    size = case.own.graph.nodes[node].output.size
    value = "is not 0" if claimed is None else f"is {claimed}, and should be 0"
    words = f"{_named(case, node)}: its tensor has {size} bytes, and byte {at}, beyond them, {value}"
    return replace(_made(case, node, known_from, words), fault="padding", byte=at, expected=0, claimed=claimed)


def _header(case: Case, node: int, word: int, known_from: str) -> Explained:
    made, told = _made(case, node, known_from, ""), _type(word)
    words = f"{_named(case, node)}: its tensor root was made with the type {told}, and the node's is {made.type}"
    return replace(made, fault="header", claimed_type=told, explanation=words)


def _silence(case: Case, node: int) -> Explained:
    games = (game for game in dispute_look.games(case.ports, case.job.job_id) if game.node == node)
    levels = max((sum(row.levels for row in game.rows) for game in games), default=0)
    words = (
        f"{_named(case, node)}: the provider was to open its tensor down to a leaf, and its clock ran out when it had "
        f"shown {levels} of {case.own.graph.nodes[node].output.depth} levels of hashes"
    )
    return replace(_made(case, node, CONVICTED, words), fault="silence")


def _made(case: Case, node: int, known_from: str, words: str) -> Explained:
    """What holds of any fault."""
    kind, operator = case.own.graph.nodes[node].output, case.own.graph.nodes[node].op.name
    return Explained(
        job=case.job.job_id,
        node=node,
        operator=operator,
        shape=kind.shape,
        type=_spelled(kind),
        known_from=known_from,
        explanation=words,
    )


def _named(case: Case, node: int) -> str:
    made = case.own.graph.nodes[node]
    return f"node {node} ({made.op.name}, output {list(made.output.shape)})"


def _type(word: int) -> str:
    """A type word as a person reads it; whatever else a liar has put in its place as it is."""
    try:
        return _spelled(TensorType.of_word(word))
    except InvalidData:
        return f"{word:#x}"


def _spelled(kind: TensorType) -> str:
    return f"int{8 * kind.size // kind.elements} {list(kind.shape)}"


def _signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte


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
