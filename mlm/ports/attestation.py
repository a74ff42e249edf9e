"""Evidence of trusted execution environments."""

from typing import Protocol

from mlm.core.attestation import Attested

MAX_BYTES = 1 << 20  # of evidence, and of its collateral


class Attestation(Protocol):
    def verify(self, quote: bytes, collateral: bytes, at: int, *, simulated: bool = False) -> Attested:
        """What evidence of trusted hardware says, checked at the time `at`, in seconds.

        It is a quote of SGX or TDX (DCAP, versions 3 to 5), an attestation report of SEV-SNP (versions 2 to 5) or an
        attestation document of AWS Nitro Enclaves; which, its bytes tell. Its signatures are true and lead to the
        vendor's root, nothing of it that the vendor revokes by a list is revoked, its enclave is closed to debuggers
        (with one, whoever runs it can read and change it), and `collateral` is signed, and valid then. Collateral is
        JSON: for SGX and TDX the platform's certificates, revocation lists and TCB information; for SNP `ark`, `ask`,
        `vcek` or `vlek`, and `crl`, each PEM, or DER in hexadecimal digits; for Nitro nothing, or `{}`. `simulated`:
        the root is the simulated vendor's instead, whose keys everybody knows. Raises VerificationFailed where that is
        not so, InvalidData for what is no evidence or no collateral, ToolMissing without the extra `tee`.
        """
