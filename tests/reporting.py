"""What attesters have signed falsely, as it stands in files: answers that their quote disproves, or that exclude each
other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec

from mlm.adapters.attestation.vendor import Enclave, Vendor
from mlm.core import attesting
from mlm.core.attest_request import Signed
from mlm.core.attestation import SGX, SNP, UP_TO_DATE
from mlm.core.attesting import Attestation, TeeResult
from mlm.core.commitment import NO_SALT, tensors_root
from mlm.core.job import State
from mlm.core.plan import Call, Plan, Tx
from mlm.core.reporting import Kind
from mlm.core.tee import SessionKey, measurement_of
from mlm.core.tee_files import Evidence, Handed
from mlm.ports.bundle import Ports
from mlm.workflows import lease
from mlm.workflows.apply import apply
from mlm.workflows.attest_gather import VERIFIER, domain
from mlm.workflows.tiers.rules import submission
from mlm.workflows.tiers.tee import attestation_of, key_of, statement_of
from tests.command_line import Person
from tests.enclaves import ports_of

REGISTERS = {SGX: {"mr_enclave": b"\1" * 32, "mr_signer": b"\2" * 32}, SNP: {"measurement": b"\3" * 48}}
DATA = b"\5" * 32
# In an SGX quote: the report's signature, and the byte of its attributes that says whether a debugger can open it.
SIGNATURE_AT, DEBUG_AT = 48 + 384 + 4, 48 + 48


def quoted(kind: str = SGX, data: bytes = DATA) -> bytes:
    """A true quote; of SGX one that nobody has seen before."""
    return Vendor().quote(Enclave(kind, REGISTERS[kind]), data, os.urandom(20))


def forged(quote: bytes) -> bytes:
    """The same with another signature of the report."""
    return quote[:SIGNATURE_AT] + bytes([quote[SIGNATURE_AT] ^ 1]) + quote[SIGNATURE_AT + 1 :]


def opened(quote: bytes) -> bytes:
    """The same of an enclave that a debugger can open."""
    return quote[:DEBUG_AT] + bytes([quote[DEBUG_AT] | 2]) + quote[DEBUG_AT + 1 :]


def about(quote: bytes, kind: str = SGX) -> Attestation:
    """What a quote's own bytes say, of a job that there is not."""
    code = measurement_of(kind, REGISTERS[kind])
    return Attestation("0x" + "77" * 32, DATA, sha256(quote).digest(), code, kind, UP_TO_DATE, True, 1_800_000_000)


def signed(ports: Ports, attestation: Attestation) -> Signed:
    """By the account of these ports, whatever it says."""
    return Signed(attestation, ports.signer.sign_typed(domain(ports), attesting.TYPES, attestation.message))


def registered(provider: Person, attesters: Sequence[Person]) -> tuple[bytes, Attestation]:
    """A key that an enclave is said to have made, by a quote whose report nobody signed, and attesters who signed that;
    both as they stand on the chain.
    """
    ports = ports_of(provider)
    now, place = ports.chain.block().timestamp, (ports.chain.chain_id(), ports.chain.address_of("JobMarket"))
    key = SessionKey(*place, ports.sender.address, b"\6" * 32, now + 3600, *_point())
    data, told = key.report_data, (key.provider, key.model, key.x, key.y, key.expires_at)
    quote = forged(quoted(data=data))
    said = replace(about(quote), job_id="0x" + "00" * 32, report_data=data, checked_at=now)
    register = Call(VERIFIER, "registerKey", (told, said.as_args(), list(signatures(attesters, said))))
    apply(ports, Plan("lease fulfil", (Tx("register a key", register),), None))
    return quote, said


def _point() -> tuple[int, int]:
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    return numbers.x, numbers.y


def signatures(attesters: Sequence[Person], said: Attestation) -> tuple[bytes, ...]:
    """Of all of them, in the order that the contract wants."""
    answers = {each.do("whoami")["address"]: signed(ports_of(each), said).signature for each in attesters}
    return tuple(answers[address] for address in sorted(answers, key=lambda address: int(address, 16)))


def answered(person: Person, attester: Person, attestation: Attestation, file: str) -> None:
    """An attester's answer, in a file of somebody's folder."""
    made = signed(ports_of(attester), attestation)
    (person.folder / file).write_text(json.dumps(made.to_json()))


def evidence(person: Person, attester: Person, kind: Kind) -> tuple[str, ...]:
    """Files in somebody's folder that convict an attester by a report of this kind; what `attester report` is given."""
    quote = quoted()
    if kind is Kind.FALSE_CHAIN:
        quote = forged(quote)
    said = about(quote)
    if kind is Kind.CONTRADICTION:
        said = replace(said, measurement=b"\1" * 32)
    (person.folder / "quote.bin").write_bytes(quote)
    answered(person, attester, said, "answer.json")
    if kind is not Kind.EQUIVOCATION:
        return "--attestation", "answer.json", "--quote", "quote.bin"
    answered(person, attester, replace(said, status="OutOfDate"), "other.json")
    return "--attestation", "answer.json", "--attestation", "other.json"


def handed_in(
    provider: Person, job: str, attesters: Sequence[Person], alter: Callable[[bytes], bytes] = lambda quote: quote
) -> bytes:
    """A provider hands a result in with another quote than its enclave made, and attesters sign what it would have said
    of that one. The quote.
    """
    provider.do("lease", "accept", job)
    ports = ports_of(provider)
    work = lease.prepare(ports, job, State.READY)
    kept = lease.compute(ports, work)
    made = Evidence.from_bytes(kept.proof)
    said = ports.attestation.verify(made.quote, made.collateral, made.at, simulated=True)
    key, root, quote = key_of(work.model.manifest), tensors_root(NO_SALT, kept.outputs), alter(made.quote)
    data = statement_of(ports, work.job, key.model, root).report_data
    attestation = attestation_of(job, said, quote, data, made.at)
    result = TeeResult(attestation, key.model, key.digests, 0, 0, root, signatures(attesters, attestation))
    block = Handed(quote, made.collateral, kept.outputs).to_block()
    apply(ports, Plan("lease fulfil", submission(work.job, "push", block, result.encode(), "hand it in"), None))
    return quote
