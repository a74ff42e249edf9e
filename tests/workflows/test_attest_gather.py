"""Gathering signatures: no attester that is down, slow or lying holds up a provider once enough others have signed."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from mlm.core.attest_asking import Asking
from mlm.core.attest_request import AttestRequest, Signed
from mlm.core.attestation import SGX, UP_TO_DATE
from mlm.core.attesting import Attestation
from mlm.core.errors import ServerFailed, StateConflict
from mlm.core.manifest import TeeKey
from mlm.core.tee import Policy
from mlm.memory.chain import MemoryChain
from mlm.ports.bundle import Ports
from mlm.workflows import attest_gather
from mlm.workflows.tiers.tee import Tee

if TYPE_CHECKING:
    from mlm.workflows.tiers.rules import Work

MEMBERS = ["0x" + each * 40 for each in "cab"]
EXPECTED = Attestation("0x" + "01" * 32, b"\1" * 32, b"\2" * 32, b"\3" * 32, SGX, UP_TO_DATE, False, 7)
ASKED = AttestRequest("0x" + "01" * 32, b"m" * 32, (b"\3" * 32,), b"r" * 32, 0, 0, 7, False, b"quote", b"{}")


def ports(monkeypatch: pytest.MonkeyPatch, attesters: Any, active: bool = True) -> Ports:
    """Three members, two of whom must sign; a signature is its signer's address."""
    answers: dict[tuple[str, str], Any] = {
        ("AttesterSet", "threshold"): 2,
        ("AttesterSet", "members"): MEMBERS,
        ("AttesterSet", "attesterOf"): lambda address: (1, 0, 0, 1, address),
        ("AttesterSet", "isActive"): active,
        ("TeeVerifier", "rules"): None,
    }
    monkeypatch.setattr(attest_gather, "signer", lambda ports, attestation, signature: signature.decode())
    return Ports(chain=lambda: MemoryChain(answers), attesters=lambda: attesters, signer=Signer, enclave=Keyless)


class Signer:
    """Its signature is what is signed."""

    address = "0x" + "Dd" * 20

    def sign_typed(self, domain: Any, types: Any, message: dict[str, Any]) -> bytes:
        return repr(message).encode()


class Keyless:
    """An enclave without session keys."""

    def held(self) -> tuple[()]:
        return ()


class Answering:
    """`first` is asked what happens to whoever answers at its URL."""

    def __init__(self, first: Any) -> None:
        self.first = first

    def attest(self, url: str, asking: Asking, body: bytes) -> Signed:
        assert asking.attester == url.lower() and asking.signature == repr(asking.message).encode()
        return self.first(url) or Signed(EXPECTED, url.encode())


def test_whoever_does_not_answer_is_not_waited_for_once_enough_have_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def stuck(url: str) -> None:
        if url == MEMBERS[1]:  # the lowest address
            over.wait(60)

    found: list[tuple[bytes, ...]] = []
    here = ports(monkeypatch, Answering(stuck))
    asking = threading.Thread(target=lambda: found.append(attest_gather.gather(here, ASKED, EXPECTED)))
    asking.start()
    asking.join(10)
    over.set()
    assert found == [(MEMBERS[2].encode(), MEMBERS[0].encode())]


def test_who_fails_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def lying(url: str) -> Signed | None:
        if url == MEMBERS[0]:
            raise ServerFailed("it is down")
        return Signed(replace(EXPECTED, checked_at=8), b"") if url == MEMBERS[2] else None

    with pytest.raises(StateConflict, match="1 of 2 attesters signed: .*something else: checkedAt.*; .*it is down"):
        attest_gather.gather(ports(monkeypatch, Answering(lying)), ASKED, EXPECTED)


def test_nothing_is_accepted_that_nobody_could_attest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its provider would lose its lock: the members that there are do not count yet."""
    here = ports(monkeypatch, None, active=False)
    policy = Policy(frozenset({UP_TO_DATE}), frozenset({SGX})).encode()
    job = SimpleNamespace(terms=SimpleNamespace(request=SimpleNamespace(policy="0x" + policy.hex())))
    loaded = SimpleNamespace(manifest=SimpleNamespace(tee=TeeKey(b"m" * 32, ("sgx:" + "01" * 32 + ":" + "02" * 32,))))
    work = cast("Work", SimpleNamespace(job=job, model=loaded))
    with pytest.raises(StateConflict, match="expected 2 active attesters that must sign, found 0"):
        Tee().check_acceptable(here, work)
