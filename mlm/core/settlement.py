"""How the price of an accepted job is split, to the last base unit.

devnet/contracts/libraries/Settlement.sol computes the same; tests/vectors/settlement.json holds both (docs/job.md).
Amounts are ints in base units, shares basis points. Names say the rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlm.core.errors import UsageError
from mlm.core.money import BASIS_POINTS, Amount, share_down, share_up

MAX_PARENTS = 15
# Where burned tokens are credited and go (devnet/contracts/libraries/Limits.sol).
BURN_ADDRESS = "0x000000000000000000000000000000000000dEaD"


# Of what a provider loses to a challenger, the challenger's share; the rest burns, and is never less than the price and
# the value at risk beyond it, since the lock of a tier with challengers is at least LOCK_TIMES both (Limits.sol).
CHALLENGER_BPS = 5_000
LOCK_TIMES = 2


@dataclass(frozen=True)
class Split:
    """The parts of a price; they sum to it. `shares[0]` is the owner's, the others its parents', in order of `bps`."""

    fee: Amount
    shares: tuple[Amount, ...]
    provider: Amount

    @property
    def total(self) -> Amount:
        """The price that was split."""
        return Amount(self.fee + sum(self.shares) + self.provider)


def fee_up(price: int, fee_bps: int) -> int:
    """Protocol fee: max(1, ceil(price * fee_bps / 10,000))."""
    return max(1, share_up(price, fee_bps))


@dataclass(frozen=True)
class FeeSplit:
    """Who has the protocol fee of an accepted job. `burned` is what a provider's reputation counts."""

    treasury: Amount
    stakers: Amount
    burned: Amount


def split_fee(fee: int, *, treasury_bps: int, stakers_bps: int) -> FeeSplit:
    """Treasury and stakers take their basis points of the fee, rounded down; the rest, dust included, burns.

    Raises UsageError for shares that together pass one whole.
    """
    if min(fee, treasury_bps, stakers_bps) < 0 or treasury_bps + stakers_bps > BASIS_POINTS:
        raise UsageError(f"expected shares of a fee within {BASIS_POINTS}, found {treasury_bps} and {stakers_bps}")
    treasury, stakers = share_down(fee, treasury_bps), share_down(fee, stakers_bps)
    return FeeSplit(Amount(treasury), Amount(stakers), Amount(fee - treasury - stakers))


def lock_up(max_price: int, *, challenged: bool, lock_bps: int, min_lock: int, at_risk: int = 0) -> int:
    """What a bid locks: max(min_lock, ceil(max_price * lock_bps / 10,000)).

    In a tier with challengers at least twice max_price and what is `at_risk` beyond it.
    """
    least = LOCK_TIMES * (max_price + at_risk) if challenged else 0
    return max(min_lock, share_up(max_price, lock_bps), least)


def challenger_part(slashed: int) -> int:
    """A challenger's share of what a provider loses, rounded down; the rest burns."""
    return share_down(slashed, CHALLENGER_BPS)


def owner_part(price: int, use_price: int, owner_bps: int) -> int:
    """What the owner and its parents share: max(use_price, floor(price * owner_bps / 10,000))."""
    return max(use_price, share_down(price, owner_bps))


def kept(price: int, *, fee_bps: int, use_price: int, owner_bps: int) -> int:
    """What a provider keeps of a price; negative below the floor."""
    return price - fee_up(price, fee_bps) - owner_part(price, use_price, owner_bps)


def floor_price(fee_bps: int, use_price: int) -> int:
    """The least price P with fee(P) + owner_part(P) <= P, for any owner_bps <= 10,000 - fee_bps.

    P - ceil(P*f) = floor(P*(1-f)) grows with P, so P >= ceil(use_price / (1-f)); the least fee asks for P > use_price;
    the owner's basis points ask for nothing more. Every price above the floor is payable too.
    """
    rest = BASIS_POINTS - fee_bps
    return max(-(-use_price * BASIS_POINTS // rest), use_price + 1)


def split(price: int, *, fee_bps: int, use_price: int, owner_bps: int, bps: Sequence[int]) -> Split:
    """Split `price`. `bps` are the payees' shares of the owner's part as in a job's snapshot: bps[0] is the owner's own
    entry and is ignored, the owner takes the remainder. Raises UsageError below the floor or for impossible shares.
    """
    if not 1 <= len(bps) <= MAX_PARENTS + 1 or min(bps) < 0 or sum(bps[1:]) > BASIS_POINTS:
        raise UsageError(
            f"expected 1 to {MAX_PARENTS + 1} shares that sum to at most {BASIS_POINTS}, found {list(bps)}"
        )
    if fee_bps < 0 or owner_bps < 0 or fee_bps + owner_bps > BASIS_POINTS or use_price < 0:
        raise UsageError(f"expected fee and owner's share within {BASIS_POINTS}, found {fee_bps} and {owner_bps}")
    least = floor_price(fee_bps, use_price)
    if price < least:
        raise UsageError(f"expected a price of at least {Amount(least)}, found {Amount(price)}")
    fee = fee_up(price, fee_bps)
    part = owner_part(price, use_price, owner_bps)
    parents = [share_down(part, share) for share in bps[1:]]
    owner = part - sum(parents)  # Dust goes to the owner.
    return Split(Amount(fee), tuple(map(Amount, (owner, *parents))), Amount(price - fee - part))
