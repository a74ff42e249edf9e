"""`mlm asset royalties`: a price in its parts, as a settlement would credit them."""

from __future__ import annotations

import pytest

from mlm.core.errors import UsageError
from mlm.core.job import Reason
from mlm.core.money import Amount
from mlm.ports.bundle import Ports
from mlm.workflows import royalties
from tests.workflows.test_lineage import ANN, ports  # noqa: F401 - a fixture

BOB, TREASURY = "0x" + "b" * 40, "0x" + "7" * 40


@pytest.fixture
def priced(ports: Ports) -> Ports:  # noqa: F811
    chain = ports.chain
    chain.answers |= {  # type: ignore[attr-defined]
        ("AssetRegistry", "royaltyOf"): (2_000, 1_000, (ANN, BOB), (0, 2_500)),
        ("JobMarket", "params"): (100, 2_000, 100, 10, 1, 1, TREASURY, ANN),
        ("FeeShares", "feeShares"): (4_000, 3_000),
    }
    return ports


def amounts(found: royalties.Royalties) -> list[tuple[str, Reason, int]]:
    return [(part.account, part.reason, part.amount) for part in found.parts]


def test_the_parts_of_a_price(priced: Ports) -> None:
    found = royalties.show(priced, "ann/merged", Amount(100_003))
    vault = priced.chain.address_of("StakeVault")
    assert amounts(found) == [
        ("provider", Reason.PAYMENT, 100_003 - 1_001 - 10_000),
        (ANN, Reason.ROYALTY, 7_500),
        (BOB, Reason.ROYALTY, 2_500),
        (TREASURY, Reason.PROTOCOL_FEE, 400),
        (vault, Reason.STAKER_REWARD, 300),
        ("0x000000000000000000000000000000000000dEaD", Reason.BURN, 301),
    ]
    assert sum(part.amount for part in found.parts) == found.price


def test_the_least_price_leaves_a_provider_nothing(priced: Ports) -> None:
    found = royalties.show(priced, "ann/merged", None)
    assert found.price == found.least_price == 2_021  # the use price and a fee of 1 %, rounded up
    assert found.parts[0].amount == 0 and sum(part.amount for part in found.parts) == 2_021
    with pytest.raises(UsageError, match="expected a price of at least"):
        royalties.show(priced, "ann/merged", Amount(2_020))
