"""Attestation reports of AMD SEV-SNP. Runs in the child.

The report: SEV Secure Nested Paging Firmware ABI Specification, AMD document 56860, ATTESTATION_REPORT. Certificates
and their extensions: Versioned Chip Endorsement Key (VCEK) Certificate and KDS Interface Specification, document 57230.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from dataclasses import dataclass

from cryptography import x509

from mlm.adapters.attestation.certificates import (
    X509_ERRORS,
    Span,
    by_p384_numbers,
    by_rsa,
    certificate,
    check_chain,
    line,
    refused,
    seconds,
    shown,
)
from mlm.adapters.confine import Answer
from mlm.core.attestation import CONFIGURATION_NEEDED, SNP, UP_TO_DATE
from mlm.core.errors import InvalidData

# sha256 of the public keys of AMD's root certificates, ARK-Milan, ARK-Genoa and ARK-Turin. From the certificates as
# virtee/sev and google/go-sev-guest carry them (KDS: /vcek/v1/{product}/cert_chain); a test holds them against these.
ROOTS = frozenset(
    bytes.fromhex(key)
    for key in (
        "9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9",
        "429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831",
        "4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08",
    )
)
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END \1-----")
SIGNED = 0x2A0  # bytes of the report that the signature is over; behind it two numbers, and zeros
NUMBER = 72  # bytes of each, little-endian
DEBUG, MIGRATION_AGENT = 1 << 19, 1 << 18  # what a guest's policy may allow
_FIELDS = {
    "measurement": slice(0x90, 0xC0),
    "host_data": slice(0xC0, 0xE0),
    "id_key_digest": slice(0xE0, 0x110),
    "author_key_digest": slice(0x110, 0x140),
    "reported_tcb": slice(0x180, 0x188),
}
_REPORT_DATA, _CHIP = slice(0x50, 0x90), slice(0x1A0, 0x1E0)
_CURRENT_TCB, _REPORTED_TCB, _COMMITTED_TCB = slice(0x38, 0x40), slice(0x180, 0x188), slice(0x1E0, 0x1E8)
_P384_SHA384 = 1
_MOST_PRIVILEGED, _LEAST_PRIVILEGED = 0, 3  # levels (VMPL) of who asks inside the guest; the host asks as another
_SIGNERS = {0: "vcek", 1: "vlek"}
AMD = "1.3.6.1.4.1.3704.1"
# The TCB's bytes in a report, as the last number of the extension that certifies each: {AMD}.3.N.
_UP_TO_GENOA, _TURIN = (1, 2, 4, 5, 6, 7, 3, 8), (9, 1, 2, 3, 4, 5, 6, 8)
ORDERS = {"Milan": _UP_TO_GENOA, "Genoa": _UP_TO_GENOA, "Siena": _UP_TO_GENOA, "Turin": _TURIN}


@dataclass(frozen=True)
class _Known:
    """The collateral: certificates from the root down, the last of which is `signer`'s, and what the root revoked."""

    chain: tuple[x509.Certificate, x509.Certificate, x509.Certificate]
    revoked: x509.CertificateRevocationList
    signer: str  # vcek or vlek


def verified(report: bytes, collateral: bytes, at: int, root: bytes | None = None) -> Answer:
    """What a report says, checked at the time `at`; `root` is the sha256 of a public key in place of AMD's.

    1. The chip's or the provider's certificate leads over AMD's signing key to AMD's root, and all are valid then.
    2. The root has revoked neither, by a list that is valid then.
    3. The certificate is of this report's chip, and of the TCB that it reports.
    4. It has signed the report.
    5. The guest is closed: no debugger, no migration agent; and software inside it has asked, not its host.
    Raises InvalidData, VerificationFailed.
    """
    known = _known(collateral)
    span = check_chain(known.chain, ROOTS if root is None else frozenset({root}), by_rsa, at)  # (1)
    span &= _check_revoked(known, at)  # (2)
    _check_binding(report, known)  # (3)
    _check_signature(report, known.chain[-1])  # (4)
    _check_closed(report)  # (5)
    settled = report[_CURRENT_TCB] == report[_COMMITTED_TCB] == report[_REPORTED_TCB]
    return {
        "kind": SNP,
        "status": UP_TO_DATE if settled else CONFIGURATION_NEEDED,
        "advisories": [],
        "measurements": {name: report[where].hex() for name, where in _FIELDS.items()},
        "report_data": report[_REPORT_DATA].hex(),
        "issued": span.issued,
        "expires": span.expires,
    }


def _known(collateral: bytes) -> _Known:
    try:
        value = json.loads(collateral)
    except (ValueError, RecursionError) as error:
        raise InvalidData(f"expected the collateral of a report in JSON, found {line(error)}") from error
    names = sorted(value) if isinstance(value, dict) else []
    if names not in (["ark", "ask", "crl", "vcek"], ["ark", "ask", "crl", "vlek"]):
        found = shown(", ".join(names)) or "none of them"
        raise InvalidData(f"expected collateral with ark, ask, crl and vcek or vlek, found {found}")
    signer = names[-1]
    ark, ask, leaf = (certificate(_der(value[name], name), name) for name in ("ark", "ask", signer))
    try:
        revoked = x509.load_der_x509_crl(_der(value["crl"], "crl"))
        _ = (revoked.extensions, revoked.issuer, [each.extensions for each in revoked])
    except X509_ERRORS as error:
        raise InvalidData(f"crl: expected a list of revoked certificates, found {line(error)}") from error
    return _Known((ark, ask, leaf), revoked, signer)


def _der(text: object, name: str) -> bytes:
    """PEM, or DER in hexadecimal digits."""
    if not isinstance(text, str):
        raise InvalidData(f"{name}: expected text, found {type(text).__name__}")
    try:
        if found := _PEM.fullmatch(text.strip()):
            return b64decode("".join(found[2].split()), validate=True)
        return bytes.fromhex(text)
    except ValueError as error:
        raise InvalidData(f"{name}: expected PEM, or DER in hexadecimal digits, found {line(error)}") from error


def _check_revoked(known: _Known, at: int) -> Span:
    root, revoked = known.chain[0], known.revoked
    if revoked.issuer != root.subject or not by_rsa(root.public_key(), revoked.signature, revoked.tbs_certlist_bytes):
        raise refused("the list of revoked certificates is not signed by the root")
    if any(each.critical for each in revoked.extensions):
        raise refused("the list of revoked certificates is not a whole one")
    if revoked.next_update_utc is None:
        raise refused("the list of revoked certificates does not say how long it is valid")
    span = Span(seconds(revoked.last_update_utc), seconds(revoked.next_update_utc))
    span.check(at, "the list of revoked certificates")
    for name, found in zip(("ask", known.signer), known.chain[1:], strict=True):
        if revoked.get_revoked_certificate_by_serial_number(found.serial_number) is not None:
            raise refused(f"its {name} is revoked")
    return span


def _check_binding(report: bytes, known: _Known) -> None:
    signer = _SIGNERS.get(int.from_bytes(report[0x48:0x4C], "little") >> 2 & 7)
    if signer != known.signer:
        raise refused(f"it is signed with a key of the kind {signer}, and the collateral has a {known.signer}")
    said = {each.oid.dotted_string: each.value for each in known.chain[-1].extensions}
    values = {oid: value.value for oid, value in said.items() if isinstance(value, x509.UnrecognizedExtension)}
    product = _string(values.get(f"{AMD}.2", b"")).partition("-")[0]
    if product not in ORDERS:
        raise refused(f"its {signer} is of the product {product!r}; known are {', '.join(ORDERS)}")
    certified = bytes(_spl(values.get(f"{AMD}.3.{number}")) for number in ORDERS[product])
    if certified != report[_REPORTED_TCB]:
        found = report[_REPORTED_TCB].hex()
        raise refused(f"its {signer} is for the TCB {certified.hex()}, and the report is of {found}")
    if signer == "vcek" and (chip := _chip(values.get(f"{AMD}.4", b""))) != report[_CHIP]:
        raise refused(f"its vcek is of the chip {chip.hex()}, and the report of {report[_CHIP].hex()}")


def _string(value: bytes) -> str:
    """An IA5String, DER."""
    if value[:1] != b"\x16" or value[1:2] != bytes([len(value) - 2 & 0x7F]):
        return ""
    return value[2:].decode("ascii", "replace")


def _spl(value: bytes | None) -> int:
    """A byte of a TCB: an INTEGER, DER. What is not certified is 0."""
    if value is None:
        return 0
    number = int.from_bytes(value[2:])
    if value[:1] != b"\x02" or value[1:2] != bytes([len(value) - 2 & 0x7F]) or number > 255:
        raise refused("the certificate's TCB has no form that is known")
    return number


def _chip(value: bytes) -> bytes:
    """A chip's name as a report has it: 64 bytes, of which Turin uses 8."""
    if len(value) in (66, 10) and value[:2] == bytes([4, len(value) - 2]):  # an OCTET STRING within
        value = value[2:]
    if len(value) not in (64, 8):
        raise refused("its vcek does not say of which chip it is")
    return value.ljust(64, b"\0")


def _check_signature(report: bytes, signer: x509.Certificate) -> None:
    algorithm, signature = int.from_bytes(report[0x34:0x38], "little"), report[SIGNED:]
    if algorithm != _P384_SHA384:
        raise refused(
            f"its signature is of the algorithm {algorithm}; known is {_P384_SHA384}, ECDSA P-384 with SHA-384"
        )
    r, s = (int.from_bytes(signature[at : at + NUMBER], "little") for at in (0, NUMBER))
    if any(signature[2 * NUMBER :]) or not by_p384_numbers(signer.public_key(), r, s, report[:SIGNED]):
        raise refused("its signature is not the certificate's")


def _check_closed(report: bytes) -> None:
    policy, level = int.from_bytes(report[0x08:0x10], "little"), int.from_bytes(report[0x30:0x34], "little")
    if policy & DEBUG:
        raise refused("Debug mode is enabled: the guest's policy lets its host read and change it")
    if policy & MIGRATION_AGENT:
        raise refused("the guest's policy lets a migration agent have it")
    if not _MOST_PRIVILEGED <= level <= _LEAST_PRIVILEGED:
        raise refused("the host has asked for the report, nobody inside the guest")
