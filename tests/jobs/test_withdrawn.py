"""`mlm wallet withdraw` says what was paid, which may be more than was planned."""

from __future__ import annotations

from typing import Any

from mlm.core.job import AuctionKind
from mlm.workflows import wallet
from mlm.workflows.apply import execute
from tests.jobs.market import BOB, CID, TOKEN, World


def test_what_is_credited_meanwhile_is_paid_and_told() -> None:
    world = World(AuctionKind.FIXED)
    world.credit[BOB] = 2 * TOKEN
    world.chain.answers |= {(name, "creditOf"): 0 for name in wallet.LICENCES}
    world.chain.answers |= {("AssetSale", "creditOf"): 3 * TOKEN, ("MarketToken", "balanceOf"): 15 * TOKEN}
    world.chain.answers |= {("PaymentChannels", "creditOf"): 5 * TOKEN}

    def paid(contract: str, amount: int) -> Any:
        """Another's withdrawal in the same transaction is none of bob's."""
        return lambda who: [
            (contract, "Withdrawn", {"account": who, "amount": amount}),
            (contract, "Withdrawn", {"account": CID, "amount": 70 * TOKEN}),
        ]

    world.chain.effects["JobMarket", "withdraw"] = paid("JobMarket", 5 * TOKEN)
    world.chain.effects["AssetSale", "withdraw"] = paid("AssetSale", 4 * TOKEN)
    world.chain.effects["PaymentChannels", "withdraw"] = paid("PaymentChannels", 6 * TOKEN)
    found = execute(world.ports(BOB), wallet.WITHDRAW, wallet.Withdraw()).result
    assert (found.jobs, found.sales, found.earned) == (5 * TOKEN, 4 * TOKEN, 0)
    assert found.channels == 6 * TOKEN
    assert found.amount == 15 * TOKEN == found.tokens
