"""What opens the sealed bids of this machine's accounts: lost, a bid cannot be revealed and its bond burns."""

from typing import Protocol

from mlm.core.auctions.kept import KeptBid


class Bids(Protocol):
    """For this user's eyes alone. Nothing kept is ever removed: it is small, and a reorganisation may ask for it."""

    def keep(self, bid: KeptBid) -> None:
        """Write a bid down, durably before this returns; again changes nothing. Raises StorageError."""

    def find(self, commitment: bytes) -> KeptBid | None:
        """The bid that opens a commitment, None where this machine has none. Raises InvalidData, StorageError."""
