"""`mlm verify --quote`: whether evidence of trusted hardware is true, and what is accepted of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlm.core.attestation import (
    NITRO,
    REPORT_DATA_BYTES,
    SNP,
    Attested,
    check_measurements,
    check_report_data,
    check_status,
    kind_of,
    statuses_of,
    vendors_word,
)
from mlm.core.clock import Instant, iso_time
from mlm.core.errors import NotFound, UsageError, VerificationFailed
from mlm.core.trust import Cost, Facts, Guarantor, nothing, unknown
from mlm.ports.attestation import MAX_BYTES
from mlm.ports.bundle import Ports
from mlm.workflows.verify_checks import SIMULATED_TRUST, Step, Subject, Verification, refused, verified

WHO = "anybody with the evidence and its collateral"
TRUST = "the hardware's vendor: its keys, and that nobody has broken into the enclave"
TCB = "reported_tcb"
ROOT = "the vendor's root certificate"


@dataclass(frozen=True)
class Quoted:
    """What is asked about a quote, or evidence of another kind. `collateral`: None, for Nitro Enclaves alone.

    `at`: seconds, None for now; `status` as the setting tee.status has it.
    """

    quote: Path
    collateral: Path | None
    at: int | None = None
    status: str = "UpToDate"
    measurements: tuple[str, ...] = ()  # NAME=HEX each
    report_data: str | None = None  # hex
    simulated: bool = False  # the vendor is the simulated one


def verify_quote(ports: Ports, asked: Quoted) -> Verification:
    """Check a quote of SGX or TDX, a report of SEV-SNP or a document of Nitro Enclaves.

    1. Its signatures lead to the vendor's root, it and its collateral are valid at the time, and its enclave is closed
       to debuggers.
    2. The vendor's word on the platform is one that is accepted.
    3. Its measurements are allowed.
    4. It signed this report data.
    5. SEV-SNP alone: its TCB is allowed, of which AMD signs no word.
    The last three can be made only where it is said what is expected. Raises UsageError, NotFound, InvalidData for
    what is no evidence, ToolMissing.
    """
    accepted = statuses_of(asked.status)
    allowed = [_measurement(text) for text in asked.measurements]
    expected = None if asked.report_data is None else _hex("--report-data", asked.report_data, REPORT_DATA_BYTES)
    quote = ports.files.read(asked.quote, MAX_BYTES)
    collateral = _collateral(ports, asked, quote)
    at = ports.system.now() if asked.at is None else asked.at
    signed = f"its signatures lead to the vendor's root and are valid at {iso_time(at)}"
    by = (Guarantor.NOBODY if asked.simulated else Guarantor.VENDOR,)
    facts, kind = Facts(now=Instant(at), simulated=asked.simulated), "evidence"
    try:
        found = ports.attestation.verify(quote, collateral, at, simulated=asked.simulated)
    except VerificationFailed as error:
        steps = refused(signed, error, ROOT, by)
    else:
        steps, kind = _steps(signed, found, by, accepted, allowed, expected), found.title
        facts = replace(facts, made_at=Instant(found.issued), tcb_status=vendors_word(found.kind, found.status))
    return verified(
        Subject(
            target=str(asked.quote),
            kind=kind,
            tier="tee",
            steps=steps,
            who_can_check=WHO,
            trust=SIMULATED_TRUST if asked.simulated else TRUST,
            guaranteed_by=by,
            cost=lambda: vendors_cost(asked.simulated),
            facts=facts,
        )
    )


def _collateral(ports: Ports, asked: Quoted, quote: bytes) -> bytes:
    if asked.collateral is not None:
        return ports.files.read(asked.collateral, MAX_BYTES)
    if (kind := kind_of(quote)) != NITRO:
        raise UsageError(f"--quote FILE and --collateral FILE go together: evidence of {kind} does not bring its own")
    return b""


def vendors_cost(simulated: bool) -> Cost:
    """What evidence of hardware costs that is false, where nobody but its vendor stands for it."""
    if simulated:
        return nothing("everybody has the simulated vendor's keys")
    return unknown("nobody knows what the vendor's keys, or a way into an enclave, cost", provided=TRUST)


def _steps(
    signed: str,
    found: Attested,
    by: tuple[Guarantor, ...],
    accepted: frozenset[str],
    allowed: Sequence[tuple[str, bytes]],
    expected: bytes | None,
) -> tuple[Step, ...]:
    versions = [each for each in allowed if found.kind == SNP and each[0] == TCB]
    code = [each for each in allowed if each not in versions]

    def measured() -> str:
        if not code:
            shown = ", ".join(f"{name} {value.hex()}" for name, value in found.measurements.items() if any(value))
            raise NotFound(f"no --measurement says which are allowed; found {shown}")
        return check_measurements(found, code)

    def reported() -> str:
        if expected is None:
            raise NotFound(f"no --report-data says what is expected; found {found.report_data.hex()}")
        return check_report_data(found, expected)

    def current() -> str:
        if not versions:
            raise NotFound(f"no --measurement {TCB}= says which are allowed; found {found.measurements[TCB].hex()}")
        return check_measurements(found, versions)

    tcb = (
        Step("its TCB is allowed: AMD signs no word on which are current", current, f"--measurement {TCB}=", by, True),
    )
    return (
        Step(signed, lambda: f"valid from {iso_time(found.issued)} to {iso_time(found.expires)}", ROOT, by),
        Step(
            "the vendor's word on the platform is accepted",
            lambda: check_status(found, accepted),
            "the setting tee.status",
            by,
        ),
        Step("its measurements are allowed", measured, "--measurement", by, optional=True),
        Step("it signed the report data", reported, "--report-data", by, optional=True),
        *(tcb if found.kind == SNP else ()),
    )


def _measurement(text: str) -> tuple[str, bytes]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--measurement: expected NAME=HEX, found {text!r}", hint="Such as mr_enclave=33d8….")
    return name.strip().lower(), _hex("--measurement", value)


def _hex(option: str, text: str, most: int = 64) -> bytes:
    try:
        found = bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError as error:
        raise UsageError(f"{option}: expected hexadecimal digits, found {text!r}") from error
    if not 0 < len(found) <= most:
        raise UsageError(f"{option}: expected 1 to {most} bytes, found {len(found)}")
    return found
