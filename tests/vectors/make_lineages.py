"""Writes lineages.json: what 100,000 random lineages are paid, as digests. `python -m tests.vectors.make_lineages`.

A lineage and a price follow from its number, the same way in Python and Solidity; the payments follow from the
definitions, in rational numbers. A digest is over a thousand lineages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from Crypto.Hash import keccak

from tests.vectors.make_market import fee_parts, least, parts

HERE = Path(__file__).resolve().parent
COUNT, CHUNK = 100_000, 1_000
WHOLE = 10_000


class Lineage(NamedTuple):
    """Shares in basis points, amounts in base units. `bps[0]` is the owner's entry, which takes the remainder."""

    fee_bps: int
    owner_bps: int
    treasury_bps: int
    stakers_bps: int
    use_price: int
    above: int  # the price above the floor
    bps: tuple[int, ...]


def digest(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


def lineage(number: int) -> Lineage:
    """Drawn from two words: keccak256 of the number, and keccak256 of that."""
    first = digest(number.to_bytes(32, "big"))
    second = digest(first)

    def draw(word: bytes, at: int, below: int) -> int:
        return int.from_bytes(word[2 * at : 2 * at + 2], "big") % below

    treasury = draw(first, 2, WHOLE + 1)
    parents = draw(first, 4, 16)
    most = WHOLE // max(1, parents)
    return Lineage(
        draw(first, 0, 1_001),
        draw(first, 1, 9_001),
        treasury,
        draw(first, 3, WHOLE + 1 - treasury),
        int.from_bytes(first[16:], "big") >> draw(first, 5, 128),
        int.from_bytes(second[:16], "big") >> draw(first, 6, 128),
        (0, *(draw(second, 15 - index, most + 1) for index in range(parents))),
    )


def paid(drawn: Lineage) -> tuple[int, ...]:
    """Treasury, stakers, what burns of the fee, owner and parents, provider."""
    price = least(drawn.fee_bps, drawn.use_price) + drawn.above
    fee, shares, provider = parts(price, drawn.fee_bps, drawn.use_price, drawn.owner_bps, list(drawn.bps))
    return (*fee_parts(fee, drawn.treasury_bps, drawn.stakers_bps), *shares, provider)


def digests(numbers: int = COUNT) -> Iterator[bytes]:
    """Of each thousand: from 0 on, keccak256 of the digest before and of all amounts, as 32-byte words."""
    for begin in range(0, numbers, CHUNK):
        chain = bytes(32)
        for number in range(begin, begin + CHUNK):
            amounts = paid(lineage(number))
            chain = digest(chain + b"".join(amount.to_bytes(32, "big") for amount in amounts))
        yield chain


def main() -> None:
    rows = ",\n  ".join(json.dumps("0x" + each.hex()) for each in digests())
    head = f'{{"format": "mlm/vectors/lineages/1", "chunk": {CHUNK}, "digests": [\n  {rows}\n]}}\n'
    (HERE / "lineages.json").write_text(head)


if __name__ == "__main__":
    main()
