"""What an attester does for a provider: hold its quote against the chain's job, and sign what was found, once."""

from __future__ import annotations

import json

from mlm.core import attesting, tee
from mlm.core.attest_asking import TYPES as ASKING_TYPES
from mlm.core.attest_asking import Asking
from mlm.core.attest_request import AttestRequest, Signed
from mlm.core.attesting import Attestation
from mlm.core.errors import InvalidData, NotFound, StateConflict, VerificationFailed
from mlm.core.job import Role, State
from mlm.core.terms import JobRecord
from mlm.ports.book import Book
from mlm.ports.bundle import Ports
from mlm.workflows import lookup
from mlm.workflows.attest_gather import VERIFIER, domain
from mlm.workflows.quote_faults import PROOFS, fault_name, fault_of
from mlm.workflows.tiers.tee import attestation_of, policy_of, statement_of

WITHIN_S = 3600  # an instant that lies longer back is not signed about: the quote's platform may be out by now


def signer(ports: Ports, asking: Asking) -> str:
    """Who signed a request, in lower case. Raises InvalidData."""
    return ports.recover(domain(ports), ASKING_TYPES, asking.message, asking.signature)


def admit(ports: Ports, asking: Asking) -> None:
    """Before a request's body is read: whoever asks about a job holds its lease, with no result handed in yet.

    Of a key that an enclave made, which is of no job, a provider with stake may ask. Raises StateConflict for a job
    that is not to be attested, VerificationFailed for whom may not ask.
    """
    if asking.of_key:
        if not ports.chain.call("StakeVault", "stakeOf", asking.provider, int(Role.PROVIDER))[0]:
            raise VerificationFailed(f"{asking.provider} has no stake as a provider: it may not register a key")
        return
    raw = bytes.fromhex(asking.job_id[2:])
    found = JobRecord(*ports.chain.call("JobMarket", "jobOf", raw))
    _check_held(ports, asking, found, State(ports.chain.call("JobMarket", "stateOf", raw)))


def attest(ports: Ports, book: Book, asking: Asking, asked: AttestRequest, devnet: bool) -> Signed:
    """Check a provider's evidence, and sign. `devnet`: simulated evidence may be signed about, where the job takes it.

    1. The job is the one that `asking` names; it has this deployment's verifier of the tier tee, `asking`'s provider
       holds its lease, and it has no result yet.
    2. The instant lies in the past, and not far.
    3. The model and the measurements give the key that the job's terms froze.
    4. The quote's signatures lead to the vendor's root, it is valid at the instant, its enclave closed to debuggers.
    5. Simulated evidence: this is a devnet, its verifier takes it, and the job does.
    6. The code is one that the version allows.
    7. Kind and platform are what the job's policy accepts.
    8. The report data binds this job, model, input, outputs and provider.
    9. The contract that convicts attesters reads the quote's bytes without a fault: libraries accept more forms, and
       whichever quoting enclave the collateral names.
    10. Nothing else was ever signed about this quote at this instant. Another instant is another word, and no fault
        (Reports.sol): whoever asks first, such as another attester that was handed the quote, keeps nobody from being
        asked about its own.
    Raises NotFound, StateConflict, VerificationFailed, InvalidData.
    """
    # (1)
    job = _job(ports, asking, asked)
    # (2)
    check_instant(ports, asked.checked_at)
    # (3) What the publisher allows, not what the provider says.
    key, frozen = tee.tee_key(asked.model, asked.measurements), bytes.fromhex(job.terms.snapshot.key[2:])
    if key != frozen:
        raise VerificationFailed(f"the version's key: expected 0x{frozen.hex()}, found 0x{key.hex()}")
    policy = policy_of(job)
    # (5) Before a child is started for it.
    if asked.simulated:
        check_simulated(ports, devnet and policy.simulated)
    # (4) With the collateral that the provider brings: it is signed, and dated.
    said = ports.attestation.verify(asked.quote, asked.collateral, asked.checked_at, simulated=asked.simulated)
    statement = statement_of(ports, job, asked.model, asked.root, asked.x, asked.y)
    found = attestation_of(job.job_id, said, asked.quote, statement.report_data, asked.checked_at)
    # (6)
    if found.measurement not in asked.measurements:
        code = tee.spell_measurement(said.kind, said.measurements)
        raise VerificationFailed(f"the code of the enclave is {code}, which the version does not allow")
    # (7) An attestation is as old as its submission makes it: that is the contract's to judge.
    attesting.check_accepted(policy, found, asked.checked_at)
    # (8)
    tee.check_bound(said, statement)
    # (9)
    check_read(ports, found, asked.quote)
    # (10) Written down first: what is signed after a crash is what stands.
    return sign(ports, book, found)


def _job(ports: Ports, asking: Asking, asked: AttestRequest) -> lookup.Job:
    """Step 1."""
    if asked.job_id != asking.job_id:
        raise VerificationFailed(f"the body asks about job {asked.job_id}, its header about {asking.job_id}")
    job = lookup.job(ports, f"job/{asked.job_id}")
    _check_held(ports, asking, job.record, job.state)
    return job


def _check_held(ports: Ports, asking: Asking, found: JobRecord, state: State) -> None:
    short, verifier = asking.job_id[:10], ports.chain.address_of(VERIFIER)
    if state is State.UNKNOWN:
        raise NotFound(f"there is no job {asking.job_id} on this chain")
    if found.verifier.lower() != verifier.lower():
        raise StateConflict(f"job {short} has the verifier {found.verifier}, expected that of the tier tee, {verifier}")
    if state not in (State.LEASED, State.READY):
        raise StateConflict(f"job {short} is {state}, expected it {State.LEASED} or {State.READY}")
    if found.provider.lower() != asking.provider:
        raise VerificationFailed(f"{found.provider} holds the lease of job {short}, not {asking.provider}")


def check_instant(ports: Ports, at: int) -> int:
    """That an instant lies in the past, and not far; what time it is. By the chain's clock, as the contract compares.

    Raises VerificationFailed.
    """
    now = ports.chain.block().timestamp
    if not now - WITHIN_S <= at <= now:
        raise VerificationFailed(f"checkedAt: expected {now - WITHIN_S} to {now}, found {at}")
    return now


def check_simulated(ports: Ports, taken: bool) -> None:
    """That simulated evidence may be signed about, where it is `taken`. Raises VerificationFailed."""
    if not (taken and ports.chain.call(VERIFIER, "simulatedAllowed")):
        raise VerificationFailed("the evidence is simulated: it is signed about on a devnet, for jobs that take it")


def check_read(ports: Ports, found: Attestation, quote: bytes) -> None:
    """That the contract which convicts attesters finds no fault in the quote's bytes. Raises VerificationFailed.

    What it answers once it answers for ever: whoever asked both is never slashed for a quote.
    """
    if fault := fault_of(ports, found, quote):
        raise VerificationFailed(
            f"expected a quote in which the contract {PROOFS} finds no fault, it finds one in {fault_name(fault)}",
            hint="Hand the quote on as the platform made it, of 16 KiB at most.",
        )


def sign(ports: Ports, book: Book, found: Attestation) -> Signed:
    """Write down what is about to be signed, and sign it, or what was signed of it before.

    Raises StateConflict where another word on this quote at this instant was signed already.
    """
    name = f"{found.job_id[2:]}-{found.quote.hex()}-{found.checked_at:x}"
    entry = json.dumps(found.to_json(), sort_keys=True).encode()
    stands = _read(book.write(name, entry))
    if stands != found:
        differing = next(field for field, value in found.message.items() if stands.message[field] != value)
        raise StateConflict(
            f"this quote was signed about already, with another {differing}: {stands.to_json()[differing]}",
            hint="A new run in the enclave makes a new quote.",
        )
    return Signed(found, ports.signer.sign_typed(domain(ports), attesting.TYPES, found.message))


def _read(entry: bytes) -> Attestation:
    """What stands in the book; whatever a disk has spoiled stops the attester: it cannot know what it has signed."""
    try:
        return Attestation.from_json(json.loads(entry))
    except (ValueError, InvalidData) as error:
        raise StateConflict("the book of what was signed cannot be read: nothing is signed about this quote") from error
