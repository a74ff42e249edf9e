"""The cases of make_auctions.py in which late bids move the close of a reverse auction."""

from __future__ import annotations

from tests.vectors.auction_moves import (
    ALICE,
    BIDDING,
    BOB,
    CLOSE,
    DELIVERY,
    LAST,
    LEASED,
    OPEN,
    REVERSE,
    UNDELIVERED,
    award,
    bid,
    case,
    look,
    taken,
    withdraw,
)

ANSWER = BIDDING // 4  # what a bid leaves the others at least
LATEST = 2 * BIDDING  # when bids end at last


def late() -> None:
    """Bids in a reverse auction that move its close."""
    moves = [bid(0, ALICE, 90), bid(CLOSE - ANSWER, BOB, 80), look(LAST, OPEN)]
    taken("reverse: just early enough to move nothing", REVERSE, [*moves, look(CLOSE, LEASED)], CLOSE, BOB, 80)
    moves = [bid(0, ALICE, 90), bid(CLOSE - ANSWER + 1, BOB, 80), bid(CLOSE, ALICE, 70), look(CLOSE + ANSWER - 1, OPEN)]
    moves += [bid(CLOSE + ANSWER, BOB, 60, "JobInState")]
    taken("reverse: a late bid is answered, late", REVERSE, moves, CLOSE + ANSWER, ALICE, 70)
    moves = [bid(0, ALICE, 90), bid(LAST, ALICE, 80), look(LAST + ANSWER - 1, OPEN)]
    taken("reverse: bettering one's own bid late", REVERSE, moves, LAST + ANSWER, ALICE, 80)
    moves = [bid(LAST + again * (ANSWER - 1), (ALICE, BOB)[again % 2], 90 - again) for again in range(5)]
    moves += [bid(LATEST - 1, BOB, 60), look(LATEST - 1, OPEN), bid(LATEST, ALICE, 59, "JobInState")]
    taken("reverse: as often as it moves, there is a last second", REVERSE, moves, LATEST, BOB, 60)
    moves = [bid(0, ALICE, 90), bid(LAST, BOB, 80), award(CLOSE + 1), bid(CLOSE + 1, ALICE, 70, "JobInState")]
    taken("reverse: awarded after the close has moved", REVERSE, moves, CLOSE + 1, BOB, 80)
    moves = [
        bid(LAST, ALICE, 90),
        withdraw(LAST, ALICE, "WithdrawalTooLate"),
        withdraw(CLOSE, ALICE, "WithdrawalTooLate"),
    ]
    taken("reverse: what moves the close moves no half-time", REVERSE, moves, LAST + ANSWER, ALICE, 90)
    lapsed = LAST + ANSWER + DELIVERY
    case(
        "reverse: won late and not accepted",
        REVERSE,
        [bid(LAST, ALICE, 90), look(lapsed - 1, LEASED)],
        (lapsed, UNDELIVERED),
        leader=ALICE,
        price=90,
        locked={ALICE: 20},
        end=(lapsed, UNDELIVERED),
        lost=10,
    )
