"""A job's life: its enums, its state from stored facts and the clock, and whose turn it is.

The one table stands in docs/job.md. devnet/contracts/libraries/JobStates.sol computes the same, and
tests/vectors/job_states.json holds both to it. Nothing here reads a clock: seconds come in as arguments.
Windows are half-open, [start, end).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Self

from mlm.core.errors import InvalidData, UsageError

if TYPE_CHECKING:
    from mlm.core.terms import JobRecord

# Bounds of a job's windows, in seconds (devnet/contracts/libraries/Limits.sol).
MIN_WINDOW = 60
MAX_WINDOW = 7 * 24 * 3600

FINALITY = ("included", "safe", "finalized")  # how settled the block of an event is; each implies the ones before


class Named(IntEnum):
    """An enum of devnet/contracts/interfaces/Types.sol: the numbers are part of commitments and never change."""

    def __str__(self) -> str:
        return self.name.lower().replace("_", "-")

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    @classmethod
    def _missing_(cls, value: object) -> Self:
        """Numbers come from nodes, and from an index that may be somebody else's. Raises InvalidData."""
        raise InvalidData(f"expected a {cls.__name__} from {int(min(cls))} to {int(max(cls))}, found {value!r}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The member spelt as `str()` spells it; raises UsageError naming the choices."""
        for member in cls:
            if str(member) == text:
                return member
        choices = ", ".join(str(member) for member in cls)
        raise UsageError(f"expected one of {choices}, found {text!r}")


class Tier(Named):
    """How a result is verified (docs/tiers.md)."""

    NONE = 0
    ZK = 1
    OPTIMISTIC = 2
    TEE = 3
    REDUNDANT = 4
    CONSENSUS = 5


class AuctionKind(Named):
    """How a job finds its provider (mlm/core/auctions)."""

    FIXED = 0
    REVERSE = 1
    SEALED = 2
    DUTCH = 3
    BATCH = 4


class Kind(Named):
    """What an asset is."""

    MODEL = 0
    DATASET = 1
    ALGORITHM = 2
    PIPELINE = 3


class Role(Named):
    """Whose stake it is; stakes of different roles never mix."""

    PROVIDER = 0
    WATCHER = 1
    PUBLISHER = 2


class Verdict(Named):
    """What a verifier says of a submitted result."""

    PENDING = 0
    ACCEPTED = 1
    DISPUTED = 2
    REJECTED = 3


class State(Named):
    """A job's state; computed, never stored."""

    UNKNOWN = 0
    OPEN = 1
    REVEALING = 2
    LEASED = 3
    READY = 4
    SUBMITTED = 5
    DISPUTED = 6
    ACCEPTED = 7
    REJECTED = 8
    EXPIRED = 9
    CANCELLED = 10
    UNDELIVERED = 11
    DEFAULTED = 12

    @property
    def is_final(self) -> bool:
        """Whether a job in this state can be settled."""
        return self >= State.ACCEPTED


class Reason(Named):
    """Why an account was credited."""

    PAYMENT = 0
    ROYALTY = 1
    PROTOCOL_FEE = 2
    REFUND = 3
    GAS_COMPENSATION = 4
    BURN = 5
    STAKER_REWARD = 6
    CHALLENGER_REWARD = 7


class Outcome(Named):
    """How a job ended for its provider; what reputation is made of."""

    ACCEPTED = 0
    REJECTED = 1
    UNDELIVERED = 2
    DEFAULTED = 3


@dataclass(frozen=True)
class JobFacts:
    """What the chain stores of a job as far as its state depends on it.

    Times in seconds since 1970, 0 for not yet; windows in seconds. `reveal_window` is shorter than posted once reveals
    or awards are over early; `commitments` counts the sealed bids that stand.
    """

    posted_at: int
    bids_close_at: int
    has_provider: bool
    delivery_window: int
    execution_window: int
    verification_window: int
    accepted_at: int = 0
    submitted_at: int = 0
    settled_at: int = 0
    cancelled: bool = False
    verified: bool = False
    auction: AuctionKind = AuctionKind.FIXED
    reveal_window: int = 0
    commitments: int = 0

    @property
    def reveals_close_at(self) -> int:
        """When the lease begins; the close of bids where nothing is revealed."""
        return self.bids_close_at + self.reveal_window

    @classmethod
    def of(cls, record: JobRecord) -> Self:
        """The facts of a record as `jobOf` returns it."""
        return cls(
            posted_at=record.posted_at,
            bids_close_at=record.bids_close_at,
            has_provider=int(record.provider, 16) != 0,
            delivery_window=record.delivery_window,
            execution_window=record.execution_window,
            verification_window=record.verification_window,
            accepted_at=record.accepted_at,
            submitted_at=record.submitted_at,
            settled_at=record.settled_at,
            cancelled=record.cancelled,
            verified=record.verified,
            auction=AuctionKind(record.auction),
            reveal_window=record.reveal_window,
            commitments=record.commitments,
        )


def state(facts: JobFacts, now: int, verdict: Verdict = Verdict.PENDING) -> State:
    """The state at `now` (seconds). `verdict` is the verifier's, and counts only once a result was submitted."""
    if not facts.posted_at:
        return State.UNKNOWN
    if facts.cancelled:
        return State.CANCELLED
    if now < facts.bids_close_at:
        return State.OPEN
    # Sealed bids are revealed while any stands: with none there is nothing to wait for.
    if now < facts.reveals_close_at and (facts.auction is not AuctionKind.SEALED or facts.commitments):
        return State.REVEALING
    if not facts.has_provider:
        return State.EXPIRED
    if not facts.accepted_at:
        return State.LEASED if now < facts.reveals_close_at + facts.delivery_window else State.UNDELIVERED
    if not facts.submitted_at:
        return State.READY if now < facts.accepted_at + facts.execution_window else State.DEFAULTED
    if facts.verified:
        return State.ACCEPTED
    return _under(facts, now, verdict)


def _under(facts: JobFacts, now: int, verdict: Verdict) -> State:
    """Silence accepts when the verification window ends."""
    match verdict:
        case Verdict.ACCEPTED:
            return State.ACCEPTED
        case Verdict.REJECTED:
            return State.REJECTED
        case Verdict.DISPUTED:
            return State.DISPUTED
    return State.SUBMITTED if now < facts.submitted_at + facts.verification_window else State.ACCEPTED


class Turn(NamedTuple):
    """Who moves the job on, by what, and the second at which it is too late (None: no deadline)."""

    who: str  # providers, bidders, provider, replicas, watchers, verifier, anyone, nobody
    move: str
    deadline: int | None


def whose_turn(facts: JobFacts, now: int, verdict: Verdict = Verdict.PENDING) -> Turn:
    """Whose turn it is at `now`. A settled or unknown job is nobody's; a final one can be settled by anyone."""
    current = state(facts, now, verdict)
    if facts.settled_at or current is State.UNKNOWN:
        return Turn("nobody", "", None)
    match current:
        case State.OPEN:
            return Turn("providers", "bid", facts.bids_close_at)
        case State.REVEALING:
            who, move = ("bidders", "reveal") if facts.auction is AuctionKind.SEALED else ("anyone", "draw the awards")
            return Turn(who, move, facts.reveals_close_at)
        case State.LEASED:
            return Turn("provider", "accept", facts.reveals_close_at + facts.delivery_window)
        case State.READY:
            return Turn("provider", "submit", facts.accepted_at + facts.execution_window)
        case State.SUBMITTED:
            return Turn("watchers", "dispute", facts.submitted_at + facts.verification_window)
        case State.DISPUTED:
            return Turn("verifier", "decide", None)
    return Turn("anyone", "settle", None)
