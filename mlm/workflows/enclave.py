"""`mlm enclave`: keys that this account's enclave makes, and that attesters sign about once for many results."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from mlm.core import tee
from mlm.core.attest_request import KeyRequest
from mlm.core.attestation import REVOKED
from mlm.core.clock import Duration, Instant
from mlm.core.errors import StateConflict, UsageError, VerificationFailed
from mlm.core.job import Role
from mlm.core.plan import Call, Plan, Tx
from mlm.core.tee import MAX_SESSION, NO_JOB, SessionKey
from mlm.ports.bundle import Ports
from mlm.ports.enclave import HeldKey
from mlm.workflows import attest_gather, lookup, model, sessions
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.attest_gather import VERIFIER
from mlm.workflows.sessions import Registration
from mlm.workflows.sync import sync
from mlm.workflows.tiers.tee import FRESH_S, attestation_of, check_code, check_key, check_sizes, key_of

LEAST_S = 3600


class KeyState(StrEnum):
    """What a session key is good for."""

    SIGNS = "signs"
    ELSEWHERE = "elsewhere"  # it is registered, and another machine's enclave holds it
    DISPROVED = "disproved"  # what attesters signed of it was shown to be false
    ENDED = "ended"


@dataclass(frozen=True)
class KeyView:
    """A session key: `key` is its name on chain, the digest of what attesters signed; `model` a file's sha256.

    `status` is the vendor's word on the platform, `checked_at` when attesters looked.
    """

    key: str
    state: KeyState
    model: str
    kind: str
    status: str
    simulated: bool
    checked_at: Instant
    expires_at: Instant


@dataclass(frozen=True)
class Keys:
    """An account's session keys, the newest first."""

    account: str
    keys: tuple[KeyView, ...]


@dataclass(frozen=True)
class Register:
    """Parameters of `enclave register`: a model, and for how many seconds its key is to sign."""

    asset: str
    duration: Duration


def listed(ports: Ports) -> Keys:
    """The keys that were registered for this account."""
    sync(ports)
    here = {found.digest(ports) for _, found in sessions.own(ports)}
    return Keys(ports.sender.address, tuple(_view(ports, each, here) for each in sessions.mine(ports)))


def _view(ports: Ports, found: Registration, here: set[bytes]) -> KeyView:
    said, digest, now = found.attestation, found.digest(ports), ports.chain.block().timestamp
    state = KeyState.SIGNS if digest in here else KeyState.ELSEWHERE
    if ports.chain.call(VERIFIER, "falsehoodOf", digest)[1]:
        state = KeyState.DISPROVED
    elif now >= found.key.expires_at:
        state = KeyState.ENDED
    return KeyView(
        key="0x" + digest.hex(),
        state=state,
        model=found.key.model.hex(),
        kind=said.kind,
        status=said.status,
        simulated=said.simulated,
        checked_at=Instant(said.checked_at),
        expires_at=Instant(found.key.expires_at),
    )


def plan_register(ports: Ports, params: Register) -> Plan[bytes]:
    """Have attesters sign about a key of this machine's enclave, and register it.

    1. The version's model and measurements give its key on chain.
    2. A key that signs for it, and will for more than half of the time that is asked for, is enough: nothing is sent.
    3. A key is made; one that was made for the same and not registered is taken instead, while attesters sign about it.
    4. Its evidence is what an attester would look at, and its code one that the version allows.
    5. m attesters sign.
    Raises UsageError, VerificationFailed, InvalidData, StateConflict, ToolMissing.
    """
    if not LEAST_S <= params.duration <= MAX_SESSION:
        raise UsageError(f"--for: expected {Duration(LEAST_S)} to {Duration(MAX_SESSION)}, found {params.duration}")
    # (1)
    version = lookup.version(ports, params.asset)
    loaded = model.load(ports, version)
    check_key(ports, loaded, version)
    key = key_of(loaded.manifest)
    # (2)
    now = ports.chain.block().timestamp
    for _, found in sessions.of_version(ports, key):
        if not sessions.ended(ports, found, now + params.duration // 2):
            return Plan("enclave register", (), found.digest(ports))
    _need_stake(ports)
    # (3)
    chain_id, market = ports.chain.chain_id(), ports.chain.address_of("JobMarket").lower()
    wanted = SessionKey(chain_id, market, ports.sender.address.lower(), key.model, now + params.duration)
    held = _made(ports, wanted, params.duration, now) or ports.enclave.make_key(wanted, now)
    # (4)
    check_sizes(held.quote, held.collateral)
    said = ports.attestation.verify(held.quote, held.collateral, held.at, simulated=held.simulated)
    check_code(key, said)
    tee.check_bound(said, held.key)
    if said.status == REVOKED:
        raise VerificationFailed("the vendor has revoked this platform: no job accepts it")
    # (5)
    attestation = attestation_of(NO_JOB, said, held.quote, held.key.report_data, held.at)
    signatures = attest_gather.gather(ports, _asked(held), attestation)
    call = Call(VERIFIER, "registerKey", (held.key.as_args(), attestation.as_args(), signatures))
    title = f"register a session key of the enclave for {version.asset}, for {params.duration}"
    return Plan("enclave register", (Tx(title, call),), attestation.digest(chain_id, ports.chain.address_of(VERIFIER)))


def _need_stake(ports: Ports) -> None:
    """What attesters ask for, before they look at anything (attest.py)."""
    me = ports.sender.address
    if not ports.chain.call("StakeVault", "stakeOf", me, int(Role.PROVIDER))[0]:
        raise StateConflict(
            f"{me} has no stake as a provider: attesters sign about no key of it", hint="Run `mlm stake deposit`."
        )


def _made(ports: Ports, wanted: SessionKey, duration: int, now: int) -> HeldKey | None:
    """A key that a run before has made for the same, and has not registered."""
    known = {each.key for each in sessions.mine(ports)}
    for held in ports.enclave.held():
        same = replace(held.key, expires_at=wanted.expires_at, x=0, y=0) == wanted
        fresh = held.key.expires_at == held.at + duration and 0 <= now - held.at <= min(FRESH_S, duration // 2)
        if same and fresh and held.key not in known:
            return held
    return None


def _asked(held: HeldKey) -> KeyRequest:
    return KeyRequest(
        provider=held.key.provider,
        model=held.key.model,
        expires_at=held.key.expires_at,
        x=held.key.x,
        y=held.key.y,
        checked_at=held.at,
        simulated=held.simulated,
        quote=held.quote,
        collateral=held.collateral,
    )


def _registered(ports: Ports, params: Register, plan: Plan[bytes], done: tuple[DoneStep, ...]) -> KeyView:
    sync(ports)
    return _view(ports, sessions.need(ports, plan.facts), {plan.facts})


REGISTER = Operation(
    "enclave register",
    Register,
    plan_register,
    _registered,
    "A registered key signs until it ends, and costs nothing more.",
)
