"""`mlm dispute open` and `mlm dispute respond`: challenge what does not follow, and play the games about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mlm.core.clock import Instant
from mlm.core.dispute import answer, challenge
from mlm.core.dispute.challenge import OPENING
from mlm.core.dispute.commitment import commitment, game_id
from mlm.core.dispute.game import Game, Phase
from mlm.core.errors import StateConflict
from mlm.core.job import State, Tier
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.ports.bundle import Ports
from mlm.workflows import dispute_look, lookup, permit, replica_look
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.dispute_look import CONTRACT, Case
from mlm.workflows.job_close import JobName

CHALLENGEABLE = (State.SUBMITTED, State.DISPUTED)


@dataclass(frozen=True)
class Challenged:
    """A challenge that was made. `game` is None where the fault could be shown at once: the provider is convicted."""

    job: str
    state: State
    node: int
    operator: str
    game: str | None
    bond: Amount
    deadline: Instant | None  # until when the provider has to answer
    next: str


@dataclass(frozen=True)
class _Facts:
    job_id: str
    node: int
    operator: str
    game: str | None
    bond: Amount


@dataclass(frozen=True)
class Responded:
    """What was done in the games of a job, and how it stands now."""

    job: str
    state: State
    moves: tuple[str, ...]
    convicted: bool
    next: str


def plan_open(ports: Ports, params: JobName) -> Plan[_Facts]:
    """Re-execute, and challenge the first node that differs: by a proof where the provider's tensor is at hand, else by
    a game. Raises StateConflict where nothing differs, or it is too late.
    """
    case = dispute_look.case(ports, params.job)
    job = case.job
    if job.state not in CHALLENGEABLE:
        raise StateConflict(
            f"job {job.short} is {job.state}: it can be disputed while it is submitted, within its verification window",
            hint=f"`mlm job show {job.short}` tells how it ended, or whose turn it is.",
        )
    node = case.difference
    if node is None:
        raise StateConflict(
            f"the trace of job {job.short} is the one that this machine computes: there is nothing to dispute",
            hint="`mlm verify JOB` says what was checked.",
        )
    operator = case.own.graph.nodes[node].op.name
    if proven := _at_once(ports, case, node):
        return Plan("dispute open", proven, _Facts(job.job_id, node, operator, None, Amount(0)))
    if any(game.phase is not Phase.ENDED for game in dispute_look.own_games(ports, job.job_id, node)):
        raise StateConflict(
            f"this account plays a game about node {node} of job {job.short} already",
            hint=f"`mlm dispute respond {job.short}` makes the next move.",
        )
    bond = Amount(ports.chain.call(CONTRACT, "bond"))
    salt = dispute_look.salt(ports, job.job_id, node, OPENING)
    place = case.prover(node).place(node)
    root, path = case.claimed.roots[node], case.claimed.trace.prove([node])
    challenged = (*place.words(), root, list(path))
    opening = Tx(
        f"open a game about node {node} ({operator}) of {job.short}",
        Call(CONTRACT, "open", (job.raw, challenged, salt)),
        bond=bond,
    )
    name = game_id(*_chain(ports), ports.sender.address, job.job_id, node, salt)
    steps = (_commit(ports, job, node, OPENING, salt), *permit.steps(ports, opening, bond))
    return Plan("dispute open", steps, _Facts(job.job_id, node, operator, name, bond))


def _at_once(ports: Ports, case: Case, node: int) -> tuple[Tx, ...]:
    """A commitment and the proof, where what the provider has committed to is known; else nothing."""
    job, known = case.job, case.delivered(node)
    if known is not None and (at := challenge.differs(case.own.tensor(node).data, known.data)) is not None:
        fault, proves, index = case.prover(node, known).cell(node, at).words(), "prove", at
        title = f"prove that cell {at} of node {node} does not follow"
    elif (header := case.header(node)) is not None:
        fault, proves, index = case.prover(node).header(node, *header).words(), "proveHeader", header[0]
        title = f"prove that the type of node {node} is another"
    else:
        return ()
    salt = dispute_look.salt(ports, job.job_id, node, index)
    return _commit(ports, job, node, index, salt), Tx(title, Call(CONTRACT, proves, (job.raw, fault, salt)))


def _chain(ports: Ports) -> tuple[int, str]:
    return ports.chain.chain_id(), ports.chain.address_of(CONTRACT)


def _commit(ports: Ports, job: lookup.Job, node: int, index: int, salt: bytes) -> Tx:
    made = commitment(*_chain(ports), ports.sender.address, job.job_id, node, index, salt)
    return Tx(f"commit to the challenge of {job.short}", Call(CONTRACT, "commit", (made,)))


def result_open(ports: Ports, params: JobName, plan: Plan[_Facts], done: tuple[DoneStep, ...]) -> Challenged:
    """As the contract has it."""
    facts = plan.facts
    job = lookup.job(ports, facts.job_id)
    game = None if facts.game is None else dispute_look.game(ports, facts.job_id, facts.game)
    return Challenged(
        job=job.job_id,
        state=job.state,
        node=facts.node,
        operator=facts.operator,
        game=facts.game,
        bond=facts.bond,
        deadline=None if game is None else Instant(game.deadline),
        next=f"mlm job settle {job.short}" if game is None else f"mlm dispute respond {job.short}",
    )


def plan_respond(ports: Ports, params: JobName) -> Plan[tuple[str, ...]]:
    """Every move that is this account's in the games about a job, as its provider or as a challenger.

    Raises StateConflict where there is none.
    """
    case = dispute_look.case(ports, params.job)
    steps: list[Tx] = []
    for game in dispute_look.games(ports, case.job.job_id):
        if (tx := move(ports, case, game)) is not None:
            steps.append(tx)
    if not steps:
        raise StateConflict(
            f"there is nothing for {ports.sender.address} to do in the games about job {case.job.short}",
            hint=f"`mlm dispute show {case.job.short}` tells whose turn it is.",
        )
    return Plan("dispute respond", tuple(steps), tuple(step.title for step in steps))


def move(ports: Ports, case: Case, game: Game) -> Tx | None:
    """This account's next move in a game; None where it has none."""
    if game.phase in (Phase.NONE, Phase.ENDED):
        return None
    me, now = ports.sender.address.lower(), ports.chain.block().timestamp
    convicted = bool(ports.state.query("convictions", job_id=case.job.job_id))
    if game.challenger.lower() == me:
        return _challenging(case, game, now, convicted)
    own = case.job.provider is not None and case.job.provider.lower() == me
    # Who has shown the provider's own root is convicted with it: it answers as well, should the provider be silent.
    if not convicted and (own or (case.job.tier is Tier.REDUNDANT and replica_look.is_equal(ports, case.job.job_id))):
        return _answering(case, game, now)
    return None


def _challenging(case: Case, game: Game, now: int, convicted: bool) -> Tx | None:
    claim = challenge.Claim(case.job.state, 0, case.claimed.roots, convicted, game)
    found = challenge.next_move(claim, case.own, now)
    raw, node = bytes.fromhex(game.game_id[2:]), game.node
    match found:
        case challenge.Pick(index=index):
            hashes = list(game.rows[-1].hashes)
            return Tx(f"pick hash {index} below node {node}", Call(CONTRACT, "pick", (raw, index, hashes)))
        case challenge.ProveCell(index=index):
            opened = game.opening(case.claimed.trace.prove([node]))
            fault = replace(case.prover(node).cell(node, index), output=opened)
            title = f"prove that cell {index} of node {node} does not follow"
            return Tx(title, Call(CONTRACT, "proveInGame", (raw, fault.words())))
        case challenge.ProvePadding(at=at):
            opened = game.opening(case.claimed.trace.prove([node]))
            padding = replace(case.prover(node).padding(node, at), output=opened)
            title = f"prove that byte {at} of node {node} is not zero"
            return Tx(title, Call(CONTRACT, "provePaddingInGame", (raw, padding.words())))
        case challenge.Timeout():
            return Tx("say that the provider's clock has run out", Call(CONTRACT, "timeout", (raw,)))
        case challenge.Reclaim():
            return Tx("take the bond back: the provider is convicted", Call(CONTRACT, "reclaim", (raw,)))
    return None


def _answering(case: Case, game: Game, now: int) -> Tx | None:
    raw, node = bytes.fromhex(game.game_id[2:]), game.node
    match answer.next_move(game, case.own, now):
        case answer.Post(hashes=hashes):
            return Tx(f"show {len(hashes)} hashes below node {node}", Call(CONTRACT, "post", (raw, list(hashes))))
        case answer.Leaf(data=data):
            return Tx(f"show leaf {game.position} of node {node}", Call(CONTRACT, "leaf", (raw, data)))
        case answer.Timeout():
            return Tx("say that the challenger's clock has run out", Call(CONTRACT, "timeout", (raw,)))
    return None


def result_respond(ports: Ports, params: JobName, plan: Plan[tuple[str, ...]], done: tuple[DoneStep, ...]) -> Responded:
    """The job as the chain has it."""
    job = lookup.job(ports, params.job)
    convicted = bool(ports.state.query("convictions", job_id=job.job_id))
    return Responded(
        job=job.job_id,
        state=job.state,
        moves=plan.facts,
        convicted=convicted,
        next=f"mlm job settle {job.short}" if job.state.is_final else f"mlm dispute show {job.short}",
    )


OPEN = Operation(
    "dispute open",
    JobName,
    plan_open,
    result_open,
    "A challenge stands: see it through with `mlm dispute respond JOB`, or the bond is lost.",
)
RESPOND = Operation(
    "dispute respond",
    JobName,
    plan_respond,
    result_respond,
    "A move in a game stands.",
)
