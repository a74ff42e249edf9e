"""The simulated vendor's documents of Nitro Enclaves, in AWS's forms, as in nitro.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from mlm.adapters.attestation.certificates import pin, seconds
from mlm.adapters.attestation.nitro import ES384

if TYPE_CHECKING:
    from mlm.adapters.attestation.vendor import Enclave, Vendor

WHO = ("root", "region", "zone", "instance", "enclave")  # each signs the next
_PCRS, _PCR_BYTES = 16, 48


@dataclass(frozen=True)
class Hypervisor:
    """What signs for an enclave. `changes` are fields of the document's payload, in place of the true ones.

    `header` is COSE's protected one; with `indefinite` the payload's lists and maps do not say how long they are, as
    those of some real ones do not.
    """

    vendor: Vendor
    changes: Mapping[str, Any] = field(default_factory=dict)
    header: bytes = ES384
    indefinite: bool = False

    @property
    def root(self) -> bytes:
        """The sha256 of the root's public key."""
        return pin(self._certificate(0))

    def document(self, enclave: Enclave, report_data: bytes) -> bytes:
        """A document whose user_data is the report data; in debug mode its PCRs 0 to 2 are zeros, as AWS's are."""
        pcrs = {at: enclave.measurements.get(f"pcr{at}", bytes(_PCR_BYTES)) for at in range(_PCRS)}
        if enclave.debug:
            pcrs |= dict.fromkeys(range(3), bytes(_PCR_BYTES))
        said = {
            "module_id": "i-00000000000000000-enc0000000000000000",
            "digest": "SHA384",
            "timestamp": seconds(self.vendor.issued) * 1000,
            "pcrs": pcrs,
            "certificate": self.certificates()[-1],
            "cabundle": self.certificates()[:-1],
            "public_key": None,
            "user_data": report_data or None,
            "nonce": None,
        }
        payload = cbor2.dumps(said | dict(self.changes), indefinite_containers=self.indefinite)
        signed = cbor2.dumps(["Signature1", self.header, b"", payload])
        r, s = decode_dss_signature(self._key(WHO[-1]).sign(signed, ec.ECDSA(SHA384(), deterministic_signing=True)))
        return cbor2.dumps([self.header, {}, payload, r.to_bytes(48) + s.to_bytes(48)])

    def certificates(self) -> list[bytes]:
        """From the root to the enclave's, DER."""
        return [self._certificate(at).public_bytes(Encoding.DER) for at in range(len(WHO))]

    def _key(self, who: str) -> ec.EllipticCurvePrivateKey:
        seed = sha256(f"{self.vendor.name}: Nitro {who}".encode()).digest()
        return ec.derive_private_key(int.from_bytes(seed), ec.SECP384R1())

    def _named(self, who: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{self.vendor.name}: {who}"[:64])])

    def _certificate(self, at: int) -> x509.Certificate:
        from mlm.adapters.attestation.vendor import FOREVER, FROM, VALID

        who, by, last = WHO[at], WHO[max(at - 1, 0)], at == len(WHO) - 1
        begun, ended = (self.vendor.issued, self.vendor.issued + VALID) if last else (FROM, FOREVER)
        below = None if at == 0 else len(WHO) - 2 - at
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
             "decipher_only"), False
        )  # fmt: skip
        usage |= {"digital_signature": last, "key_cert_sign": not last, "crl_sign": not last}
        constraints = x509.BasicConstraints(ca=not last, path_length=None if last else below)
        return (
            _dated(begun, ended)
            .subject_name(self._named(who))
            .issuer_name(self._named(by))
            .public_key(self._key(who).public_key())
            .serial_number(1 + at)
            .add_extension(constraints, critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .sign(self._key(by), SHA384(), ecdsa_deterministic=True)
        )


def _dated(begun: datetime, ended: datetime) -> x509.CertificateBuilder:
    return x509.CertificateBuilder().not_valid_before(begun).not_valid_after(ended)
