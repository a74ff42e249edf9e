"""Attesters of the tier tee, by the URLs that they have registered."""

from typing import Protocol

from mlm.core.attest_asking import Asking
from mlm.core.attest_request import Signed


class Attesters(Protocol):
    def attest(self, url: str, asking: Asking, body: bytes) -> Signed:
        """What the attester at `url` signs about `body`, the JSON of a request whose header is `asking`.

        Whether it is what was asked for, and whose, is to be checked.
        Raises ServerFailed for one that is dead, slow or answers nonsense, VerificationFailed, with its words, for one
        that refuses, UsageError for what is no URL.
        """

    def unasked(self, url: str) -> str:
        """The address of a URL at which nobody asks, for it is none of the public internet; empty where one would.

        So for a name that leads nowhere yet. Raises UsageError for what is no URL.
        """
