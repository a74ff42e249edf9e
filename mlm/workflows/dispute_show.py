"""`mlm dispute status|show`: which games are played about what, and what a provider was convicted of. Never sends."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core.clock import Instant
from mlm.core.dispute.game import Game, Phase
from mlm.core.job import State
from mlm.core.plan import NO_AMOUNT
from mlm.ports.bundle import Ports
from mlm.workflows import dispute_look, lookup
from mlm.workflows.rows import every

FAULTS = ("cell", "padding", "header", "silence")
_MOVES = {
    Phase.ROOT: "open the node's tensor",
    Phase.POST: "show the hashes below",
    Phase.PICK: "pick a hash",
    Phase.LEAF: "show the leaf",
    Phase.PROVE: "prove the fault",
}


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
    """What a provider was convicted of, as the contract logged it.

    `cell` is the cell's flat index; of a padding the byte's place in the tree, of a header the type word.
    `expected` and `claimed` are a cell's.
    """

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
    jobs = [row["job_id"] for row in every(ports, "jobs", provider=me)]
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
