"""What a payer's accounts have signed on this machine, so that no call is paid twice."""

from contextlib import AbstractContextManager
from typing import Protocol

from mlm.core.spent import Kept, Record


class Spent(Protocol):
    """A voucher is kept before it leaves, and outlives a crash at any instant. Raises InvalidData, StorageError.

    A number may be signed again for another request, when its call was refused or never answered: a payee can claim no
    more for two such vouchers than for one, since amounts are cumulative.
    """

    def hold(self, channel: str) -> AbstractContextManager[None]:
        """Until the block ends this process alone signs for the channel. Raises StateConflict after a bounded wait."""

    def record(self, channel: str) -> Record:
        """What was signed, as it is written down; a new value each time."""

    def keep(self, kept: Kept) -> None:
        """Write down what is about to leave, durably before this returns; within `hold`."""

    def settle(self, channel: str, calls: int) -> None:
        """The call's answer has arrived, and was right. Need not be durable: at worst it is asked for once more."""

    def distrust(self, channel: str, calls: int, why: str) -> None:
        """The call's answer was not what was paid for; durable."""
