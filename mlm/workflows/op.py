"""`mlm op`: the journal of operations. A stopped one continues where it stood, with the bytes that were signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlm.core.clock import Instant
from mlm.core.errors import NotFound, StateConflict, WalletError
from mlm.core.plan import thawed
from mlm.ports.bundle import Ports
from mlm.workflows.apply import DONE, DoneStep, carry_on

PAGE = 50


@dataclass(frozen=True)
class OpRow:
    """An operation in a list; `outcome` is None while it runs or after a kill."""

    op: str
    operation: str
    outcome: str | None
    steps: int
    done: int
    started_at: Instant
    account: str


@dataclass(frozen=True)
class OpList:
    """One page of operations, newest first."""

    operations: tuple[OpRow, ...]
    page: int
    more: bool


@dataclass(frozen=True)
class OpStep:
    """One step and how far it came: planned, signed (its bytes may have been sent), done."""

    number: int
    kind: str
    title: str
    state: str
    reference: str


@dataclass(frozen=True)
class Op:
    """An operation with its steps."""

    op: str
    operation: str
    outcome: str | None
    account: str
    steps: tuple[OpStep, ...]
    next: str | None


@dataclass(frozen=True)
class Resumed:
    """What resuming did; no steps when everything had been done before the kill."""

    op: str
    operation: str
    steps: tuple[DoneStep, ...]


def log(ports: Ports, page: int = 1) -> OpList:
    """Operations of this project (or of MLM_HOME outside one), newest first."""
    found = list(reversed(ports.journal.operations()))
    start = (page - 1) * PAGE
    rows = tuple(_row(ports, summary) for summary in found[start : start + PAGE])
    return OpList(rows, page, len(found) > start + PAGE)


def _row(ports: Ports, summary: dict[str, Any]) -> OpRow:
    params = summary["params"]
    facts = _facts(ports, summary["op"])
    done = sum("included" in fact or "stored" in fact for fact in facts.values())
    steps = len(params["steps"])
    account, started_at = params["account"], Instant(summary["started_at"])
    return OpRow(summary["op"], summary["operation"], summary["outcome"], steps, done, started_at, account)


def show(ports: Ports, op: str) -> Op:
    """One operation; raises NotFound."""
    summary = _find(ports, op)
    facts = _facts(ports, op)
    steps = tuple(
        OpStep(number, record["kind"], record["title"], *_state(facts.get(number, {})))
        for number, record in enumerate(summary["params"]["steps"])
    )
    unfinished = any(step.state != "done" for step in steps)
    following = f"mlm op resume {op}" if unfinished else None
    return Op(op, summary["operation"], summary["outcome"], summary["params"]["account"], steps, following)


def _state(fact: dict[str, Any]) -> tuple[str, str]:
    reference = fact["signed"]["tx_hash"] if "signed" in fact else fact.get("stored", "")
    if "included" in fact or "stored" in fact:
        return "done", reference
    return ("signed" if "signed" in fact else "planned"), reference


def resume(ports: Ports, op: str) -> Resumed:
    """Do what is left of a stopped operation; what was signed is broadcast again, byte for byte, never signed twice.

    Raises StateConflict when it has finished, WalletError when another account began it, Reverted when the chain has
    moved on and a step that was not sent yet would fail now.
    """
    summary = _find(ports, op)
    params = summary["params"]
    if summary["outcome"] == DONE:
        raise StateConflict(f"operation {op} ({summary['operation']}) is done", hint="`mlm op log` lists the others.")
    if params["account"] and params["account"] != ports.sender.address:
        raise WalletError(
            f"operation {op} belongs to {params['account']}, this account is {ports.sender.address}",
            hint="Choose the account with -a.",
        )
    if params["chain"] and params["chain"] != ports.chain.chain_id():
        raise StateConflict(
            f"operation {op} belongs to chain {params['chain']}, this network is {ports.chain.chain_id()}",
            hint="Choose the network with --network.",
        )
    steps = tuple(thawed(record) for record in params["steps"])
    return Resumed(op, summary["operation"], carry_on(ports, op, steps, _facts(ports, op)))


def _find(ports: Ports, op: str) -> dict[str, Any]:
    for summary in ports.journal.operations():
        if summary["op"] == op:
            return summary
    raise NotFound(f"no operation {op}", hint="`mlm op log` lists them.")


def _facts(ports: Ports, op: str) -> dict[int, dict[str, Any]]:
    """What the journal holds of each step, later entries over earlier ones."""
    facts: dict[int, dict[str, Any]] = {}
    for line in ports.journal.entries(op):
        facts.setdefault(line["step"], {}).update(line["entry"])
    return facts
