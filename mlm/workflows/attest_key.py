"""What an attester does for a provider whose enclave made a session key: hold its quote against the key, and sign."""

from __future__ import annotations

from mlm.core import tee
from mlm.core.attest_asking import Asking
from mlm.core.attest_request import AttestRequest, KeyRequest, Signed
from mlm.core.attestation import REVOKED
from mlm.core.errors import VerificationFailed
from mlm.core.tee import MAX_SESSION, SessionKey
from mlm.ports.book import Book
from mlm.ports.bundle import Ports
from mlm.workflows.attest import attest, check_instant, check_read, check_simulated, sign
from mlm.workflows.quote_faults import PROOFS
from mlm.workflows.tiers.tee import attestation_of


def answer(ports: Ports, book: Book, asking: Asking, asked: AttestRequest | KeyRequest, devnet: bool) -> Signed:
    """Whatever a provider asks: about a job's result, or about a session key. Raises as `attest` and `attest_key`."""
    if isinstance(asked, KeyRequest):
        return attest_key(ports, book, asking, asked, devnet)
    return attest(ports, book, asking, asked, devnet)


def attest_key(ports: Ports, book: Book, asking: Asking, asked: KeyRequest, devnet: bool) -> Signed:
    """Check the evidence of a session key, and sign. `devnet`: simulated evidence may be signed about.

    Which versions allow the enclave's code, and which jobs its platform, each result shows: nothing here asks.

    1. The key is `asking`'s provider's; who may ask at all, `admit` of attest.py says.
    2. The instant lies in the past, and not far.
    3. It ends after now, and not later than the contract takes; and it is a point of the curve.
    4. Simulated evidence: this is a devnet, and its verifier takes it.
    5. The quote's signatures lead to the vendor's root, it is valid at the instant, its enclave closed to debuggers.
    6. Its platform is not revoked, which no job accepts.
    7. The report data binds this key, its provider, model and end, on this market.
    8. The contract that convicts attesters reads the quote's bytes without a fault.
    9. Nothing else was ever signed about this quote at this instant.
    Raises VerificationFailed, InvalidData, StateConflict.
    """
    # (1)
    if asked.provider != asking.provider:
        raise VerificationFailed(f"the key is of the provider {asked.provider}, {asking.provider} asks")
    # (2)
    now = check_instant(ports, asked.checked_at)
    # (3)
    if not now < asked.expires_at <= now + MAX_SESSION:
        raise VerificationFailed(f"expiresAt: expected {now + 1} to {now + MAX_SESSION}, found {asked.expires_at}")
    if not ports.chain.call(PROOFS, "isKey", asked.x, asked.y):
        raise VerificationFailed(f"the session key: expected a point of P-256, found ({asked.x:#x}, {asked.y:#x})")
    # (4) Before a child is started for it.
    if asked.simulated:
        check_simulated(ports, devnet)
    # (5)
    said = ports.attestation.verify(asked.quote, asked.collateral, asked.checked_at, simulated=asked.simulated)
    # (6)
    if said.status == REVOKED:
        raise VerificationFailed("the vendor has revoked the platform")
    # (7)
    chain_id, market = ports.chain.chain_id(), ports.chain.address_of("JobMarket")
    key = SessionKey(chain_id, market, asked.provider, asked.model, asked.expires_at, asked.x, asked.y)
    tee.check_bound(said, key)
    found = attestation_of(asked.job_id, said, asked.quote, key.report_data, asked.checked_at)
    # (8)
    check_read(ports, found, asked.quote)
    # (9)
    return sign(ports, book, found)
