"""What is accepted of verified evidence."""

from __future__ import annotations

import pytest

from mlm.core import attestation
from mlm.core.attestation import KINDS, MEASUREMENTS, NITRO, SGX, SNP, STATUSES, TDX, Attested
from mlm.core.errors import InvalidData, UsageError, VerificationFailed

MEASURED = {"mr_enclave": b"\1" * 32, "mr_signer": b"\2" * 32}
FOUND = Attested(SGX, "SWHardeningNeeded", ("INTEL-SA-1",), MEASURED, b"hello".ljust(64, b"\0"), 10, 20)


def test_statuses_are_words_of_the_vendor_and_revoked_is_never_accepted() -> None:
    assert attestation.statuses_of("UpToDate, SWHardeningNeeded") == {"UpToDate", "SWHardeningNeeded"}
    assert attestation.statuses_of(",".join(STATUSES[:-1])) == set(STATUSES[:-1])
    for text in ("", "Revoked", "UpToDate,uptodate", "UpToDate;OutOfDate"):
        with pytest.raises(UsageError, match="expected some of UpToDate"):
            attestation.statuses_of(text)


def test_a_platform_that_its_vendor_warns_of_is_refused_unless_that_is_accepted() -> None:
    with pytest.raises(VerificationFailed, match=r"is UpToDate, found SWHardeningNeeded \(INTEL-SA-1\)"):
        attestation.check_status(FOUND, frozenset({"UpToDate"}))
    assert attestation.check_status(FOUND, frozenset({"SWHardeningNeeded"})) == "SWHardeningNeeded (INTEL-SA-1)"


def test_every_named_measurement_must_be_one_of_those_allowed_for_it() -> None:
    one, two, other = b"\1" * 32, b"\2" * 32, b"\3" * 32
    assert "mr_enclave 0101" in attestation.check_measurements(FOUND, [("mr_enclave", other), ("mr_enclave", one)])
    attestation.check_measurements(FOUND, [("mr_enclave", one), ("mr_signer", two)])
    for allowed in ([("mr_enclave", other)], [("mr_enclave", one), ("mr_signer", other)], [("mr_enclave", one[:31])]):
        with pytest.raises(VerificationFailed, match="expected 0"):
            attestation.check_measurements(FOUND, allowed)
    with pytest.raises(UsageError, match="a measurement of sgx"):
        attestation.check_measurements(FOUND, [("mr_td", one)])
    names = [name for kind in KINDS for name in MEASUREMENTS[kind]]
    assert len(names) == len(set(names))  # a name says of which kind it is


def test_report_data_is_64_bytes() -> None:
    attestation.check_report_data(FOUND, b"hello")
    for wrong in (b"hell", b"hello!", b"hello".rjust(64, b"\0")):
        with pytest.raises(VerificationFailed, match="report data"):
            attestation.check_report_data(FOUND, wrong)


@pytest.mark.parametrize(
    ("kind", "names", "size"),
    [
        (SGX, ("mr_enclave", "mr_signer"), 32),
        (TDX, ("mr_td", "rt_mr0", "rt_mr1", "rt_mr2", "rt_mr3"), 48),
        (SNP, ("measurement",), 48),
        (NITRO, ("pcr0", "pcr1", "pcr2"), 48),
    ],
    ids=KINDS,
)
def test_the_identifying_registers_stand_one_after_another(kind: str, names: tuple[str, ...], size: int) -> None:
    measured = {name: bytes([at]) * size for at, name in enumerate(MEASUREMENTS[kind], 1)}
    assert attestation.registers(kind, measured) == b"".join(measured[name] for name in names)
    for name in names:
        for wrong in ({name: bytes(size - 1)}, {name: bytes(size + 1)}, {name: b""}):
            with pytest.raises(InvalidData, match=f"{name}: expected {size} bytes"):
                attestation.registers(kind, measured | wrong)
    del measured[names[-1]]
    with pytest.raises(InvalidData, match=names[-1]):
        attestation.registers(kind, measured)
    with pytest.raises(InvalidData, match="expected evidence of the kind sgx, tdx, snp, nitro"):
        attestation.registers("cca", measured)
