"""Session keys of this account: which are registered, which this machine's enclave holds, and which fits a job."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from mlm.core import attesting
from mlm.core.attesting import Attestation
from mlm.core.errors import InvalidData, StateConflict, VerificationFailed
from mlm.core.tee import Policy, SessionKey, Statement
from mlm.ports.enclave import SIGNATURE_BYTES
from mlm.workflows.attest_gather import VERIFIER
from mlm.workflows.quote_faults import PROOFS

if TYPE_CHECKING:
    from mlm.core.manifest import TeeKey
    from mlm.ports.bundle import Ports
    from mlm.ports.enclave import HeldKey

LEAST_LEFT_S = 600  # a key that ends sooner begins no run: its result has to be handed in before that


@dataclass(frozen=True)
class Registration:
    """A session key as it was registered: what attesters signed of it, and their signatures."""

    key: SessionKey
    attestation: Attestation
    signatures: tuple[bytes, ...]

    def digest(self, ports: Ports) -> bytes:
        """Its name on chain: the digest of what was signed."""
        return self.attestation.digest(ports.chain.chain_id(), ports.chain.address_of(VERIFIER))


def registrations(ports: Ports, **wanted: Any) -> Iterator[Registration]:
    """Those in the log, the newest first: of a `digest` (0x-hex), a `provider` or a `quote`. Raises InvalidData."""
    chain_id, market = ports.chain.chain_id(), ports.chain.address_of("JobMarket").lower()
    for row in ports.state.query("session_keys", **wanted):
        yield _registration(chain_id, market, row)


def _registration(chain_id: int, market: str, row: Mapping[str, Any]) -> Registration:
    try:
        key, said = json.loads(row["key"]), json.loads(row["attestation"])
        model = bytes.fromhex(key["modelDigest"][2:])
        made = SessionKey(chain_id, market, key["provider"].lower(), model, key["expiresAt"], key["x"], key["y"])
        signatures = tuple(bytes.fromhex(each[2:]) for each in row["signatures"].split(",") if each)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidData(f"the index holds a session key that cannot be read: {error}") from error
    return Registration(made, Attestation.from_json(said), signatures)


def mine(ports: Ports) -> Iterator[Registration]:
    """All that were registered for this account, the newest first."""
    return registrations(ports, provider=ports.sender.address.lower())


def own(ports: Ports) -> Iterator[tuple[HeldKey, Registration]]:
    """This account's registered keys that this machine's enclave holds, the newest first.

    One twice, where attesters have signed two words on it: each is a registration.
    """
    if not (holds := {(held.key, sha256(held.quote).digest(), held.at): held for held in ports.enclave.held()}):
        return
    for each in mine(ports):
        said = each.attestation
        if (held := holds.get((each.key, said.quote, said.checked_at))) is not None:
            yield held, each


def of_version(ports: Ports, key: TeeKey) -> Iterator[tuple[HeldKey, Registration]]:
    """Those of them that are of a version's model, and of an enclave whose code the version allows."""
    for held, each in own(ports):
        if held.key.model == key.model and each.attestation.measurement in key.digests:
            yield held, each


def find(ports: Ports, digest: bytes) -> Registration | None:
    """The registration of this name; None where there is none."""
    return next(registrations(ports, digest="0x" + digest.hex()), None)


def need(ports: Ports, digest: bytes) -> Registration:
    """The same; raises StateConflict where there is none."""
    if (found := find(ports, digest)) is None:
        raise StateConflict(
            f"the session key 0x{digest.hex()} is not registered",
            hint="Where it was, the chain has changed: run the same command again.",
        )
    return found


def fitting(ports: Ports, policy: Policy, key: TeeKey) -> tuple[HeldKey, Registration] | None:
    """A key with which a result of a version can be handed in to a consumer with this policy; None without one.

    1. It is registered for this account, this machine's enclave holds it, and the version allows model and code.
    2. The chain takes it for a while still, and nothing was shown against it.
    3. The policy accepts what attesters signed of its platform, and when.
    """
    # (1)
    for held, each in of_version(ports, key):
        # (2) and (3)
        if not problem(ports, each, policy, LEAST_LEFT_S):
            return held, each
    return None


def problem(ports: Ports, found: Registration, policy: Policy, least_left: int = 0) -> str:
    """Why a registered key cannot sign for a job with this policy; empty where it can, for `least_left` seconds."""
    at = ports.chain.block().timestamp + least_left
    if why := ended(ports, found, at):
        return why
    try:
        attesting.check_accepted(policy, found.attestation, at)
    except VerificationFailed as refused:
        return str(refused)
    return ""


def ended(ports: Ports, found: Registration, at: int) -> str:
    """Why the chain takes nothing that the key signs at an instant, as far as it is known now; empty where it does."""
    digest = found.digest(ports)
    expires_at = ports.chain.call(VERIFIER, "sessionOf", digest)
    if expires_at != found.key.expires_at:
        return "the chain does not hold it"
    if at >= expires_at:
        return "its time is over"
    _, proven_at, _ = ports.chain.call(VERIFIER, "falsehoodOf", digest)
    return "what attesters signed of it was shown to be false" if proven_at else ""


def check_signed(ports: Ports, statement: Statement, signature: bytes) -> None:
    """That the key which a statement names signed it, as the contract looks at it. Raises VerificationFailed."""
    data, r, s = statement.report_data, signature[:32], signature[32:]
    if len(signature) != SIGNATURE_BYTES or not ports.chain.call(
        PROOFS, "isSigned", data, r, s, statement.x, statement.y
    ):
        raise VerificationFailed(
            f"the session key's signature: expected one over 0x{data.hex()}, the report data of {statement.about}"
        )
