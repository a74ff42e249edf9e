"""How the cases of make_auctions.py are written down: moves in short, and the sums that follow from each case."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import Any

FIXED, REVERSE, SEALED, DUTCH = range(4)
OPEN, REVEALING, LEASED = 1, 2, 3
ACCEPTED, EXPIRED, CANCELLED, UNDELIVERED, DEFAULTED = 7, 9, 10, 11, 12
CONSUMER, ALICE, BOB, CAROL, DAVE = range(5)
STAKES = {ALICE: 1_000, BOB: 1_000, CAROL: 100, DAVE: 19}
USE_PRICE, OWNER_BPS, FEE_BPS, TREASURY_BPS, STAKERS_BPS, GAS = 49, 1_000, 100, 5_000, 3_000, 3
BIDDING, REVEAL, DELIVERY, EXECUTION = 600, 300, 240, 900
LAST, CLOSE, END = BIDDING - 1, BIDDING, BIDDING + REVEAL  # last second of bids, close of bids, close of reveals

BID, COMMIT, REVEALS, WITHDRAW, AWARD, CANCEL, BURN, DEPOSIT, LOOK = range(1, 10)
ERRORS = [
    "",
    "AuctionKindUnsuited",
    "BidAlreadyCommitted",
    "BidCommitmentMismatch",
    "BidCommitmentMissing",
    "ConsumerCannotBid",
    "FreeStakeTooLow",
    "JobHasBid",
    "JobHasCommitments",
    "JobHasNoBid",
    "JobInState",
    "NotBestBidder",
    "NotConsumer",
    "PriceAboveClock",
    "PriceAboveMaximum",
    "PriceBelowFloor",
    "PriceNotFixed",
    "PriceNotLower",
    "RevealsStillOpen",
    "WithdrawalTooLate",
]
MOVE_COLUMNS = ("what", "at", "by", "price", "other", "salt", "refused")
MARKET_COLUMNS = (
    "kind",
    "version",
    "maxPrice",
    "startPrice",
    "biddingWindow",
    "revealWindow",
    "deliveryWindow",
    "executionWindow",
    "postedAt",
)
AFTER_COLUMNS = ("at", "state", "leader", "price", "locked1", "locked2", "locked3", "locked4")
AFTER_COLUMNS += ("free1", "free2", "free3", "free4")
END_COLUMNS = ("acceptedAt", "at", "state", "credit0", "credit1", "credit2", "credit3", "credit4")
END_COLUMNS += ("treasury", "stakers", "burned", "free1", "free2", "free3", "free4")

Move = list[int]
CASES: list[dict[str, Any]] = []


def move(what: int, at: int, by: int, price: int = 0, other: int = 0, salt: int = 0, refused: str = "") -> Move:
    return [what, at, by, price, other, salt, ERRORS.index(refused)]


def bid(at: int, by: int, price: int, refused: str = "") -> Move:
    return move(BID, at, by, price, refused=refused)


def commit(at: int, by: int, price: int, salt: int = 1, refused: str = "", bound_to: int | None = None) -> Move:
    return move(COMMIT, at, by, price, by if bound_to is None else bound_to, salt, refused)


def reveal(at: int, by: int, price: int, salt: int = 1, refused: str = "") -> Move:
    return move(REVEALS, at, by, price, salt=salt, refused=refused)


def withdraw(at: int, by: int, refused: str = "") -> Move:
    return move(WITHDRAW, at, by, refused=refused)


def award(at: int, by: int = CONSUMER, refused: str = "") -> Move:
    return move(AWARD, at, by, refused=refused)


def cancel(at: int, by: int = CONSUMER, refused: str = "") -> Move:
    return move(CANCEL, at, by, refused=refused)


def burn(at: int, by: int, bidder: int, refused: str = "") -> Move:
    return move(BURN, at, by, other=bidder, refused=refused)


def look(at: int, state: int) -> Move:
    """The job's state at a time."""
    return move(LOOK, at, 0, state)


def share(amount: int, bps: int) -> int:
    return floor(Fraction(amount * bps, 10_000))


def case(
    name: str,
    kind: int,
    moves: list[Move],
    after: tuple[int, int],  # a time, and the state then
    *,
    leader: int = 0,
    price: int = 0,
    locked: dict[int, int] | None = None,
    burned: dict[int, int] | None = None,  # by the moves
    end: tuple[int, int],  # when the job is settled, in which state
    accepted: int = 0,  # when the leader accepts the input; 0: it does not
    lost: int = 0,  # what the leader loses of its lock at the settlement
    forfeited: dict[int, int] | None = None,  # bonds that are burned after the settlement
    maximum: int = 100,
    start: int = 0,
) -> None:
    """One auction, and what comes of it."""
    locked, gone = locked or {}, dict(burned or {})
    free = [STAKES[who] - locked.get(who, 0) - gone.get(who, 0) for who in STAKES]
    credit = dict.fromkeys(range(5), 0)
    treasury = stakers = 0
    ashes = sum(gone.values()) + sum((forfeited or {}).values()) + lost
    if end[1] == ACCEPTED:
        fee = max(1, ceil(Fraction(price * FEE_BPS, 10_000)))
        treasury, stakers = share(fee, TREASURY_BPS), share(fee, STAKERS_BPS)
        ashes += fee - treasury - stakers
        credit[CONSUMER] = maximum - price
        credit[leader] = price - fee - max(USE_PRICE, share(price, OWNER_BPS))
    elif end[1] == UNDELIVERED:
        treasury = 10
        credit[CONSUMER] = maximum - 10
    elif end[1] == DEFAULTED:
        credit[CONSUMER] = maximum + GAS
        ashes -= GAS
    else:
        credit[CONSUMER] = maximum
    gone |= forfeited or {}
    gone[leader] = gone.get(leader, 0) + lost
    CASES.append(
        {
            "name": name,
            "market": [kind, 1, maximum, start, BIDDING, REVEAL if kind == SEALED else 0, DELIVERY, EXECUTION, 0],
            "moves": moves,
            "after": [*after, leader, price, *(locked.get(who, 0) for who in STAKES), *free],
            "end": [
                accepted,
                *end,
                *credit.values(),
                treasury,
                stakers,
                ashes,
                *(STAKES[who] - gone.get(who, 0) for who in STAKES),
            ],
        }
    )


def nothing(name: str, kind: int, moves: list[Move], at: int = CLOSE, **more: Any) -> None:
    """A case in which nobody holds the lease in the end."""
    case(name, kind, moves, (at, EXPIRED), end=(at, EXPIRED), **more)


def taken(name: str, kind: int, moves: list[Move], at: int, by: int, price: int, **more: Any) -> None:
    """A case in which `by` holds the lease from `at` on, and does the job at once."""
    bond = {SEALED: 100}.get(kind, 20)
    locked = {by: bond} | more.pop("locked", {})
    case(
        name,
        kind,
        moves,
        (at, LEASED),
        leader=by,
        price=price,
        locked=locked,
        accepted=at + 1,
        end=(at + 1, ACCEPTED),
        **more,
    )
