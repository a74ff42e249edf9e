"""What attesters sign of an enclave's quote, and what a provider hands in with it. Pure.

A quote is too dear to check on the chain: attesters do it off chain, and sign what they found (EIP-712).
devnet/contracts/TeeVerifier.sol computes the same; tests/vectors/tee.json holds both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlm.core.attestation import STATUSES
from mlm.core.digest import word, words
from mlm.core.eip712 import Signable
from mlm.core.errors import InvalidData, VerificationFailed
from mlm.core.tee import KINDS, MAX_MEASUREMENTS, Policy, padded

MAX_ATTESTERS = 32  # signatures of a result
SIGNATURE_BYTES = 65
TYPES = {
    "Attestation": [
        {"name": "jobId", "type": "bytes32"},
        {"name": "reportData", "type": "bytes32"},
        {"name": "quoteDigest", "type": "bytes32"},
        {"name": "measurement", "type": "bytes32"},
        {"name": "kind", "type": "uint8"},
        {"name": "status", "type": "uint8"},
        {"name": "simulated", "type": "bool"},
        {"name": "checkedAt", "type": "uint64"},
    ]
}
_NAME, _VERSION = "mlm TeeVerifier", "1"


@dataclass(frozen=True)
class Attestation:
    """What an attester says of a quote, having checked it with the vendor's collateral at `checked_at`, in seconds.

    `quote` is the sha256 of the quote's bytes, `measurement` as `measurement_of` has it, `status` the vendor's word.
    """

    job_id: str
    report_data: bytes
    quote: bytes
    measurement: bytes
    kind: str
    status: str
    simulated: bool
    checked_at: int

    def as_args(self) -> tuple[Any, ...]:
        """As the ABI takes it."""
        head = (bytes.fromhex(self.job_id[2:]), self.report_data, self.quote, self.measurement)
        return (*head, KINDS[self.kind], STATUSES.index(self.status), self.simulated, self.checked_at)

    @property
    def of_key(self) -> bool:
        """Whether it is of the registration of a key that an enclave made: results which that signs have no other."""
        return int(self.job_id, 16) == 0

    @property
    def message(self) -> dict[str, Any]:
        """The EIP-712 message."""
        return dict(zip((each["name"] for each in TYPES["Attestation"]), self.as_args(), strict=True))

    @property
    def encoded(self) -> bytes:
        """Its words."""
        return words(value if isinstance(value, bytes) else int(value) for value in self.as_args())

    def digest(self, chain_id: int, verifier: str) -> bytes:
        """What is signed, 32 bytes."""
        return Signable(eip712_domain(chain_id, verifier), TYPES).digest(self.encoded)

    def to_json(self) -> dict[str, Any]:
        """Numbers as numbers, bytes as 0x."""
        return {name: "0x" + value.hex() if isinstance(value, bytes) else value for name, value in self.message.items()}

    @classmethod
    def from_json(cls, value: Any) -> Attestation:
        """An attester's word, which may be anybody's; raises InvalidData."""
        items = TYPES["Attestation"]
        names = [each["name"] for each in items]
        if not isinstance(value, dict) or set(value) != set(names):
            raise InvalidData(f"expected an attestation with the fields {', '.join(names)}")
        words = [_json_bytes32(value[each["name"]], each["name"]) for each in items if each["type"] == "bytes32"]
        numbers = [_json_number(value[each["name"]], each) for each in items if each["type"] != "bytes32"]
        return cls._of(words, numbers)

    @classmethod
    def _of(cls, words: Sequence[bytes], numbers: Sequence[int]) -> Attestation:
        (job, data, quote, code), (kind, status, sim, at) = words, numbers
        kinds = {number: name for name, number in KINDS.items()}
        if kind not in kinds or status >= len(STATUSES) or sim not in (0, 1) or at >= 1 << 64:
            raise InvalidData(f"an attestation: kind {kind}, status {status}, simulated {sim}, checked at {at}")
        return cls("0x" + job.hex(), data, quote, code, kinds[kind], STATUSES[status], bool(sim), at)


def eip712_domain(chain_id: int, verifier: str) -> dict[str, Any]:
    """The EIP-712 domain of attestations: bound to the chain and its TeeVerifier."""
    return {"name": _NAME, "version": _VERSION, "chainId": chain_id, "verifyingContract": verifier}


def _json_bytes32(value: Any, name: str) -> bytes:
    try:
        if isinstance(value, str) and len(value) == 66 and value.startswith("0x"):
            return bytes.fromhex(value[2:])
    except ValueError:
        pass
    raise InvalidData(f"an attestation's {name}: expected 0x and 64 digits, found {str(value)[:80]!r}")


def _json_number(value: Any, item: Mapping[str, str]) -> int:
    wanted = bool if item["type"] == "bool" else int
    if type(value) is not wanted or value < 0:
        raise InvalidData(f"an attestation's {item['name']}: expected {item['type']}, found {str(value)[:80]!r}")
    return int(value)


def check_platform(policy: Policy, kind: str, status: str, simulated: bool) -> str:
    """Hold a platform against what a job's consumer accepts; what was found, in words. Raises VerificationFailed."""
    for what, found, accepted in (
        ("the vendor's word on the platform", status, policy.statuses),
        ("the kind of enclave", kind, policy.kinds),
    ):
        if found not in accepted:
            raise VerificationFailed(f"{what}: the job's policy is {', '.join(sorted(accepted))}, found {found}")
    if simulated and not policy.simulated:
        raise VerificationFailed("the evidence is simulated, which the job's policy does not accept")
    return f"{status}, {kind}" + ", simulated" * simulated


def check_accepted(policy: Policy, attestation: Attestation, now: int) -> str:
    """The same of an attestation, and of its age. Raises VerificationFailed.

    `now`: when the result is, or was, handed in; seconds.
    """
    found = check_platform(policy, attestation.kind, attestation.status, attestation.simulated)
    if policy.max_age and now - attestation.checked_at > policy.max_age:
        age = now - attestation.checked_at
        raise VerificationFailed(f"the attestation is {age} s old, the job's policy is at most {policy.max_age} s")
    return found


@dataclass(frozen=True)
class TeeResult:
    """The evidence of a submission: ITeeVerifier.TeeResult, in its order. `measurements` are the version's, ascending.

    `root` is of the outputs, `signatures` those of attesters whose addresses ascend.
    """

    attestation: Attestation
    model: bytes
    measurements: tuple[bytes, ...]
    x: int
    y: int
    root: bytes
    signatures: tuple[bytes, ...] = field(repr=False)

    def encode(self) -> bytes:
        """abi.encode(TeeResult)."""
        head = len(self.attestation.as_args()) + 6
        array = words((len(self.measurements), *self.measurements))
        rest = (self.model, 32 * head, self.x, self.y, self.root, 32 * head + len(array))
        return word(32) + self.attestation.encoded + words(rest) + array + _byte_arrays(self.signatures)

    @classmethod
    def decode(cls, data: bytes) -> TeeResult:
        """The inverse; raises InvalidData for any other encoding."""
        try:
            found = cls._read(data)
        except (ValueError, IndexError) as error:
            raise InvalidData(f"the evidence of a tee result cannot be read: {error}") from error
        if found.encode() != data:
            raise InvalidData("the evidence of a tee result is not in its canonical ABI encoding")
        return found

    @classmethod
    def _read(cls, data: bytes) -> TeeResult:
        def at(place: int) -> bytes:
            found = data[32 * place : 32 * place + 32]
            if len(found) != 32:
                raise ValueError(f"it ends at byte {len(data)}")
            return found

        def number(place: int) -> int:
            return int.from_bytes(at(place), "big")

        attestation = Attestation._of([at(place) for place in range(1, 5)], [number(place) for place in range(5, 9)])
        count = number(15)
        if count > MAX_MEASUREMENTS:
            raise ValueError(f"{count} measurements")
        listed = tuple(at(16 + each) for each in range(count))
        start = 16 + count
        signed = number(start)
        if signed > MAX_ATTESTERS:
            raise ValueError(f"{signed} signatures")
        signatures = []
        for each in range(signed):
            offset, odd = divmod(number(start + 1 + each), 32)
            size = number(start + 1 + offset)
            begin = 32 * (start + 2 + offset)
            if odd or size > SIGNATURE_BYTES or begin + size > len(data):
                raise ValueError(f"signature {each}")
            signatures.append(data[begin : begin + size])
        return cls(attestation, at(9), listed, number(11), number(12), at(13), tuple(signatures))


def _byte_arrays(values: Sequence[bytes]) -> bytes:
    tails = [word(len(value)) + padded(value) for value in values]
    offsets, place = [], 32 * len(values)
    for tail in tails:
        offsets.append(place)
        place += len(tail)
    return words((len(values), *offsets)) + b"".join(tails)
