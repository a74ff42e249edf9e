"""The tier tee: its policy word, which code is accepted, and what an enclave signs. Pure.

What attesters sign of it, and what is handed in: attesting.py. devnet/contracts/TeeVerifier.sol computes the same;
tests/vectors/tee.json holds both. The protocol: docs/tee.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from mlm.core import attestation
from mlm.core.attestation import REGISTERS, REPORT_DATA_BYTES, REVOKED, STATUSES, Attested
from mlm.core.commitment import NO_SALT, SCHEME_KECCAK, commit_outputs, input_commitment, tensors_root
from mlm.core.digest import domain, keccak256, word, words
from mlm.core.errors import InvalidData, UsageError, VerificationFailed

TEE_TIER = 3  # Tier.Tee of Types.sol
KINDS = {kind: number for number, kind in enumerate(attestation.KINDS, 1)}  # as they stand on chain
# Whose signatures QuoteProofs.sol verifies. Of others it reads what they say: a false signature convicts nobody.
CHAINED = (attestation.SGX, attestation.TDX)
MAX_MEASUREMENTS = 16  # of a version's key
MAX_AGE = (1 << 32) - 1
_ALLOWED = (1 << STATUSES.index(REVOKED)) - 1  # of the mask of statuses
_KINDS_AT, _SIMULATED, _AGE_AT, _BITS = 8, 1 << 15, 16, 48
MAX_SESSION = 14 * 86_400  # seconds from its registration in which a session key signs: TeeLimits.sol's
NO_JOB = "0x" + "00" * 32  # whose attestations are of session keys

# ---------------------------------------------------------------- the policy word


@dataclass(frozen=True)
class Policy:
    """What evidence a job's consumer accepts: the vendor's words on a platform, kinds of enclave, age in seconds.

    `max_age` is of an attestation when the result is handed in, 0 for any. `simulated`: evidence that convinces nobody
    is accepted too, which only a devnet's verifier takes.
    """

    statuses: frozenset[str]
    kinds: frozenset[str]
    simulated: bool = False
    max_age: int = 0

    def __post_init__(self) -> None:
        allowed = STATUSES[: STATUSES.index(REVOKED)]
        for what, found, known in (("statuses", self.statuses, allowed), ("kinds", self.kinds, tuple(KINDS))):
            if not found or not found <= set(known):
                shown = ", ".join(sorted(found - set(known))) or "none"
                raise UsageError(f"a tee policy's {what}: expected some of {', '.join(known)}, found {shown}")
        if not 0 <= self.max_age <= MAX_AGE:
            raise UsageError(f"a tee policy's age: expected 0 to {MAX_AGE} seconds, found {self.max_age}")

    def encode(self) -> bytes:
        """The word of a job's terms, 32 bytes."""
        bits = sum(1 << STATUSES.index(status) for status in self.statuses)
        bits |= sum(1 << (_KINDS_AT + KINDS[kind] - 1) for kind in self.kinds)
        return word(bits | (_SIMULATED if self.simulated else 0) | self.max_age << _AGE_AT)

    @classmethod
    def decode(cls, policy: bytes) -> Policy:
        """The inverse; raises InvalidData for a word that no verifier takes."""
        bits = int.from_bytes(policy, "big")
        shown = f"the tee policy 0x{policy.hex()}"
        if len(policy) != 32:
            raise InvalidData(f"{shown}: expected 32 bytes, found {len(policy)}")
        if bits >> _BITS or bits & 0x7000:
            raise InvalidData(f"{shown}: expected bits 12 to 14 and from {_BITS} on to be 0, found others")
        if not bits & _ALLOWED or bits & 0xFF & ~_ALLOWED:
            raise InvalidData(f"{shown}: expected at least one status, and none that is {REVOKED}")
        kinds = frozenset(kind for kind, number in KINDS.items() if bits >> (_KINDS_AT + number - 1) & 1)
        if not kinds:
            raise InvalidData(f"{shown}: expected at least one kind of enclave, found none")
        statuses = frozenset(status for at, status in enumerate(STATUSES) if bits >> at & 1)
        return cls(statuses, kinds, bool(bits & _SIMULATED), bits >> _AGE_AT & MAX_AGE)

    def words(self) -> str:
        """As people read it."""
        said = [
            ", ".join(status for status in STATUSES if status in self.statuses),
            ", ".join(kind for kind in KINDS if kind in self.kinds),
        ]
        said += [f"at most {self.max_age} s old"] * bool(self.max_age) + ["simulated evidence too"] * self.simulated
        return "; ".join(said)


# ---------------------------------------------------------------- which code


def measurement_of(kind: str, registers: Mapping[str, bytes]) -> bytes:
    """keccak256(abi.encode(H("mlm/measurement/1"), uint8 kind, bytes registers)): the code of an enclave, 32 bytes.

    Raises InvalidData for a register that is missing or of another size; other measurements are left out.
    """
    joined = attestation.registers(kind, registers)
    return keccak256(words((domain("mlm/measurement/1"), KINDS[kind], 96, len(joined))) + padded(joined))


def parse_measurement(text: str) -> tuple[str, bytes]:
    """Kind and digest of a measurement as people write it, `KIND:HEX:HEX…`, a register each. Raises InvalidData."""
    kind, *given = text.strip().lower().split(":")
    if kind not in KINDS:
        raise InvalidData(f"a measurement: expected KIND:HEX… with a kind of {', '.join(KINDS)}, found {text[:80]!r}")
    names = list(REGISTERS[kind])
    if len(given) != len(names):
        raise InvalidData(f"a measurement of {kind}: expected {kind}:{':'.join(names).upper()}, found {text[:80]!r}")
    try:
        return kind, measurement_of(
            kind, {name: bytes.fromhex(value) for name, value in zip(names, given, strict=True)}
        )
    except ValueError as error:
        raise InvalidData(f"a measurement of {kind}: expected hexadecimal digits, found {text[:80]!r}") from error


def spell_measurement(kind: str, registers: Mapping[str, bytes]) -> str:
    """The inverse of `parse_measurement`, from what an enclave measures."""
    return ":".join((kind, *(registers[name].hex() for name in REGISTERS[kind])))


def tee_key(model: bytes, measurements: Iterable[bytes]) -> bytes:
    """The key a version registers: keccak256(abi.encode(H("mlm/tee-key/1"), modelDigest, H(abi.encode(bytes32[])))).

    `model` is the sha256 of the ONNX bytes. Raises InvalidData unless there are 1 to 16 measurements, each once.
    """
    listed = sorted(measurements)
    if not 1 <= len(listed) <= MAX_MEASUREMENTS or len(set(listed)) != len(listed):
        raise InvalidData(f"expected 1 to {MAX_MEASUREMENTS} measurements, each once, found {len(listed)}")
    array = keccak256(words((32, len(listed), *listed)))
    return keccak256(words((domain("mlm/tee-key/1"), model, array)))


# ---------------------------------------------------------------- what an enclave signs


@dataclass(frozen=True)
class Statement:
    """What an enclave says that it did: for which job of which market, and what it loaded and computed.

    `x` and `y`: the P-256 key that it made and may sign later results with; 0 without one.
    """

    chain_id: int
    market: str
    job_id: str  # 0x, 32 bytes
    model: bytes  # sha256 of the ONNX bytes
    input_commitment: bytes
    output_commitment: bytes
    provider: str
    x: int = 0
    y: int = 0

    about: ClassVar[str] = "this job, model, input, output and provider"

    @property
    def provider_key(self) -> bytes:
        """keccak256(abi.encode(address, uint256 x, uint256 y))."""
        return _provider_key(self.provider, self.x, self.y)

    @property
    def report_data(self) -> bytes:
        """The first 32 of the 64 bytes that the quote signs, or what the session key does; zeros follow."""
        said = (self.model, self.input_commitment, self.output_commitment, self.provider_key)
        job = bytes.fromhex(self.job_id[2:])
        return keccak256(words((domain("mlm/tee/1"), self.chain_id, int(self.market, 16), job, *said)))


@dataclass(frozen=True)
class SessionKey:
    """A P-256 key, the point (`x`, `y`), that an enclave makes, and with which it signs results of one model.

    It signs for one provider on one market, until `expires_at`, the first second that is too late: the enclave says so
    once, in a quote. 0 as long as it is not made.
    """

    chain_id: int
    market: str
    provider: str
    model: bytes  # sha256 of the ONNX bytes
    expires_at: int
    x: int = 0
    y: int = 0

    about: ClassVar[str] = "this key, its provider, model and end"

    @property
    def report_data(self) -> bytes:
        """The first 32 of the 64 bytes that the quote of its registration signs; zeros follow."""
        said = (self.model, self.expires_at, _provider_key(self.provider, self.x, self.y))
        return keccak256(words((domain("mlm/tee-session/1"), self.chain_id, int(self.market, 16), *said)))

    def as_args(self) -> tuple[Any, ...]:
        """ITeeVerifier.SessionKey, as the ABI takes it."""
        return (self.provider, self.model, self.x, self.y, self.expires_at)

    def signs(self, task: Task, model: bytes) -> bool:
        """Whether a run of the model with this sha256 is one that it may sign."""
        mine = (self.chain_id, self.market.lower(), self.provider.lower(), self.model)
        return mine == (task.chain_id, task.market.lower(), task.provider.lower(), model)


def _provider_key(provider: str, x: int, y: int) -> bytes:
    return keccak256(words((int(provider, 16), x, y)))


def tee_input_commitment(version_id: bytes, root: bytes) -> bytes:
    """The commitment of a job of the tier tee; `root` is of the block of the input's tensors."""
    return input_commitment(TEE_TIER, SCHEME_KECCAK, version_id, root)


@dataclass(frozen=True)
class Task:
    """What an enclave is told beside model and input: whom the result is for, and the salts of both tensors' roots."""

    chain_id: int
    market: str
    job_id: str  # 0x, 32 bytes
    version_id: str  # 0x, 32 bytes
    provider: str
    input_salt: bytes = NO_SALT
    output_salt: bytes = NO_SALT

    def statement(self, model: bytes, inputs: bytes, outputs: bytes) -> Statement:
        """What is said of a run of the model with this sha256 on these blocks of tensors."""
        version = bytes.fromhex(self.version_id[2:])
        given = tee_input_commitment(version, tensors_root(self.input_salt, inputs))
        came = commit_outputs(tensors_root(self.output_salt, outputs))
        return Statement(self.chain_id, self.market, self.job_id, model, given, came, self.provider)


NOBODYS = Task(0, "0x" + "00" * 20, NO_JOB, "0x" + "00" * 32, "0x" + "00" * 20)  # of no job of any chain


def check_bound(found: Attested, said: Statement | SessionKey) -> str:
    """That the quote signed this, and nothing behind it. Raises VerificationFailed."""
    expected = said.report_data.ljust(REPORT_DATA_BYTES, b"\0")
    if found.report_data != expected:
        raise VerificationFailed(
            f"the report data: expected 0x{expected.hex()} for {said.about}, found 0x{found.report_data.hex()}"
        )
    return "0x" + said.report_data.hex()


def padded(value: bytes) -> bytes:
    """Bytes as the ABI has them, to the end of a word."""
    return value + bytes(-len(value) % 32)
