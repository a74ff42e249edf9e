"""Chains of X.509 certificates as AMD and AWS make them, with fixed algorithms. Runs in the child.

Of X.509 (RFC 5280) only what these chains need is understood: a critical extension beyond that is refused.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning

from mlm.core.clock import iso_time
from mlm.core.errors import InvalidData, VerificationFailed

# What the library raises for what is no certificate and no list, beside what it means by them.
X509_ERRORS = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion)
_UNDERSTOOD = (x509.BasicConstraints.oid, x509.KeyUsage.oid)
_SHORTEST_RSA = 2048
Check = Callable[[Any, bytes, bytes], bool]  # (public key, signature, data)


@dataclass(frozen=True)
class Span:
    """The times, in seconds, at which all that was looked at is valid."""

    issued: int
    expires: int

    def __and__(self, other: Span) -> Span:
        return Span(max(self.issued, other.issued), min(self.expires, other.expires))

    def check(self, at: int, what: str) -> None:
        """Refuse another time. Raises VerificationFailed."""
        if not self.issued <= at <= self.expires:
            span = f"from {iso_time(self.issued)} to {iso_time(self.expires)}"
            raise refused(f"{what} is valid {span}, not at {iso_time(at)}")


def refused(why: str) -> VerificationFailed:
    """The one form of every refusal here."""
    return VerificationFailed(f"the evidence does not verify: {why}")


def certificate(data: bytes, what: str) -> x509.Certificate:
    """A certificate of DER. Raises InvalidData."""
    try:
        with warnings.catch_warnings():  # AMD numbers its chips' certificates 0, which RFC 5280 forbids
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            found = x509.load_der_x509_certificate(data)
            _ = (found.public_key(), found.extensions)  # parsed when they are asked for
            _ = (found.issuer.rfc4514_string(), found.subject.rfc4514_string())
    except X509_ERRORS as error:
        raise InvalidData(f"{what}: expected a certificate, found {line(error)}") from error
    return found


def pin(found: x509.Certificate) -> bytes:
    """The sha256 of a certificate's public key, by which roots are known."""
    key = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(key).digest()


def check_chain(chain: Sequence[x509.Certificate], roots: frozenset[bytes], signed: Check, at: int) -> Span:
    """Follow certificates from the root down to the one that signs evidence; when all of them are valid.

    Raises VerificationFailed.
    """
    root = chain[0]
    if pin(root) not in roots:
        raise refused(f"its root is {_name(root)} with the key {pin(root).hex()}, which is no root of this vendor")
    if not signed(root.public_key(), root.signature, root.tbs_certificate_bytes):
        raise refused("its root is not signed by itself")
    for below, (issuer, found) in enumerate(pairwise(chain)):
        _check_issuer(issuer, len(chain) - 2 - below)
        if found.issuer != issuer.subject:
            raise refused(f"{_name(found)} is issued by {shown(found.issuer.rfc4514_string())}, not by {_name(issuer)}")
        if not signed(issuer.public_key(), found.signature, found.tbs_certificate_bytes):
            raise refused(f"the certificate {_name(found)} is not signed by {_name(issuer)}")
    whole = None
    for found in chain:
        if strange := [each.oid.dotted_string for each in found.extensions if _strange(each)]:
            raise refused(f"the certificate {_name(found)} has the critical extension {strange[0]}")
        span = Span(seconds(found.not_valid_before_utc), seconds(found.not_valid_after_utc))
        span.check(at, f"the certificate {_name(found)}")
        whole = span if whole is None else whole & span
    assert whole is not None
    return whole


def by_rsa(key: Any, signature: bytes, data: bytes) -> bool:
    """RSASSA-PSS with SHA-384 and a salt of 48 bytes, as AMD signs certificates."""
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _SHORTEST_RSA:
        return False
    try:
        key.verify(signature, data, padding.PSS(padding.MGF1(SHA384()), SHA384().digest_size), SHA384())
    except InvalidSignature:
        return False
    return True


def by_p384(key: Any, signature: bytes, data: bytes) -> bool:
    """ECDSA on P-384 with SHA-384, the signature DER."""
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        return False
    try:
        key.verify(signature, data, ec.ECDSA(SHA384()))
    except InvalidSignature:
        return False
    return True


def by_p384_numbers(key: Any, r: int, s: int, data: bytes) -> bool:
    """The same, where the signature is two numbers."""
    return by_p384(key, encode_dss_signature(r, s), data)


def seconds(time: datetime) -> int:
    """Unix time."""
    return int(time.timestamp())


def line(error: BaseException) -> str:
    """What a library says, in a line that is not long."""
    return shown(" ".join(str(error).split())) or type(error).__name__


def shown(text: str) -> str:
    """Foreign text, of which nothing is left that a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:200])


def _check_issuer(issuer: x509.Certificate, authorities_below: int) -> None:
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        raise refused(f"the certificate {_name(issuer)} may issue none") from error
    if not constraints.ca or not usage.key_cert_sign:
        raise refused(f"the certificate {_name(issuer)} may issue none")
    if constraints.path_length is not None and constraints.path_length < authorities_below:
        raise refused(f"the certificate {_name(issuer)} may have {constraints.path_length} authorities below it")


def _strange(extension: x509.Extension[Any]) -> bool:
    return extension.critical and extension.oid not in _UNDERSTOOD


def _name(found: x509.Certificate) -> str:
    return shown(found.subject.rfc4514_string())
