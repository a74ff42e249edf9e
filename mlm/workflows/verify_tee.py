"""`mlm verify` of a job of the tier tee: the quote is verified again here, and held against the chain. Never sends."""

from __future__ import annotations

from functools import cached_property

from mlm.core import attesting, tee
from mlm.core.attestation import Attested
from mlm.core.attesting import Attestation, TeeResult
from mlm.core.clock import iso_time
from mlm.core.errors import InvalidData, NotFound, VerificationFailed
from mlm.core.tee_files import Handed
from mlm.core.trust import Guarantor
from mlm.ports.bundle import Ports
from mlm.workflows import attest_gather, lookup, model, outputs, sessions
from mlm.workflows.attest_gather import SET, VERIFIER
from mlm.workflows.quote_faults import fault_name, fault_of
from mlm.workflows.tiers.tee import (
    Tee,
    attestation_of,
    check_code,
    check_key,
    check_quote,
    handed,
    key_of,
    policy_of,
    statement_of,
    submitted,
)
from mlm.workflows.verify_checks import HELD, Step, equal
from mlm.workflows.verify_quote import ROOT
from mlm.workflows.verify_steps import accepted_step, input_step, terms_step

WHO = "anybody with the chain, the model's files and the block that was handed over"


class _Case:
    """A job, what was handed in, and what was handed over; each read when it is first asked for."""

    def __init__(self, ports: Ports, job: lookup.Job) -> None:
        self.ports, self.job = ports, job
        self.result: TeeResult = submitted(ports, job)
        self.version = lookup.version_by_id(ports, job.version_id)

    @property
    def attestation(self) -> Attestation:
        """What attesters signed: about the result, or about the session key that signed it."""
        return self.result.attestation

    @property
    def digest(self) -> bytes:
        """Its name on chain."""
        return self.attestation.digest(self.ports.chain.chain_id(), self.ports.chain.address_of(VERIFIER))

    @property
    def statement(self) -> tee.Statement:
        """What the enclave said that it did."""
        result = self.result
        return statement_of(self.ports, self.job, result.model, result.root, result.x, result.y)

    @property
    def key(self) -> tee.SessionKey:
        """The session key that signed the result, as the chain has it. Raises NotFound where it is not registered."""
        result, said = self.result, self.statement
        ends = self.ports.chain.call(VERIFIER, "sessionOf", self.digest)
        if not ends:
            raise NotFound(f"the chain has no session key of the attestation 0x{self.digest.hex()}")
        return tee.SessionKey(said.chain_id, said.market, said.provider, result.model, ends, result.x, result.y)

    @property
    def signatures(self) -> tuple[bytes, ...]:
        """The attesters': of the submission, or of the session key's registration in the log."""
        if not self.attestation.of_key:
            return self.result.signatures
        for found in sessions.registrations(self.ports, digest="0x" + self.digest.hex()):
            return found.signatures
        raise NotFound("the log has no registration of the session key that signed this result")

    @cached_property
    def loaded(self) -> model.Model:
        """The model's files."""
        return model.load(self.ports, self.version)

    @cached_property
    def handed(self) -> Handed:
        """Quote, collateral and outputs."""
        return handed(self.ports, self.job)

    @cached_property
    def said(self) -> Attested:
        """What the quote says, verified here, at the instant that the attesters named."""
        signed = self.attestation
        check_quote(self.handed.quote, signed)
        return self.ports.attestation.verify(
            self.handed.quote, self.handed.collateral, signed.checked_at, simulated=signed.simulated
        )


def attested(ports: Ports, job: lookup.Job) -> tuple[Step, ...]:
    """A job whose result trusted hardware has signed.

    1. The frozen terms hash to what the market stores.
    2. The model's file and its manifest's measurements give the key that the terms froze.
    3. The quote that was handed over is the one that attesters signed about; its signatures lead to the vendor's root,
       and it and its collateral are valid at the instant that they named.
    4. It says what they signed.
    5. Platform, kind and age are what the consumer's policy accepts.
    6. Its code is one that the version allows.
    7. Its report data binds this job, model, input, outputs and provider; where a session key signed the result, that
       key, its provider, the model and its end.
    8. The signatures are true, and the chain holds this very attestation for the job; nothing was shown against it,
       nor does the contract find in the quote what would convict who signed it.
    9. Where a session key signed the result: it signed this job, model, input, outputs and provider, before its end.
    10. The outputs that were handed over are the committed ones.
    11. The input block opens the input commitment.
    12. The market has accepted the result.
    """
    case = _Case(ports, job)
    session = case.attestation.of_key

    def key() -> str:
        check_key(ports, case.loaded, case.version)
        frozen = bytes.fromhex(job.terms.snapshot.key[2:])
        return equal("key", frozen, tee.tee_key(case.result.model, case.result.measurements))

    def valid() -> str:
        found = case.said
        return f"{found.title}, valid from {iso_time(found.issued)} to {iso_time(found.expires)}"

    def same() -> str:
        signed = case.attestation
        found = attestation_of(job.job_id, case.said, case.handed.quote, case.said.report_data[:32], signed.checked_at)
        for name, value in found.message.items():
            if name != "jobId" and signed.message[name] != value:
                raise VerificationFailed(
                    f"{name}: the quote says {_shown(value)}, {_shown(signed.message[name])} is signed"
                )
        return f"{signed.kind}, {signed.status}"

    def accepted() -> str:
        return attesting.check_accepted(policy_of(job), case.attestation, job.record.submitted_at)

    def bound() -> str:
        return tee.check_bound(case.said, case.key if session else case.statement)

    def delivered() -> str:
        if not outputs.answers(ports, job) and outputs.encryption_of(case.handed.outputs) is not None:
            raise NotFound("the outputs are private: `mlm job result JOB` checks them, for their readers")
        return f"{len(Tee().receive(ports, job).block)} bytes"

    hardware = (Guarantor.NOBODY if case.attestation.simulated else Guarantor.VENDOR,)
    signers = (Guarantor.ATTESTERS, *HELD)
    at, signed = iso_time(case.attestation.checked_at), "what attesters signed"
    return (
        terms_step(ports, job),
        Step("the model's file and measurements give the key on chain", key, "the key in the terms", HELD),
        Step(f"the quote is true at {at}", valid, ROOT, hardware),
        Step("it says what attesters signed", same, signed, hardware),
        Step("the consumer's policy accepts it", accepted, "the policy in the terms", hardware),
        Step(
            "its code is one that the version allows",
            lambda: check_code(key_of(case.loaded.manifest), case.said),
            "the measurements in the manifest",
            hardware,
        ),
        Step(f"it binds {(tee.SessionKey if session else tee.Statement).about}", bound, "report data", hardware),
        Step(
            "attesters signed it, and nothing was shown against it",
            lambda: _signed(case),
            "AttesterSet and TeeVerifier",
            signers,
        ),
        *((_by_key(case, hardware),) if session else ()),
        Step("the outputs are the committed ones", delivered, "the output commitment on chain", HELD, optional=True),
        input_step(ports, job, case.loaded),
        accepted_step(job, (Guarantor.CHAIN, Guarantor.ATTESTERS)),
    )


def _by_key(case: _Case, hardware: tuple[Guarantor, ...]) -> Step:
    """Step 9."""

    def signed() -> str:
        ends, at = case.key.expires_at, case.job.record.submitted_at
        if at >= ends:
            raise VerificationFailed(f"handed in at {iso_time(at)}, the session key ended at {iso_time(ends)}")
        sessions.check_signed(case.ports, case.statement, case.result.signatures[0])
        return f"key 0x{case.result.x:064x}, which signs until {iso_time(ends)}"

    return Step(f"the session key signed {tee.Statement.about}", signed, "the key in the quote", hardware)


def _signed(case: _Case) -> str:
    """The contract held the signers against the set when they were handed in: members and m change later."""
    ports, digest = case.ports, case.digest
    signers = attest_gather.check_signatures(ports, case.attestation, case.signatures)
    equal("the attestation on chain", ports.chain.call(VERIFIER, "attestationOf", case.job.raw), digest)
    reporter, proven_at, fault = ports.chain.call(VERIFIER, "falsehoodOf", digest)
    if proven_at:
        raise VerificationFailed(f"{reporter} has shown at {iso_time(proven_at)} that it is false: {fault_name(fault)}")
    if convicting := _convicting(case):
        raise VerificationFailed(
            f"the contract finds a fault in what they signed ({fault_name(convicting)}): "
            f"`mlm attester report {case.job.short}` has them lose their stake"
        )
    known = {address.lower() for address in ports.chain.call(SET, "members")}
    now = sum(address in known for address in signers)
    return f"{len(signers)}: {', '.join(signers)}; {now} of them attest today, of {len(known)}"


def _convicting(case: _Case) -> int:
    """The fault for which whoever signed can be reported; 0 without one, or without the quote, whose checks fail."""
    try:
        check_quote(case.handed.quote, case.attestation)
    except (NotFound, InvalidData, VerificationFailed):
        return 0
    return fault_of(case.ports, case.attestation, case.handed.quote)


def _shown(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
