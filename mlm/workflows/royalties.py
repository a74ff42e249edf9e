"""`mlm asset royalties`: who would be paid what by a job at a price, as the market would split it now."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.job import Reason
from mlm.core.money import Amount
from mlm.core.settlement import BURN_ADDRESS, floor_price, split, split_fee
from mlm.ports.bundle import Ports
from mlm.workflows import price

PROTOCOL_FEE_BPS, TREASURY = 0, 6  # places in the market's params()


@dataclass(frozen=True)
class Part:
    """What one account is paid, and why. The provider's account is known when a job has one."""

    account: str
    reason: Reason
    amount: Amount


@dataclass(frozen=True)
class Royalties:
    """A price in its parts, which sum to it: the fee's, the owner's and parents', the provider's."""

    asset: str
    price: Amount
    least_price: Amount  # that covers the fee and the use price
    parts: tuple[Part, ...]


def show(ports: Ports, text: str, at: Amount | None) -> Royalties:
    """Split `at`, or the least price that a job on this version may have. Raises UsageError for a price below that."""
    now = price.show(ports, text)
    params = ports.chain.call("JobMarket", "params")
    treasury_bps, stakers_bps = ports.chain.call("FeeShares", "feeShares")
    fee_bps = params[PROTOCOL_FEE_BPS]
    least = floor_price(fee_bps, now.use_price)
    asked = least if at is None else at
    bps = [payee.bps for payee in now.payees]
    found = split(asked, fee_bps=fee_bps, use_price=now.use_price, owner_bps=now.royalty_bps, bps=bps)
    fee = split_fee(found.fee, treasury_bps=treasury_bps, stakers_bps=stakers_bps)
    parts = (
        Part("provider", Reason.PAYMENT, found.provider),
        *(Part(payee.account, Reason.ROYALTY, share) for payee, share in zip(now.payees, found.shares, strict=True)),
        Part(params[TREASURY], Reason.PROTOCOL_FEE, fee.treasury),
        Part(ports.chain.address_of("StakeVault"), Reason.STAKER_REWARD, fee.stakers),
        Part(BURN_ADDRESS, Reason.BURN, fee.burned),
    )
    return Royalties(now.asset, Amount(asked), Amount(least), parts)
