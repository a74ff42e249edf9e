"""The Attestation port over dcap-qvl, with a real SGX quote and its collateral (tests/vectors/dcap)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from mlm.adapters.attestation import child
from mlm.adapters.attestation.dcap import Dcap, simulated_root
from mlm.adapters.attestation.vendor import Enclave, Vendor
from mlm.core.attestation import MEASUREMENTS, SGX, TDX
from mlm.core.errors import InvalidData, ToolMissing, VerificationFailed

FOLDER = Path(__file__).resolve().parent.parent / "vectors" / "dcap"
QUOTE, COLLATERAL = (FOLDER / "sgx_quote").read_bytes(), (FOLDER / "sgx_quote_collateral.json").read_bytes()
AT = 1_752_919_277
HEADER_AND_REPORT = 48 + 384  # bytes: what is signed, in a quote of version 3


@pytest.fixture
def dcap(tmp_path: Path) -> Dcap:
    return Dcap(folder=tmp_path / "quotes")


def test_a_real_quote_verifies_at_its_time(dcap: Dcap, tmp_path: Path) -> None:
    found = dcap.verify(QUOTE, COLLATERAL, AT)
    assert (found.kind, found.status) == (SGX, "ConfigurationAndSWHardeningNeeded")
    assert found.advisories == ("INTEL-SA-00289", "INTEL-SA-00615")
    assert found.report_data == b"Hello, world!".ljust(64, b"\0")
    # Where they stand in the report, by Intel's description of it.
    assert found.measurements == {"mr_enclave": QUOTE[112:144], "mr_signer": QUOTE[176:208]}
    assert found.issued <= AT <= found.expires
    assert list((tmp_path / "quotes").iterdir()) == []


def test_it_is_refused_before_and_after_its_time(dcap: Dcap) -> None:
    found = dcap.verify(QUOTE, COLLATERAL, AT)
    for at in (0, found.issued - 1, found.expires + 1, AT + 10 * 365 * 86_400):
        with pytest.raises(VerificationFailed, match="does not verify"):
            dcap.verify(QUOTE, COLLATERAL, at)
    assert dcap.verify(QUOTE, COLLATERAL, found.issued) == found == dcap.verify(QUOTE, COLLATERAL, found.expires - 1)


def test_every_flip_in_header_and_report_is_refused() -> None:
    for at in range(HEADER_AND_REPORT):
        changed = bytearray(QUOTE)
        changed[at] ^= 1 << at % 8
        with pytest.raises((VerificationFailed, InvalidData)):
            child.verified(bytes(changed), COLLATERAL, AT)


def test_collateral_of_anybody_else_is_refused() -> None:
    """Each part is signed, up to Intel's root, which the library knows by itself: what chains say of it is not read,

    nor the chain of the platforms' revocation list, which the quote brings along.
    """
    whole = json.loads(COLLATERAL)
    unread = whole.pop("pck_crl_issuer_chain")
    for name, text in whole.items():
        at = next(at for at in range(len(text) // 4, len(text)) if text[at].isdigit())
        changed = text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]
        with pytest.raises((VerificationFailed, InvalidData)):
            child.verified(QUOTE, json.dumps(whole | {name: changed, "pck_crl_issuer_chain": unread}).encode(), AT)


@pytest.mark.parametrize(
    ("quote", "collateral", "words"),
    [
        (b"", COLLATERAL, "expected a quote of SGX or TDX"),
        (QUOTE[:300], COLLATERAL, "expected a quote of SGX or TDX"),
        (b"\xff" * 5000, COLLATERAL, "expected a quote of SGX or TDX"),
        (QUOTE, b"", "expected the collateral of a quote in JSON"),
        (QUOTE, b"\xff", "expected the collateral of a quote in JSON"),
        (QUOTE, b"{}", "expected the collateral of a quote in JSON"),
        (QUOTE, b"[" * 100_000, "expected the collateral of a quote in JSON"),
    ],
    ids=["empty", "cut", "noise", "no-json", "no-text", "no-fields", "deep"],
)
def test_what_is_no_evidence_is_said_in_a_line(dcap: Dcap, quote: bytes, collateral: bytes, words: str) -> None:
    with pytest.raises(InvalidData, match=words) as caught:
        dcap.verify(quote, collateral, AT)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


VENDOR = Vendor(datetime(2026, 11, 1, tzinfo=UTC), "OutOfDate", ("INTEL-SA-1",))
BEGUN = int(VENDOR.issued.timestamp())
ENCLAVES = {
    SGX: {"mr_enclave": b"\1" * 32, "mr_signer": b"\2" * 32},
    TDX: {name: bytes([at]) * 48 for at, name in enumerate(MEASUREMENTS[TDX], 1)},
}


@pytest.mark.parametrize("kind", ENCLAVES)
def test_the_simulated_vendor_says_what_intels_evidence_can_say(dcap: Dcap, kind: str) -> None:
    quote = VENDOR.quote(Enclave(kind, ENCLAVES[kind]), b"result")
    found = dcap.verify(quote, VENDOR.collateral(kind), BEGUN + 5, simulated=True)
    assert (found.kind, found.simulated) == (kind, True) and found.title.startswith("simulated")
    assert (found.status, found.advisories) == ("OutOfDate", ("INTEL-SA-1",))
    assert found.measurements == ENCLAVES[kind] and found.report_data == b"result".ljust(64, b"\0")
    assert (found.issued, found.expires) == (BEGUN, BEGUN + 30 * 86_400)


@pytest.mark.parametrize("kind", ENCLAVES)
def test_an_enclave_that_can_be_debugged_is_refused(dcap: Dcap, kind: str) -> None:
    quote = VENDOR.quote(Enclave(kind, ENCLAVES[kind], debug=True), b"")
    with pytest.raises(VerificationFailed, match="Debug mode is enabled"):
        dcap.verify(quote, VENDOR.collateral(kind), BEGUN, simulated=True)


@pytest.mark.parametrize("kind", ENCLAVES)
def test_neither_vendor_passes_for_the_other(dcap: Dcap, kind: str) -> None:
    quote, collateral = VENDOR.quote(Enclave(kind, ENCLAVES[kind]), b""), VENDOR.collateral(kind)
    with pytest.raises(VerificationFailed):
        dcap.verify(quote, collateral, BEGUN)
    with pytest.raises(VerificationFailed):
        dcap.verify(QUOTE, COLLATERAL, AT, simulated=True)
    other = replace(VENDOR, name="another vendor")
    with pytest.raises(VerificationFailed):
        dcap.verify(other.quote(Enclave(kind, ENCLAVES[kind]), b""), other.collateral(kind), BEGUN, simulated=True)


@pytest.mark.parametrize("kind", ENCLAVES)
def test_every_flip_in_simulated_evidence_is_refused(kind: str) -> None:
    """Header and report, of both kinds: the library does not read TDX more laxly than SGX."""
    quote, collateral = VENDOR.quote(Enclave(kind, ENCLAVES[kind]), b"x"), VENDOR.collateral(kind)
    child.verified(quote, collateral, BEGUN, VENDOR.root)
    for at in range(48 + (384 if kind == SGX else 584)):
        changed = bytearray(quote)
        changed[at] ^= 1 << at % 8
        with pytest.raises((VerificationFailed, InvalidData)):
            child.verified(bytes(changed), collateral, BEGUN, VENDOR.root)


def test_the_simulated_root_is_one_for_all() -> None:
    assert VENDOR.root == Vendor().root == simulated_root()


@pytest.mark.parametrize("nested", [0, 1, 2])
def test_a_report_of_tdx_is_told_from_its_innermost_form(nested: int) -> None:
    """Later versions of the report wrap the earlier ones (TDX 1.0, 1.5, 1.5 extended)."""
    fields: dict[str, Any] = dict.fromkeys(MEASUREMENTS[TDX], "00" * 48) | {"report_data": "ab" * 64}
    for _ in range(nested):
        fields = {"base": fields, "report_data": "00" * 64}
    times = dict.fromkeys((*child._ISSUE, *child._EXPIRY), 5)
    claims = {"report": {"any": fields}, "tcb": {"status": "UpToDate", "advisory_ids": []}} | times
    told = child.told(claims)
    assert (told["kind"], told["report_data"]) == (TDX, "ab" * 64)


def test_without_the_extra_it_says_what_to_install() -> None:
    with (
        mock.patch.dict("sys.modules", {"dcap_qvl": None}),
        pytest.raises(ToolMissing) as caught,
    ):
        child.verified(QUOTE, COLLATERAL, AT)
    assert "mlm[tee]" in caught.value.hint


HONEST = {
    "kind": SGX,
    "status": "UpToDate",
    "advisories": [],
    "issued": 1,
    "expires": 2,
    "report_data": "00" * 64,
    "measurements": {"mr_enclave": "11" * 32, "mr_signer": "22" * 32},
}


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "another"},
        {"kind": []},
        {"kind": TDX},
        {"status": None, "report_data": None},
        {"report_data": "00" * 63},
        {"measurements": {"mr_enclave": "11" * 32}},
        {"measurements": "none"},
        {"issued": -(1 << 60)},
        {"expires": "never"},
    ],
    ids=str,
)
def test_a_child_that_was_taken_over_is_not_believed_in_form(dcap: Dcap, changes: dict[str, Any]) -> None:
    with mock.patch("mlm.adapters.confine.ask", return_value=HONEST):
        assert dcap.verify(QUOTE, COLLATERAL, AT).kind == SGX
    with (
        mock.patch("mlm.adapters.confine.ask", return_value=HONEST | changes),
        pytest.raises(InvalidData, match="cannot be read"),
    ):
        dcap.verify(QUOTE, COLLATERAL, AT)
