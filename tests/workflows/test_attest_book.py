"""What an attester signs about a quote: one word at an instant; whoever asks first keeps nobody from asking."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlm.core.attestation import SGX, UP_TO_DATE
from mlm.core.attesting import Attestation
from mlm.core.errors import StateConflict
from mlm.memory.book import MemoryBook
from mlm.memory.chain import MemoryChain
from mlm.ports.bundle import Ports
from mlm.workflows import attest

FOUND = Attestation("0x" + "01" * 32, b"\1" * 32, b"\2" * 32, b"\3" * 32, SGX, UP_TO_DATE, False, 7)


class Signer:
    """Its signature is what is signed."""

    def sign_typed(self, domain: Any, types: Any, message: dict[str, Any]) -> bytes:
        return repr(message).encode()


def test_an_instant_has_one_word_and_keeps_no_other_from_having_its_own() -> None:
    chain = MemoryChain({("TeeVerifier", "simulatedAllowed"): False})
    here, book = Ports(chain=lambda: chain, signer=Signer), MemoryBook()
    first = attest.sign(here, book, replace(FOUND, checked_at=6))
    assert attest.sign(here, book, FOUND).attestation == FOUND
    assert attest.sign(here, book, replace(FOUND, checked_at=6)) == first
    for changed in ({"status": "OutOfDate"}, {"simulated": True}, {"measurement": b"\4" * 32}):
        with pytest.raises(StateConflict, match=f"another {next(iter(changed))}"):
            attest.sign(here, book, replace(FOUND, **changed))
