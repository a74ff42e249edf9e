"""`mlm licence deliver`: the owner's side. Keys for orders that were paid, and for holders who ask.

Nothing is remembered: what is owed is read from the chain each time, and each wrapped key is the same whenever it is
made. Killed at any instant, the same command goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mlm.core.errors import InvalidData, MlmError, NotLicensed, Reverted, StateConflict
from mlm.core.key_exchange import NO_REF, Point
from mlm.core.licensing import Order, OrderState
from mlm.core.plan import NO_MORE, Call, Plan, Tx
from mlm.ports.bundle import Ports
from mlm.workflows import content_keys, licence_show, lookup
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.content_keys import CONTRACT as KEYS
from mlm.workflows.content_keys import order_of
from mlm.workflows.entitlement import entitled
from mlm.workflows.job_wait import Patience
from mlm.workflows.licence_order import is_firm
from mlm.workflows.licence_show import SHOP
from mlm.workflows.once import once
from mlm.workflows.rows import every
from mlm.workflows.sync import sync

MOST = 20  # keys of one run: a plan is shown and simulated whole
POLL = 2.0  # seconds between two looks
SPARE, SPARE_PART = 600, 4  # a delivery is not sent within this many seconds, or this part, of the time for it


@dataclass(frozen=True)
class Deliver:
    """Parameters of `licence deliver`: an asset, or "" for all that this account owns or has sold."""

    asset: str = ""


@dataclass(frozen=True)
class Given:
    """A key that was handed over: for an order, or because its holder asked."""

    asset: str
    account: str
    why: str


@dataclass(frozen=True)
class Delivered:
    """What was handed over now, `keys` of them. `refused` names requests of accounts that nothing entitles, and what
    cannot be done; `more` says that the same command has more to do."""

    keys: int
    delivered: tuple[Given, ...]
    refused: tuple[str, ...]
    more: bool = field(metadata=NO_MORE)


@dataclass(frozen=True)
class _Facts:
    given: tuple[Given, ...]
    refused: tuple[str, ...]
    more: bool


def plan(ports: Ports, params: Deliver) -> Plan[_Facts]:
    """One transaction for each key that is owed, the oldest first, at most MOST of them."""
    token_id = lookup.version(ports, params.asset).token_id if params.asset else None
    if not params.asset:
        sync(ports)
    steps: list[Tx] = []
    given: list[Given] = []
    refused: list[str] = []
    keys = _Keys(ports)
    for made in (*_orders(ports, keys, token_id, refused), *_requests(ports, keys, token_id, refused)):
        if len(steps) == MOST:
            return Plan("licence deliver", tuple(steps), _Facts(tuple(given), tuple(refused), True))
        steps.append(made[0])
        given.append(made[1])
    return Plan("licence deliver", tuple(steps), _Facts(tuple(given), tuple(refused), False))


class _Keys:
    """Content keys by version, each looked for once."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._known: dict[str, tuple[lookup.Version, bytes | MlmError]] = {}

    def of(self, version_id: str) -> tuple[lookup.Version, bytes]:
        """Raises NotLicensed, StateConflict."""
        if version_id not in self._known:
            version = lookup.version_by_id(self._ports, version_id)
            found: bytes | MlmError
            try:
                found = content_keys.find(self._ports, version)
            except (NotLicensed, StateConflict) as error:
                found = error
            self._known[version_id] = (version, found)
        version, key = self._known[version_id]
        if isinstance(key, MlmError):
            raise key
        return version, key

    def has(self, version_id: str) -> bool:
        """Whether this account has the key of a version; not where nobody has committed to one either."""
        try:
            return bool(self.of(version_id))
        except StateConflict:  # NotLicensed too: anybody can ask for the key of any version
            return False


def _orders(ports: Ports, keys: _Keys, token_id: int | None, refused: list[str]) -> Iterator[tuple[Tx, Given]]:
    """Orders that this account sold and owes a key for."""
    rows = ports.state.query("licence_orders", seller=ports.sender.address, limit=10_000)
    for row in reversed(rows):
        if row["closed_state"] is not None or row["wrapped"] or not _of(ports, row["version_id"], token_id):
            continue
        if licence_show.state_of(ports, row) is not OrderState.ORDERED:
            continue
        if not is_firm(ports, row):
            continue  # a key is known for good, and a payment that a reorganisation undoes is not one
        short = f"order/{row['order_id'][:10]}"
        try:
            order = order_of(licence_show.read_order(ports, row["order_id"]))
            _check_time(ports, row, order)
            version, key = keys.of(row["version_id"])
            ref = bytes.fromhex(row["order_id"][2:])
            sealed = content_keys.wrapped(ports, key, order.reader, row["version_id"], order.buyer, ref)
        except (InvalidData, StateConflict) as error:
            refused.append(f"{short}: {error}")
            continue
        call = Call(SHOP, "deliver", (order.args(), sealed.args()))
        yield Tx(f"deliver the key of {version.asset} for {short}", call), Given(str(version.asset), order.buyer, short)


def _check_time(ports: Ports, row: Mapping[str, Any], order: Order) -> None:
    """A delivery tells the key, also one that reverts: its buyer would have key and money. Raises StateConflict."""
    spare = min(SPARE, order.delivery // SPARE_PART)
    if row["ordered_at"] + order.delivery - ports.chain.block("latest").timestamp < spare:
        raise StateConflict(
            f"its deadline is less than {spare} seconds away: a key that comes too late is known and not paid"
        )


def _requests(ports: Ports, keys: _Keys, token_id: int | None, refused: list[str]) -> Iterator[tuple[Tx, Given]]:
    """The newest request of each account for each version of what this account owns, and the new owner's for what it
    gave away, that it has not answered."""
    me = ports.sender.address
    owned = {row["token_id"] for row in every(ports, "assets", owner=me)}
    given = {row["token_id"] for row in every(ports, "asset_transfers", sender=me)} - owned
    for token in [int(each, 16) for each in (*sorted(owned), *sorted(given))] if token_id is None else [token_id]:
        gave = f"0x{token:064x}" in given
        askers = {} if gave else _holders(ports, token)
        askers |= dict.fromkeys(_new_owner(ports, token))
        for listed in reversed([*every(ports, "versions", token_id=token)]):
            version_id = listed["version_id"]
            newest: dict[str, Mapping[str, Any]] = {
                account: row
                for account in askers
                for row in ports.state.query("key_requests", version_id=version_id, account=account, limit=1000)
            }
            if newest and gave and not keys.has(version_id):
                continue  # another sealed it since
            for account, row in newest.items():
                if (made := _answer(ports, keys, token, version_id, account, row, refused)) is not None:
                    yield made


def _holders(ports: Ports, token_id: int) -> dict[str, None]:
    """Who holds or held a licence of an asset: anybody can ask for its keys, for nothing, as often as it likes."""
    classes = ports.state.query("licence_classes", token_id=token_id, limit=10_000)
    held = [ports.state.query("licence_holdings", class_id=each["class_id"], limit=10_000) for each in classes]
    return dict.fromkeys(each["account"] for rows in held for each in rows)


def _new_owner(ports: Ports, token_id: int) -> list[str]:
    """Whoever received an asset last, once that stands as deep as chain.finality asks. A key cannot be taken back."""
    newest = ports.state.query("asset_transfers", token_id=token_id, limit=1)
    return [
        row["recipient"] for row in newest if is_firm(ports, row) and row["recipient"] != ports.sender.address.lower()
    ]


def _answer(
    ports: Ports, keys: _Keys, token_id: int, version_id: str, account: str, row: Mapping[str, Any], refused: list[str]
) -> tuple[Tx, Given] | None:
    try:
        version, key = keys.of(version_id)
        reader = Point(int(row["x"], 16), int(row["y"], 16))
        sealed = content_keys.wrapped(ports, key, reader, version_id, account, NO_REF)
    except (InvalidData, StateConflict) as error:
        refused.append(f"{account}: {error}")
        return None
    me = ports.sender.address
    if any(
        content_keys.sealed_in(grant) == sealed
        for grant in ports.state.query("key_grants", version_id=version_id, account=account, granter=me, limit=1000)
    ):
        return None
    if entitled(ports, token_id, account) is None:
        refused.append(f"{account} asks for {version.asset}, and holds no licence that is valid")
        return None
    call = Call(KEYS, "grant", (bytes.fromhex(version_id[2:]), account, sealed.args()))
    return Tx(f"grant the key of {version.asset} to {account}", call), Given(str(version.asset), account, "request")


def _of(ports: Ports, version_id: str, token_id: int | None) -> bool:
    return token_id is None or lookup.version_by_id(ports, version_id).token_id == token_id


def result(ports: Ports, params: Deliver, plan: Plan[_Facts], done: tuple[DoneStep, ...]) -> Delivered:
    """What was handed over."""
    return Delivered(len(plan.facts.given), plan.facts.given, plan.facts.refused, plan.facts.more)


def watch(ports: Ports, params: Deliver, seconds: float | None, tell: Callable[[Delivered | str], None]) -> Delivered:
    """Deliver what is owed again and again, until `seconds` have passed or somebody stops it.

    What a reorganisation or another move made impossible is planned anew. Raises ChainError when the node stays dead.
    """
    system, patience = ports.system, Patience(ports, tell)
    until = None if seconds is None else system.monotonic() + seconds
    total = Delivered(0, (), (), False)
    told: tuple[str, ...] = ()

    def turn() -> Delivered:
        try:
            return once(ports, OPERATION, params).result
        except (Reverted, StateConflict):
            sync(ports)
            return once(ports, OPERATION, params).result

    while True:
        found = patience(turn)
        if found is not None:
            if found.delivered or found.refused != told:
                tell(found)
            told = found.refused
            given = (*total.delivered, *found.delivered)[-1000:]
            total = replace(found, keys=total.keys + found.keys, delivered=given)
        if until is not None and system.monotonic() >= until:
            return total
        system.sleep(POLL)


OPERATION = Operation(
    "licence deliver",
    Deliver,
    plan,
    result,
    "A key that was handed over is known to its reader for good.",
)
