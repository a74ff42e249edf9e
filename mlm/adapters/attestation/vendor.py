"""A hardware vendor that there is not: evidence in the vendor's form, by keys that everybody knows.

For machines without an enclave, and for tests of what real evidence cannot be made to say. It convinces nobody: its
root is accepted where simulated evidence is asked for, and never passes for a vendor's. What is AMD's and AWS's is in
vendor_snp.py and vendor_nitro.py. The forms here are Intel's:
https://download.01.org/intel-sgx/latest/dcap-latest/linux/docs (quoting library APIs of SGX and TDX, PCK certificates)
and https://api.portal.trustedservices.intel.com (TCB information, identity of the quoting enclave).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from mlm.core.attestation import NITRO, SGX, SNP, TDX, UP_TO_DATE

ROOT, PLATFORMS, PLATFORM, SIGNING, QUOTING = (  # who signs what
    "root",
    "platform authority",
    "platform",
    "TCB signing",
    "quoting enclave",
)
_SGX_EXTENSION = "1.2.840.113741.1.13.1"
_FMSPC, _PCE_ID, _SVN = bytes.fromhex("00906ea10000"), bytes(2), 2
_QE_VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")  # the only one that verifiers know
_QE_SIGNER = sha256(b"mlm simulated quoting enclave").digest()
FROM, FOREVER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC)
_AUTH = bytes(range(32))
_CERTIFICATES, _REPORT = 5, 6  # kinds of certification data
_DEBUG_BIT, _LONG_MODE = 0x02, 0x04  # of an enclave's attributes, the first byte
VALID = timedelta(days=30)
_USER = 20  # bytes of a quote's header that mean nothing


@dataclass(frozen=True)
class Enclave:
    """What a quote is made of. `measurements` as MEASUREMENTS names them; what is left out is zeros."""

    kind: str
    measurements: dict[str, bytes]
    debug: bool = False


@dataclass(frozen=True)
class Vendor:
    """`status` and `advisories` are its word on the platform, from `issued` on, for VALID. `name` makes its keys.

    As the real vendors, it says nothing of Nitro's platforms, and an SNP platform that is not up to date is one whose
    firmware is not committed.
    """

    issued: datetime = FROM
    status: str = UP_TO_DATE
    advisories: tuple[str, ...] = ()
    name: str = "mlm simulated vendor"

    @cached_property
    def root(self) -> bytes:
        """The root certificate, DER: the same for the same name, whenever it is made."""
        return self._root.public_bytes(Encoding.DER)

    def trusted(self, kind: str) -> bytes:
        """What the port's child takes in place of the real vendor's root, for evidence of this kind."""
        if kind == SNP:
            from mlm.adapters.attestation.vendor_snp import Chip

            return Chip(self).root
        if kind == NITRO:
            from mlm.adapters.attestation.vendor_nitro import Hypervisor

            return Hypervisor(self).root
        return self.root

    def quote(self, enclave: Enclave, report_data: bytes, user_data: bytes = bytes(_USER)) -> bytes:
        """A quote of version 3 (SGX) or 4 (TDX); a report (SNP) of version 3; a document (Nitro).

        `user_data`, 20 bytes, makes a quote of SGX or TDX another one of the same report.
        """
        if enclave.kind == SNP:
            from mlm.adapters.attestation.vendor_snp import Chip

            return Chip(self).report(enclave, report_data)
        if enclave.kind == NITRO:
            from mlm.adapters.attestation.vendor_nitro import Hypervisor

            return Hypervisor(self).document(enclave, report_data)
        sgx = enclave.kind == SGX
        header = struct.pack("<HHIHH", 3 if sgx else 4, 2, 0 if sgx else 0x81, _SVN, _SVN) + _QE_VENDOR + user_data
        signed = header + (_enclave(enclave, report_data) if sgx else _domain(enclave, report_data))
        key = _point(self._key(QUOTING))
        report = _quoting_report(sha256(key + _AUTH).digest())
        chain = b"".join(each.public_bytes(Encoding.PEM) for each in (self._platform, self._platforms, self._root))
        said = report + self._sign(PLATFORM, report) + struct.pack("<H", len(_AUTH)) + _AUTH
        said += struct.pack("<HI", _CERTIFICATES, len(chain)) + chain
        if not sgx:
            said = struct.pack("<HI", _REPORT, len(said)) + said
        signature = self._sign(QUOTING, signed) + key + said
        return signed + struct.pack("<I", len(signature)) + signature

    def collateral(self, kind: str) -> bytes:
        """What the vendor says of its platforms, in JSON."""
        if kind == SNP:
            from mlm.adapters.attestation.vendor_snp import Chip

            return Chip(self).collateral()
        if kind == NITRO:
            return b"{}"
        info, identity = (json.dumps(each, separators=(",", ":")) for each in (self._tcb(kind), self._quoting(kind)))
        chain = "".join(each.public_bytes(Encoding.PEM).decode() for each in (self._signing, self._root))
        value = {
            "pck_crl_issuer_chain": chain,
            "root_ca_crl": self._revoked(ROOT, self._root).hex(),
            "pck_crl": self._revoked(PLATFORMS, self._platforms).hex(),
            "tcb_info_issuer_chain": chain,
            "tcb_info": info,
            "tcb_info_signature": self._sign(SIGNING, info.encode()).hex(),
            "qe_identity_issuer_chain": chain,
            "qe_identity": identity,
            "qe_identity_signature": self._sign(SIGNING, identity.encode()).hex(),
        }
        return json.dumps(value).encode()

    # Keys and certificates

    def _key(self, who: str) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(sha256(f"{self.name}: {who}".encode()).digest()), ec.SECP256R1())

    def _sign(self, who: str, data: bytes) -> bytes:
        r, s = decode_dss_signature(self._key(who).sign(data, ec.ECDSA(SHA256(), deterministic_signing=True)))
        return r.to_bytes(32) + s.to_bytes(32)

    @cached_property
    def _root(self) -> x509.Certificate:
        return self._certificate(ROOT, ROOT, authority=True)

    @cached_property
    def _platforms(self) -> x509.Certificate:
        return self._certificate(PLATFORMS, ROOT, authority=True)

    @cached_property
    def _signing(self) -> x509.Certificate:
        return self._certificate(SIGNING, ROOT)

    @cached_property
    def _platform(self) -> x509.Certificate:
        return self._certificate(PLATFORM, PLATFORMS, platform=True)

    def _certificate(self, who: str, by: str, *, authority: bool = False, platform: bool = False) -> x509.Certificate:
        key = self._key(who).public_key()
        usage = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False
        )  # fmt: skip
        usage |= dict.fromkeys(("key_cert_sign", "crl_sign") if authority else ("digital_signature",), True)
        made = (
            x509.CertificateBuilder()
            .subject_name(self._named(who))
            .issuer_name(self._named(by))
            .public_key(key)
            .serial_number(1 + int.from_bytes(sha256(who.encode()).digest()[:8]))
            .not_valid_before(FROM)
            .not_valid_after(FOREVER)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )
        if platform:
            extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(_SGX_EXTENSION), _platform_extension())
            made = made.add_extension(extension, critical=False)
        return made.sign(self._key(by), SHA256(), ecdsa_deterministic=True)

    def _revoked(self, by: str, issuer: x509.Certificate) -> bytes:
        """An empty list of revoked certificates, DER."""
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.subject)
            .last_update(self.issued)
            .next_update(self.issued + VALID)
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key(by).public_key()), critical=False
            )
        )
        return made.sign(self._key(by), SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)

    def _named(self, who: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{self.name}: {who}")])

    # What it says of its platforms and of its quoting enclave

    def _dated(self) -> dict[str, Any]:
        form = "%Y-%m-%dT%H:%M:%SZ"
        times = {"issueDate": self.issued.strftime(form), "nextUpdate": (self.issued + VALID).strftime(form)}
        return times | {"tcbEvaluationDataNumber": 1}

    def _level(self, status: str, advisories: Sequence[str], tcb: dict[str, Any]) -> dict[str, Any]:
        level: dict[str, Any] = {"tcb": tcb, "tcbDate": "2024-01-01T00:00:00Z", "tcbStatus": status}
        return level | ({"advisoryIDs": list(advisories)} if advisories else {})

    def _tcb(self, kind: str) -> dict[str, Any]:
        components = [{"svn": _SVN}] * 16
        tcb: dict[str, Any] = {"sgxtcbcomponents": components, "pcesvn": _SVN}
        value = {"id": kind.upper(), "version": 3, **self._dated()}
        value |= {"fmspc": _FMSPC.hex().upper(), "pceId": _PCE_ID.hex().upper(), "tcbType": 0}
        if kind == TDX:
            module = {"mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8}
            value |= {"tdxModule": module, "tdxModuleIdentities": []}
            tcb |= {"tdxtcbcomponents": [{"svn": 0}] * 16}
        return value | {"tcbLevels": [self._level(self.status, self.advisories, tcb)]}

    def _quoting(self, kind: str) -> dict[str, Any]:
        value = {"id": "QE" if kind == SGX else "TD_QE", "version": 2, **self._dated()}
        value |= {"miscselect": "00" * 4, "miscselectMask": "FF" * 4, "isvprodid": 1}
        value |= {"attributes": "00" * 16, "attributesMask": "00" * 16, "mrsigner": _QE_SIGNER.hex().upper()}
        return value | {"tcbLevels": [self._level(UP_TO_DATE, (), {"isvsvn": _SVN})]}


def _platform_extension() -> bytes:
    def item(number: str, value: bytes) -> bytes:
        return _sequence(asn1.encode_der(x509.ObjectIdentifier(f"{_SGX_EXTENSION}.{number}")), value)

    levels = [item(f"2.{at}", asn1.encode_der(_SVN)) for at in range(1, 18)]
    levels.append(item("2.18", asn1.encode_der(bytes([_SVN] * 16))))
    return _sequence(
        item("1", asn1.encode_der(bytes(16))),
        item("2", _sequence(*levels)),
        item("3", asn1.encode_der(_PCE_ID)),
        item("4", asn1.encode_der(_FMSPC)),
        item("5", bytes([0x0A, 1, 0])),  # an ENUMERATED: a standard platform
    )


def _sequence(*items: bytes) -> bytes:
    """A SEQUENCE of what is DER already, of at most 65,535 bytes."""
    content = b"".join(items)
    size = len(content)
    return b"\x30" + (bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2)) + content


def _report(attributes: bytes, enclave: bytes, signer: bytes, product: int, svn: int, data: bytes) -> bytes:
    """An enclave's report, 384 bytes."""
    front = bytes([_SVN] * 16) + bytes(4 + 28) + attributes + enclave + bytes(32) + signer + bytes(96)
    return front + struct.pack("<HH", product, svn) + bytes(60) + data.ljust(64, b"\0")


def _quoting_report(data: bytes) -> bytes:
    return _report(bytes([1]) + bytes(15), sha256(b"quoting").digest(), _QE_SIGNER, 1, _SVN, data)


def _enclave(enclave: Enclave, data: bytes) -> bytes:
    attributes = bytes([1 | _LONG_MODE | (_DEBUG_BIT if enclave.debug else 0)]) + bytes(15)
    code, signer = (enclave.measurements.get(name, b"").ljust(32, b"\0") for name in ("mr_enclave", "mr_signer"))
    return _report(attributes, code, signer, 1, 1, data)


def _domain(enclave: Enclave, data: bytes) -> bytes:
    """A trust domain's report of version 1.0, 584 bytes."""
    names = ("mr_td", "mr_config_id", "mr_owner", "mr_owner_config", "rt_mr0", "rt_mr1", "rt_mr2", "rt_mr3")
    measured = b"".join(enclave.measurements.get(name, b"").ljust(48, b"\0") for name in names)
    attributes = bytes([enclave.debug]) + bytes(2) + bytes([0x10]) + bytes(4)  # septets are disabled, as everywhere
    front = bytes(16) + bytes(48 + 48 + 8) + attributes + bytes(8)
    return front + measured + data.ljust(64, b"\0")


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
