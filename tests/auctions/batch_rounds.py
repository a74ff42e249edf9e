"""Random batch rounds, drawn from sha256, which the EVM has too: devnet/test/auctions/BatchDifferential.t.sol draws the
same ones and plays them on the real auction, market and vault. Only digests of what came of them are compared.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from mlm.core.auctions import batch
from mlm.core.digest import words
from mlm.core.job import State
from mlm.core.money import share_down, share_up
from tests.auctions.cases import LOCK_BPS, MIN_LOCK, UNDELIVERED_BPS, UNDELIVERED_CAP

FILE = Path(__file__).resolve().parents[2] / "devnet" / "cache" / "differential" / "batch" / "digests.json"
BLOCK = 50  # rounds of a digest
PROVIDERS = 3


class Source:
    """The random numbers of one round, in turn."""

    def __init__(self, number: int) -> None:
        self._seed, self._position = b"mlm/batch" + number.to_bytes(4, "big"), 0

    def below(self, limit: int) -> int:
        """The next number, less than `limit`."""
        found = sha256(self._seed + self._position.to_bytes(4, "big")).digest()
        self._position += 1
        return int.from_bytes(found, "big") % limit


@dataclass(frozen=True)
class Order:
    """A job (provider 0, one unit) or an offer of a provider from 1."""

    provider: int
    tick: int
    quantity: int
    fate: int  # of a job that wins: 0 not drawn, 1 not accepted, else done


def orders_of(source: Source) -> list[Order]:
    """Up to 10 orders: a grid of 1, 4, 16 or 256 ticks at bottom or top; one round in eight has one side only."""
    width = (1, 4, 16, 256)[source.below(4)]
    base = 0 if source.below(2) == 0 else batch.TICKS - width
    side = source.below(16)  # 0: jobs only, 1: offers only
    found = []
    for _ in range(source.below(11)):
        is_job = side == 0 or (side > 1 and source.below(2) == 0)
        provider = 0 if is_job else 1 + source.below(PROVIDERS)
        tick = base + (width - 1 if source.below(8) == 0 else source.below(width))
        found.append(Order(provider, tick, 1 if is_job else 1 + source.below(4), source.below(4)))
    return found


def played(number: int) -> list[int]:
    """What comes of a round by the rule, as it is hashed."""
    source = Source(number)
    start, step = 20 + source.below(10**6), 1 + source.below(1_000)
    orders = orders_of(source)

    def price_at(tick: int) -> int:
        return batch.price_at(tick, start_price=start, price_step=step)

    unit = max(MIN_LOCK, share_up(price_at(batch.TICKS - 1), LOCK_BPS))
    jobs = [i for i, order in enumerate(orders) if order.provider == 0]
    offers = [i for i, order in enumerate(orders) if order.provider]
    wanted, demand = batch.units_by_tick([(orders[i].tick, 1) for i in jobs])
    offered, supply = batch.units_by_tick([(orders[i].tick, orders[i].quantity) for i in offers])
    cleared = batch.clear(demand, supply)
    entries = [batch.Entry(str(i), orders[i].tick, at) for i, at in zip(jobs, wanted, strict=True)]
    placed = [
        batch.Offer(str(i), orders[i].tick, at, orders[i].quantity) for i, at in zip(offers, offered, strict=True)
    ]
    winners = {int(entry.id): int(offer.id) for entry, offer in batch.pairing(entries, placed, cleared.volume)}

    reserved, locked, lost = ([0] * PROVIDERS for _ in range(3))
    for i in offers:
        reserved[orders[i].provider - 1] += unit * orders[i].quantity
    found = [cleared.tick, cleared.volume, *reserved]
    ends = []
    for i in jobs:
        top = price_at(orders[i].tick)
        fee = min(UNDELIVERED_CAP, share_down(top, UNDELIVERED_BPS))
        paid, state, fate = 0, State.EXPIRED, orders[i].fate
        if i in winners and fate:
            provider = orders[winners[i]].provider - 1
            reserved[provider] -= unit
            locked[provider] += max(MIN_LOCK, share_up(top, LOCK_BPS))
            state, paid = State.ACCEPTED, price_at(cleared.tick)
            if fate == 1:
                state, paid = State.UNDELIVERED, fee
                lost[provider] += fee
        ends += [winners.get(i, -1) + 1, state, top - paid]
    return [*found, *reserved, *locked, *ends, *lost]


def digests(count: int) -> list[str]:
    """sha256 of what comes of each BLOCK of rounds."""
    return [
        "0x" + sha256(b"".join(words(played(n)) for n in range(first, first + BLOCK))).hexdigest()
        for first in range(0, count, BLOCK)
    ]


def write(count: int) -> None:
    """Write the digests for forge."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps({"digests": digests(count)}))
