"""The Attestation port: each rule of all kinds with the simulated vendor, and a real SGX quote (tests/vectors/dcap).

What only SNP and only Nitro have, with real evidence of theirs: test_attestation_snp.py, test_attestation_nitro.py.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from mlm.adapters import attestation
from mlm.adapters.attestation import child, intel
from mlm.adapters.attestation.evidence import Evidence, simulated_root
from mlm.adapters.attestation.vendor import Enclave, Vendor
from mlm.core.attestation import KINDS, MEASUREMENTS, NITRO, SGX, SNP, TDX, kind_of, registers
from mlm.core.errors import InvalidData, ToolMissing, VerificationFailed

FOLDER = Path(__file__).resolve().parent.parent / "vectors" / "dcap"
QUOTE, COLLATERAL = (FOLDER / "sgx_quote").read_bytes(), (FOLDER / "sgx_quote_collateral.json").read_bytes()
AT = 1_752_919_277
HEADER_AND_REPORT = 48 + 384  # bytes: what is signed, in a quote of version 3


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return Evidence(folder=tmp_path / "quotes")


def test_a_real_quote_verifies_at_its_time(evidence: Evidence, tmp_path: Path) -> None:
    found = evidence.verify(QUOTE, COLLATERAL, AT)
    assert (found.kind, found.status) == (SGX, "ConfigurationAndSWHardeningNeeded")
    assert found.advisories == ("INTEL-SA-00289", "INTEL-SA-00615")
    assert found.report_data == b"Hello, world!".ljust(64, b"\0")
    # Where they stand in the report, by Intel's description of it.
    assert found.measurements == {"mr_enclave": QUOTE[112:144], "mr_signer": QUOTE[176:208]}
    assert found.issued <= AT <= found.expires
    assert list((tmp_path / "quotes").iterdir()) == []


def test_it_is_refused_before_and_after_its_time(evidence: Evidence) -> None:
    found = evidence.verify(QUOTE, COLLATERAL, AT)
    for at in (0, found.issued - 1, found.expires + 1, AT + 10 * 365 * 86_400):
        with pytest.raises(VerificationFailed, match="does not verify"):
            evidence.verify(QUOTE, COLLATERAL, at)
    for at in (found.issued, found.expires - 1):
        assert evidence.verify(QUOTE, COLLATERAL, at) == found


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
        (b"", COLLATERAL, "expected a quote of SGX or TDX.* begin with nothing"),
        (QUOTE[:300], COLLATERAL, "expected a quote of SGX or TDX"),
        (b"\xff" * 5000, COLLATERAL, "expected a quote of SGX or TDX"),
        (QUOTE, b"", "expected the collateral of a quote in JSON"),
        (QUOTE, b"\xff", "expected the collateral of a quote in JSON"),
        (QUOTE, b"{}", "expected the collateral of a quote in JSON"),
        (QUOTE, b"[" * 100_000, "expected the collateral of a quote in JSON"),
    ],
    ids=["empty", "cut", "noise", "no-json", "no-text", "no-fields", "deep"],
)
def test_what_is_no_evidence_is_said_in_a_line(evidence: Evidence, quote: bytes, collateral: bytes, words: str) -> None:
    with pytest.raises(InvalidData, match=words) as caught:
        evidence.verify(quote, collateral, AT)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


VENDOR = Vendor(datetime(2026, 11, 1, tzinfo=UTC), "OutOfDate", ("INTEL-SA-1",))
DAY = 86_400
BEGUN = int(VENDOR.issued.timestamp())
ENCLAVES = {
    SGX: {"mr_enclave": b"\1" * 32, "mr_signer": b"\2" * 32},
    TDX: {name: bytes([at]) * 48 for at, name in enumerate(MEASUREMENTS[TDX], 1)},
    SNP: {
        "measurement": b"\1" * 48,
        "host_data": b"\2" * 32,
        "id_key_digest": b"\3" * 48,
        "author_key_digest": b"\4" * 48,
        "reported_tcb": bytes.fromhex("04000000000018db"),
    },
    NITRO: {name: bytes([at]) * 48 for at, name in enumerate(MEASUREMENTS[NITRO], 1)},
}
# What the vendor's word is in each kind's evidence: AMD and AWS have none of Intel's.
SAID = {SGX: ("OutOfDate", ("INTEL-SA-1",)), TDX: ("OutOfDate", ("INTEL-SA-1",))}
SAID |= {SNP: ("ConfigurationNeeded", ()), NITRO: ("UpToDate", ())}


@pytest.mark.parametrize("kind", KINDS)
def test_the_simulated_vendor_says_what_real_evidence_can_say(evidence: Evidence, kind: str) -> None:
    quote = VENDOR.quote(Enclave(kind, ENCLAVES[kind]), b"result")
    assert kind_of(quote) == kind
    found = evidence.verify(quote, VENDOR.collateral(kind), BEGUN + 5, simulated=True)
    assert (found.kind, found.simulated) == (kind, True) and found.title.startswith(f"simulated {kind}")
    assert (found.status, found.advisories) == SAID[kind]
    assert found.measurements == ENCLAVES[kind] and found.report_data == b"result".ljust(64, b"\0")
    assert (found.issued, found.expires) == (BEGUN, BEGUN + 30 * DAY)
    assert registers(kind, found.measurements)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_refused_outside_its_time(evidence: Evidence, kind: str) -> None:
    quote, collateral = VENDOR.quote(Enclave(kind, ENCLAVES[kind]), b""), VENDOR.collateral(kind)
    for at in (0, BEGUN - 1, BEGUN + 30 * DAY + 1, BEGUN + 3650 * DAY):
        with pytest.raises(VerificationFailed, match="does not verify"):
            evidence.verify(quote, collateral, at, simulated=True)


@pytest.mark.parametrize("kind", KINDS)
def test_an_enclave_that_can_be_debugged_is_refused(evidence: Evidence, kind: str) -> None:
    quote = VENDOR.quote(Enclave(kind, ENCLAVES[kind], debug=True), b"")
    with pytest.raises(VerificationFailed, match="Debug mode is enabled"):
        evidence.verify(quote, VENDOR.collateral(kind), BEGUN, simulated=True)


@pytest.mark.parametrize("kind", KINDS)
def test_neither_vendor_passes_for_the_other(evidence: Evidence, kind: str) -> None:
    quote, collateral = VENDOR.quote(Enclave(kind, ENCLAVES[kind]), b""), VENDOR.collateral(kind)
    with pytest.raises(VerificationFailed):
        evidence.verify(quote, collateral, BEGUN)
    other = replace(VENDOR, name="another vendor")
    with pytest.raises(VerificationFailed):
        evidence.verify(other.quote(Enclave(kind, ENCLAVES[kind]), b""), other.collateral(kind), BEGUN, simulated=True)


def test_real_evidence_is_not_of_the_simulated_vendor(evidence: Evidence) -> None:
    quote = (FOLDER / "sgx_quote").read_bytes()
    assert not evidence.verify(quote, COLLATERAL, AT).simulated
    with pytest.raises(VerificationFailed):
        evidence.verify(quote, COLLATERAL, AT, simulated=True)


@pytest.mark.parametrize("kind", KINDS)
def test_every_flip_in_simulated_evidence_is_refused(kind: str) -> None:
    """Of SGX and TDX in header and report (the library reads TDX no more laxly), of the others everywhere."""
    quote, collateral = VENDOR.quote(Enclave(kind, ENCLAVES[kind]), b"x"), VENDOR.collateral(kind)
    root = VENDOR.trusted(kind)
    child.verified(quote, collateral, BEGUN, root)
    for at in range({SGX: 48 + 384, TDX: 48 + 584}.get(kind, len(quote))):
        changed = bytearray(quote)
        changed[at] ^= 1 << at % 8
        with pytest.raises((VerificationFailed, InvalidData)):
            child.verified(bytes(changed), collateral, BEGUN, root)


@pytest.mark.parametrize("kind", KINDS)
def test_the_collateral_of_another_kind_does_not_go_with_it(kind: str) -> None:
    quote = VENDOR.quote(Enclave(kind, ENCLAVES[kind]), b"")
    for other in set(KINDS) - ({SGX, TDX} if kind in (SGX, TDX) else {kind}):
        with pytest.raises(InvalidData):
            child.verified(quote, VENDOR.collateral(other), BEGUN, VENDOR.trusted(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_the_simulated_root_is_one_for_all(kind: str) -> None:
    assert VENDOR.trusted(kind) == Vendor().trusted(kind) == simulated_root(kind)


@pytest.mark.parametrize("nested", [0, 1, 2])
def test_a_report_of_tdx_is_told_from_its_innermost_form(nested: int) -> None:
    """Later versions of the report wrap the earlier ones (TDX 1.0, 1.5, 1.5 extended)."""
    fields: dict[str, Any] = dict.fromkeys(MEASUREMENTS[TDX], "00" * 48) | {"report_data": "ab" * 64}
    for _ in range(nested):
        fields = {"base": fields, "report_data": "00" * 64}
    times = dict.fromkeys((*intel._ISSUE, *intel._EXPIRY), 5)
    claims = {"report": {"any": fields}, "tcb": {"status": "UpToDate", "advisory_ids": []}} | times
    told = intel.told(claims)
    assert (told["kind"], told["report_data"]) == (TDX, "ab" * 64)


@pytest.mark.parametrize(("missing", "kind"), [("cbor2", NITRO), ("cryptography", SNP), ("cryptography", NITRO)])
def test_each_kind_says_what_to_install(missing: str, kind: str) -> None:
    quote, collateral = VENDOR.quote(Enclave(kind, ENCLAVES[kind]), b""), VENDOR.collateral(kind)
    with mock.patch.dict("sys.modules"), mock.patch.dict(vars(attestation)):
        for name in ("snp", "nitro", "certificates"):
            sys.modules.pop(f"{attestation.__name__}.{name}", None)
            vars(attestation).pop(name, None)
        sys.modules[missing] = None  # type: ignore[assignment]
        with pytest.raises(ToolMissing, match=missing) as caught:
            child.verified(quote, collateral, BEGUN, b"")
    assert "mlm[tee]" in caught.value.hint


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
        {"kind": NITRO, "measurements": {f"pcr{at}": "00" * 48 for at in range(3)}},
        {"measurements": {"mr_enclave": "11" * 32, "mr_signer": "22" * 32, "more": "33"}},
        {"measurements": {"mr_enclave": "11" * 32, "mr_signer": "22" * 31}},
        {"status": None, "report_data": None},
        {"report_data": "00" * 63},
        {"measurements": {"mr_enclave": "11" * 32}},
        {"measurements": "none"},
        {"issued": -(1 << 60)},
        {"expires": "never"},
    ],
    ids=str,
)
def test_a_child_that_was_taken_over_is_not_believed_in_form(evidence: Evidence, changes: dict[str, Any]) -> None:
    with mock.patch("mlm.adapters.confine.ask", return_value=HONEST):
        assert evidence.verify(QUOTE, COLLATERAL, AT).kind == SGX
    with (
        mock.patch("mlm.adapters.confine.ask", return_value=HONEST | changes),
        pytest.raises(InvalidData, match="cannot be read"),
    ):
        evidence.verify(QUOTE, COLLATERAL, AT)
