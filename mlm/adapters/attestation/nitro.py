"""Attestation documents of AWS Nitro Enclaves. Runs in the child.

The document: https://github.com/aws/aws-nitro-enclaves-nsm-api/blob/main/docs/attestation_process.md : COSE_Sign1
(RFC 9052) with ES384 over CBOR, which brings its certificates along.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import cbor2

from mlm.adapters.attestation.certificates import (
    Span,
    by_p384,
    by_p384_numbers,
    certificate,
    check_chain,
    line,
    refused,
    seconds,
)
from mlm.adapters.confine import Answer
from mlm.core.attestation import NITRO, REPORT_DATA_BYTES, UP_TO_DATE
from mlm.core.errors import InvalidData

# sha256 of the public key of AWS_NitroEnclaves_Root-G1, the certificate whose own sha256 AWS publishes:
# https://docs.aws.amazon.com/enclaves/latest/user/verify-root.html (641A0321…79BB5B; a test holds both).
ROOTS = frozenset({bytes.fromhex("f2caf5ecc6190b4a8399b78bc58a2bbcd0382375db8a1bfd78a82743874fd225")})
ES384 = b"\xa1\x01\x38\x22"  # the protected header {1: -35}: COSE's name of the algorithm
_NUMBER = 48  # bytes of each of a signature's two
_PCRS, _PCR_BYTES = 32, 48  # of a document at most; SHA-384
_TOLD = 16  # registers that are told; those behind are for an enclave's own use
_CODE = {0, 1, 2}  # those that say what code runs
_LARGEST = {"certificate": 1024, "cabundle": 1024, "user_data": 512, "nonce": 512, "public_key": 1024}
_MOST_CERTIFICATES = 16
_DEEPEST = 8  # lists and maps; a document has 2
_TAG = b"\xd2"


def verified(document: bytes, collateral: bytes, at: int, root: bytes | None = None) -> Answer:
    """What a document says, checked at the time `at`; `root` is the sha256 of a public key in place of AWS's.

    1. It is a COSE_Sign1 by ES384, and its payload an attestation document with PCRs of SHA-384.
    2. Its certificate leads over its cabundle to AWS's root, and all are valid then.
    3. The certificate's key has signed the payload, while it was valid, and not after the time `at`.
    4. The enclave is closed: with a debugger, PCR 0 would be zeros.
    It needs no collateral. Raises InvalidData, VerificationFailed.
    """
    _check_empty(collateral)
    protected, payload, signature = _envelope(document)  # (1)
    said = _payload(payload)
    bundle = [certificate(each, "cabundle") for each in said["cabundle"]]
    leaf = certificate(said["certificate"], "certificate")
    span = check_chain([*bundle, leaf], ROOTS if root is None else frozenset({root}), by_p384, at)  # (2)
    _check_signed(leaf, protected, payload, signature)  # (3)
    made = said["timestamp"] // 1000
    Span(seconds(leaf.not_valid_before_utc), seconds(leaf.not_valid_after_utc)).check(made, "its certificate")
    span &= Span(made, span.expires)
    span.check(at, "the document")
    if not any(said["pcrs"][0]):  # (4)
        raise refused("Debug mode is enabled: PCR 0 is zeros")
    return {
        "kind": NITRO,
        "status": UP_TO_DATE,
        "advisories": [],
        "measurements": {f"pcr{at}": value.hex() for at, value in sorted(said["pcrs"].items()) if at < _TOLD},
        "report_data": (said.get("user_data") or b"").ljust(REPORT_DATA_BYTES, b"\0").hex(),
        "issued": span.issued,
        "expires": span.expires,
    }


def _check_empty(collateral: bytes) -> None:
    try:
        empty = not collateral.strip() or json.loads(collateral) == {}
    except (ValueError, RecursionError):
        empty = False
    if not empty:
        raise InvalidData("a document of Nitro Enclaves brings its certificates along: expected no collateral, or {}")


def _decoded(data: bytes, what: str) -> Any:
    """CBOR, whole. Raises InvalidData."""
    source = io.BytesIO(data)
    try:
        found = cbor2.load(source, max_depth=_DEEPEST, allow_duplicate_keys=False)
    except (cbor2.CBORError, ValueError, TypeError, ArithmeticError, LookupError, RecursionError, EOFError) as error:
        raise InvalidData(f"{what}: expected CBOR, found {line(error)}") from error
    if left := len(data) - source.tell():
        raise InvalidData(f"{what}: expected the end of the CBOR, found {left} bytes more")
    return found


def _envelope(document: bytes) -> tuple[bytes, bytes, bytes]:
    found = _decoded(document.removeprefix(_TAG), "the document")
    if not isinstance(found, list) or len(found) != 4 or found[1] != {}:
        raise InvalidData("expected a document of Nitro Enclaves (COSE_Sign1), found other CBOR")
    protected, _, payload, signature = found
    if not all(isinstance(each, bytes) for each in (protected, payload, signature)):
        raise InvalidData("expected a document of Nitro Enclaves (COSE_Sign1), found other CBOR")
    if protected != ES384:
        raise refused(f"it is not signed by ES384: its header is {protected[:32].hex()}")
    return protected, payload, signature


def _payload(payload: bytes) -> Mapping[str, Any]:
    said = _decoded(payload, "the document's payload")
    if not isinstance(said, dict):
        raise InvalidData("expected a document of Nitro Enclaves, found another payload")
    pcrs, bundle, time = said.get("pcrs"), said.get("cabundle"), said.get("timestamp")
    if not isinstance(said.get("module_id"), str) or said.get("digest") != "SHA384":
        raise InvalidData("expected a document of Nitro Enclaves with SHA384, found another payload")
    if type(time) is not int or not 0 < time < 1 << 63:
        raise InvalidData("expected a document with its time in milliseconds, found none")
    if (
        not isinstance(pcrs, dict)
        or not all(_is_pcr(at, value) for at, value in pcrs.items())
        or not pcrs.keys() >= _CODE
    ):
        raise InvalidData(
            f"expected PCRs 0 to 2 and others, up to {_PCRS - 1}, of {_PCR_BYTES} bytes, found other registers"
        )
    if not isinstance(bundle, list) or not 0 < len(bundle) <= _MOST_CERTIFICATES:
        raise InvalidData(f"expected a cabundle of 1 to {_MOST_CERTIFICATES} certificates, found none")
    for name, most in _LARGEST.items():
        for value in bundle if name == "cabundle" else [said.get(name)]:
            if value is None and name not in ("cabundle", "certificate"):
                continue
            if not isinstance(value, bytes) or len(value) > most:
                raise InvalidData(f"{name}: expected at most {most} bytes, found something else")
    if len(said.get("user_data") or b"") > REPORT_DATA_BYTES:
        raise InvalidData(f"user_data: expected at most {REPORT_DATA_BYTES} bytes, found {len(said['user_data'])}")
    return said


def _is_pcr(at: object, value: object) -> bool:
    return type(at) is int and 0 <= at < _PCRS and isinstance(value, bytes) and len(value) == _PCR_BYTES


def _check_signed(leaf: Any, protected: bytes, payload: bytes, signature: bytes) -> None:
    signed = cbor2.dumps(["Signature1", protected, b"", payload])
    r, s = int.from_bytes(signature[:_NUMBER]), int.from_bytes(signature[_NUMBER:])
    if len(signature) != 2 * _NUMBER or not by_p384_numbers(leaf.public_key(), r, s, signed):
        raise refused("its signature is not the certificate's")
