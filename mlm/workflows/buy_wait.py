"""`mlm buy --wait`: see a purchase through to a licence and a key that opens the files, or to the money back.

Nothing is remembered between two looks: killed at any instant, the same command goes on from the order on the chain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlm.core.errors import NoResult, Reverted, StateConflict, UsageError
from mlm.core.licensing import OrderState
from mlm.core.money import Amount
from mlm.ports.bundle import Ports
from mlm.workflows import licence_order, licence_show
from mlm.workflows.apply import Operation
from mlm.workflows.content_keys import order_of
from mlm.workflows.job_wait import Patience
from mlm.workflows.licence_order import OrderName
from mlm.workflows.licence_show import OrderView, spelt
from mlm.workflows.once import once
from mlm.workflows.sync import sync

POLL = 2.0  # seconds between two looks
SPARE = 600.0  # seconds beyond the seller's deadline

Tell = Callable[[OrderView | str], None]


@dataclass(frozen=True)
class Bought:
    """A licence that is the account's. `key` says that the content key came and is the one committed to."""

    licence: str
    asset: str
    order: str
    units: int
    price: Amount
    key: bool
    next: str


def wait(ports: Ports, order_id: str, *, timeout: float | None, tell: Tell) -> Bought:
    """Follow an order until it is settled: check the key, accept a right one, complain of a wrong one, take the price
    back where none came in time.

    Raises NoResult when the money came back instead, StateConflict when `timeout` seconds pass (None: as long as the
    seller may take), ChainError when the node stays dead.
    """
    if timeout is not None and timeout < 0:
        raise UsageError(f"--timeout: expected 0 or more seconds, found {timeout}")
    system, patience = ports.system, Patience(ports, tell)
    sync(ports)
    order = order_of(licence_show.read_order(ports, order_id))
    until = system.monotonic() + (order.delivery + SPARE if timeout is None else timeout)
    told: Any = None
    state = OrderState.ORDERED

    def turn() -> Bought | None:
        nonlocal told, state
        sync(ports)
        row = licence_show.read_order(ports, order_id)
        state = licence_show.state_of(ports, row)
        if state is not told:
            tell(licence_show.view(ports, row))
            told = state
        if state.is_closed:
            return _ended(ports, order_id, state)
        if (operation := _move(ports, row, state)) is not None:
            try:
                once(ports, operation, OrderName(order_id))
            except (Reverted, StateConflict):
                # Anybody may settle and refund: what another has done meanwhile is no failure.
                if licence_show.state_of(ports, row) is state:
                    raise
        return None

    while (found := patience(turn)) is None:
        if system.monotonic() >= until:
            raise StateConflict(
                f"order {order_id[:10]} was {state} when the time to wait for it was over",
                hint="The same command goes on from here; --timeout SECONDS waits longer.",
            )
        if state in (OrderState.ORDERED, OrderState.DELIVERED):
            system.sleep(POLL)
    return found


def _move(ports: Ports, row: Any, state: OrderState) -> Operation[OrderName, OrderView] | None:
    """What the buyer does now; None: wait."""
    if state is OrderState.OVERDUE:
        return licence_order.REFUND
    if state is OrderState.PAYABLE:
        return licence_order.SETTLE
    if state is OrderState.DELIVERED and row["wrapped"] and licence_order.is_firm(ports, row):
        right = licence_show.right_key(ports, row, licence_order.secret_of(ports, row))
        return licence_order.SETTLE if right else licence_order.COMPLAIN
    return None


def _ended(ports: Ports, order_id: str, state: OrderState) -> Bought | None:
    """The licence; None while the index lacks the end. Raises NoResult for an order that came to nothing."""
    sync(ports)
    row = licence_show.read_order(ports, order_id)
    order, short = order_of(row), order_id[:10]
    if row["closed_state"] is None:
        return None
    if state is not OrderState.SETTLED:
        why = "no key came in time" if state is OrderState.REFUNDED else "the key that came was wrong"
        raise NoResult(
            f"order {short} is {state}: {why}; {Amount(order.price)} came back",
            hint="`mlm wallet withdraw` draws it.",
        )
    name = licence_show.view(ports, row).asset
    key = bool(row["wrapped"]) and licence_show.right_key(ports, row, licence_order.secret_of(ports, row))
    following = f"mlm download {name} -o DIR" if key else f"mlm licence show {spelt(int(row['licence_id'], 16))[:18]}"
    return Bought(
        licence=spelt(int(row["licence_id"], 16)),
        asset=name,
        order=order_id,
        units=order.units,
        price=Amount(order.price),
        key=key,
        next=following,
    )
