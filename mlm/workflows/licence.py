"""`mlm licence offer|transfer|redeem|revoke|request`: what owners and holders of licences do by themselves."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core import key_exchange, licensing
from mlm.core.clock import Duration
from mlm.core.digest import keccak256
from mlm.core.errors import NotFound, NotLicensed, StateConflict, UsageError
from mlm.core.licensing import UNLIMITED, LicenceKind, LicenceTerms
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.core.refs import address
from mlm.ports.bundle import Ports
from mlm.workflows import announce, content_keys, licence_show, lookup, model, permit
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.content_keys import CONTRACT as KEYS
from mlm.workflows.entitlement import Holding, entitled, holdings
from mlm.workflows.licence_show import SHOP, TOKEN, LicenceView, OrderView, spelt
from mlm.workflows.rows import every


@dataclass(frozen=True)
class OfferParams:
    """Parameters of `licence offer`: a price of one unit, seconds, 1/10,000 of a resale. `stock` 0 ends the offer."""

    asset: str
    price: Amount
    kind: LicenceKind = LicenceKind.UNLIMITED
    period: int = 0
    stock: int = UNLIMITED
    delivery: int | None = None
    transferable: bool = True
    resale_bps: int = 0
    notice: int = 0
    refund: Amount = Amount(0)


@dataclass(frozen=True)
class Offered:
    """What stands in the shop now; `stock` is None without a limit. `next` is the owner's where keys are delivered,
    else for whoever wants a licence."""

    licence: str
    asset: str
    kind: LicenceKind
    price: Amount
    stock: int | None
    delivery: Duration
    next: str


def plan_offer(ports: Ports, params: OfferParams) -> Plan[LicenceTerms]:
    """One transaction. Raises StateConflict where the asset is somebody else's or its key not committed to."""
    version, me = lookup.version(ports, params.asset), ports.sender.address
    name = f"{version.asset.handle}/{version.asset.name}"
    _need_owner(ports, version.token_id, name)
    terms = licensing.check_terms(
        LicenceTerms(
            version.token_id, params.kind, params.period, params.transferable, params.resale_bps, params.notice,
            int(params.refund), bytes(32),
        )
    )  # fmt: skip
    delivery = params.delivery
    sealed = model.manifest(ports, version.manifest).sealed is not None
    if delivery is None:
        delivery = 86_400 if sealed else 0
    if delivery and not licensing.MIN_DELIVERY <= delivery <= licensing.MAX_DELIVERY:
        raise UsageError(
            f"--delivery: expected {licensing.MIN_DELIVERY} to {licensing.MAX_DELIVERY} seconds, found {delivery}"
        )
    if delivery:
        content_keys.digest_of(ports, version.version_id)
    call = Call(
        SHOP,
        "offer",
        (terms.args(), bytes.fromhex(version.version_id[2:]), int(params.price), params.stock, delivery),
    )
    title = (
        f"offer licences of {name} ({params.kind}) for {params.price}" if params.stock else f"end an offer of {name}"
    )
    current = ports.chain.call(SHOP, "offerOf", _class_id(ports, terms))
    wanted = (me.lower(), version.version_id, int(params.price), params.stock, delivery)
    stands = (current[0].lower(), "0x" + current[1].hex(), *current[2:]) == wanted
    return Plan("licence offer", () if stands else (Tx(title, call),), terms)


def result_offer(ports: Ports, params: OfferParams, plan: Plan[LicenceTerms], done: tuple[DoneStep, ...]) -> Offered:
    """As the shop has it."""
    number = _class_id(ports, plan.facts)
    _, _, price, stock, delivery = ports.chain.call(SHOP, "offerOf", number)
    asset = licence_show.asset_name(ports, plan.facts.token_id)
    left = None if stock == licensing.UNLIMITED else stock
    following = "mlm licence deliver --watch" if delivery else f"mlm buy {asset}"
    return Offered(spelt(number), asset, plan.facts.kind, Amount(price), left, Duration(delivery), following)


def _class_id(ports: Ports, terms: LicenceTerms) -> int:
    return terms.class_id(ports.chain.chain_id(), ports.chain.address_of(TOKEN))


def _need_owner(ports: Ports, token_id: int, name: str) -> None:
    owner, me = ports.chain.call("AssetRegistry", "ownerOf", token_id), ports.sender.address
    if owner.lower() != me.lower():
        raise StateConflict(f"{name} belongs to {owner}, expected {me}", hint="Choose the account with -a NAME.")


@dataclass(frozen=True)
class Transfer:
    """Parameters of `licence transfer`."""

    licence: str
    to: str
    units: int = 1


@dataclass(frozen=True)
class Redeem:
    """Parameters of `licence redeem`. `purpose` is what the units are used for: 0x and 64 digits, or words, hashed."""

    licence: str
    purpose: str
    units: int = 1


@dataclass(frozen=True)
class Revoke:
    """Parameters of `licence revoke`."""

    licence: str
    holder: str


def plan_transfer(ports: Ports, params: Transfer) -> Plan[int]:
    """One transaction. Raises StateConflict where the terms or what is held do not allow it."""
    to = address(params.to)
    found = _held(ports, params.licence, ports.sender.address)
    if not found.terms.transferable:
        raise StateConflict(f"{_short(found)} is not transferable, by its terms")
    _need_units(found, params.units)
    moved = (ports.sender.address, to, found.licence_id, params.units, b"")
    title = f"give {params.units} of {_short(found)} to {to}"
    return Plan("licence transfer", (Tx(title, Call(TOKEN, "safeTransferFrom", moved)),), found.licence_id)


def plan_redeem(ports: Ports, params: Redeem) -> Plan[int]:
    """One transaction. Raises StateConflict for another kind of licence, and for more than is held.

    Of units that were revoked, what is left of them can be used up until their notice is over.
    """
    found = _held(ports, params.licence, ports.sender.address, revoked=True)
    if found.terms.kind is not LicenceKind.PER_USE:
        raise StateConflict(f"{_short(found)} is a licence {found.terms.kind}; only units of per-use are used up")
    until, left = ports.chain.call(TOKEN, "graceOf", found.licence_id, ports.sender.address)
    _need_units(found, params.units, left if ports.chain.block().timestamp < until else 0)
    call = Call(TOKEN, "redeem", (found.licence_id, params.units, purpose_of(params.purpose)))
    return Plan("licence redeem", (Tx(f"use up {params.units} of {_short(found)}", call),), found.licence_id)


def plan_revoke(ports: Ports, params: Revoke) -> Plan[int]:
    """The revocation, which pays what the terms promise for each unit. Raises StateConflict, NotFound."""
    holder = address(params.holder)
    number = licence_show.find(ports, params.licence)
    terms = licence_show.terms_of(ports, number)
    _need_owner(ports, terms.token_id, licence_show.asset_name(ports, terms.token_id))
    found = _held(ports, params.licence, holder)
    if not terms.notice:
        raise StateConflict(f"{_short(found)} can never be revoked, by its terms")
    refund = Amount(found.units * terms.refund)
    call = Call(TOKEN, "revoke", (found.licence_id, holder, int(refund)))
    tx = Tx(f"revoke {found.units} of {_short(found)} from {holder}", call, payment=refund)
    return Plan("licence revoke", permit.steps(ports, tx, refund) if refund else (tx,), found.licence_id)


def purpose_of(text: str) -> bytes:
    """A purpose as the contract takes it, 32 bytes."""
    digits = text.removeprefix("0x")
    if text.startswith("0x") and len(digits) == 64:
        try:
            return bytes.fromhex(digits)
        except ValueError:
            pass
    return keccak256(text.encode())


def _held(ports: Ports, text: str, account: str, *, revoked: bool = False) -> Holding:
    """What an account holds of the licence that `text` names, or of the only one of its class.

    `revoked`: also what was taken back and holds for its notice.
    """
    number = licence_show.find(ports, text)
    class_id, expires_at = licensing.split_id(number)
    terms = licence_show.terms_of(ports, number)
    found = [
        each
        for each in holdings(ports, account, terms.token_id, synced=True)
        if (each.units or revoked)
        and (each.licence_id == number or (not expires_at and licensing.split_id(each.licence_id)[0] == class_id))
    ]
    if not found:
        raise NotFound(
            f"{account} holds nothing of {spelt(number)[:18]}", hint="`mlm licence list` shows what is held."
        )
    if len(found) > 1:
        names = ", ".join(spelt(each.licence_id) for each in found[:4])
        raise UsageError(f"{len(found)} licences of this class are held: {names}", hint="Give a whole id.")
    return found[0]


def _short(found: Holding) -> str:
    return spelt(found.licence_id)[:18]


def _need_units(found: Holding, units: int, revoked: int = 0) -> None:
    most = found.units + revoked
    if not 1 <= units <= most:
        raise StateConflict(f"expected 1 to {most} units of {_short(found)}, which are held, found {units}")


def _view(ports: Ports, params: Transfer | Redeem | Revoke, plan: Plan[int], done: tuple[DoneStep, ...]) -> LicenceView:
    shown = licence_show.show(ports, spelt(plan.facts))
    assert not isinstance(shown, OrderView)
    return shown


@dataclass(frozen=True)
class Request:
    """Parameters of `licence request`."""

    asset: str


@dataclass(frozen=True)
class Requested:
    """A key that was asked for. `answered` says that it is on the chain, and right."""

    asset: str
    account: str
    licence: str
    answered: bool
    next: str


@dataclass(frozen=True)
class _Asked:
    version: lookup.Version
    licence_id: int
    answered: bool


def plan_request(ports: Ports, params: Request) -> Plan[_Asked]:
    """One transaction, none where the key is here or was asked for. Raises NotLicensed for who is not entitled."""
    version, me = lookup.version(ports, params.asset), ports.signer.address
    found = entitled(ports, version.token_id, me)
    try:
        content_keys.find(ports, version)
    except NotLicensed as error:
        if found is None:
            raise error
    else:
        return Plan("licence request", (), _Asked(version, found.licence_id if found else 0, True))
    raw = bytes.fromhex(version.version_id[2:])
    point = content_keys.reader(ports, key_exchange.request_secret(announce.own(ports).secret, raw))
    rows = every(ports, "key_requests", version_id=version.version_id, account=me)
    asked = any((int(row["x"], 16), int(row["y"], 16)) == point.args() for row in rows)
    ask = Tx(f"ask for the key of {version.asset}", Call(KEYS, "request", (raw, point.args())))
    return Plan("licence request", () if asked else (ask,), _Asked(version, found.licence_id, False))


def result_request(ports: Ports, params: Request, plan: Plan[_Asked], done: tuple[DoneStep, ...]) -> Requested:
    """As it stands."""
    facts = plan.facts
    licence = spelt(facts.licence_id) if facts.licence_id else ""
    asked = "its owner" if licence else "its former owner"  # who needs no licence owns it, and did not seal it
    following = f"mlm download {facts.version.asset} -o DIR" if facts.answered else f"{asked}: mlm licence deliver"
    return Requested(str(facts.version.asset), ports.signer.address, licence, facts.answered, following)


OFFER = Operation(
    "licence offer",
    OfferParams,
    plan_offer,
    result_offer,
    "The same command with --stock 0 ends the offer; what was sold stays sold.",
)
TRANSFER = Operation(
    "licence transfer", Transfer, plan_transfer, _view, "A transfer stands; only its receiver can give it back."
)
REDEEM = Operation("licence redeem", Redeem, plan_redeem, _view, "Units that were used up are gone.")
REVOKE = Operation(
    "licence revoke",
    Revoke,
    plan_revoke,
    _view,
    "A revocation stands; its holder draws the refund by `mlm wallet withdraw`.",
)
REQUEST = Operation(
    "licence request", Request, plan_request, result_request, "A request costs nothing and can be left unanswered."
)
