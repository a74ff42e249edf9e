"""What the contract that convicts attesters finds false in what was signed about a quote: for whoever is about to sign,
to verify, or to report.
"""

from __future__ import annotations

from mlm.core import tee
from mlm.core.attesting import Attestation
from mlm.ports.bundle import Ports

PROOFS = "QuoteProofs"
# QuoteFault of devnet/contracts/interfaces/IQuoteProofs.sol, by number.
FAULTS = (
    "none", "its form", "its kind", "a debugger", "the measurement", "the report data", "the report's signature",
    "what binds the attestation key", "the quoting enclave's signature", "the platform's certificate",
    "the platform authority's certificate", "the quoting enclave, which is not its vendor's",
)  # fmt: skip


def fault_of(ports: Ports, attestation: Attestation, quote: bytes) -> int:
    """The fault by which a quote's bytes convict who signed the attestation, by number; 0 for none.

    What it answers once it answers for ever. What is dearer to show comes last. Raises Reverted for another quote.
    """
    views = ("contradictionOf", "brokenLinkOf") if attestation.kind in tee.CHAINED else ("contradictionOf",)
    answers = (int(ports.chain.call(PROOFS, view, attestation.as_args(), quote)) for view in views)
    return next((fault for fault in answers if fault), 0)


def fault_name(fault: int) -> str:
    """A QuoteFault in words."""
    return FAULTS[fault] if fault < len(FAULTS) else str(fault)
