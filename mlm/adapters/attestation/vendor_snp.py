"""The simulated vendor's reports of SEV-SNP, in AMD's forms: AMD documents 56860 and 57230, as in snp.py.

Its RSA keys have 2048 bits, AMD's 4096: primes are found anew from the vendor's name in each process.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from functools import cache
from hashlib import sha256, shake_256
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from mlm.adapters.attestation.certificates import pin
from mlm.adapters.attestation.snp import AMD, DEBUG, NUMBER, ORDERS, SIGNED
from mlm.core.attestation import SNP_REPORT_BYTES, UP_TO_DATE

if TYPE_CHECKING:
    from mlm.adapters.attestation.vendor import Enclave, Vendor

_PSS = padding.PSS(padding.MGF1(SHA384()), SHA384().digest_size)
_PRIME_BITS, _EXPONENT = 1024, 65537
_SMALL = math.prod(number for number in range(3, 2000, 2))
ASK_SERIAL, CHIP_SERIAL = 65_537, 7


@dataclass(frozen=True)
class Chip:
    """A platform of the vendor's. `reported`: of the TCB that reports name, `certified`: of the one in the certificate.

    `signer` is vcek or vlek; `revoked` are serial numbers on the root's list.
    """

    vendor: Vendor
    chip: bytes = bytes(range(64))
    certified: bytes = bytes.fromhex("04000000000018db")
    reported: bytes = bytes.fromhex("04000000000018db")
    signer: str = "vcek"
    product: str = "Milan"
    policy: int = 0x3001F
    level: int = 0
    revoked: tuple[int, ...] = ()
    version: int = 3

    @property
    def root(self) -> bytes:
        """The sha256 of the root's public key."""
        return pin(self._certificates()[0])

    def report(self, enclave: Enclave, report_data: bytes) -> bytes:
        """A report; the versions differ in fields that nobody here reads."""
        measured = enclave.measurements
        committed = self.reported if self.vendor.status == UP_TO_DATE else bytes(8)
        policy = self.policy | (DEBUG if enclave.debug else 0)
        said = bytearray(SNP_REPORT_BYTES)
        struct.pack_into("<IIQ", said, 0, self.version, 0, policy)
        struct.pack_into("<II8sQI", said, 0x30, self.level, 1, self.reported, 0, (self.signer == "vlek") << 2)
        said[0x50:0x90] = report_data.ljust(64, b"\0")
        for name, at, size in (("measurement", 0x90, 48), ("host_data", 0xC0, 32), ("id_key_digest", 0xE0, 48),
                               ("author_key_digest", 0x110, 48)):  # fmt: skip
            said[at : at + size] = measured.get(name, b"").ljust(size, b"\0")
        said[0x180:0x188], said[0x1A0:0x1E0], said[0x1E0:0x1E8] = self.reported, self.chip, committed
        key = self._chip_key()
        for at, number in enumerate(
            decode_dss_signature(key.sign(bytes(said[:SIGNED]), ec.ECDSA(SHA384(), deterministic_signing=True)))
        ):
            struct.pack_into(f"{NUMBER}s", said, SIGNED + at * NUMBER, number.to_bytes(NUMBER, "little"))
        return bytes(said)

    def collateral(self) -> bytes:
        """The certificates, and the root's list of those it has revoked."""
        names = ("ark", "ask", self.signer)
        value = {
            name: found.public_bytes(Encoding.PEM).decode()
            for name, found in zip(names, self._certificates(), strict=True)
        }
        return json.dumps(value | {"crl": self._list().public_bytes(Encoding.DER).hex()}).encode()

    def _chip_key(self) -> ec.EllipticCurvePrivateKey:
        seed = f"{self.vendor.name}: {self.signer} {self.chip.hex()} {self.certified.hex()}"
        return ec.derive_private_key(int.from_bytes(sha256(seed.encode()).digest()), ec.SECP384R1())

    def _certificates(self) -> tuple[x509.Certificate, x509.Certificate, x509.Certificate]:
        root, signing = (_rsa_key(f"{self.vendor.name}: {who}") for who in ("ARK", "ASK"))
        ark, ask = self._named(f"ARK-{self.product}"), self._named(f"SEV-{self.product}")
        leaf = self._named(f"SEV-{self.signer.upper()}")
        chip = self._builder(leaf, ask, CHIP_SERIAL).public_key(self._chip_key().public_key())
        for number, value in self._extensions():
            extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(f"{AMD}.{number}"), value)
            chip = chip.add_extension(extension, critical=False)
        return (
            _sign(_authority(self._builder(ark, ark, 65_536), None).public_key(root.public_key()), root),
            _sign(_authority(self._builder(ask, ark, ASK_SERIAL), 0).public_key(signing.public_key()), root),
            _sign(chip, signing),
        )

    def _extensions(self) -> list[tuple[str, bytes]]:
        found = [("2", b"\x16" + bytes([len(self.product) + 3]) + f"{self.product}-B0".encode())]
        order = ORDERS[self.product]
        found += [(f"3.{number}", asn1.encode_der(self.certified[at])) for at, number in enumerate(order)]
        return [*found, ("4", self.chip)] if self.signer == "vcek" else found

    def _builder(self, subject: x509.Name, issuer: x509.Name, serial: int) -> x509.CertificateBuilder:
        from mlm.adapters.attestation.vendor import FOREVER, FROM

        named = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).serial_number(serial)
        return named.not_valid_before(FROM).not_valid_after(FOREVER)

    def _named(self, who: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{self.vendor.name}: {who}"[:64])])

    def _list(self) -> x509.CertificateRevocationList:
        from mlm.adapters.attestation.vendor import VALID

        issued = self.vendor.issued
        made = x509.CertificateRevocationListBuilder().issuer_name(self._named(f"ARK-{self.product}"))
        made = made.last_update(issued).next_update(issued + VALID)
        for serial in self.revoked:
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(issued).build()
            made = made.add_revoked_certificate(one)
        return made.sign(_rsa_key(f"{self.vendor.name}: ARK"), SHA384(), rsa_padding=_PSS)


def _authority(made: x509.CertificateBuilder, below: int | None) -> x509.CertificateBuilder:
    usage = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "encipher_only", "decipher_only"), False
    )  # fmt: skip
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
    return made.add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)


def _sign(made: x509.CertificateBuilder, key: rsa.RSAPrivateKey) -> x509.Certificate:
    return made.sign(key, SHA384(), rsa_padding=_PSS)


@cache
def _rsa_key(name: str) -> rsa.RSAPrivateKey:
    """The key of this name: the same everywhere, and as secret as the name."""
    p, q = (_prime(f"{name}, {which}") for which in "pq")
    d = pow(_EXPONENT, -1, math.lcm(p - 1, q - 1))
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    parts = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return rsa.RSAPrivateNumbers(p, q, d, *parts, public).private_key()


def _prime(name: str) -> int:
    """The first probable prime behind a number that the name gives, with its two highest bits set."""
    found = int.from_bytes(shake_256(name.encode()).digest(_PRIME_BITS // 8)) | 3 << _PRIME_BITS - 2 | 1
    while math.gcd(found, _SMALL) > 1 or found % _EXPONENT == 1 or pow(2, found - 1, found) != 1:
        found += 2
    return found
