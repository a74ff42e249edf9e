"""`mlm wallet withdraw` says what was paid, which may be more than was planned."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mlm.core.credits import CREDITING
from mlm.core.errors import NotFound
from mlm.core.job import AuctionKind
from mlm.workflows import wallet
from mlm.workflows.apply import execute
from tests.jobs.market import BOB, CID, TOKEN, World


def test_what_is_credited_meanwhile_is_paid_and_told() -> None:
    world = World(AuctionKind.FIXED)
    world.credit[BOB] = 2 * TOKEN
    world.chain.answers |= {(name, "creditOf"): 0 for name in CREDITING if name != "JobMarket"}
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


def test_every_contract_that_owes_something_is_drawn_from() -> None:
    world = World(AuctionKind.FIXED)
    world.chain.answers |= {(name, "creditOf"): TOKEN for name in CREDITING}
    world.chain.answers["MarketToken", "balanceOf"] = 0
    for name in CREDITING:
        world.chain.effects[name, "withdraw"] = lambda who, name=name: [
            (name, "Withdrawn", {"account": who, "amount": TOKEN})
        ]
    found = execute(world.ports(BOB), wallet.WITHDRAW, wallet.Withdraw())
    assert [step.title.rpartition("(")[2].rstrip(")") for step in found.steps] == list(CREDITING)
    by_kind = Counter(CREDITING.values())
    assert {kind: getattr(found.result, kind) for kind in by_kind} == {
        kind: count * TOKEN for kind, count in by_kind.items()
    }
    assert found.result.amount == len(CREDITING) * TOKEN


def test_an_older_deployment_owes_nothing_of_what_it_lacks() -> None:
    world = World(AuctionKind.FIXED)
    world.credit[BOB] = 2 * TOKEN
    lacking = {"AttesterSet", "TeeVerifier", "LicenceShop", "LicenceToken"}
    world.chain.answers |= {(name, "creditOf"): 0 for name in CREDITING.keys() - lacking - {"JobMarket"}}
    stands = world.chain.address_of

    def address_of(contract: str) -> str:
        if contract in lacking:
            raise NotFound(f"the deployment has no contract {contract!r}")
        return stands(contract)

    world.chain.address_of = address_of  # type: ignore[method-assign]
    plan = wallet.plan_withdraw(world.ports(BOB), wallet.Withdraw())
    assert plan.facts.total == plan.facts.jobs == 2 * TOKEN and len(plan.steps) == 1
