"""Where vouchers are kept: what a payee was given and can claim, and what a payer has signed.

Both outlive a crash at any instant: a payee keeps a voucher before it answers, a payer before the voucher leaves.
"""

from contextlib import AbstractContextManager
from typing import Protocol

from mlm.core.channel import SignedVoucher, Voucher


class Received(Protocol):
    """The payee's side. `channel claim` reads it; `mlm serve` writes it, in a journal of its own."""

    def best(self, channel: str) -> SignedVoucher | None:
        """The voucher of a channel that pays most, None where none was kept. Raises InvalidData, StorageError."""

    def channels(self) -> list[str]:
        """The channels of which a voucher was kept, in order."""

    def keep(self, signed: SignedVoucher) -> None:
        """Write a voucher down, durably before this returns. Raises StorageError."""


class Spent(Protocol):
    """The payer's side: what its accounts have signed on this machine.

    Within one `turn` at a time a number is chosen, signed and kept: no two calls get the same one.
    """

    def turn(self, channel: str) -> AbstractContextManager[None]:
        """Until the block ends nobody else, in any process, chooses a number of this channel.

        Raises StateConflict when another takes too long.
        """

    def last(self, channel: str) -> Voucher | None:
        """The voucher with the largest amount that was signed. Raises InvalidData, StorageError."""

    def find(self, channel: str, calls: int) -> SignedVoucher | None:
        """What was last signed under a number, None where nothing was."""

    def free(self, channel: str) -> tuple[int, ...]:
        """Numbers that were released and not signed again, in order."""

    def keep(self, signed: SignedVoucher) -> None:
        """Write down what is about to leave, durably before this returns; within `turn`.

        Raises StateConflict where the number stands for another request and was not released, StorageError.
        """

    def release(self, channel: str, calls: int) -> None:
        """The payee has refused the call before it was admitted: its number, paid for, is free for another request."""
