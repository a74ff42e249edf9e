"""What opens a sealed bid: known to the bidder alone until it is revealed, and worth its whole bond. Pure.

The salt follows from the bidder's key, so that a lost disk costs nothing: keccak256 of a signature (EIP-712) that is
never published. Signatures are deterministic (RFC 6979), so that the same key finds the same salt again. Each price has
a salt of its own: what one bid reveals opens no other that was withdrawn before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mlm.core.auctions.sealed import commitment
from mlm.core.digest import keccak256

TYPES = {"SealedBidSalt": [{"name": "job", "type": "bytes32"}, {"name": "price", "type": "uint256"}]}


@dataclass(frozen=True)
class KeptBid:
    """A sealed bid whole. `price` in base units; the salt has 32 bytes."""

    chain_id: int
    market: str
    job_id: str
    bidder: str
    price: int = field(repr=False)
    salt: bytes = field(repr=False)

    @property
    def commitment(self) -> bytes:
        """What the chain is shown of it while bids are open."""
        return commitment(self.chain_id, self.market, self.job_id, self.bidder, self.price, self.salt)


def domain(chain_id: int, market: str) -> dict[str, Any]:
    """The EIP-712 domain of the signature behind a salt: bound to chain and market."""
    return {"name": "mlm sealed bid", "version": "2", "chainId": chain_id, "verifyingContract": market}


def message(job_id: str, price: int) -> dict[str, Any]:
    """The EIP-712 message of the signature behind a salt; `price` in base units."""
    return {"job": bytes.fromhex(job_id[2:]), "price": price}


def salt_of(signature: bytes) -> bytes:
    """The salt that a signature gives. Whoever knows the signature can guess the price: it never leaves the machine."""
    return keccak256(signature)
