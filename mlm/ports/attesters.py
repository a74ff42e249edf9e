"""Attesters of the tier tee, by the URLs that they have registered."""

from typing import Protocol

from mlm.core.attest_request import AttestRequest, Signed


class Attesters(Protocol):
    def attest(self, url: str, asked: AttestRequest) -> Signed:
        """What the attester at `url` signs. Whether it is what was asked for, and whose, is to be checked.

        Raises ServerFailed for one that is dead, slow or answers nonsense, VerificationFailed, with its words, for one
        that refuses, UsageError for what is no URL.
        """
