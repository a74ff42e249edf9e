"""What a worker is made of besides the ports: sets of ports for its threads, and its strategy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mlm.cli.wiring import ports
from mlm.core import pricing
from mlm.core.errors import UsageError
from mlm.core.money import parse_units

if TYPE_CHECKING:
    from mlm.cli.context import Session
    from mlm.core.pricing import Strategy
    from mlm.ports.bundle import Ports

STAY = 2  # models that each thread keeps loaded
MB = 1 << 20
PERCENT = 100  # basis points


def own(session: Session) -> Ports:
    """The ports of a worker: with an index of its own, which no command has to wait for."""
    from mlm.adapters.blocks.shelf import FolderShelf
    from mlm.adapters.state import DuckState, RememberedState

    made = ports(session, stay=STAY)
    made.sender = session.ports.sender
    folder = session.home / "worker" / made.sender.address.lower()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made.state = RememberedState(DuckState(folder / f"state-{session.config.get('network.default')}.duckdb"))
    made.shelf = FolderShelf(folder / "brought", session.config.get("worker.disk_mb") * MB)
    return made


def spare(session: Session, own: Ports) -> Ports:
    """Ports for one more thread: they send by the same account, whose password was asked for once, and draw nothing.

    Index and shelf are the worker's.
    """
    from mlm.adapters.system import OsSystem

    made = ports(session, stay=STAY)
    made.sender, made.state, made.shelf = session.ports.sender, own.state, own.shelf
    made.system = OsSystem(open(os.devnull, "w"))  # noqa: SIM115  # for as long as the thread works
    return made


def strategy(session: Session, given: str | None) -> Strategy:
    """A strategy that ships, or the class of a file of the user's own, FILE.py:CLASS. Raises UsageError.

    A file that the settings name lies in MLM_HOME: the folder that one works in may be a clone of anybody's.
    """
    get = session.config.get
    name = given or get("worker.strategy")
    file, colon, found = name.rpartition(":")
    if colon:
        from mlm.adapters.strategy import load

        return load((session.cwd if given else session.home) / file, found)
    margin = get("worker.margin")
    return pricing.named(
        name,
        cost=_amount("worker.cost", get("worker.cost")),
        margin_bps=round(margin * PERCENT),
        hourly=_amount("worker.hourly", get("worker.hourly")),
    )


def _amount(key: str, text: str) -> int:
    try:
        return int(parse_units(text))
    except UsageError as error:
        raise UsageError(f"{key}: {error}", hint=error.hint) from error
