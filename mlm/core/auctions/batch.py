"""The batch auction: many identical jobs against many offers, cleared at one price (docs/auctions.md). Pure.

devnet/contracts/BatchAuction.sol and its library Ticks compute the same; tests/vectors/batch.json holds both.

Jobs name the most they pay, offers the least they take, both as a tick of one grid of 256 prices. D(t) jobs pay the
price of tick t (their tick is t or more), S(t) units do it for that price (t or less). The volume is max over t of
min(D(t), S(t)), and the clearing tick the least t that reaches it. Winners are the first `volume` jobs by falling tick
and the first `volume` units by rising tick, the earlier first within a tick; the job of rank r gets the unit of rank r.

Why that volume is the efficient quantity: let v(1) >= v(2) >= ... be the jobs' ticks and c(1) <= c(2) <= ... the
units', and V the volume.

1. If v(k) >= c(k), then at t = c(k) there are k jobs and k units, so V >= k.
2. At the clearing tick t there are V jobs and V units, so v(V) >= t >= c(V).

So V is the largest k with v(k) >= c(k). No k jobs and k units give more surplus than v(1) - c(1) + ... + v(k) - c(k),
and these terms never grow: they are at least 0 up to V and below 0 after it. So the surplus of the first V pairs is the
largest there is, and V the most that can be traded without loss. By 2 no winner trades at a loss, since the price lies
between its tick and the other's, and by 1 no loser could trade with another. S first reaches V at c(V), where D reaches
it too by 1: the clearing tick is c(V), the least price at which V units are offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from mlm.core.digest import domain, keccak256, words
from mlm.core.errors import UsageError
from mlm.core.money import Amount

TICKS = 256
MAX_UNITS = 2**32 - 1  # that one tick holds


@dataclass(frozen=True)
class JobClass:
    """What is equal in all jobs of a batch, in the order of the contract's `JobClass`. Windows in seconds."""

    version_id: str  # 0x, 32 bytes
    tier: int
    scheme: int
    start_price: int  # base units: of tick 0
    price_step: int  # base units: from one tick to the next
    bidding_window: int  # a round's length
    reveal_window: int  # from the round's close: awards can be drawn
    delivery_window: int
    execution_window: int
    verification_window: int
    requirements: str  # 0x, 32 bytes
    use_price: int  # base units: the owner's, as its jobs' terms froze it
    owner_bps: int


@dataclass(frozen=True)
class Entry:
    """A job's place in its batch: `position` counts the jobs before it at its tick."""

    id: str
    tick: int
    position: int


@dataclass(frozen=True)
class Offer:
    """An offer's place in its batch: `position` counts the units before its first at its tick."""

    id: str
    tick: int
    position: int
    quantity: int


@dataclass(frozen=True)
class Clearing:
    """The tick whose price all pay, and how many jobs are awarded. Tick 0 and volume 0 where nothing can be traded."""

    tick: int
    volume: int


def class_id(job_class: JobClass, chain_id: int, auction: str) -> bytes:
    """keccak256(abi.encode(H("mlm/batch/1"), chainid, auction, jobClass)); `auction` is the contract's address, 0x."""
    fields = [bytes.fromhex(value[2:]) if isinstance(value, str) else value for value in astuple(job_class)]
    return keccak256(words((domain("mlm/batch/1"), chain_id, int(auction, 16), *fields)))


def batch_id(class_id: bytes, closes_at: int) -> bytes:
    """keccak256(abi.encode(classId, closesAt)): one round of a class."""
    return keccak256(words((class_id, closes_at)))


def offer_id(batch_id: bytes, tick: int, position: int) -> bytes:
    """keccak256(abi.encode(H("mlm/offer/1"), batchId, tick, position)): no two offers start at one unit."""
    return keccak256(words((domain("mlm/offer/1"), batch_id, tick, position)))


def closes_at(now: int, bidding_window: int) -> int:
    """When the round that runs at `now` closes: the next multiple of its length, seconds since 1970."""
    return (now // bidding_window + 1) * bidding_window


def price_at(tick: int, *, start_price: int, price_step: int) -> Amount:
    """The price of a tick in base units. Raises UsageError for no tick, and for a grid that the contract refuses."""
    if start_price < 0 or price_step < 1 or start_price + price_step * (TICKS - 1) >= 2**128:
        raise UsageError(
            f"expected a start price from 0 and a price step from 1 whose tick {TICKS - 1} is below 2^128, "
            f"found {start_price} and {price_step}"
        )
    if not 0 <= tick < TICKS:
        raise UsageError(f"expected a tick from 0 to {TICKS - 1}, found {tick}")
    return Amount(start_price + price_step * tick)


def tick_of(price: int, *, start_price: int, price_step: int) -> int:
    """The tick of a price. Raises UsageError, with the nearest prices of the grid, for one that is none of them."""
    lowest = price_at(0, start_price=start_price, price_step=price_step)
    tick, rest = divmod(price - lowest, price_step)
    if rest or not 0 <= tick < TICKS:
        near = sorted({min(max(step, 0), TICKS - 1) for step in (tick, tick + 1)})
        prices = " or ".join(str(price_at(n, start_price=start_price, price_step=price_step)) for n in near)
        raise UsageError(
            f"expected a price of the grid such as {prices}, found {Amount(price)}",
            hint=f"The grid has {TICKS} prices, from {lowest} in steps of {Amount(price_step)}.",
        )
    return tick


def clear(demand: Sequence[int], supply: Sequence[int]) -> Clearing:
    """Clear by prefix sums, in 256 steps whatever the number of orders. `demand` and `supply` are units by tick."""
    wanted, offered, best = sum(demand), 0, Clearing(0, 0)
    for tick in range(TICKS):
        offered += supply[tick]
        if min(wanted, offered) > best.volume:
            best = Clearing(tick, min(wanted, offered))
        if wanted <= offered:  # Higher ticks are wanted by no more than this one.
            break
        wanted -= demand[tick]
    return best


def job_rank(demand: Sequence[int], tick: int, position: int) -> int:
    """How many jobs go before one: those at higher ticks, and at its own those that entered earlier."""
    return sum(demand[tick + 1 :]) + position


def unit_ranks(supply: Sequence[int], tick: int, position: int, quantity: int) -> range:
    """The ranks of an offer's units: lower ticks go before it, and at its own the units offered earlier."""
    first = sum(supply[:tick]) + position
    return range(first, first + quantity)


def units_by_tick(orders: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Take orders (tick, quantity) in turn: the position of each, and the units by tick that they add up to.

    Raises UsageError for an order that the contract refuses: no tick, no unit, or more than a tick holds.
    """
    positions, units = [], [0] * TICKS
    for tick, quantity in orders:
        if not 0 <= tick < TICKS or quantity < 1:
            raise UsageError(f"expected a tick from 0 to {TICKS - 1} and a quantity from 1, found {tick}, {quantity}")
        if units[tick] + quantity > MAX_UNITS:
            raise UsageError(f"tick {tick}: expected at most {MAX_UNITS - units[tick]} more units, found {quantity}")
        positions.append(units[tick])
        units[tick] += quantity
    return positions, units


def pairing(entries: Sequence[Entry], offers: Sequence[Offer], volume: int) -> list[tuple[Entry, Offer]]:
    """Who does which job, by rank: the first `volume` jobs with the first `volume` units. Raises UsageError where fewer
    jobs or units are given: some of the batch are missing.
    """
    jobs = sorted(entries, key=lambda entry: (-entry.tick, entry.position))
    pairs: list[tuple[Entry, Offer]] = []
    for offer in sorted(offers, key=lambda offer: (offer.tick, offer.position)):
        for entry in jobs[len(pairs) : min(len(pairs) + offer.quantity, volume)]:
            pairs.append((entry, offer))
    if len(pairs) != volume:
        raise UsageError(f"expected {volume} jobs and units, found {len(jobs)} and {sum(o.quantity for o in offers)}")
    return pairs
