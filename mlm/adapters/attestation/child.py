"""`python -m mlm.adapters.attestation.child`: verifies the evidence of the working folder, under limits set before."""

from __future__ import annotations

from pathlib import Path

from mlm.adapters import confine
from mlm.adapters.confine import Answer, Request
from mlm.adapters.extras import unavailable
from mlm.core.attestation import NITRO, SGX, SNP, TDX, kind_of

QUOTE, COLLATERAL, ROOT = "quote", "collateral.json", "root"
FILE_BYTES = 1 << 20  # the answer is all that is written
# What a kind's verification imports, all of it: once the child is sealed, no machine code can be loaded.
MODULES = {
    SGX: ("dcap_qvl",),
    TDX: ("dcap_qvl",),
    SNP: ("mlm.adapters.attestation.snp",),
    NITRO: ("mlm.adapters.attestation.nitro",),
}


def answer(step: str, request: Request) -> Answer:
    """What the evidence says. Raises InvalidData, VerificationFailed, ToolMissing."""
    root = Path(ROOT).read_bytes() or None  # empty: the vendor's own
    return verified(Path(QUOTE).read_bytes(), Path(COLLATERAL).read_bytes(), request["at"], root)


def verified(evidence: bytes, collateral: bytes, at: int, root: bytes | None = None) -> Answer:
    """What evidence says whose signatures are true at the time `at`, of whatever kind it is.

    `root` is in place of the vendor's: a certificate, DER, for SGX and TDX; for the others the sha256 of the root's
    public key (SubjectPublicKeyInfo, DER). Raises InvalidData, VerificationFailed, ToolMissing.
    """
    kind = kind_of(evidence)
    if kind in (SGX, TDX):
        from mlm.adapters.attestation import intel

        return intel.verified(evidence, collateral, at, root)
    try:
        if kind == SNP:
            from mlm.adapters.attestation import snp

            return snp.verified(evidence, collateral, at, root)
        from mlm.adapters.attestation import nitro

        return nitro.verified(evidence, collateral, at, root)
    except ImportError as error:
        missing = (error.name or "cryptography").partition(".")[0]
        raise unavailable(f"evidence of the kind {kind}", missing, error, "'mlm[tee]'") from error


if __name__ == "__main__":
    confine.serve(answer, modules=lambda step: MODULES[step])
