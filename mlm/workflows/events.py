"""Finding what a finished step did in its receipt."""

from __future__ import annotations

from mlm.core import events as catalogue
from mlm.core.errors import ChainError
from mlm.ports.bundle import Ports
from mlm.ports.chain import Log
from mlm.ports.state import Event
from mlm.workflows.apply import DoneStep


def decode(ports: Ports, logs: tuple[Log, ...]) -> list[Event]:
    """The logs of our contracts, decoded, in order; logs of others are left out."""
    names = {ports.chain.address_of(name).lower(): name for name in catalogue.emitters()}
    found = []
    for log in logs:
        contract = names.get(log.address.lower())
        decoded = catalogue.decode(contract, log.topics, log.data) if contract else None
        if contract and decoded:
            found.append(Event(contract, decoded[0], decoded[1], log))
    return found


def event(ports: Ports, done: tuple[DoneStep, ...], name: str) -> Event:
    """The first event called `name` in the receipts of `done`; raises ChainError when there is none."""
    for step in done:
        for found in decode(ports, step.receipt.logs) if step.receipt else []:
            if found.name == name:
                return found
    raise ChainError(f"the transaction was included without a {name} event", hint="Is the deployment file right?")
