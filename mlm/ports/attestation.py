"""Evidence of trusted execution environments."""

from typing import Protocol

from mlm.core.attestation import Attested

MAX_BYTES = 1 << 20  # of a quote, and of its collateral


class Attestation(Protocol):
    def verify(self, quote: bytes, collateral: bytes, at: int, *, simulated: bool = False) -> Attested:
        """What a quote of SGX or TDX (DCAP, versions 3 to 5) says, checked at the time `at`, in seconds.

        Its signatures are true and lead to Intel's root, nothing of it is revoked, its enclave is closed to debuggers
        (with one, whoever runs it can read and change it), and `collateral` (JSON: the platform's certificates,
        revocation lists, TCB information) is signed, and valid then. `simulated`: the root is
        the simulated vendor's instead, whose keys everybody knows. Raises VerificationFailed where that is not so,
        InvalidData for what is no quote or no collateral, ToolMissing without the extra `tee`.
        """
