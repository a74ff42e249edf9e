"""Writes auctions.json, which pytest and forge both run: `python -m tests.vectors.make_auctions`.

Every case was chosen by hand, and so was what comes of it: who leads, at what price, whose stake is locked, what
burns. Only the sums that follow, such as free stake and the split of a price, are computed, from the definitions of
docs/job.md.

All cases play in one world: the version's floor is 50 and its use price 49; a bid locks a fifth of the maximum price,
at least 10; not accepting costs a tenth of it, at most 10; a defaulter pays the consumer 3 for gas. Half of the
protocol fee, which is a hundredth, goes to the treasury, three tenths to stakers, and the rest burns.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tests.vectors.auction_moves import (
    AFTER_COLUMNS,
    ALICE,
    BIDDING,
    BOB,
    CANCELLED,
    CAROL,
    CASES,
    CLOSE,
    CONSUMER,
    DAVE,
    DEFAULTED,
    DELIVERY,
    DUTCH,
    END,
    END_COLUMNS,
    ERRORS,
    EXECUTION,
    EXPIRED,
    FIXED,
    LAST,
    LEASED,
    MARKET_COLUMNS,
    MOVE_COLUMNS,
    OPEN,
    REVEALING,
    REVERSE,
    SEALED,
    STAKES,
    UNDELIVERED,
    Move,
    award,
    bid,
    burn,
    cancel,
    case,
    commit,
    look,
    nothing,
    reveal,
    taken,
    withdraw,
)
from tests.vectors.late_bids import ANSWER, late

HALF, TOO_LATE = BIDDING // 2, "WithdrawalTooLate"
HERE = Path(__file__).resolve().parent


def fixed() -> None:
    taken("fixed: taken in the first second", FIXED, [bid(0, ALICE, 100)], 0, ALICE, 100)
    moves = [look(LAST, OPEN), bid(LAST, ALICE, 100), look(LAST, LEASED)]
    taken("fixed: taken in the last second", FIXED, moves, LAST, ALICE, 100)
    nothing("fixed: too late by a second", FIXED, [bid(CLOSE, ALICE, 100, "JobInState")])
    moves = [bid(1, ALICE, 99, "PriceNotFixed"), bid(1, ALICE, 49, "PriceBelowFloor")]
    moves += [bid(1, ALICE, 101, "PriceAboveMaximum"), bid(1, ALICE, 50, "PriceNotFixed"), bid(1, BOB, 100)]
    taken("fixed: the price is taken as it is", FIXED, moves, 1, BOB, 100)
    moves = [bid(5, ALICE, 100), bid(5, BOB, 100, "JobInState"), cancel(5, refused="JobInState")]
    taken("fixed: the first of two in one second", FIXED, moves, 5, ALICE, 100)
    moves = [bid(5, ALICE, 100), award(5, refused="JobInState"), withdraw(5, ALICE, "JobInState")]
    taken("fixed: nothing moves once it is taken", FIXED, moves, 5, ALICE, 100)
    moves = [bid(5, CONSUMER, 100, "ConsumerCannotBid"), award(6, refused="JobHasNoBid")]
    moves += [award(6, BOB, "NotConsumer"), commit(7, ALICE, 100, refused="AuctionKindUnsuited")]
    moves += [withdraw(8, ALICE, "NotBestBidder"), reveal(9, ALICE, 100, refused="JobInState")]
    nothing("fixed: what does not belong to it", FIXED, moves)
    moves = [bid(0, DAVE, 100, "FreeStakeTooLow"), bid(0, CAROL, 100)]
    taken("fixed: stake for the lock", FIXED, moves, 0, CAROL, 100)
    moves = [bid(0, CAROL, 501, "FreeStakeTooLow")]
    nothing("fixed: a fifth of the maximum, rounded up, is more than all stake", FIXED, moves, maximum=501)
    case(
        "fixed: a fifth of the maximum is all stake",
        FIXED,
        [bid(0, CAROL, 500)],
        (0, LEASED),
        leader=CAROL,
        price=500,
        locked={CAROL: 100},
        end=(DELIVERY, UNDELIVERED),
        lost=10,
        maximum=500,
    )
    case(
        "fixed: at the floor the least lock stands, and a tenth of the maximum is the fee",
        FIXED,
        [bid(0, DAVE, 50)],
        (0, LEASED),
        leader=DAVE,
        price=50,
        locked={DAVE: 10},
        accepted=1,
        end=(1 + EXECUTION, DEFAULTED),
        lost=10,
        maximum=50,
    )
    moves = [cancel(0, ALICE, "NotConsumer"), cancel(LAST)]
    case("fixed: cancelled in the last second", FIXED, moves, (CLOSE, CANCELLED), end=(CLOSE, CANCELLED))
    nothing("fixed: cancelled too late", FIXED, [cancel(CLOSE, refused="JobInState")])
    moves = [bid(7, ALICE, 100), look(7 + DELIVERY - 1, LEASED), look(7 + DELIVERY, UNDELIVERED)]
    case(
        "fixed: taken and not accepted",
        FIXED,
        moves,
        (7 + DELIVERY, UNDELIVERED),
        leader=ALICE,
        price=100,
        locked={ALICE: 20},
        end=(7 + DELIVERY, UNDELIVERED),
        lost=10,
    )
    case(
        "fixed: accepted and not done",
        FIXED,
        [bid(7, ALICE, 100)],
        (7, LEASED),
        leader=ALICE,
        price=100,
        locked={ALICE: 20},
        accepted=9,
        end=(9 + EXECUTION, DEFAULTED),
        lost=20,
    )


def reverse() -> None:
    moves = [bid(0, ALICE, 100), bid(0, BOB, 100, "PriceNotLower"), bid(1, BOB, 99), look(LAST, OPEN)]
    taken("reverse: lower by one unit", REVERSE, [*moves, look(CLOSE, LEASED)], CLOSE, BOB, 99)
    moves = [bid(0, ALICE, 51), bid(LAST, BOB, 50), bid(LAST, ALICE, 50, "PriceNotLower")]
    taken("reverse: the floor in the last second", REVERSE, moves, LAST + ANSWER, BOB, 50)
    moves = [bid(0, ALICE, 80), bid(CLOSE, BOB, 70, "JobInState")]
    taken("reverse: too late by a second", REVERSE, moves, CLOSE, ALICE, 80)
    moves = [bid(0, ALICE, 49, "PriceBelowFloor"), bid(0, ALICE, 101, "PriceAboveMaximum"), bid(0, ALICE, 100)]
    taken("reverse: between the floor and the maximum", REVERSE, moves, CLOSE, ALICE, 100)
    moves = [bid(0, ALICE, 90), bid(1, ALICE, 90, "PriceNotLower"), bid(2, ALICE, 60)]
    taken("reverse: bettering one's own bid keeps one lock", REVERSE, moves, CLOSE, ALICE, 60)
    moves = [bid(0, ALICE, 90), bid(0, DAVE, 80, "FreeStakeTooLow"), bid(0, BOB, 85)]
    taken("reverse: a bid that cannot lock changes nothing", REVERSE, moves, CLOSE, BOB, 85)
    moves = [bid(3, ALICE, 90), award(4, ALICE, "NotConsumer"), award(4), bid(4, BOB, 80, "JobInState")]
    taken("reverse: awarded early", REVERSE, moves, 4, ALICE, 90)
    taken("reverse: awarded in the second of the bid", REVERSE, [bid(3, ALICE, 90), award(3)], 3, ALICE, 90)
    moves = [award(0, refused="JobHasNoBid"), bid(1, ALICE, 90), award(CLOSE, refused="JobInState")]
    taken("reverse: awarded too early and too late", REVERSE, moves, CLOSE, ALICE, 90)
    moves = [bid(0, ALICE, 90), withdraw(1, BOB, "NotBestBidder"), withdraw(1, ALICE), look(1, OPEN)]
    nothing("reverse: withdrawn, for the fee", REVERSE, moves, burned={ALICE: 10})
    moves = [bid(0, ALICE, 90), bid(1, BOB, 70), withdraw(2, ALICE, "NotBestBidder"), withdraw(2, BOB)]
    moves += [withdraw(2, BOB, "NotBestBidder"), bid(3, CAROL, 100)]
    taken("reverse: whom the withdrawn bid had outbid is gone", REVERSE, moves, CLOSE, CAROL, 100, burned={BOB: 10})
    moves = [bid(0, ALICE, 60), withdraw(HALF - 1, ALICE), bid(HALF - 1, ALICE, 95), withdraw(HALF, ALICE, TOO_LATE)]
    taken("reverse: withdrawn before half-time, and bid anew", REVERSE, moves, CLOSE, ALICE, 95, burned={ALICE: 10})
    moves = [bid(0, ALICE, 60), withdraw(HALF, ALICE, TOO_LATE), withdraw(LAST, ALICE, TOO_LATE)]
    taken("reverse: withdrawn at half-time, or in the last second", REVERSE, moves, CLOSE, ALICE, 60)
    moves = [bid(0, ALICE, 90), withdraw(CLOSE, ALICE, "JobInState")]
    taken("reverse: withdrawn too late", REVERSE, moves, CLOSE, ALICE, 90)
    moves = [bid(0, ALICE, 90), cancel(1, refused="JobHasBid"), withdraw(2, ALICE), cancel(3)]
    end = (3, CANCELLED)
    case("reverse: cancelled once nobody bids any more", REVERSE, moves, end, burned={ALICE: 10}, end=end)
    moves = [bid(0, CONSUMER, 90, "ConsumerCannotBid"), reveal(0, ALICE, 90, refused="JobInState")]
    moves += [burn(0, ALICE, BOB, "BidCommitmentMissing"), commit(0, ALICE, 90, refused="AuctionKindUnsuited")]
    moves += [withdraw(0, ALICE, "NotBestBidder"), cancel(0, BOB, "NotConsumer")]
    nothing("reverse: what does not belong to it", REVERSE, moves)
    moves = [bid(0, ALICE, 90), look(CLOSE + DELIVERY - 1, LEASED)]
    case(
        "reverse: won and not accepted",
        REVERSE,
        moves,
        (CLOSE + DELIVERY, UNDELIVERED),
        leader=ALICE,
        price=90,
        locked={ALICE: 20},
        end=(CLOSE + DELIVERY, UNDELIVERED),
        lost=10,
    )


def sealed() -> None:
    two = [commit(0, ALICE, 60), commit(LAST, BOB, 70)]
    moves = [*two, look(CLOSE, REVEALING), reveal(CLOSE, ALICE, 60), reveal(END - 1, BOB, 70)]
    taken("sealed: the lowest is paid the second lowest", SEALED, moves, END - 1, ALICE, 70)
    moves = [*two, reveal(CLOSE, BOB, 70), look(CLOSE, REVEALING), reveal(CLOSE, ALICE, 60), look(CLOSE, LEASED)]
    taken("sealed: in any order, and over with the last reveal", SEALED, moves, CLOSE, ALICE, 70)
    moves = [commit(0, ALICE, 60), commit(0, BOB, 60), reveal(CLOSE, BOB, 60), reveal(CLOSE, ALICE, 60)]
    taken("sealed: of equals the first revealed, at its own price", SEALED, moves, CLOSE, BOB, 60)
    moves = [commit(0, ALICE, 50), look(CLOSE, REVEALING), reveal(CLOSE, ALICE, 50)]
    taken("sealed: alone it is paid the maximum", SEALED, moves, CLOSE, ALICE, 100)
    three = [commit(0, ALICE, 90), commit(0, BOB, 50), commit(0, CAROL, 80)]
    moves = [*three, reveal(CLOSE, ALICE, 90), reveal(CLOSE + 1, CAROL, 80), reveal(CLOSE + 2, BOB, 50)]
    taken("sealed: each better than the one before", SEALED, moves, CLOSE + 2, BOB, 80)
    moves = [*three, reveal(CLOSE, BOB, 50), reveal(CLOSE + 1, ALICE, 90), reveal(CLOSE + 2, CAROL, 80)]
    taken("sealed: the price falls with each that loses", SEALED, moves, CLOSE + 2, BOB, 80)
    moves = [*three, reveal(CLOSE, CAROL, 80), reveal(CLOSE + 1, BOB, 50), reveal(CLOSE + 2, ALICE, 90)]
    taken("sealed: a third changes nothing", SEALED, moves, CLOSE + 2, BOB, 80)
    moves = [commit(0, ALICE, 100), commit(0, BOB, 100), reveal(CLOSE, ALICE, 100), reveal(CLOSE, BOB, 100)]
    taken("sealed: all at the maximum", SEALED, moves, CLOSE, ALICE, 100)

    moves = [*two, reveal(CLOSE - 1, ALICE, 60, refused="JobInState"), reveal(END - 1, ALICE, 60)]
    moves += [look(END - 1, REVEALING), look(END, LEASED), reveal(END, BOB, 70, refused="JobInState")]
    taken(
        "sealed: revealed too early, and too late by a second",
        SEALED,
        moves,
        END,
        ALICE,
        100,
        locked={BOB: 100},
        forfeited={BOB: 100},
    )
    moves = [*two, burn(LAST, CAROL, BOB, "RevealsStillOpen"), reveal(CLOSE, ALICE, 60)]
    moves += [burn(END - 1, CAROL, BOB, "RevealsStillOpen"), burn(END, CAROL, BOB)]
    moves += [burn(END, CAROL, BOB, "BidCommitmentMissing"), burn(END, CAROL, ALICE, "BidCommitmentMissing")]
    taken("sealed: an unrevealed bond burns whole, once", SEALED, moves, END, ALICE, 100, burned={BOB: 100})
    moves = [*two, look(END - 1, REVEALING), look(END, EXPIRED), burn(END, BOB, BOB)]
    nothing(
        "sealed: nobody reveals",
        SEALED,
        moves,
        END,
        locked={ALICE: 100},
        burned={BOB: 100},
        forfeited={ALICE: 100},
    )
    nothing("sealed: nobody bids, and it is over at the close of bids", SEALED, [look(LAST, OPEN)])
    moves = [commit(0, ALICE, 60), withdraw(LAST, ALICE), look(LAST, OPEN), look(CLOSE, EXPIRED)]
    nothing("sealed: all withdrawn, at no cost", SEALED, moves)
    moves = [commit(0, ALICE, 60), withdraw(1, ALICE), withdraw(1, ALICE, "BidCommitmentMissing")]
    moves += [commit(2, ALICE, 75, 2), reveal(CLOSE, ALICE, 60, 1, "BidCommitmentMismatch")]
    moves += [reveal(CLOSE, ALICE, 75, 2)]
    taken("sealed: withdrawn and committed anew", SEALED, moves, CLOSE, ALICE, 100)
    moves = [commit(0, ALICE, 60), commit(1, ALICE, 55, 2, "BidAlreadyCommitted"), withdraw(CLOSE, ALICE, "JobInState")]
    moves += [reveal(CLOSE, ALICE, 55, 2, "BidCommitmentMismatch"), reveal(CLOSE, ALICE, 60)]
    taken("sealed: one commitment of each", SEALED, moves, CLOSE, ALICE, 100)
    moves = [commit(0, ALICE, 60), reveal(CLOSE, ALICE, 60, 2, "BidCommitmentMismatch")]
    moves += [
        reveal(CLOSE, ALICE, 61, 1, "BidCommitmentMismatch"),
        reveal(CLOSE, BOB, 60, refused="BidCommitmentMissing"),
    ]
    moves += [reveal(CLOSE, ALICE, 60), reveal(CLOSE, ALICE, 60, refused="JobInState")]
    taken("sealed: as committed, and once", SEALED, moves, CLOSE, ALICE, 100)
    moves = [commit(0, ALICE, 60), commit(0, BOB, 60, bound_to=ALICE), reveal(CLOSE, ALICE, 60)]
    moves += [reveal(CLOSE, BOB, 60, refused="BidCommitmentMismatch"), look(END, LEASED)]
    taken(
        "sealed: a copied commitment cannot be revealed",
        SEALED,
        moves,
        END,
        ALICE,
        100,
        locked={BOB: 100},
        forfeited={BOB: 100},
    )
    moves = [commit(0, ALICE, 49), commit(0, BOB, 101), reveal(CLOSE, ALICE, 49, refused="PriceBelowFloor")]
    moves += [reveal(CLOSE, BOB, 101, refused="PriceAboveMaximum"), look(END, EXPIRED)]
    nothing(
        "sealed: prices out of bounds cannot be revealed",
        SEALED,
        moves,
        END,
        locked={ALICE: 100, BOB: 100},
        forfeited={ALICE: 100, BOB: 100},
    )
    moves = [commit(0, CONSUMER, 60, refused="ConsumerCannotBid"), commit(0, DAVE, 60, refused="FreeStakeTooLow")]
    moves += [bid(0, ALICE, 60, "AuctionKindUnsuited"), commit(0, CAROL, 60), award(1, refused="JobHasNoBid")]
    moves += [cancel(1, refused="JobHasCommitments"), withdraw(1, CAROL), cancel(1)]
    case("sealed: a bond of all stake; cancelled once withdrawn", SEALED, moves, (1, CANCELLED), end=(1, CANCELLED))
    moves = [commit(0, ALICE, 60), commit(CLOSE, BOB, 60, refused="JobInState"), cancel(CLOSE, refused="JobInState")]
    moves += [award(CLOSE, refused="JobInState"), reveal(CLOSE, ALICE, 60)]
    taken("sealed: only reveals once bids are closed", SEALED, moves, CLOSE, ALICE, 100)
    won = {"leader": ALICE, "price": 70, "locked": {ALICE: 100}}
    moves = [*two, reveal(CLOSE, ALICE, 60), reveal(CLOSE + 5, BOB, 70), look(CLOSE + 5 + DELIVERY - 1, LEASED)]
    end = (CLOSE + 5 + DELIVERY, UNDELIVERED)
    case("sealed: the winner does not accept", SEALED, moves, end, end=end, lost=10, **won)
    end = (CLOSE + 9 + EXECUTION, DEFAULTED)
    moves = moves[:-1]
    case(
        "sealed: a default burns the lock, not the bond",
        SEALED,
        moves,
        (CLOSE + 5, LEASED),
        accepted=CLOSE + 9,
        end=end,
        lost=20,
        **won,
    )
    moves = [*two, reveal(CLOSE, ALICE, 60), look(END + DELIVERY - 1, LEASED)]
    end = (END + DELIVERY, UNDELIVERED)
    won |= {"price": 100, "locked": {ALICE: 100, BOB: 100}}
    case(
        "sealed: delivery counts from the close of reveals",
        SEALED,
        moves,
        end,
        end=end,
        lost=10,
        forfeited={BOB: 100},
        **won,
    )


def dutch() -> None:
    """From 60 to 100 in 600 seconds: a unit each 15 seconds."""

    def won(name: str, moves: list[Move], at: int, by: int, price: int, start: int = 60) -> None:
        taken(f"dutch: {name}", DUTCH, moves, at, by, price, start=start)

    won("the start price in the first second", [bid(0, ALICE, 60)], 0, ALICE, 60)
    moves = [bid(0, ALICE, 61, "PriceAboveClock"), bid(14, ALICE, 61, "PriceAboveClock"), bid(15, BOB, 61)]
    won("rounded down", moves, 15, BOB, 61)
    won("less is asked than is offered", [bid(300, ALICE, 50)], 300, ALICE, 80)
    moves = [bid(300, ALICE, 81, "PriceAboveClock"), bid(300, BOB, 80), bid(300, ALICE, 50, "JobInState")]
    won("the first that the clock suits", moves, 300, BOB, 80)
    moves = [bid(LAST, ALICE, 100, "PriceAboveClock"), bid(LAST, ALICE, 99)]
    won("the last second stands below the maximum", moves, LAST, ALICE, 99)
    nothing("dutch: too late by a second", DUTCH, [bid(CLOSE, ALICE, 50, "JobInState")], start=60)
    won("a clock that stands", [bid(17, ALICE, 100)], 17, ALICE, 100, start=100)
    moves = [bid(0, ALICE, 51, "PriceAboveClock"), bid(11, ALICE, 51, "PriceAboveClock"), bid(12, ALICE, 51)]
    won("from the floor", moves, 12, ALICE, 51, start=50)
    won("who asks less than the floor gets the clock's price", [bid(0, ALICE, 0)], 0, ALICE, 60)
    moves = [bid(300, ALICE, 101, "PriceAboveClock")]
    moves += [bid(300, CONSUMER, 60, "ConsumerCannotBid"), bid(300, DAVE, 60, "FreeStakeTooLow")]
    moves += [award(300, refused="JobHasNoBid"), bid(301, CAROL, 80)]
    won("maximum, consumer and stake", moves, 301, CAROL, 80)
    moves = [withdraw(0, ALICE, "NotBestBidder"), commit(0, ALICE, 60, refused="AuctionKindUnsuited")]
    moves += [cancel(1)]
    case("dutch: cancelled", DUTCH, moves, (1, CANCELLED), end=(1, CANCELLED), start=60)
    case(
        "dutch: taken, accepted and not done",
        DUTCH,
        [bid(150, ALICE, 70)],
        (150, LEASED),
        leader=ALICE,
        price=70,
        locked={ALICE: 20},
        accepted=150 + DELIVERY - 1,
        end=(150 + DELIVERY - 1 + EXECUTION, DEFAULTED),
        lost=20,
        start=60,
    )


def commitments() -> list[list[str]]:
    """Chain, market, job, bidder, price, salt and the commitment to them, by another implementation of ABI and hash."""
    types = ("bytes32", "uint256", "address", "bytes32", "address", "uint128", "bytes32")
    base = (31337, "0x" + "c0" * 20, "0x" + "11" * 32, "0x" + "a1" * 20, 10**18, "0x" + "5a" * 32)
    others = (1, "0x" + "c1" * 20, "0x" + "12" * 32, "0x" + "b0" * 20, 10**18 - 1, "0x" + "5b" * 32)
    found = []
    for changed in range(len(base) + 1):
        row = (*base[:changed], *others[changed : changed + 1], *base[changed + 1 :])
        chain, market, job, bidder, price, salt = row
        domain, job_id, secret = keccak(text="mlm/bid/1"), bytes.fromhex(job[2:]), bytes.fromhex(salt[2:])
        values = (domain, chain, market, job_id, bidder, price, secret)
        found.append([hex(chain), market, job, bidder, hex(price), salt, "0x" + keccak(encode(types, values)).hex()])
    return found


def rows(values: list[Any]) -> str:
    return ",\n  ".join(json.dumps(value) for value in values)


def main() -> None:
    CASES.clear()
    for kind in (fixed, reverse, late, sealed, dutch):
        kind()
    columns = {"market": MARKET_COLUMNS, "moves": MOVE_COLUMNS, "after": AFTER_COLUMNS, "end": END_COLUMNS}
    head = {"format": "mlm/vectors/auctions/1", "columns": columns, "errors": ERRORS, "stakes": list(STAKES.values())}
    text = json.dumps(head)[:-1]
    text += f', "commitments": [\n  {rows(commitments())}\n], "cases": [\n  {rows(CASES)}\n]}}\n'
    (HERE / "auctions.json").write_text(text)


if __name__ == "__main__":
    main()
