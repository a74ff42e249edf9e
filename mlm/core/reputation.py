"""What settled jobs say of a provider, and what it costs to fake it (docs/reputation.md).

devnet/contracts/Reputation.sol keeps the same numbers. Amounts are ints in base units, shares basis points.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.errors import UsageError
from mlm.core.money import BASIS_POINTS, Amount, share_down
from mlm.core.settlement import split_fee

MOST_STARS = 5


@dataclass(frozen=True)
class Standing:
    """A provider's record, in the order of the contract's `Standing`. Numbers stop at the largest that fits."""

    accepted: int
    rejected: int
    undelivered: int
    defaulted: int
    value: int  # sum of the prices of accepted jobs
    points: int  # sum of what burned of their protocol fees
    rated_points: int  # of those, the ones whose jobs were rated
    star_points: int  # sum of stars times points over rated jobs
    ratings: int

    @property
    def stars(self) -> float | None:
        """The average, each rating weighing the points of its job, rounded down to hundredths; None without any."""
        return self.star_points * 100 // self.rated_points / 100 if self.rated_points else None


@dataclass(frozen=True)
class Forgery:
    """What points cost somebody who is consumer, provider and asset owner at once.

    The price goes round: only the fee is spent, and of it what its own stake earns comes back. `price` must be at hand
    for the time of one job, and as much stake besides as the lock asks for.
    """

    jobs: int
    price: Amount  # of each job
    fee: Amount  # of all jobs
    returned: Amount  # rewards of the forger's own stake
    others: Amount  # royalties that go to others
    cost: Amount


def least_fee(points: int, treasury_bps: int, stakers_bps: int) -> int:
    """The least fee of one job of which `points` burn: burned(F) = F - floor(F * treasury) - floor(F * stakers).

    Raises UsageError for points below 1, or when nothing but dust would burn.
    """
    burn_bps = BASIS_POINTS - treasury_bps - stakers_bps
    if points < 1 or burn_bps <= 0:
        raise UsageError(f"expected points from 1 and a share that burns, found {points} and {burn_bps / 100:g} %")
    # Two floors add less than 2 to the burnt share, so no smaller fee can do; a few steps further one does.
    fee = max(1, -(-(points - 2) * BASIS_POINTS // burn_bps))
    while split_fee(fee, treasury_bps=treasury_bps, stakers_bps=stakers_bps).burned < points:
        fee += 1
    return fee


def forge(
    points: int,
    *,
    fee_bps: int,
    treasury_bps: int,
    stakers_bps: int,
    own_stake_bps: int = 0,
    royalty_bps: int = 0,
    job_cost: int = 0,
) -> Forgery:
    """The cheaper of two ways to fake `points`: one job that is dear enough, or `points` jobs whose fee is one unit.

    own_stake_bps: the forger's share of all stake that earns. royalty_bps: what goes to others of each price, 0 for an
    asset of the forger's own. job_cost: what a job costs besides, in base units: gas. However it is done the cost is at
    least `points`, since so much burns. Of dust all burns, so without gas a unit buys a point; as soon as a job costs a
    few dozen units besides, one dear job is the cheapest.
    """
    dear = _jobs(1, least_fee(points, treasury_bps, stakers_bps), fee_bps, stakers_bps, own_stake_bps, royalty_bps)
    dust = _jobs(points, 1, fee_bps, stakers_bps, own_stake_bps, royalty_bps)
    return min((_with(found, job_cost) for found in (dear, dust) if found is not None), key=lambda found: found.cost)


def _with(found: Forgery, job_cost: int) -> Forgery:
    cost = Amount(found.cost + found.jobs * job_cost)
    return Forgery(found.jobs, found.price, found.fee, found.returned, found.others, cost)


def _jobs(jobs: int, fee: int, fee_bps: int, stakers_bps: int, own_stake_bps: int, royalty_bps: int) -> Forgery | None:
    """`jobs` jobs of this fee each, at the least price that has it; None where no price has."""
    # max(1, ceil(P * f)) = fee holds from P = floor((fee - 1) / f) + 1 on.
    if fee_bps == 0 and fee > 1:
        return None
    price = (fee - 1) * BASIS_POINTS // fee_bps + 1 if fee > 1 else 1
    returned = jobs * share_down(share_down(fee, stakers_bps), own_stake_bps)
    others = jobs * share_down(price, royalty_bps)
    cost = jobs * fee - returned + others
    return Forgery(jobs, Amount(price), Amount(jobs * fee), Amount(returned), Amount(others), Amount(cost))
