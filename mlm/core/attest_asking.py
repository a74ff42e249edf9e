"""Who asks an attester, and of which job: a header that the provider signs (EIP-712). Pure.

It is read before the body, so that nothing dear is done for anybody but who may ask; and it is bound to the body and to
the attester, so that whoever was handed it can ask nobody in the provider's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from mlm.core import served
from mlm.core.errors import InvalidData, VerificationFailed

HEADER = "Mlm-Attest-Request"
TYPES = {
    "AttestRequest": [
        {"name": "jobId", "type": "bytes32"},
        {"name": "attester", "type": "address"},
        {"name": "provider", "type": "address"},
        {"name": "bodyDigest", "type": "bytes32"},
    ]
}


@dataclass(frozen=True)
class Asking:
    """The provider asks the attester about a job with a body of this sha256; addresses in lower case.

    `signature` is 65 bytes r‖s‖v of the provider's account, in the domain of the TeeVerifier (attesting.eip712_domain).
    """

    job_id: str
    attester: str
    provider: str
    body: bytes
    signature: bytes = b""

    @property
    def message(self) -> dict[str, Any]:
        """The EIP-712 message of `TYPES`."""
        job = bytes.fromhex(self.job_id[2:])
        return {"jobId": job, "attester": self.attester, "provider": self.provider, "bodyDigest": self.body}

    @property
    def of_key(self) -> bool:
        """Whether it is about a key that an enclave made, which is of no job."""
        return int(self.job_id, 16) == 0

    def to_header(self) -> str:
        """The header's value."""
        words = {"job": self.job_id, "attester": self.attester, "provider": self.provider}
        return served.header({**words, "body": "0x" + self.body.hex(), "signature": "0x" + self.signature.hex()})

    @classmethod
    def from_header(cls, text: str) -> Asking:
        """The inverse; a header of anybody: raises InvalidData."""
        what = f"the header {HEADER}"
        read = served.Reader(served.from_header(text, what), what)
        found = cls(
            read.word("job"),
            *(read.address("attester"), read.address("provider")),
            *(read.binary("body", 32), read.binary("signature", 65)),
        )
        read.finish()
        return found


def check_asking(asking: Asking, attester: str, signer: str) -> None:
    """Hold a request's header against who is asked, and who signed it. Raises VerificationFailed."""
    if asking.attester != attester.lower():
        raise VerificationFailed(f"the request asks the attester {asking.attester}: expected {attester.lower()}")
    if signer != asking.provider:
        raise VerificationFailed(f"the request is signed by {signer}, expected its provider {asking.provider}")


def check_body(asking: Asking, body: bytes) -> None:
    """Hold the body that came against the one that was signed for. Raises InvalidData."""
    if (found := sha256(body).digest()) != asking.body:
        raise InvalidData(f"the body: expected sha256 {asking.body.hex()}, found {found.hex()}")
