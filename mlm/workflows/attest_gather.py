"""Gathering m signatures: every attester on the chain is asked, and every answer is checked before it counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from mlm.core import attesting
from mlm.core.attest_asking import TYPES as ASKING_TYPES
from mlm.core.attest_asking import Asking
from mlm.core.attest_request import AttestRequest, KeyRequest, Signed
from mlm.core.attesting import Attestation
from mlm.core.errors import InvalidData, MlmError, StateConflict, VerificationFailed
from mlm.core.parallel import in_parallel
from mlm.ports.bundle import Ports

SET, VERIFIER = "AttesterSet", "TeeVerifier"
AT_ONCE = 8
_SHOWN = 8


@dataclass(frozen=True)
class Member:
    """An attester as the chain has it. `active`: its signature counts now; `stake` in base units."""

    address: str
    url: str
    stake: int
    unbonding: int
    release_at: int
    active_from: int
    active: bool


def member(ports: Ports, address: str) -> Member:
    """What the chain says of an account, member or not."""
    stake, unbonding, release_at, active_from, url = ports.chain.call(SET, "attesterOf", address)
    active = ports.chain.call(SET, "isActive", address)
    return Member(address, url, stake, unbonding, release_at, active_from, active)


def members(ports: Ports) -> tuple[Member, ...]:
    """All members, by address."""
    return tuple(member(ports, each) for each in sorted(ports.chain.call(SET, "members"), key=str.lower))


def able(ports: Ports) -> tuple[int, list[Member]]:
    """How many must sign, and whose signature counts now. Raises StateConflict where they are too few."""
    needed, known = ports.chain.call(SET, "threshold"), [each for each in members(ports) if each.active]
    if not needed or len(known) < needed:
        raise StateConflict(
            f"expected {needed or 'a number of'} active attesters that must sign, found {len(known)}",
            hint="Nothing is verified in the tier tee until the governance of the attesters has acted.",
        )
    return needed, known


def domain(ports: Ports) -> dict[str, Any]:
    """The EIP-712 domain of what attesters, and those who ask them, sign on this chain."""
    return attesting.eip712_domain(ports.chain.chain_id(), ports.chain.address_of(VERIFIER))


def gather(ports: Ports, asked: AttestRequest | KeyRequest, expected: Attestation) -> tuple[bytes, ...]:
    """m signatures of `expected`, the first that come, by ascending address.

    Who is slow is not waited for once m have signed, nor when the process ends. Raises StateConflict that says who
    failed, and why.
    """
    needed, known = able(ports)
    signed: dict[str, bytes] = {}
    failed: dict[str, str] = {}
    body, attesters = asked.to_json(), ports.attesters
    todo = [(each, ask(ports, each.address, asked.job_id, body)) for each in reversed(known)]

    def attest(one: tuple[Member, Asking]) -> Signed | MlmError:
        """In a thread of its own: nothing but the asking is done beside each other."""
        try:
            return attesters.attest(one[0].url, one[1], body)
        except MlmError as error:
            return error

    for (each, _), answer in in_parallel(attest, AT_ONCE)(lambda: todo.pop() if todo else None):
        try:
            signed[each.address.lower()] = _checked(ports, each, answer, expected)
        except MlmError as error:
            failed[each.address] = f"{each.address} ({each.url or 'no URL'}): {str(error)[:300]}"
        if len(signed) == needed:
            break
    if len(signed) < needed:
        told = [failed[each.address] for each in known if each.address in failed]
        shown = "; ".join(told[:_SHOWN]) + (f"; and {len(told) - _SHOWN} more" if told[_SHOWN:] else "")
        raise StateConflict(
            f"{len(signed)} of {needed} attesters signed: {shown}",
            hint="What they were asked about is kept: the same command asks them again.",
        )
    return tuple(signed[address] for address in sorted(signed, key=lambda address: int(address, 16)))


def ask(ports: Ports, attester: str, job_id: str, body: bytes) -> Asking:
    """A request to an attester, signed by this account: about a job, or about none, with this body."""
    made = Asking(job_id, attester.lower(), ports.signer.address.lower(), sha256(body).digest())
    return replace(made, signature=ports.signer.sign_typed(domain(ports), ASKING_TYPES, made.message))


def _checked(ports: Ports, one: Member, answer: Signed | MlmError, expected: Attestation) -> bytes:
    """Its signature, where it is one of what was asked for. Raises what came instead."""
    if isinstance(answer, MlmError):
        raise answer
    if answer.attestation != expected:
        raise VerificationFailed(f"it signed something else: {_differs(answer.attestation, expected)}")
    if (by := signer(ports, expected, answer.signature)) != one.address.lower():
        raise VerificationFailed(f"the signature is by {by}")
    return answer.signature


def _differs(found: Attestation, expected: Attestation) -> str:
    """The first field in which they do."""
    for name, value in expected.message.items():
        if found.message[name] != value:
            return f"{name} {_shown(found.message[name])}, expected {_shown(value)}"
    return "nothing"


def _shown(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def signer(ports: Ports, attestation: Attestation, signature: bytes) -> str:
    """Who signed an attestation, in lower case; raises InvalidData."""
    return ports.recover(domain(ports), attesting.TYPES, attestation.message, signature)


def check_signatures(ports: Ports, attestation: Attestation, signatures: Sequence[bytes]) -> tuple[str, ...]:
    """Who signed, each once and ascending, as the contract wants them. Raises VerificationFailed, InvalidData."""
    found = tuple(signer(ports, attestation, each) for each in signatures)
    if list(found) != sorted(set(found), key=lambda address: int(address, 16)):
        raise VerificationFailed(f"expected signatures by ascending addresses, found {', '.join(found)}")
    if not found:
        raise InvalidData("expected signatures of attesters, found none")
    return found
