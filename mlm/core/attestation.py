"""What trusted hardware says of a computation, once its evidence is verified; and what of it is accepted. Pure.

Field names are the vendors'. Intel: https://download.01.org/intel-sgx/latest/dcap-latest (quoting library API); AMD:
SEV-SNP firmware ABI, document 56860, table ATTESTATION_REPORT; AWS: Nitro Enclaves user guide, attestation document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlm.core.errors import InvalidData, UsageError, VerificationFailed

SGX, TDX, SNP, NITRO = "sgx", "tdx", "snp", "nitro"
# In the order of their numbers on chain: 1, 2, 3, 4 (devnet/contracts, TeeVerifier).
KINDS = (SGX, TDX, SNP, NITRO)
# What Intel says of a platform's trusted computing base (TCB), from good to bad. The last says that keys are out. The
# other vendors say nothing; which of these words stands for what their evidence shows, docs/tee.md says.
UP_TO_DATE, CONFIGURATION_NEEDED, REVOKED = "UpToDate", "ConfigurationNeeded", "Revoked"
STATUSES = (
    UP_TO_DATE,
    "SWHardeningNeeded",
    CONFIGURATION_NEEDED,
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    REVOKED,
)
# Which measurements say what code ran: the others (stack, firmware, configuration) may be held too.
MEASUREMENTS = {
    SGX: ("mr_enclave", "mr_signer"),
    TDX: ("mr_td", "mr_config_id", "mr_owner", "mr_owner_config", "rt_mr0", "rt_mr1", "rt_mr2", "rt_mr3"),
    SNP: ("measurement", "host_data", "id_key_digest", "author_key_digest", "reported_tcb"),
    NITRO: tuple(f"pcr{number}" for number in range(16)),  # those that the document holds
}
# Those that together say what code runs, with their bytes: a digest over them stands on chain.
REGISTERS = {
    SGX: {"mr_enclave": 32, "mr_signer": 32},
    TDX: dict.fromkeys(("mr_td", "rt_mr0", "rt_mr1", "rt_mr2", "rt_mr3"), 48),
    SNP: {"measurement": 48},
    NITRO: dict.fromkeys(("pcr0", "pcr1", "pcr2"), 48),
}
REPORT_DATA_BYTES = 64
SNP_REPORT_BYTES = 1184
_SNP_VERSIONS, _QUOTE_VERSIONS, _TEE_TYPES = range(2, 6), range(3, 6), {0: SGX, 0x81: TDX}
_COSE_SIGN1 = (b"\x84", b"\xd2\x84")  # a list of four, with its tag or without
_WORDS = {SNP: "report", NITRO: "document"}  # the others are quotes


@dataclass(frozen=True)
class Attested:
    """What evidence says whose signatures are true, and lead to the vendor's root.

    `measurements` are what MEASUREMENTS names, `report_data` is what the enclave chose, 64 bytes. Between the times
    `issued` and `expires`, in seconds, all that was checked is valid.
    `simulated`: the vendor is one whose keys everybody knows, and it says nothing.
    """

    kind: str
    status: str
    advisories: tuple[str, ...]
    measurements: Mapping[str, bytes]
    report_data: bytes
    issued: int
    expires: int
    simulated: bool = False

    @property
    def title(self) -> str:
        """What kind of evidence it is, in words."""
        return f"{'simulated ' if self.simulated else ''}{self.kind} {_WORDS.get(self.kind, 'quote')}"


def kind_of(evidence: bytes) -> str:
    """Which kind evidence is, by how it begins; that it is well formed, nobody has looked. Raises InvalidData."""
    version, more = int.from_bytes(evidence[:2], "little"), int.from_bytes(evidence[2:4], "little")
    if len(evidence) == SNP_REPORT_BYTES and version in _SNP_VERSIONS and more == 0:
        return SNP
    if evidence.startswith(_COSE_SIGN1):
        return NITRO
    kind = _TEE_TYPES.get(int.from_bytes(evidence[4:8], "little"))
    if len(evidence) < 8 or version not in _QUOTE_VERSIONS or kind is None:
        raise InvalidData(
            "expected a quote of SGX or TDX (versions 3 to 5), a report of SEV-SNP (versions 2 to 5) or a document of "
            f"Nitro Enclaves, found {len(evidence)} bytes that begin {evidence[:8].hex() or 'with nothing'}"
        )
    return kind


def registers(kind: str, measurements: Mapping[str, bytes]) -> bytes:
    """The identifying registers of a kind, one after another: what a measurement's digest on chain is over.

    Raises InvalidData where one is missing or of another length, or the kind is none.
    """
    wanted = REGISTERS.get(kind)
    if wanted is None:
        raise InvalidData(f"expected evidence of the kind {', '.join(KINDS)}, found {kind!r}")
    for name, size in wanted.items():
        found = len(measurements.get(name, b""))
        if found != size:
            raise InvalidData(f"{name}: expected {size} bytes, found {found}")
    return b"".join(measurements[name] for name in wanted)


def statuses_of(text: str) -> frozenset[str]:
    """What a setting accepts, by commas. Raises UsageError for a word of no vendor, and for Revoked."""
    words = frozenset(word.strip() for word in text.split(","))
    allowed = STATUSES[: STATUSES.index(REVOKED)]
    if unknown := sorted(words - set(allowed)):
        raise UsageError(f"tee.status: expected some of {', '.join(allowed)}, found {unknown[0]!r}")
    return words


def vendors_word(kind: str, status: str) -> str | None:
    """The status, where a vendor signs one: Intel. AMD and AWS say nothing of a platform's TCB (docs/tee.md)."""
    return status if kind in (SGX, TDX) else None


def check_status(found: Attested, accepted: frozenset[str]) -> str:
    """Refuse a platform that its vendor warns of, unless that is accepted. Raises VerificationFailed."""
    shown = f"{found.status} ({', '.join(found.advisories)})" if found.advisories else found.status
    if found.status not in accepted:
        words = ", ".join(word for word in STATUSES if word in accepted)
        raise VerificationFailed(
            f"expected a platform that is {words}, found {shown}",
            hint="Read the advisories; the setting tee.status (MLM_TEE_STATUS) says what you accept.",
        )
    return shown


def check_measurements(found: Attested, allowed: Sequence[tuple[str, bytes]]) -> str:
    """Hold every measurement that `allowed` names against what it allows. Raises UsageError, VerificationFailed."""
    wanted: dict[str, list[bytes]] = {}
    for name, value in allowed:
        wanted.setdefault(name, []).append(value)
    for name, values in wanted.items():
        if name not in found.measurements:
            known = ", ".join(MEASUREMENTS[found.kind])
            raise UsageError(f"expected a measurement of {found.kind} ({known}), found {name!r}")
        actual = found.measurements[name]
        if actual not in values:
            shown = " or ".join(value.hex() for value in values)
            raise VerificationFailed(f"{name}: expected {shown}, found {actual.hex()}")
    return ", ".join(f"{name} {found.measurements[name].hex()}" for name in wanted)


def check_report_data(found: Attested, expected: bytes) -> str:
    """Hold what the enclave chose to have signed; shorter than 64 bytes, zeros follow. Raises VerificationFailed."""
    if found.report_data != expected.ljust(REPORT_DATA_BYTES, b"\0"):
        raise VerificationFailed(f"expected report data {expected.hex()}, found {found.report_data.hex()}")
    return found.report_data.hex()
