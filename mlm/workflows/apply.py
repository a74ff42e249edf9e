"""The only executor of steps. A plan is previewed from a simulation, then applied step by step, each journalled.

INVARIANT: signed bytes, hash and nonce are in the journal before they are broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Generic, TypeVar

from mlm.core.errors import MlmError, Reverted, StateConflict
from mlm.core.money import Amount, Wei
from mlm.core.plan import JSON_ONLY, NO_ACCOUNT, NO_AMOUNT, Move, Plan, Step, Store, Tx, frozen
from mlm.ports.bundle import Ports
from mlm.ports.chain import Receipt
from mlm.ports.signer import Fate, Outcome, Signed
from mlm.workflows.journalled import DONE, SUPERSEDED, Progress, ended, progress, receipt_entry, signed_entry
from mlm.workflows.objects import move, store

LOOKED_AT = 50  # operations; an older one is not taken for an earlier run of the same command
_NOTHING: Mapping[int, Progress] = {}

P = TypeVar("P")
R = TypeVar("R")


@dataclass(frozen=True)
class PlannedStep:
    """One step before it is done. `gas` and `fee` are None where the node could not simulate it."""

    kind: str = field(metadata=JSON_ONLY)  # transaction, store or move: a reader sees it by gas and reference
    title: str
    gas: int | None
    fee: Wei | None
    payment: Amount = field(metadata=NO_AMOUNT)
    bond: Amount = field(metadata=NO_AMOUNT)


@dataclass(frozen=True)
class Preview:
    """What an operation will do and can cost at worst, from a simulation at `block`."""

    operation: str
    account: str = field(metadata=NO_ACCOUNT)
    block: int | None
    steps: tuple[PlannedStep, ...]
    payment: Amount = field(metadata=NO_AMOUNT)
    bond: Amount = field(metadata=NO_AMOUNT)
    worst_loss: Amount  # payment and bond; fees are in `fee`
    fee: Wei = field(metadata=NO_AMOUNT)
    data_fee: Wei = field(metadata=NO_AMOUNT)  # the part of `fee` that a rollup takes for its parent chain


@dataclass(frozen=True)
class DoneStep:
    """One step after it was done. `reference` is a transaction hash or a CID; `receipt` is for the result only."""

    kind: str = field(metadata=JSON_ONLY)  # transaction, store or move: a reader sees it by gas and reference
    title: str
    reference: str
    gas: int | None
    fee: Wei | None
    seconds: float
    receipt: Receipt | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Applied(Generic[R]):
    """The operation's result and the steps that led to it."""

    result: R
    steps: tuple[DoneStep, ...]


@dataclass(frozen=True)
class Operation(Generic[P, R]):
    """A row of the registry: how parameters become a plan, and what is known when it has been applied."""

    name: str
    params: type[P]
    plan: Callable[[Ports, P], Plan[Any]]
    result: Callable[[Ports, P, Plan[Any], tuple[DoneStep, ...]], R]
    undo: str  # how what it did is taken back on chain, or that it cannot be: a sentence for the user


def preview(ports: Ports, plan: Plan[Any]) -> Preview:
    """Simulate the plan's transactions, each on top of the ones before. Raises Reverted when one would fail."""
    calls = tuple(step.call for step in plan.steps if isinstance(step, Tx))
    simulated = iter(ports.sender.simulate(calls) if calls else ())
    steps, block, data_fee = [], None, 0
    for step in plan.steps:
        gas = fee = None
        if isinstance(step, Tx):
            found = next(simulated)
            gas, fee, block = found.gas, None if found.fee is None else Wei(found.fee), found.block
            data_fee += found.data_fee
        payment, bond = (step.payment, step.bond) if isinstance(step, Tx) else (Amount(0), Amount(0))
        steps.append(PlannedStep(_kind(step), step.title, gas, fee, payment, bond))
    return Preview(
        operation=plan.operation,
        account=ports.sender.address if calls else "",
        block=block,
        steps=tuple(steps),
        payment=plan.payment,
        bond=plan.bond,
        worst_loss=Amount(plan.payment + plan.bond),
        fee=Wei(sum(step.fee or 0 for step in steps)),
        data_fee=Wei(data_fee),
    )


def apply(ports: Ports, plan: Plan[Any], request: str = "") -> tuple[DoneStep, ...]:
    """Do the plan's steps in order. On an error the journal says how far it came; the error passes on.

    `request` names what was asked for: the same, asked again, is recognised by it (`earlier`).
    """
    if not plan.steps:
        return ()
    # What a resumed operation needs must be here before the journal promises it.
    for step in plan.steps:
        if isinstance(step, Store):
            ports.objects.put(step.blocks)
    params = {
        **_sent_from(ports, plan),
        "request": request,
        "steps": [frozen(step, lambda call: ports.sender.encode(call)) for step in plan.steps],
    }
    op = ports.journal.begin(plan.operation, params)
    with ports.journal.hold(op):
        return carry_on(ports, op, plan.steps)


def carry_on(
    ports: Ports, op: str, steps: tuple[Step, ...], known: Mapping[int, Progress] = _NOTHING, *, faster: bool = False
) -> tuple[DoneStep, ...]:
    """Do the steps of operation `op`, which is held, that `known` does not show as done.

    `faster` replaces what waits for its block by a transaction that pays more for gas.
    """
    try:
        done = _do_all(ports, op, steps, known, faster)
    except BaseException as error:
        ports.journal.close(op, f"stopped: {type(error).__name__}: {error}")
        begun = any(map(_on_chain, progress(ports.journal.entries(op)).values()))
        if begun and isinstance(error, MlmError):
            error.hint = f"{error.hint} `mlm op resume {op}` continues what was begun.".strip()
        raise
    finally:
        ports.system.progress(len(steps), len(steps), "")
    ports.journal.close(op, DONE)
    return done


def _do_all(
    ports: Ports, op: str, steps: tuple[Step, ...], known: Mapping[int, Progress], faster: bool
) -> tuple[DoneStep, ...]:
    done = []
    for number, step in enumerate(steps):
        before = known.get(number, Progress())
        if before.done or before.cancelled:
            continue
        ports.system.progress(number, len(steps), step.title)
        started = ports.system.monotonic()
        reference, receipt = _do(ports, op, number, step, before, faster)
        done.append(
            DoneStep(
                kind=_kind(step),
                title=step.title,
                reference=reference,
                gas=receipt.gas_used if receipt else None,
                fee=Wei(receipt.fee) if receipt else None,
                seconds=round(ports.system.monotonic() - started, 3),
                receipt=receipt,
            )
        )
    return tuple(done)


def execute(
    ports: Ports,
    operation: Operation[P, R],
    params: P,
    confirm: Callable[[Preview], bool] | None = None,
    *,
    again: bool = False,
) -> Applied[R]:
    """Plan, preview, confirm, apply. Raises MlmError("not confirmed") when `confirm` says no; nothing is done then.

    Raises StateConflict when the same command was begun before and not finished, unless it is to be done `again`.
    """
    request = request_of(operation.name, params)
    left = earlier(ports, operation.name, request)
    if left is not None and not again:
        raise StateConflict(
            f"operation {left} is this very command, begun and not finished; doing it again could pay twice",
            hint=f"`mlm op resume {left}` continues it, `mlm op undo {left}` gives it up, --again does it once more.",
        )
    plan = operation.plan(ports, params)
    shown = preview(ports, plan)
    if confirm is not None and plan.concerns_others and not confirm(shown):
        raise MlmError("not confirmed; nothing was sent")
    done = apply(ports, plan, request)
    return Applied(operation.result(ports, params, plan, done), done)


def request_of(operation: str, params: object) -> str:
    """What the journal knows the same command by, when it is asked again."""
    return sha256(repr((operation, params)).encode()).hexdigest()


def earlier(ports: Ports, operation: str, request: str) -> str | None:
    """The same command of the same account, stopped or killed with something of it perhaps on the chain; the newest.

    One that sent nothing is superseded: closed for good, so that nobody resumes it beside the new one.
    """
    for summary in reversed(ports.journal.operations(LOOKED_AT)):
        params, op = summary["params"], summary["op"]
        if summary["operation"] != operation or params.get("request") != request or ended(summary["outcome"]):
            continue
        if ports.journal.held(op):
            continue  # a living process does it: no leftover
        if params["account"] and foreign(ports, params):
            continue
        if any(_on_chain(found) for found in progress(ports.journal.entries(op)).values()):
            return str(op)
        ports.journal.close(op, SUPERSEDED)
    return None


def foreign(ports: Ports, params: Mapping[str, Any]) -> str:
    """What the journal's operation has other than this account and chain, in words; empty when nothing."""
    if params["account"] != ports.sender.address:
        return f"belongs to {params['account']}, this account is {ports.sender.address}"
    if params["chain"] != ports.chain.chain_id():
        return f"belongs to chain {params['chain']}, this network is {ports.chain.chain_id()}"
    genesis = ports.chain.block(0).hash
    if params.get("genesis", genesis) != genesis:
        return f"belongs to a chain that began with {params['genesis'][:18]}…, this one began with {genesis[:18]}…"
    return ""


def _on_chain(found: Progress) -> bool:
    return bool(found.signed or found.included)


def _sent_from(ports: Ports, plan: Plan[Any]) -> dict[str, Any]:
    if not any(isinstance(step, Tx) for step in plan.steps):
        return {"account": "", "chain": 0, "genesis": ""}
    return {"account": ports.sender.address, "chain": ports.chain.chain_id(), "genesis": ports.chain.block(0).hash}


def _do(ports: Ports, op: str, number: int, step: Step, before: Progress, faster: bool) -> tuple[str, Receipt | None]:
    if isinstance(step, Tx):
        receipt = send(ports, op, number, step, before.signed, faster)
        ports.journal.record(op, number, {"included": receipt_entry(receipt)})
        return receipt.tx_hash, receipt
    if isinstance(step, Move):
        move(ports, step)
        ports.journal.record(op, number, {"moved": str(step.after or "")})
        return str(step.after or ""), None
    store(ports, step)
    ports.journal.record(op, number, {"stored": str(step.root)})
    return str(step.root), None


def send(ports: Ports, op: str, number: int, step: Tx, signed: tuple[Signed, ...], faster: bool) -> Receipt:
    """Sign what was not signed yet, broadcast, wait. What was signed is sent byte for byte: it is included once only.

    Raises Reverted when it failed in its block; then, and when another transaction has provably taken the nonce, the
    step is signed anew by the next resumption.
    """
    journal, sender = ports.journal, ports.sender
    found = sender.fate(*signed) if signed else Outcome(Fate.WAITING)
    fate = found.fate
    if fate is Fate.CONTESTED:
        raise StateConflict(
            f"nonce {signed[-1].nonce} was taken by another transaction than {signed[-1].tx_hash}, "
            "in a block that is not safe yet or that the node cannot show",
            hint="Signing anew could pay twice: try later, or ask a node that keeps older state.",
        )
    if fate is Fate.DISPLACED:
        journal.record(op, number, {"displaced": {"nonce": signed[-1].nonce}})
        signed, fate = (), Fate.WAITING
    if fate is Fate.INCLUDED and found.tx_hash not in {entry.tx_hash for entry in signed}:
        # The same call was made with this nonce elsewhere, by a wallet's "speed up": it counts as ours.
        adopted = Signed(b"", found.tx_hash, signed[-1].nonce)
        journal.record(op, number, {"signed": signed_entry(adopted)})
        signed = (*signed, adopted)
    if not signed or (faster and fate is Fate.WAITING):
        made = sender.sign(step.call, signed[-1] if signed else None)
        journal.record(op, number, {"signed": signed_entry(made)})
        signed = (*signed, made)
    if fate is Fate.WAITING:
        sender.broadcast(next(entry for entry in reversed(signed) if entry.raw))
    try:
        return sender.wait(*signed)
    except Reverted:
        journal.record(op, number, {"failed": {"nonce": signed[-1].nonce}})
        raise


def _kind(step: Step) -> str:
    return {Tx: "transaction", Store: "store", Move: "move"}[type(step)]
