"""The Bids port in memory."""

from __future__ import annotations

from mlm.core.auctions.kept import KeptBid


class MemoryBids:
    """Bids by commitment; `kept` is open to tests, which lose what they like."""

    def __init__(self) -> None:
        self.kept: dict[bytes, KeptBid] = {}

    def keep(self, bid: KeptBid) -> None:
        """Keep a bid."""
        self.kept[bid.commitment] = bid

    def find(self, commitment: bytes) -> KeptBid | None:
        """The bid that opens a commitment."""
        return self.kept.get(commitment)
