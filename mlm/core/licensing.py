"""Licences: what a class grants, when a licence holds, and how an order stands.

LicenceToken and LicenceShop compute the same; tests/vectors/licences.json holds both to it, docs/licences.md has the
tables.

Amounts are base units, times seconds since 1970. Intervals are half-open: an end's own second lies outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlm.core import encryption
from mlm.core.digest import domain, keccak256, word, words
from mlm.core.errors import InvalidData, UsageError
from mlm.core.job import Named
from mlm.core.key_exchange import Point

# devnet/contracts/libraries/LicenceLimits.sol and Limits.sol
MIN_PERIOD, MAX_PERIOD, MAX_NOTICE = 60, 3_650 * 86_400, 365 * 86_400
MIN_DELIVERY, MAX_DELIVERY = 60, 7 * 86_400
COMPLAINT_WINDOW = 86_400
MAX_RESALE_BPS = 1_000
NEVER = (1 << 40) - 1
UNLIMITED = (1 << 64) - 1
FILES = keccak256(b"mlm/use/files/1")  # the use of who has a version's files written out


class LicenceKind(Named):
    """What a licence lets its holder do."""

    PER_USE = 0
    PERIOD = 1
    UNLIMITED = 2


class OrderState(Named):
    """An order's life, as the contract numbers it."""

    UNKNOWN = 0
    ORDERED = 1
    OVERDUE = 2
    DELIVERED = 3
    PAYABLE = 4
    SETTLED = 5
    REFUNDED = 6
    REJECTED = 7

    @property
    def is_closed(self) -> bool:
        """It ends once."""
        return self >= OrderState.SETTLED


@dataclass(frozen=True)
class LicenceTerms:
    """What a licence of a class grants; the contract's struct, in its order."""

    token_id: int
    kind: LicenceKind
    period: int
    transferable: bool
    resale_bps: int
    notice: int
    refund: int
    text: bytes

    def args(self) -> tuple[Any, ...]:
        """As the ABI takes them."""
        fixed = (self.token_id, int(self.kind), self.period, self.transferable, self.resale_bps)
        return (*fixed, self.notice, self.refund, self.text)

    def class_id(self, chain_id: int, licences: str) -> int:
        """keccak256(abi.encode(domain, chainid, licences, terms)) with its low 40 bits zero."""
        head = words((domain("mlm/licence/1"), chain_id, int(licences, 16)))
        return int.from_bytes(keccak256(head + words(map(_plain, self.args()))), "big") & ~NEVER

    @classmethod
    def of(cls, values: tuple[Any, ...]) -> LicenceTerms:
        """As a node answers `termsOf`."""
        token, kind, period, transferable, resale, notice, refund, text = values
        return cls(token, LicenceKind(kind), period, transferable, resale, notice, refund, text)


def check_terms(terms: LicenceTerms) -> LicenceTerms:
    """Return terms within the contract's bounds; raises UsageError."""
    period = terms.kind is LicenceKind.PERIOD
    bounds = (
        ("--days", terms.period, MIN_PERIOD if period else 0, MAX_PERIOD if period else 0, "seconds"),
        ("--resale-bps", terms.resale_bps, 0, MAX_RESALE_BPS if terms.transferable else 0, "1/10,000"),
        ("--notice", terms.notice, 0, MAX_NOTICE, "seconds"),
        ("--refund", terms.refund, 0, (1 << 128) - 1 if terms.notice else 0, "base units"),
    )
    for name, actual, least, most, unit in bounds:
        if not least <= actual <= most:
            what = f"a licence {terms.kind}, {'' if terms.transferable else 'not '}transferable, notice {terms.notice}"
            raise UsageError(f"{name}: expected {least} to {most} {unit} for {what}, found {actual}")
    return terms


def licence_id(class_id: int, expires_at: int) -> int:
    """The ERC-1155 id."""
    return class_id | expires_at


def split_id(number: int) -> tuple[int, int]:
    """Class and expiry of a licence."""
    return number & ~NEVER, number & NEVER


def holds(expires_at: int, units: int, grace_until: int, grace_units: int, now: int) -> bool:
    """Whether somebody with `units`, and what is left of revoked ones, may use the asset at `now`."""
    return now < expires_at and (units > 0 or (now < grace_until and grace_units > 0))


def use_purpose(secret: bytes, version_id: bytes, what: bytes) -> bytes:
    """Under which purpose an account uses up a unit for a use of a version, 32 bytes: `what` is the use's digest.

    The same on all of its machines, and told to nobody by it: HKDF of the account's encryption secret, so that who
    guesses an input cannot see on the chain that it was used.
    """
    return encryption.derived(secret, version_id + what, b"mlm/use/1")


def state_at(ordered_at: int, deliver_by: int, delivered_at: int, ending: int, now: int) -> OrderState:
    """An order's state from its stored facts and the clock; times that have not come are 0."""
    if ordered_at == 0:
        return OrderState.UNKNOWN
    if ending:
        return OrderState(ending)
    if delivered_at == 0:
        return OrderState.ORDERED if now < deliver_by else OrderState.OVERDUE
    return OrderState.DELIVERED if now < delivered_at + COMPLAINT_WINDOW else OrderState.PAYABLE


@dataclass(frozen=True)
class Order:
    """A purchase with what the shop froze of the world; the contract's struct, in its order."""

    class_id: int
    version_id: bytes
    buyer: str
    units: int
    price: int  # for all units together
    delivery: int
    reader: Point
    treasury_bps: int
    stakers_bps: int
    payees: tuple[str, ...]  # the first is the seller
    bps: tuple[int, ...]
    nonce: int

    @property
    def seller(self) -> str:
        """Who delivers, and takes the remainder."""
        return self.payees[0]

    def args(self) -> tuple[Any, ...]:
        """As the ABI takes it."""
        head = (self.class_id, self.version_id, self.buyer, self.units, self.price, self.delivery, self.reader.args())
        return (*head, self.treasury_bps, self.stakers_bps, self.payees, self.bps, self.nonce)

    def order_id(self, chain_id: int, shop: str) -> bytes:
        """keccak256(abi.encode(domain, chainid, shop, order)), 32 bytes."""
        head = words((domain("mlm/licence-order/1"), chain_id, int(shop, 16), 4 * 32))
        static = (self.class_id, self.version_id, int(self.buyer, 16), self.units, self.price, self.delivery)
        shares = (*self.reader.args(), self.treasury_bps, self.stakers_bps)
        first = 13 * 32  # the struct's words before its arrays
        payees = word(len(self.payees)) + words(int(payee, 16) for payee in self.payees)
        body = words((*static, *shares, first, first + len(payees), self.nonce))
        return keccak256(head + body + payees + word(len(self.bps)) + words(self.bps))

    @classmethod
    def from_event(cls, told: Mapping[str, Any]) -> Order:
        """Of LicenceOrdered; raises InvalidData when a field is missing."""
        try:
            return cls(
                class_id=told["classId"],
                version_id=bytes.fromhex(told["versionId"][2:]),
                buyer=told["buyer"],
                units=told["units"],
                price=told["price"],
                delivery=told["delivery"],
                reader=Point(told["reader"]["x"], told["reader"]["y"]),
                treasury_bps=told["treasuryBps"],
                stakers_bps=told["stakersBps"],
                payees=tuple(told["payees"]),
                bps=tuple(told["bps"]),
                nonce=told["nonce"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidData(f"a LicenceOrdered event without {error}") from error


def _plain(value: Any) -> int | bytes:
    return value if isinstance(value, bytes) else int(value)
