"""How a worker prices a job: strategies. One of your own is a small class with a method `price` (docs/worker.md).

Pure. Amounts are base units; a strategy speaks of the net amount that the provider keeps, and `price_for` finds the
price that leaves it after the protocol's fee and the owner's part.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from statistics import median_low
from typing import Protocol

from mlm.core.errors import UsageError
from mlm.core.job import AuctionKind, Tier
from mlm.core.money import BASIS_POINTS
from mlm.core.settlement import fee_up, owner_part

HOUR = 3600


@dataclass(frozen=True)
class Ask:
    """What a strategy is asked about. Money in base units.

    `seconds` is what a run on this machine is expected to take, proof included, as measured; `recent` what the last
    accepted jobs of the version paid, newest first.
    """

    asset: str  # handle/name@version
    tier: Tier
    auction: AuctionKind
    max_price: int
    floor: int
    bond: int
    fee_bps: int
    use_price: int
    owner_bps: int
    seconds: float
    recent: tuple[int, ...] = ()

    def price_for(self, net: int) -> int:
        """The least price of which the provider keeps at least `net`."""
        return price_for(net, fee_bps=self.fee_bps, use_price=self.use_price, owner_bps=self.owner_bps)


class Strategy(Protocol):
    """Gives a price, of a Dutch clock or a batch the least that is taken; None leaves the job to others."""

    def price(self, ask: Ask) -> int | None: ...


@dataclass(frozen=True)
class Margin:
    """A fixed cost for each job, and a margin on it in basis points."""

    cost: int
    margin_bps: int

    def price(self, ask: Ask) -> int | None:
        """What leaves cost and margin."""
        return ask.price_for(with_margin(self.cost, self.margin_bps))


@dataclass(frozen=True)
class Throughput:
    """What an hour of this machine costs, by the seconds that a run was measured to take; cost and margin as above."""

    cost: int
    margin_bps: int
    hourly: int

    def price(self, ask: Ask) -> int | None:
        """What leaves the run's share of an hour, the cost, and the margin on both."""
        return ask.price_for(with_margin(self.cost + share_of_hour_up(self.hourly, ask.seconds), self.margin_bps))


@dataclass(frozen=True)
class Market:
    """What others were paid for the same version lately, as long as it covers cost and margin."""

    floor: Throughput
    undercut_bps: int = 100

    def price(self, ask: Ask) -> int | None:
        """A little below the median of recent prices, never below what covers the costs."""
        least = self.floor.price(ask)
        if least is None or not ask.recent:
            return least
        usual = median_low(ask.recent)
        return max(least, usual - usual * self.undercut_bps // BASIS_POINTS)


def named(name: str, *, cost: int, margin_bps: int, hourly: int) -> Strategy:
    """The strategy that ships under this name; raises UsageError."""
    measured = Throughput(cost, margin_bps, hourly)
    found: dict[str, Strategy] = {
        "margin": Margin(cost, margin_bps),
        "throughput": measured,
        "market": Market(measured),
    }
    if name not in found:
        raise UsageError(
            f"expected a strategy of {', '.join(found)}, or FILE.py:CLASS, found {name!r}",
            hint="docs/worker.md shows how to write one.",
        )
    return found[name]


def price_for(net: int, *, fee_bps: int, use_price: int, owner_bps: int) -> int:
    """The least price P with P - fee(P) - owner_part(P) >= net (mlm/core/settlement.py).

    Without rounding it is net / (1 - fee - owner), or (net + use price) / (1 - fee); rounding moves it by a few units,
    among which the least is looked for.
    """
    whole = BASIS_POINTS - fee_bps - owner_bps
    if whole <= 0:
        raise UsageError(f"fee and owner take all of a price: {fee_bps} and {owner_bps} of {BASIS_POINTS}")
    high = max(-(-net * BASIS_POINTS // whole), -(-(net + use_price) * BASIS_POINTS // (BASIS_POINTS - fee_bps))) + 3
    low = max(0, high - 3 - 2 * BASIS_POINTS // whole)
    for price in range(low, high):
        if left(price, fee_bps, use_price, owner_bps) >= net:
            return price
    return high


def left(price: int, fee_bps: int, use_price: int, owner_bps: int) -> int:
    """What a provider keeps of a price; below 0 where it does not cover fee and owner."""
    return price - fee_up(price, fee_bps) - owner_part(price, use_price, owner_bps)


def with_margin(cost: int, margin_bps: int) -> int:
    """Cost and margin, rounded up."""
    return cost + -(-cost * margin_bps // BASIS_POINTS)


def share_of_hour_up(hourly: int, seconds: float) -> int:
    """What so many seconds cost, rounded up, exact whatever the amount."""
    cost = Fraction(seconds) * hourly / HOUR
    return -(-cost.numerator // cost.denominator)
