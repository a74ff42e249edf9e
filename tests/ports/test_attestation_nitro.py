"""Documents of Nitro Enclaves: real ones (tests/vectors/nitro), and what only the simulated vendor can say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import cbor2
import pytest

from mlm.adapters.attestation import child, nitro
from mlm.adapters.attestation.certificates import certificate, pin
from mlm.adapters.attestation.evidence import Evidence
from mlm.adapters.attestation.vendor import Enclave, Vendor
from mlm.adapters.attestation.vendor_nitro import Hypervisor
from mlm.core.attestation import NITRO
from mlm.core.errors import InvalidData, VerificationFailed

FOLDER = Path(__file__).resolve().parent.parent / "vectors" / "nitro"
DEBUGGED, AT = (FOLDER / "debugged").read_bytes(), 1_731_628_000
# https://docs.aws.amazon.com/enclaves/latest/user/verify-root.html
PUBLISHED = "641A0321A3E244EFE456463195D606317ED7CDCC3C1756E09893F3C68F79BB5B"
VENDOR = Vendor(datetime(2026, 11, 1, tzinfo=UTC))
BEGUN = int(VENDOR.issued.timestamp())
CODE = {f"pcr{at}": bytes([at + 1]) * 48 for at in range(16)}
ENCLAVE = Enclave(NITRO, CODE)
HYPERVISOR = Hypervisor(VENDOR)


def verify(document: bytes, at: int = BEGUN, collateral: bytes = b"") -> dict[str, Any]:
    """What it says to one who trusts the simulated vendor."""
    return child.verified(document, collateral, at, HYPERVISOR.root)


def made(**changes: Any) -> bytes:
    """A document whose payload has these fields instead, truly signed."""
    return replace(HYPERVISOR, changes=changes).document(ENCLAVE, b"x")


def test_a_real_document_of_an_enclave_with_a_debugger_is_refused() -> None:
    """For that alone, the last check: its chain leads to AWS, its signature is true, and it is valid then."""
    with pytest.raises(VerificationFailed, match="Debug mode is enabled: PCR 0 is zeros"):
        child.verified(DEBUGGED, b"", AT)
    for at in (AT - 86_400, AT + 86_400):
        with pytest.raises(VerificationFailed, match="is valid from"):
            child.verified(DEBUGGED, b"", at)
    with pytest.raises(VerificationFailed, match="which is no root of this vendor"):
        child.verified(DEBUGGED, b"", AT, HYPERVISOR.root)
    changed = DEBUGGED.replace(b"user_dataX Z", b"user_dataX [")
    assert changed != DEBUGGED
    with pytest.raises(VerificationFailed, match="its signature"):
        child.verified(changed, b"", AT)


def test_the_root_is_the_one_that_aws_publishes() -> None:
    root = cbor2.loads(cbor2.loads(DEBUGGED)[2])["cabundle"][0]
    assert sha256(root).hexdigest().upper() == PUBLISHED
    assert {pin(certificate(root, "root"))} == nitro.ROOTS


def test_flips_all_over_a_real_document_are_refused() -> None:
    """Before it is looked at what the document says. Each byte before the certificates and of the signature, and every

    fifth of the certificates.
    """
    start = DEBUGGED.index(b"certificate")
    for at in (*range(start), *range(start, len(DEBUGGED) - 96, 5), *range(len(DEBUGGED) - 96, len(DEBUGGED))):
        changed = bytearray(DEBUGGED)
        changed[at] ^= 1 << at % 8
        with pytest.raises((VerificationFailed, InvalidData), match="^(?!.*Debug mode)"):
            child.verified(bytes(changed), b"", AT)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pcrs", {at: bytes([at + 1 + (at == 0)]) * 48 for at in range(16)}),
        ("timestamp", BEGUN * 1000 + 1),
        ("user_data", b"y"),
        ("nonce", b"another"),
        ("public_key", b"key"),
        ("module_id", "another"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_payload_that_was_altered_is_refused(name: str, value: object) -> None:
    protected, unprotected, payload, signature = cbor2.loads(made())
    said = cbor2.loads(payload)
    assert verify(cbor2.dumps([protected, unprotected, cbor2.dumps(said), signature]))  # as it was
    altered = cbor2.dumps(said | {name: value})
    with pytest.raises(VerificationFailed, match="its signature is not the certificate's"):
        verify(cbor2.dumps([protected, unprotected, altered, signature]))


def test_the_chain_must_be_whole_and_in_order() -> None:
    root, *authorities = HYPERVISOR.certificates()[:-1]
    other = Hypervisor(replace(VENDOR, name="another vendor")).certificates()
    with pytest.raises(VerificationFailed, match="is issued by"):
        verify(made(cabundle=[root, *reversed(authorities)]))
    with pytest.raises(VerificationFailed, match="is issued by"):
        verify(made(cabundle=[root, *authorities[1:]]))
    with pytest.raises(VerificationFailed, match="no root of this vendor"):
        verify(made(cabundle=[*reversed(authorities), root]))
    with pytest.raises(VerificationFailed, match="no root of this vendor"):
        verify(made(cabundle=[other[0], *authorities]))
    with pytest.raises(VerificationFailed, match="is issued by"):
        verify(made(cabundle=[root, *other[1:-1]]))
    with pytest.raises(VerificationFailed):
        verify(made(certificate=other[-1]))
    with pytest.raises(VerificationFailed, match="its signature is not"):  # true certificates, of another's key
        verify(made(certificate=authorities[-1], cabundle=[root, *authorities[:-1]]))
    with pytest.raises(VerificationFailed, match="authorities below it"):
        verify(made(cabundle=[root, *authorities, HYPERVISOR.certificates()[-1]]))


def test_its_time_is_within_its_certificates_and_not_to_come() -> None:
    late = made(timestamp=(BEGUN + 100) * 1000)
    assert verify(late, BEGUN + 100)["issued"] == BEGUN + 100
    with pytest.raises(VerificationFailed, match="the document is valid from"):
        verify(late, BEGUN + 99)
    for time in (1, BEGUN * 1000 - 1000, (BEGUN + 31 * 86_400) * 1000):
        with pytest.raises(VerificationFailed, match="its certificate is valid from"):
            verify(made(timestamp=time), BEGUN)
    expired = Hypervisor(replace(VENDOR, issued=VENDOR.issued - timedelta(days=31))).document(ENCLAVE, b"")
    with pytest.raises(VerificationFailed, match="is valid from"):
        verify(expired)


@pytest.mark.parametrize("header", [{1: -7}, {1: -36}, {1: -257}, {}, {1: -35, 4: b"key"}, {1: "ES384"}], ids=str)
def test_another_algorithm_is_refused(header: dict[Any, Any]) -> None:
    """Also where the signature over that header is a true one of the same key."""
    document = replace(HYPERVISOR, header=cbor2.dumps(header)).document(ENCLAVE, b"x")
    with pytest.raises(VerificationFailed, match="it is not signed by ES384"):
        verify(document)


def test_encodings_that_aws_has_are_read() -> None:
    """With lists and maps that do not say how long they are, and with COSE's tag; only those registers there are."""
    found = verify(made())
    assert verify(replace(HYPERVISOR, indefinite=True).document(ENCLAVE, b"x")) == found
    assert verify(b"\xd2" + made()) == found
    some = {at: bytes([at + 1]) * 48 for at in (0, 1, 2, 8, 31)}
    assert list(verify(made(pcrs=some))["measurements"]) == ["pcr0", "pcr1", "pcr2", "pcr8"]
    assert verify(made(user_data=b"z" * 64))["report_data"] == "7a" * 64
    said = dict.fromkeys(("user_data", "nonce", "public_key"), b"")
    assert verify(made(**said))["report_data"] == "00" * 64


PCRS = {at: bytes([at + 1]) * 48 for at in range(16)}


@pytest.mark.parametrize(
    "changes",
    [
        {"module_id": 5},
        {"digest": "SHA256"},
        {"timestamp": 0},
        {"timestamp": -1},
        {"timestamp": 1 << 70},
        {"timestamp": 1.5},
        {"timestamp": True},
        {"pcrs": {}},
        {"pcrs": [b"x" * 48]},
        {"pcrs": dict.fromkeys((1, 2, 3), b"x" * 48)},
        {"pcrs": dict.fromkeys((0, 1, 3), b"x" * 48)},
        {"pcrs": PCRS | {0: b"x" * 32}},
        {"pcrs": PCRS | {32: b"x" * 48}},
        {"pcrs": PCRS | {"0": b"x" * 48}},
        {"pcrs": PCRS | {0: "x" * 48}},
        {"certificate": None},
        {"certificate": b""},
        {"certificate": b"0" * 1025},
        {"cabundle": []},
        {"cabundle": None},
        {"cabundle": [None]},
        {"cabundle": [b"\x30\x00"]},
        {"cabundle": [b"0"] * 17},
        {"user_data": b"x" * 65},
        {"user_data": "x"},
        {"nonce": b"x" * 513},
        {"public_key": 5},
    ],
    ids=lambda changes: f"{changes}"[:40],
)
def test_what_is_no_document_is_said_in_a_line(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidData) as caught:
        verify(made(**changes))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def _of(*parts: object) -> bytes:
    return cbor2.dumps(list(parts))


@pytest.mark.parametrize(
    "document",
    [
        b"\x84",
        b"\x84" * 100_000,
        b"\x84" + b"\x81" * 100_000 + b"\0\0\0\0",
        b"\x84\xbb" + b"\xff" * 8,
        b"\x84\x5b\x7f" + b"\xff" * 7,
        b"\x84\xd8\x1c\x84\xd8\x1d\x00\xa0\x40\x40",
        b"\x84\xc0\x61a\xa0\x40\x40",
        b"\xd2\xd2\x84\x40\xa0\x40\x40",
        _of(nitro.ES384, {}, b"", b""),
        _of(nitro.ES384, {1: 2}, b"", b""),
        _of(nitro.ES384, {}, None, b""),
        _of(nitro.ES384, {}, "text", b""),
        _of(nitro.ES384, {}, cbor2.dumps([]), bytes(96)),
        _of(nitro.ES384, {}, b"\x9f" * 100_000, bytes(96)),
        _of(nitro.ES384, {}, b"\xa2\x61a\x01\x61a\x02", bytes(96)),
        made() + b"\0",
        made()[:-1],
    ],
    ids=range(17),
)
def test_what_is_no_cose_is_refused(tmp_path: Path, document: bytes) -> None:
    with pytest.raises(InvalidData):
        verify(document)
    with pytest.raises(InvalidData) as caught:
        Evidence(folder=tmp_path).verify(document, b"", BEGUN, simulated=True)
    assert "ended with" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("signature", [b"", bytes(95), bytes(96), bytes(97), b"\xff" * 96], ids=len)
def test_a_signature_of_no_form_is_refused(signature: bytes) -> None:
    protected, unprotected, payload, _ = cbor2.loads(made())
    with pytest.raises(VerificationFailed, match="its signature"):
        verify(_of(protected, unprotected, payload, signature))


@pytest.mark.parametrize("collateral", [b"[]", b"{} {}", b'{"crl": "00"}', b"\xff", b"[" * 100_000, b"null"])
def test_it_takes_no_collateral(collateral: bytes) -> None:
    assert verify(made(), collateral=b" {} ") == verify(made())
    with pytest.raises(InvalidData, match="expected no collateral"):
        verify(made(), collateral=collateral)
