"""The only executor of steps. A plan is previewed from a simulation, then applied step by step, each journalled.

INVARIANT: signed bytes, hash and nonce are in the journal before they are broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mlm.core.errors import MlmError, NotFound, StateConflict
from mlm.core.money import Amount, Wei
from mlm.core.plan import JSON_ONLY, NO_ACCOUNT, NO_AMOUNT, Keep, Move, Plan, Step, Store, Tx, frozen
from mlm.ports.bundle import Ports
from mlm.ports.chain import Receipt
from mlm.workflows.journalled import DONE, Progress, included_entry, progress
from mlm.workflows.moving import move
from mlm.workflows.objects import store
from mlm.workflows.rerun import earlier, request_of
from mlm.workflows.sending import send

_NOTHING: Mapping[int, Progress] = {}

P = TypeVar("P")
R = TypeVar("R")


@dataclass(frozen=True)
class PlannedStep:
    """One step before it is done. `gas` and `fee` are None where the node could not simulate it."""

    kind: str = field(metadata=JSON_ONLY)  # transaction, store, move or keep: a reader sees it by gas and reference
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
    chain_id: int | None
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

    kind: str = field(metadata=JSON_ONLY)  # transaction, store, move or keep: a reader sees it by gas and reference
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
        chain_id=ports.chain.chain_id() if calls else None,
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
        elif isinstance(step, Keep) and step.bid is not None:
            ports.bids.keep(step.bid)
    params = {
        **_sent_from(ports, plan),
        "request": request,
        "steps": [
            frozen(step, lambda call: ports.sender.encode(call), lambda name: ports.chain.address_of(name))
            for step in plan.steps
        ],
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
    request = request_of(ports, operation.name, params)
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


def _on_chain(found: Progress) -> bool:
    return bool(found.signed or found.included)


def _sent_from(ports: Ports, plan: Plan[Any]) -> dict[str, Any]:
    if not any(isinstance(step, Tx) for step in plan.steps):
        return {"account": "", "chain": 0, "genesis": ""}
    return {"account": ports.sender.address, "chain": ports.chain.chain_id(), "genesis": ports.chain.block(0).hash}


def _do(ports: Ports, op: str, number: int, step: Step, before: Progress, faster: bool) -> tuple[str, Receipt | None]:
    """Do one step; its reference, and a transaction's receipt where the node has kept it."""
    if isinstance(step, Tx):
        found = send(ports, op, number, step, before.signed, faster)
        ports.journal.record(op, number, {"included": included_entry(found)})
        return found.tx_hash, found.receipt
    if isinstance(step, Move):
        move(ports, step)
        ports.journal.record(op, number, {"moved": str(step.after or "")})
        return str(step.after or ""), None
    if isinstance(step, Keep):
        # SAFETY: nothing is sent that could not be opened later.
        if ports.bids.find(step.commitment) is None:
            raise NotFound(
                f"this machine does not know what opens the sealed bid 0x{step.commitment.hex()[:8]}…",
                hint=f"Give this up, `mlm op undo {op}`, and bid again.",
            )
        ports.journal.record(op, number, {"kept": "0x" + step.commitment.hex()})
        return "0x" + step.commitment.hex(), None
    store(ports, step)
    ports.journal.record(op, number, {"stored": str(step.root)})
    return str(step.root), None


def _kind(step: Step) -> str:
    return {Tx: "transaction", Store: "store", Move: "move", Keep: "keep"}[type(step)]
