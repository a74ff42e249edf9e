"""Parts sum to the whole in 100,000 random lineages; devnet/test/SettlementLineages.t.sol pays the same ones."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

from mlm.core.settlement import fee_up, floor_price, split, split_fee
from tests.vectors import make_lineages
from tests.vectors.make_lineages import CHUNK, COUNT, Lineage, digest, lineage

DIGESTS = json.loads((Path(make_lineages.HERE) / "lineages.json").read_text())["digests"]


def paid(drawn: Lineage) -> tuple[int, ...]:
    price = floor_price(drawn.fee_bps, drawn.use_price) + drawn.above
    found = split(price, fee_bps=drawn.fee_bps, use_price=drawn.use_price, owner_bps=drawn.owner_bps, bps=drawn.bps)
    assert found.fee == fee_up(price, drawn.fee_bps)
    fee = split_fee(found.fee, treasury_bps=drawn.treasury_bps, stakers_bps=drawn.stakers_bps)
    amounts = (fee.treasury, fee.stakers, fee.burned, *found.shares, found.provider)
    assert sum(amounts) == price and min(amounts) >= 0, drawn
    return amounts


def test_parts_sum_to_the_whole_in_100_000_lineages() -> None:
    for index, expected in enumerate(DIGESTS):
        chain = bytes(32)
        for number in range(index * CHUNK, (index + 1) * CHUNK):
            chain = digest(chain + b"".join(amount.to_bytes(32, "big") for amount in paid(lineage(number))))
        assert "0x" + chain.hex() == expected, f"lineages from {index * CHUNK:,} on"
    assert len(DIGESTS) * CHUNK == COUNT == 100_000


def test_the_lineages_are_not_all_alike() -> None:
    drawn = [lineage(number) for number in range(5_000)]
    assert {len(each.bps) for each in drawn} == set(range(1, 17))
    assert min(each.use_price for each in drawn) == 0 and max(each.use_price for each in drawn) > 2**120
    assert {0, 1_000} <= {each.fee_bps for each in drawn}
    assert sum(1 for each in drawn if sum(each.bps) > 5_000) > 500


def test_the_digests_are_what_the_definitions_give() -> None:
    assert ["0x" + each.hex() for each in islice(make_lineages.digests(), 2)] == DIGESTS[:2]
