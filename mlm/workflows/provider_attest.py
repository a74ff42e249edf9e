"""`mlm provider sign|attest|revoke`: an auditor signs attributes without gas, anybody submits the signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from mlm.core import attributes
from mlm.core.attributes import Attribute
from mlm.core.clock import Duration, Instant
from mlm.core.errors import InvalidData, StateConflict, UsageError
from mlm.core.plan import Call, Plan, Tx
from mlm.core.refs import address
from mlm.ports.bundle import Ports
from mlm.workflows import provider
from mlm.workflows.apply import DoneStep, Operation

FORMAT = "mlm/attestation/1"
MAX_FILE = 1 << 16  # bytes
DAY = 86_400
MAX_DAYS = 3_650


@dataclass(frozen=True)
class Signed:
    """An attestation that was signed and written."""

    file: str
    auditor: str
    provider: str
    attributes: tuple[str, ...]
    expires_at: Instant
    next: str


@dataclass(frozen=True)
class Attestation:
    """What a file says: signed for one chain and one contract. Accounts are lower-case 0x-hex, times seconds."""

    chain_id: int
    contract: str
    auditor: str
    provider: str
    attributes: tuple[Attribute, ...]
    issued_at: int
    expires_at: int
    signature: bytes

    @property
    def args(self) -> tuple[Any, ...]:
        """As `Providers.attest` takes it, without the signature."""
        named = [each.words for each in self.attributes]
        return (self.auditor, self.provider, named, self.issued_at, self.expires_at)


@dataclass(frozen=True)
class Attest:
    """Parameters of `provider attest`: the file that an auditor wrote."""

    file: Path


@dataclass(frozen=True)
class Revoke:
    """Parameters of `provider revoke`: of whom what is taken back."""

    provider: str
    attributes: tuple[str, ...]


def sign(ports: Ports, who: str, texts: Sequence[str], days: int, output: Path) -> Signed:
    """Sign attributes of a provider for `days` from now and write the attestation to `output`; nothing is sent.

    Raises UsageError for what cannot be attested.
    """
    named, subject = attributes.parse_all(texts), address(who)
    if not 1 <= len(named) <= attributes.MAX_SIGNED:
        raise UsageError(f"expected 1 to {attributes.MAX_SIGNED} attributes, found {len(named)}")
    if not 1 <= days <= MAX_DAYS:
        raise UsageError(f"expected 1 to {MAX_DAYS} days, found {days}")
    issued = ports.chain.block().timestamp
    chain_id, contract = ports.chain.chain_id(), ports.chain.address_of("Providers").lower()
    auditor = ports.signer.address.lower()
    made = Attestation(chain_id, contract, auditor, subject, named, issued, issued + days * DAY, b"")
    message = {
        "auditor": auditor,
        "provider": subject,
        "attributes": [dict(zip(("name", "value"), each.words, strict=True)) for each in named],
        "issuedAt": made.issued_at,
        "expiresAt": made.expires_at,
    }
    domain = {**attributes.DOMAIN, "chainId": chain_id, "verifyingContract": contract}
    signature = ports.signer.sign_typed(domain, attributes.TYPES, message)
    ports.files.write(output, _to_json(made, signature))
    spelt = tuple(map(str, named))
    return Signed(str(output), auditor, subject, spelt, Instant(made.expires_at), f"mlm provider attest {output}")


def _to_json(made: Attestation, signature: bytes) -> bytes:
    value = {
        "format": FORMAT,
        "chain": made.chain_id,
        "contract": made.contract,
        "auditor": made.auditor,
        "provider": made.provider,
        "attributes": [str(each) for each in made.attributes],
        "issued_at": made.issued_at,
        "expires_at": made.expires_at,
        "signature": "0x" + signature.hex(),
    }
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def parse(data: bytes, where: str) -> Attestation:
    """Read an attestation's file; raises InvalidData for one that is none."""
    try:
        value = orjson.loads(data)
        if not isinstance(value, Mapping) or value.get("format") != FORMAT:
            found = value.get("format") if isinstance(value, Mapping) else value
            raise InvalidData(f"{where}: expected the format {FORMAT}, found {str(found)[:60]!r}")
        texts = value["attributes"]
        named = attributes.parse_all(texts)
        if [str(each) for each in named] != texts or not 1 <= len(named) <= attributes.MAX_SIGNED:
            raise InvalidData(f"{where}: expected attributes in order, none twice, found {str(texts)[:60]}")
        times = [value[name] for name in ("chain", "issued_at", "expires_at")]
        if not all(type(number) is int and 0 <= number < 1 << 64 for number in times):
            raise InvalidData(f"{where}: expected whole numbers for chain, issued_at and expires_at, found {times}")
        contract, auditor, subject = (address(value[name]) for name in ("contract", "auditor", "provider"))
        signature = bytes.fromhex(value["signature"].removeprefix("0x"))
    except (ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        raise InvalidData(f"{where}: expected an attestation that mlm wrote: {str(error)[:120]}") from error
    return Attestation(times[0], contract, auditor, subject, named, times[1], times[2], signature)


def plan_attest(ports: Ports, params: Attest) -> Plan[Attestation]:
    """One transaction, by whoever sends it; a false signature reverts.

    Raises InvalidData, UsageError for one of another network, StateConflict for an expired one.
    """
    found = parse(ports.files.read(params.file, MAX_FILE), str(params.file))
    here = ports.chain.chain_id(), ports.chain.address_of("Providers").lower()
    if (found.chain_id, found.contract) != here:
        raise UsageError(
            f"{params.file} is for chain {found.chain_id} and contract {found.contract}, "
            f"this network is {here[0]} and has {here[1]}",
            hint="Choose its network with --network, or have the auditor sign for this one.",
        )
    now = ports.chain.block().timestamp
    if now >= found.expires_at:
        raise StateConflict(
            f"the attestation expired {Duration(now - found.expires_at)} ago", hint="Ask the auditor for a new one."
        )
    words = ", ".join(map(str, found.attributes))
    call = Call("Providers", "attest", (found.args, found.signature))
    return Plan("provider attest", (Tx(f"attest {words} of {found.provider[:10]}", call),), found)


def _attested(ports: Ports, params: Attest, plan: Plan[Attestation], done: tuple[DoneStep, ...]) -> provider.Provider:
    return provider.show(ports, plan.facts.provider)


def plan_revoke(ports: Ports, params: Revoke) -> Plan[str]:
    """One transaction by the auditor. What it signed of these attributes is void, also what nobody has submitted."""
    named, subject = attributes.parse_all(params.attributes), address(params.provider)
    if not named:
        raise UsageError("expected an attribute to revoke", hint="`mlm provider show ACCOUNT` lists them.")
    words = ", ".join(map(str, named))
    call = Call("Providers", "revoke", (subject, [each.words for each in named]))
    return Plan("provider revoke", (Tx(f"revoke {words} of {subject[:10]}", call),), subject)


def _revoked(ports: Ports, params: Revoke, plan: Plan[str], done: tuple[DoneStep, ...]) -> provider.Provider:
    return provider.show(ports, plan.facts)


ATTEST = Operation(
    "provider attest",
    Attest,
    plan_attest,
    _attested,
    "The auditor takes it back with `mlm provider revoke`.",
)
REVOKE = Operation(
    "provider revoke",
    Revoke,
    plan_revoke,
    _revoked,
    "The auditor says it again with `mlm provider sign`.",
)
