"""The only executor of steps. A plan is previewed from a simulation, then applied step by step, each journalled.

INVARIANT: signed bytes, hash and nonce are in the journal before they are broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mlm.core.errors import MlmError
from mlm.core.money import Amount, Wei
from mlm.core.plan import JSON_ONLY, Plan, Step, Store, Tx, frozen
from mlm.ports.bundle import Ports
from mlm.ports.chain import Receipt
from mlm.ports.signer import Signed
from mlm.workflows.objects import store

DONE = "done"  # the outcome of an operation whose every step was done
_NO_FACTS: Mapping[int, Mapping[str, Any]] = {}

P = TypeVar("P")
R = TypeVar("R")


@dataclass(frozen=True)
class PlannedStep:
    """One step before it is done. `gas` and `fee` are None where the node could not simulate it."""

    kind: str = field(metadata=JSON_ONLY)  # transaction or store: a reader sees it by gas and reference
    title: str
    gas: int | None
    fee: Wei | None
    payment: Amount
    bond: Amount


@dataclass(frozen=True)
class Preview:
    """What an operation will do and can cost at worst, from a simulation at `block`."""

    operation: str
    account: str
    block: int | None
    steps: tuple[PlannedStep, ...]
    payment: Amount
    bond: Amount
    worst_loss: Amount  # payment and bond; fees are in `fee`
    fee: Wei


@dataclass(frozen=True)
class DoneStep:
    """One step after it was done. `reference` is a transaction hash or a CID; `receipt` is for the result only."""

    kind: str = field(metadata=JSON_ONLY)  # transaction or store: a reader sees it by gas and reference
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


def preview(ports: Ports, plan: Plan[Any]) -> Preview:
    """Simulate the plan's transactions, each on top of the ones before. Raises Reverted when one would fail."""
    calls = tuple(step.call for step in plan.steps if isinstance(step, Tx))
    simulated = iter(ports.sender.simulate(calls) if calls else ())
    steps, block = [], None
    for step in plan.steps:
        gas = fee = None
        if isinstance(step, Tx):
            found = next(simulated)
            gas, fee, block = found.gas, None if found.fee is None else Wei(found.fee), found.block
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
    )


def apply(ports: Ports, plan: Plan[Any]) -> tuple[DoneStep, ...]:
    """Do the plan's steps in order. On an error the journal says how far it came; the error passes on."""
    if not plan.steps:
        return ()
    # What a resumed operation needs must be here before the journal promises it.
    for step in plan.steps:
        if isinstance(step, Store):
            ports.objects.put(step.blocks)
    sends = any(isinstance(step, Tx) for step in plan.steps)
    params = {
        "account": ports.sender.address if sends else "",
        "chain": ports.chain.chain_id() if sends else 0,
        "steps": [frozen(step, ports.sender.encode) for step in plan.steps],
    }
    return carry_on(ports, ports.journal.begin(plan.operation, params), plan.steps)


def carry_on(
    ports: Ports, op: str, steps: tuple[Step, ...], facts: Mapping[int, Mapping[str, Any]] = _NO_FACTS
) -> tuple[DoneStep, ...]:
    """Do the steps of operation `op` that `facts`, what the journal holds of each, does not show as done."""
    journal, done = ports.journal, []
    try:
        for number, step in enumerate(steps):
            known = facts.get(number, {})
            if "included" in known or "stored" in known:
                continue
            ports.system.progress(number, len(steps), step.title)
            started = ports.system.monotonic()
            reference, receipt = _do(ports, op, number, step, known)
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
    except BaseException as error:
        journal.close(op, f"stopped: {type(error).__name__}: {error}")
        raise
    finally:
        ports.system.progress(len(steps), len(steps), "")
    journal.close(op, DONE)
    return tuple(done)


def execute(
    ports: Ports, operation: Operation[P, R], params: P, confirm: Callable[[Preview], bool] | None = None
) -> Applied[R]:
    """Plan, preview, confirm, apply. Raises MlmError("not confirmed") when `confirm` says no; nothing is done then."""
    plan = operation.plan(ports, params)
    shown = preview(ports, plan)
    if confirm is not None and plan.steps and not confirm(shown):
        raise MlmError("not confirmed; nothing was sent")
    done = apply(ports, plan)
    return Applied(operation.result(ports, params, plan, done), done)


def _do(ports: Ports, op: str, number: int, step: Step, known: Mapping[str, Any]) -> tuple[str, Receipt | None]:
    if isinstance(step, Tx):
        if "signed" in known:
            # Those same bytes: whatever became of the first broadcast, they can be included once only.
            entry = known["signed"]
            signed = Signed(bytes.fromhex(entry["raw"]), entry["tx_hash"], entry["nonce"])
        else:
            signed = ports.sender.sign(step.call)
            entry = {"raw": signed.raw.hex(), "tx_hash": signed.tx_hash, "nonce": signed.nonce}
            ports.journal.record(op, number, {"signed": entry})
        ports.sender.broadcast(signed)
        receipt = ports.sender.wait(signed)
        ports.journal.record(op, number, {"included": {"block": receipt.block_number, "hash": receipt.block_hash}})
        return signed.tx_hash, receipt
    store(ports, step)
    ports.journal.record(op, number, {"stored": str(step.root)})
    return str(step.root), None


def _kind(step: Step) -> str:
    return {Tx: "transaction", Store: "store"}[type(step)]
