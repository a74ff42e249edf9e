"""`mlm demo`: the whole market once, with real actors, and the money checked at the end.

Every step is a workflow that the commands use; nothing here talks to the chain in another way. A rerun continues:
what is already published or staked is not done again, and the job is a new one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm.core.errors import InvalidData, StateConflict, VerificationFailed
from mlm.core.job import AuctionKind, Reason, Role, State, Tier
from mlm.core.money import MLM, Amount, Wei, parse_units
from mlm.core.settlement import BURN_ADDRESS, owner_part
from mlm.ports.bundle import Ports
from mlm.ports.repo import Repo, Worktree
from mlm.workflows import bid, commit, job_award, job_close, job_post, job_result, lease, lookup, publish, stake, verify
from mlm.workflows.add import add
from mlm.workflows.apply import Applied, Operation, execute
from mlm.workflows.init import init
from mlm.workflows.ledger import BURNED, STAKERS, Balance, BalanceChange, balance, changes
from mlm.workflows.royalties import TREASURY
from mlm.workflows.run import Output
from mlm.workflows.status import status

PROVIDER, CONSUMER, CHEAP, DEAR = "model-provider", "consumer", "compute-1", "compute-2"
ACTORS = (PROVIDER, CONSUMER, CHEAP, DEAR)
HANDLE, TEMPLATE = "demo", "digits-mlp"
MAX_PRICE, LOW_BID, HIGH_BID, STAKE = (parse_units(text, MLM) for text in ("5", "3", "4", "50"))


@dataclass(frozen=True)
class Actor:
    """Somebody with an account, ports and a folder of its own."""

    name: str
    address: str
    ports: Ports
    folder: Path
    repo: Repo | None = None


@dataclass(frozen=True)
class Row:
    """One step: who did what, what it is called by, and what it cost."""

    actor: str
    what: str
    reference: str
    gas: int | None
    seconds: float


@dataclass(frozen=True)
class MoneyCheck:
    """One check of the money, with both sides."""

    check: str
    passed: bool
    found: str


@dataclass(frozen=True)
class Demo:
    """The whole run. `passed` is True only when every check holds and the verification passed."""

    job: str
    steps: tuple[Row, ...]
    prediction: int | None
    label: int
    verified: bool
    balances: tuple[Balance, ...]
    changes: tuple[BalanceChange, ...]
    checks: tuple[MoneyCheck, ...]
    passed: bool
    next: tuple[str, ...]


class _Run:
    """Collects the rows of the steps as they are done."""

    def __init__(self, tell: Callable[[Row], None]) -> None:
        self._tell = tell
        self.rows: list[Row] = []
        self.fees: dict[str, int] = defaultdict(int)

    def note(self, actor: Actor, what: str, reference: str, gas: int | None = None, seconds: float = 0.0) -> None:
        row = Row(actor.name, what, reference, gas, round(seconds, 2))
        self.rows.append(row)
        self._tell(row)

    def timed(self, actor: Actor, what: str, do: Callable[[], Any], reference: Callable[[Any], str]) -> Any:
        started = actor.ports.system.monotonic()
        value = do()
        self.note(actor, what, reference(value), None, actor.ports.system.monotonic() - started)
        return value

    def perform(
        self, actor: Actor, operation: Operation[Any, Any], params: Any, planned: Callable[[Any], str] = lambda _: ""
    ) -> Applied[Any]:
        """Plan and apply; the planning (proving, above all) is told as a step of its own, `planned` by the result."""
        started = actor.ports.system.monotonic()
        applied = execute(actor.ports, operation, params)
        spent = actor.ports.system.monotonic() - started - sum(step.seconds for step in applied.steps)
        if spent >= 0.5:
            what = _PLANNING.get(operation.name, f"plan {operation.name}")
            self.note(actor, what, planned(applied.result), None, spent)
        for step in applied.steps:
            self.note(actor, step.title, step.reference, step.gas, step.seconds)
            self.fees[actor.name] += step.fee or 0
        return applied


_PLANNING = {
    "publish": "calibrate and set up the circuit",
    "job post": "recompute the circuit, commit to the input",
    "bid": "recompute the circuit",
    "lease accept": "fetch and check model and input",
    "lease fulfil": "run, prove, verify the proof",
}


def demo(actors: dict[str, Actor], treasury: Ports, template: Worktree, tell: Callable[[Row], None]) -> Demo:
    """Run the main job. `treasury` reads the chain for the accounts that are no actors; `tell` hears every step."""
    provider, consumer, cheap, dear = (actors[name] for name in ACTORS)
    run = _Run(tell)
    watched = _accounts(treasury, actors)
    before = {name: balance(treasury, name, address) for name, address in watched.items()}
    start = treasury.chain.block().number
    version = _publish(run, provider, template)
    image, label = _image(run, consumer, provider)
    posted = run.perform(
        consumer,
        job_post.OPERATION,
        job_post.JobPost(str(version.asset), image, MAX_PRICE, AuctionKind.REVERSE, Tier.ZK, 600, 3600, 3600, 3600),
    ).result
    for actor, price in ((dear, HIGH_BID), (cheap, LOW_BID)):
        _stake(run, actor)
        run.perform(actor, bid.OPERATION, bid.Bid(posted.job, price))
    run.perform(consumer, job_award.OPERATION, job_award.Award(posted.job))
    run.perform(cheap, lease.ACCEPT, job_close.JobName(posted.job))
    run.perform(cheap, lease.FULFIL, job_close.JobName(posted.job))
    result = run.timed(
        consumer,
        "read the result from the chain",
        lambda: job_result.result(consumer.ports, posted.job),
        lambda found: found.output_commitment,
    )
    verification = run.timed(
        consumer,
        "verify everything again",
        lambda: verify.verify(consumer.ports, f"job/{posted.job}"),
        lambda found: f"{sum(check.passed is True for check in found.checks)}/{len(found.checks)} checks",
    )
    balances = tuple(
        Balance(name, before[name].tokens, now.tokens, before[name].coin, now.coin)
        for name, address in watched.items()
        for now in (balance(treasury, name, address),)
    )
    moved = changes(treasury, watched, start, run.fees)
    checks = _checks(treasury, posted.job, balances, moved)
    prediction = _prediction(result.outputs)
    passed = verification.verified and all(check.passed for check in checks)
    return Demo(
        job=posted.job,
        steps=tuple(run.rows),
        prediction=prediction,
        label=label,
        verified=verification.verified,
        balances=balances,
        changes=moved,
        checks=checks,
        passed=passed,
        next=_next(posted.job, provider.folder),
    )


def _publish(run: _Run, provider: Actor, template: Worktree) -> publish.Published:
    repo = provider.repo
    assert repo is not None
    if not _started(repo):
        run.timed(
            provider,
            f"init from {TEMPLATE}",
            lambda: init(repo, TEMPLATE, template, TEMPLATE),
            lambda done: f"{len(done.files)} files",
        )
    run.timed(provider, "add", lambda: add(repo, [""]), lambda done: f"{len(done.staged)} files")
    if status(repo).staged:
        made = run.perform(
            provider,
            commit.OPERATION,
            commit.CommitParams("The demo's model", provider.name),
            lambda done: str(done.commit),
        )
        head = made.result.commit
    else:
        head = repo.refs.head().commit
    done = run.perform(
        provider, publish.OPERATION, publish.Publish(head, HANDLE), lambda found: f"{found.circuit_rows} rows"
    )
    published: publish.Published = done.result
    return published


def _started(repo: Repo) -> bool:
    """Whether an earlier run has made the project: its files, which the user may have changed, stay then."""
    try:
        return repo.refs.head() is not None
    except StateConflict:
        return False


def _image(run: _Run, consumer: Actor, provider: Actor) -> tuple[Path, int]:
    """One of the template's real test images, another at every run, as the consumer's input file; and its label."""
    folder = provider.folder / "samples"
    labels = json.loads(consumer.ports.files.read(folder / "labels.json", 2**20))["images.npy"]
    names = ("input",)
    images = next(iter(consumer.ports.tensors.decode(
        consumer.ports.files.read(folder / "images.npy", 2**24), ".npy", names
    ).values()))  # fmt: skip
    if len(images) != len(labels):
        raise InvalidData(f"{folder}: {len(images)} images, {len(labels)} labels")
    chosen = len(consumer.ports.state.query("jobs")) % len(labels)
    path = consumer.folder / f"image-{chosen}.npy"
    image = {"input": images[chosen : chosen + 1]}
    run.timed(
        consumer,
        "choose a test image",
        lambda: consumer.ports.files.write(path, consumer.ports.tensors.encode(image, ".npy")),
        lambda _: path.name,
    )
    return path, int(labels[chosen])


def _stake(run: _Run, actor: Actor) -> None:
    if stake.show(actor.ports, actor.address, Role.PROVIDER).free < MAX_PRICE * 4:
        run.perform(actor, stake.DEPOSIT, stake.Deposit(STAKE))


def _accounts(ports: Ports, actors: dict[str, Actor]) -> dict[str, str]:
    watched = {name: actor.address for name, actor in actors.items()}
    pools = {STAKERS: ports.chain.address_of("StakeVault"), BURNED: BURN_ADDRESS}
    return {**watched, "treasury": treasury_address(ports), **pools}


def treasury_address(ports: Ports) -> str:
    """Who receives protocol fees."""
    return str(ports.chain.call("JobMarket", "params")[TREASURY])


def _checks(
    ports: Ports, job_id: str, balances: tuple[Balance, ...], moved: tuple[BalanceChange, ...]
) -> tuple[MoneyCheck, ...]:
    job = lookup.job(ports, job_id)
    if job.state is not State.ACCEPTED:
        raise VerificationFailed(f"expected the job to be accepted, found {job.state}")
    credits = ports.state.query("credits", job_id=job_id)
    escrow = job.record.max_price - sum(row["amount"] for row in credits)
    tokens = sum(row.tokens_after - row.tokens_before for row in balances)
    coin = sum(row.coin_after - row.coin_before for row in balances)
    fees = -sum(change.coin for change in moved)
    snapshot = job.terms.snapshot
    due = owner_part(job.record.price, snapshot.use_price, snapshot.owner_bps)
    paid = sum(row["amount"] for row in credits if row["reason"] == int(Reason.ROYALTY))
    explained = all(
        sum(change.tokens for change in moved if change.account == row.account) == row.tokens_after - row.tokens_before
        and sum(change.coin for change in moved if change.account == row.account) == row.coin_after - row.coin_before
        for row in balances
    )
    return (
        MoneyCheck(
            "the job's escrow is 0",
            escrow == 0 and bool(job.record.settled_at),
            f"{Amount(job.record.max_price)} escrowed, {Amount(job.record.max_price - escrow)} credited",
        ),
        MoneyCheck(
            "changes and fees sum to 0",
            tokens == 0 and coin + fees == 0 and explained,
            f"tokens {Amount(tokens)}; coin {Wei(coin)} + fees {Wei(fees)}",
        ),
        MoneyCheck(
            "royalty = floor(owner's rule)",
            paid == due,
            f"max({Amount(snapshot.use_price)}, {snapshot.owner_bps} bps of {Amount(job.record.price)}) "
            f"= {Amount(due)}, paid {Amount(paid)}",
        ),
    )


def _prediction(outputs: tuple[Output, ...]) -> int | None:
    return outputs[0].argmax


def _next(job_id: str, folder: Path) -> tuple[str, ...]:
    return (
        f"mlm verify {job_id[:10]}               every check again, on your own",
        f"mlm job show {job_id[:10]}             the terms, the state, the credits",
        "mlm wallet withdraw -a compute-1    the provider takes its earnings",
        "mlm asset show demo/digits-mlp      what was published",
        "mlm devnet down                     stop the chain; `mlm devnet up` continues it",
        f"mlm -C {folder} log    the model's history",
    )
