"""`mlm verify` of a job of the tier tee: the quote is verified again here, and held against the chain. Never sends."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property

from mlm.core import attesting, tee
from mlm.core.attestation import Attested
from mlm.core.attesting import Attestation, TeeResult
from mlm.core.clock import iso_time
from mlm.core.errors import InvalidData, NotFound, VerificationFailed
from mlm.core.tee_files import Handed
from mlm.core.trust import Guarantor
from mlm.ports.bundle import Ports
from mlm.workflows import attest_gather, lookup, model, outputs
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
        """What attesters signed."""
        return self.result.attestation

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
    7. Its report data binds this job, model, input, outputs and provider.
    8. The signatures are true, and the chain holds this very attestation for the job; nothing was shown against it, nor
       does the contract find in the quote what would convict who signed it.
    9. The outputs that were handed over are the committed ones.
    10. The input block opens the input commitment.
    11. The market has accepted the result.
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
        found = attestation_of(job, case.said, case.handed.quote, case.said.report_data[:32], signed.checked_at)
        for name, value in found.message.items():
            if name != "jobId" and signed.message[name] != value:
                raise VerificationFailed(
                    f"{name}: the quote says {_shown(value)}, {_shown(signed.message[name])} is signed"
                )
        return f"{signed.kind}, {signed.status}"

    def accepted() -> str:
        return attesting.check_accepted(policy_of(job), case.attestation, job.record.submitted_at)

    def bound() -> str:
        if session:
            raise NotFound("a key that an enclave made signed this result: the quote is of the key's registration")
        result = case.result
        return tee.check_bound(case.said, statement_of(ports, job, result.model, result.root, result.x, result.y))

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
        Step("it binds job, model, input, outputs and provider", bound, "report data", hardware, optional=session),
        Step(
            "attesters signed it, and nothing was shown against it",
            lambda: _signed(case),
            "AttesterSet and TeeVerifier",
            signers,
            optional=session,
        ),
        Step("the outputs are the committed ones", delivered, "the output commitment on chain", HELD, optional=True),
        input_step(ports, job, case.loaded),
        accepted_step(job, (Guarantor.CHAIN, Guarantor.ATTESTERS)),
    )


def _signed(case: _Case) -> str:
    """The contract held the signers against the set when the result was handed in: members and m change later."""
    ports, signed = case.ports, case.attestation
    if signed.of_key:
        raise NotFound("a key that an enclave made signed this result: attesters signed about the key's registration")
    signers = attest_gather.check_signatures(ports, signed, case.result.signatures)
    digest = signed.digest(ports.chain.chain_id(), ports.chain.address_of(VERIFIER))
    equal("the attestation on chain", ports.chain.call(VERIFIER, "attestationOf", case.job.raw), digest)
    reporter, proven_at, fault = ports.chain.call(VERIFIER, "falsehoodOf", digest)
    if proven_at:
        raise VerificationFailed(f"{reporter} has shown at {iso_time(proven_at)} that it is false: {fault_name(fault)}")
    with suppress(NotFound, InvalidData):  # without the quote's bytes the other checks fail
        fault = fault_of(ports, signed, case.handed.quote)
        if fault:
            raise VerificationFailed(
                f"the contract finds a fault in what they signed ({fault_name(fault)}): "
                f"`mlm attester report {case.job.short}` has them lose their stake"
            )
    known = {address.lower() for address in ports.chain.call(SET, "members")}
    now = sum(address in known for address in signers)
    return f"{len(signers)}: {', '.join(signers)}; {now} of them attest today, of {len(known)}"


def _shown(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
