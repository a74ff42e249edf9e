"""A job's terms: what the consumer asked for and what the market froze. The field order is the contract's.

The source is devnet/contracts/interfaces/IJobMarket.sol; a test compares both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any

from mlm.core.digest import keccak256, word
from mlm.core.errors import InvalidData

WORD = 32
MAX_VALUE_AT_RISK = (1 << 96) - 1  # base units


@dataclass(frozen=True)
class Request:
    """The consumer's part. Windows in seconds, prices in base units.

    What the kind of auction does not know is 0: `start_price` (Dutch: offered first; batch: the price of tick 0),
    `price_step` (batch), `reveal_window` (sealed: to reveal; batch: to draw the awards).
    """

    version_id: str  # 0x, 32 bytes
    tier: int
    auction: int
    scheme: int
    input_commitment: str  # 0x, 32 bytes
    input: str  # 0x, sha2-256 digest of the input block
    max_price: int
    start_price: int
    price_step: int
    bidding_window: int
    reveal_window: int
    delivery_window: int
    execution_window: int
    verification_window: int
    requirements: str  # 0x, 32 bytes: the hash of who may bid; 0 for anybody
    value_at_risk: int  # beyond the price; 0 in tiers without challengers
    policy: str  # 0x, 32 bytes: the tier's own terms; 0 where it has none


@dataclass(frozen=True)
class Snapshot:
    """The market's part, frozen when the job was posted."""

    verifier: str
    key: str  # 0x, 32 bytes: the version's key for the tier
    use_price: int
    owner_bps: int
    protocol_fee_bps: int
    treasury_bps: int  # of the protocol fee; the rest of it, after the stakers' share, burns
    stakers_bps: int
    treasury: str
    lock: int
    undelivered_fee: int
    gas_compensation: int
    payees: tuple[str, ...]
    bps: tuple[int, ...]


@dataclass(frozen=True)
class Terms:
    """Both parts; keccak256 of their ABI encoding is the job's termsHash."""

    request: Request
    snapshot: Snapshot

    def as_args(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Nested tuples as the ABI takes them, bytes32 as bytes."""
        return _abi(self.request), _abi(self.snapshot)


_BYTES32 = {"version_id", "input_commitment", "input", "key", "requirements", "policy"}


def _abi(part: Request | Snapshot) -> tuple[Any, ...]:
    values = []
    for item, value in zip(fields(part), astuple(part), strict=True):
        values.append(bytes.fromhex(value[2:]) if item.name in _BYTES32 else value)
    return tuple(values)


def _word(value: Any) -> Any:
    """A static value as its ABI word; an array stays."""
    if isinstance(value, tuple):
        return value
    return word(int(value, 16) if isinstance(value, str) else value)


def terms_hash(terms: Terms) -> bytes:
    """keccak256(abi.encode(terms)), 32 bytes: what the market stores of a job's terms."""
    request, snapshot = (tuple(map(_word, part)) for part in terms.as_args())
    *head, payees, bps = snapshot
    first = WORD * len(snapshot)
    tails = [word(len(array)) + b"".join(map(_word, array)) for array in (payees, bps)]
    body = b"".join(head) + word(first) + word(first + len(tails[0])) + b"".join(tails)
    # A dynamic struct stands behind its offset, and the snapshot in it behind its own.
    return keccak256(word(WORD) + b"".join(request) + word(WORD * (len(request) + 1)) + body)


def request_args(request: Request) -> tuple[Any, ...]:
    """A request as the ABI takes it."""
    return _abi(request)


def snapshot_of(values: Any) -> Snapshot:
    """The market's part as the ABI gives it; the inverse of what `Terms.as_args` makes of it."""
    told: list[Any] = ["0x" + value.hex() if isinstance(value, bytes) else value for value in values]
    made: list[Any] = [tuple(value) if isinstance(value, list) else value for value in told]
    return Snapshot(*made)


def terms_from_event(terms: Mapping[str, Any]) -> Terms:
    """Rebuild Terms from the decoded JobPosted event (camelCase names); raises InvalidData when a field is missing."""
    try:
        return Terms(_part(Request, terms["request"]), _part(Snapshot, terms["snapshot"]))
    except (KeyError, TypeError) as error:
        raise InvalidData(f"a JobPosted event without {error}") from error


def _part(cls: Any, values: Mapping[str, Any]) -> Any:
    taken = {}
    for item in fields(cls):
        value = values[camel(item.name)]
        taken[item.name] = tuple(value) if isinstance(value, (list, tuple)) else value
    return cls(**taken)


def camel(name: str) -> str:
    """max_price -> maxPrice."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


@dataclass(frozen=True)
class JobRecord:
    """The facts that the market stores of a job, in the order of the contract's `Job`. Times in seconds."""

    terms_hash: bytes
    version_id: bytes
    consumer: str
    posted_at: int
    bids_close_at: int
    provider: str
    accepted_at: int
    submitted_at: int
    max_price: int
    price: int
    floor: int
    lock: int
    verifier: str
    reveal_window: int  # shorter than posted once reveals or awards are over early
    delivery_window: int
    execution_window: int
    verification_window: int
    auction: int
    cancelled: bool
    verified: bool
    settled_at: int
    output_commitment: bytes
    start_price: int
    commitments: int  # sealed bids that stand
    requirements: bytes
