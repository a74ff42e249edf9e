"""Writes settlement.json and job_states.json, which pytest and forge both run: `python tests/vectors/make_market.py`.

Deterministic: the same script gives the same bytes. The expected values come from the definitions themselves, exactly
rational or by search, not from the code under test.
"""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from random import Random
from typing import Any

HERE = Path(__file__).resolve().parent
WHOLE = 10_000


def parts(price: int, fee_bps: int, use_price: int, owner_bps: int, bps: list[int]) -> tuple[int, list[int], int]:
    """Fee, shares and the provider's part, by the definition in rational numbers."""
    fee = max(1, ceil(Fraction(price * fee_bps, WHOLE)))
    part = max(use_price, floor(Fraction(price * owner_bps, WHOLE)))
    parents = [floor(Fraction(part * share, WHOLE)) for share in bps[1:]]
    return fee, [part - sum(parents), *parents], price - fee - part


def fee_parts(fee: int, treasury_bps: int, stakers_bps: int) -> tuple[int, int, int]:
    """Treasury, stakers and what burns, by the definition in rational numbers."""
    treasury, stakers = (floor(Fraction(fee * bps, WHOLE)) for bps in (treasury_bps, stakers_bps))
    return treasury, stakers, fee - treasury - stakers


def least(fee_bps: int, use_price: int) -> int:
    """The least price that covers the fee and the use price, by bisection of a condition that grows with the price."""
    low, high = 0, 2 * use_price + 2
    while low + 1 < high:
        middle = (low + high) // 2
        fee, _, rest = parts(middle, fee_bps, use_price, 0, [0])
        low, high = (low, middle) if rest >= 0 else (middle, high)
    return high


def settlement() -> list[dict[str, Any]]:
    draw = Random("mlm/settlement")
    shares = [[0], [0, 10_000], [0, 1], [0, 3_333, 3_333, 3_334], [0] + [666] * 15, [0, 9_999, 1]]
    rows: list[tuple[int, int, int, list[int], int]] = []
    for fee_bps, use_price, owner_bps in itertools.product((0, 1, 100, 1_000), (0, 1, 99, 10**18), (0, 1, 9_000)):
        rows.append((fee_bps, use_price, owner_bps, shares[len(rows) % len(shares)], len(rows) % 3))
    for _ in range(40):
        count = draw.randrange(16)
        bps = [0] + [draw.randrange(WHOLE // max(1, count) + 1) for _ in range(count)]
        use_price = draw.choice([0, draw.randrange(10**6), draw.randrange(2**100)])
        rows.append((draw.randrange(1_001), use_price, draw.randrange(9_001), bps, draw.choice([0, 1, 2**40, 2**110])))
    divisions = [(0, 0), (5_000, 3_000), (10_000, 0), (0, 10_000), (3_333, 6_667), (1, 1), (9_999, 1)]
    cases = []
    for number, (fee_bps, use_price, owner_bps, bps, above) in enumerate(rows):
        lowest = least(fee_bps, use_price)
        price = lowest + above
        fee, split, provider = parts(price, fee_bps, use_price, owner_bps, bps)
        assert fee + sum(split) + provider == price and provider >= 0
        treasury_bps, stakers_bps = divisions[number % len(divisions)]
        treasury, stakers, burned = fee_parts(fee, treasury_bps, stakers_bps)
        assert treasury + stakers + burned == fee and burned >= 0
        cases.append(
            {
                "price": str(price),
                "feeBps": fee_bps,
                "usePrice": str(use_price),
                "ownerBps": owner_bps,
                "bps": bps,
                "floor": str(lowest),
                "fee": str(fee),
                "shares": [str(share) for share in split],
                "provider": str(provider),
                "treasuryBps": treasury_bps,
                "stakersBps": stakers_bps,
                "treasury": str(treasury),
                "stakers": str(stakers),
                "burned": str(burned),
            }
        )
    return cases


COLUMNS = (
    "postedAt",
    "bidsCloseAt",
    "hasProvider",
    "deliveryWindow",
    "executionWindow",
    "verificationWindow",
    "acceptedAt",
    "submittedAt",
    "cancelled",
    "verified",
    "auction",
    "revealWindow",
    "commitments",
    "now",
    "verdict",
    "state",
)
UNKNOWN, OPEN, REVEALING, LEASED, READY, SUBMITTED, DISPUTED, ACCEPTED, REJECTED = 0, 1, 2, 3, 4, 5, 6, 7, 8
EXPIRED, CANCELLED, UNDELIVERED, DEFAULTED = 9, 10, 11, 12
FIXED, REVERSE, SEALED, DUTCH, BATCH = range(5)
POSTED, CLOSE, DELIVERY, EXECUTION, VERIFICATION, REVEAL = 1_000, 1_600, 300, 900, 3_600, 240


def timeline(start: dict[str, int], spans: list[tuple[int, int | None]], verdict: int = 0) -> list[list[int]]:
    """One row on each side of every edge. `spans` are (state, its end); the last one has none."""
    rows, now = [], start["from"]
    facts = {"postedAt": POSTED, "bidsCloseAt": CLOSE, "deliveryWindow": DELIVERY, "executionWindow": EXECUTION}
    facts |= {"verificationWindow": VERIFICATION} | {key: value for key, value in start.items() if key != "from"}
    for expected, end in spans:
        for at in sorted({now, (end or now + 10**6) - 1}):
            row = facts | {"now": at, "verdict": verdict, "state": expected}
            rows.append([row.get(column, 0) for column in COLUMNS])
        now = end or now
    return rows


def job_states() -> list[list[int]]:
    accepted, submitted = CLOSE + 120, CLOSE + 500
    bid = {"from": POSTED, "hasProvider": 1}
    ready = bid | {"from": accepted, "acceptedAt": accepted}
    done = ready | {"from": submitted, "submittedAt": submitted}
    rows = timeline({"from": 1, "postedAt": 0, "bidsCloseAt": 0}, [(UNKNOWN, None)])
    rows += timeline({"from": POSTED}, [(OPEN, CLOSE), (EXPIRED, None)])
    rows += timeline({"from": POSTED, "cancelled": 1}, [(CANCELLED, CLOSE), (CANCELLED, None)])
    rows += timeline(bid, [(OPEN, CLOSE), (LEASED, CLOSE + DELIVERY), (UNDELIVERED, None)])
    rows += timeline(ready, [(READY, accepted + EXECUTION), (DEFAULTED, None)])
    # A fixed price is taken, or a job awarded, in the second it is posted: no second is Open.
    at_once = bid | {"bidsCloseAt": POSTED}
    rows += timeline(at_once, [(LEASED, POSTED + DELIVERY), (UNDELIVERED, None)])
    window = submitted + VERIFICATION
    rows += timeline(done, [(SUBMITTED, window), (ACCEPTED, None)])
    rows += timeline(done | {"verificationWindow": 0}, [(ACCEPTED, None)])
    for verdict, expected in ((1, ACCEPTED), (2, DISPUTED), (3, REJECTED)):
        rows += timeline(done, [(expected, window), (expected, None)], verdict)
        # Before there is a result no verdict counts.
        rows += timeline(ready, [(READY, accepted + EXECUTION), (DEFAULTED, None)], verdict)
        rows += timeline(bid, [(OPEN, CLOSE), (LEASED, CLOSE + DELIVERY), (UNDELIVERED, None)], verdict)
        # What the verifier accepted at once stays accepted.
        rows += timeline(done | {"verified": 1}, [(ACCEPTED, window), (ACCEPTED, None)], verdict)
    rows += timeline(done | {"verified": 1}, [(ACCEPTED, window), (ACCEPTED, None)])
    return rows + with_reveals()


def with_reveals() -> list[list[int]]:
    """Sealed and batch auctions: between the close of bids and the lease lies a window that may end early."""
    rows, end = [], CLOSE + REVEAL
    leased = [(LEASED, end + DELIVERY), (UNDELIVERED, None)]
    sealed = {"from": POSTED, "auction": SEALED, "revealWindow": REVEAL}
    # Nobody committed, or all withdrew: there is nothing to wait for.
    rows += timeline(sealed, [(OPEN, CLOSE), (EXPIRED, None)])
    # Nobody revealed, or one of two did not.
    rows += timeline(sealed | {"commitments": 2}, [(OPEN, CLOSE), (REVEALING, end), (EXPIRED, None)])
    shown = sealed | {"from": CLOSE, "hasProvider": 1}
    rows += timeline(shown | {"commitments": 1}, [(REVEALING, end), *leased])
    # The last one was revealed at CLOSE + 7, or in the first second.
    for window in (7, 0):
        early = CLOSE + window
        begun = shown | {"from": early, "revealWindow": window}
        rows += timeline(begun, [(LEASED, early + DELIVERY), (UNDELIVERED, None)])
    # Bonds burned after the close change nothing.
    rows += timeline(shown | {"from": end}, leased)
    rows += timeline(sealed | {"from": end}, [(EXPIRED, None)])
    rows += timeline(sealed | {"cancelled": 1}, [(CANCELLED, CLOSE), (CANCELLED, None)])
    accepted = end + 10
    ready = shown | {"from": accepted, "acceptedAt": accepted}
    rows += timeline(ready, [(READY, accepted + EXECUTION), (DEFAULTED, None)])
    batch = {"from": POSTED, "auction": BATCH, "revealWindow": REVEAL}
    rows += timeline(batch, [(OPEN, CLOSE), (REVEALING, end), (EXPIRED, None)])
    # Drawn at CLOSE + 9, or in the first second.
    for window in (9, 0):
        drawn = batch | {"from": CLOSE + window, "hasProvider": 1, "revealWindow": window}
        rows += timeline(drawn, [(LEASED, CLOSE + window + DELIVERY), (UNDELIVERED, None)])
    for kind in (REVERSE, DUTCH):
        rows += timeline({"from": POSTED, "auction": kind}, [(OPEN, CLOSE), (EXPIRED, None)])
    return rows


def locks() -> list[dict[str, Any]]:
    """What a bid locks by tier, and who has it once a challenger has shown that the result is false."""
    draw = Random("mlm/locks")
    prices = [1, 2, 3, 7, 10**18 - 1, 100 * 10**18, 2**127 - 1, *(draw.randrange(1, 2**100) for _ in range(8))]
    rows = []
    for price, lock_bps, min_lock in itertools.product(prices, (0, 1, 2_000, 10_000), (1, 5, 10**19)):
        other = max(min_lock, ceil(Fraction(price * lock_bps, WHOLE)))
        lock = max(other, 2 * price)
        rows.append(
            {
                "maxPrice": str(price),
                "lockBps": lock_bps,
                "minLock": str(min_lock),
                "lock": str(other),
                "optimisticLock": str(lock),
                "challenger": str(lock // 2),
                "burned": str(lock - lock // 2),
            }
        )
    return rows


def render_rows(rows: list[Any]) -> str:
    return ",\n  ".join(json.dumps(row) for row in rows)


def main() -> None:
    cases, bonds = render_rows(settlement()), render_rows(locks())
    head = '{"format": "mlm/vectors/settlement/1"'
    (HERE / "settlement.json").write_text(f'{head}, "cases": [\n  {cases}\n], "locks": [\n  {bonds}\n]}}\n')
    rows = render_rows(job_states())
    head = f'{{"format": "mlm/vectors/job-states/1", "columns": {json.dumps(COLUMNS)}, "rows": [\n  {rows}\n]}}\n'
    (HERE / "job_states.json").write_text(head)


if __name__ == "__main__":
    main()
