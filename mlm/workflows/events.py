"""Finding what a finished step did in its receipt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlm.core import events as catalogue
from mlm.core.errors import ChainError
from mlm.ports.bundle import Ports
from mlm.ports.chain import Log
from mlm.ports.state import Event
from mlm.workflows.apply import DoneStep
from mlm.workflows.standing import standing


def decode(ports: Ports, logs: tuple[Log, ...]) -> list[Event]:
    """The logs of our contracts, decoded, in order; logs of others are left out."""
    names = {address: name for name, address in standing(ports.chain, catalogue.emitters()).items()}
    found = []
    for log in logs:
        contract = names.get(log.address.lower())
        decoded = catalogue.decode(contract, log.topics, log.data) if contract else None
        if contract and decoded:
            found.append(Event(contract, decoded[0], decoded[1], log))
    return found


def event(
    ports: Ports, done: tuple[DoneStep, ...], name: str, fits: Callable[[Mapping[str, Any]], bool] = lambda args: True
) -> Event:
    """The one event called `name` in the receipts of `done` whose arguments fit.

    A transaction may hold several: whoever sends two orders in one must not be told of the other. Raises ChainError
    when none fits, or more than one.
    """
    logs = tuple(log for step in done if step.receipt for log in step.receipt.logs)
    named = [found for found in decode(ports, logs) if found.name == name]
    fitting = [found for found in named if fits(found.args)]
    if len(fitting) == 1:
        return fitting[0]
    if not named:
        raise ChainError(f"the transaction was included without a {name} event", hint="Is the deployment file right?")
    raise ChainError(
        f"the transaction was included with {len(named)} {name} events, expected one of this operation, "
        f"found {len(fitting)}",
        hint="What it did is on the chain: `mlm sync`, then list what is there.",
    )
