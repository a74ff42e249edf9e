"""Where a payee keeps the vouchers that it was given and can claim: before it answers, so that no crash loses one."""

from typing import Protocol

from mlm.core.channel import SignedVoucher


class Received(Protocol):
    """`channel claim` reads it; `mlm serve` writes it, in a journal of its own."""

    def best(self, channel: str) -> SignedVoucher | None:
        """The voucher of a channel that pays most, None where none was kept. Raises InvalidData, StorageError."""

    def channels(self) -> list[str]:
        """The channels of which a voucher was kept, in order."""

    def keep(self, signed: SignedVoucher) -> None:
        """Write a voucher down, durably before this returns. Raises StorageError."""
