"""`mlm provider declare|show|list|match`: what providers say of themselves, and who meets requirements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from mlm.core import attributes, requirements_text
from mlm.core.clock import Instant
from mlm.core.errors import NotFound, UsageError
from mlm.core.money import Amount
from mlm.core.plan import FIRST_PAGE, NO_AMOUNT, NO_MORE, Call, Plan, Tx
from mlm.core.refs import address
from mlm.core.requirements import qualifies, requirements_hash
from mlm.ports.bundle import Ports
from mlm.workflows import requirements
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.sync import sync

PAGE = 50


@dataclass(frozen=True)
class Declare:
    """Parameters of `provider declare`: NAME=VALUE to say, and to take back."""

    attributes: tuple[str, ...]
    remove: tuple[str, ...] = ()


@dataclass(frozen=True)
class AttributeRow:
    """One attribute. Without an auditor it is the provider's own word."""

    name: str
    value: str
    auditor: str
    expires_at: Instant | None
    expired: bool = field(metadata=NO_MORE)


@dataclass(frozen=True)
class Provider:
    """A provider, with everything that is said of it. Expired attestations are listed and do not count."""

    provider: str
    attributes: tuple[AttributeRow, ...]


@dataclass(frozen=True)
class ProviderRow:
    """A provider in a list. What auditors attest is marked with how many of them do."""

    provider: str
    reputation: Amount = field(metadata=NO_AMOUNT)  # points
    attributes: str


@dataclass(frozen=True)
class ProviderList:
    """One page of providers, those with the most points first; `more` says that another page follows."""

    providers: tuple[ProviderRow, ...]
    page: int = field(metadata=FIRST_PAGE)
    more: bool = field(metadata=NO_MORE)


@dataclass(frozen=True)
class Rule:
    """A rule of requirements, and what was found."""

    what: str
    expected: str
    actual: str
    met: bool


@dataclass(frozen=True)
class Match:
    """Whether a provider meets requirements, rule by rule."""

    provider: str
    requirements: str  # their hash
    qualifies: bool
    rules: tuple[Rule, ...]


def plan(ports: Ports, params: Declare) -> Plan[None]:
    """One transaction; none where everything is so already. Raises UsageError."""
    added, removed = attributes.parse_all(params.attributes), attributes.parse_all(params.remove)
    if not added and not removed:
        raise UsageError("expected an attribute to declare or to remove", hint="Such as `gpu.model=h100`.")
    if both := sorted(map(str, set(added) & set(removed))):
        raise UsageError(f"{both[0]} is to be declared and to be removed")
    new = [each for each in added if not _is_declared(ports, each)]
    gone = [each for each in removed if _is_declared(ports, each)]
    if not new and not gone:
        return Plan("provider declare", (), None)
    words = ", ".join([*(str(each) for each in new), *(f"no {each}" for each in gone)])
    call = Call("Providers", "declare", ([each.words for each in new], [each.words for each in gone]))
    return Plan("provider declare", (Tx(f"declare {words}", call),), None)


def _is_declared(ports: Ports, attribute: attributes.Attribute) -> bool:
    return bool(ports.chain.call("Providers", "isDeclared", ports.sender.address, attribute.words))


def _after(ports: Ports, params: Declare, plan: Plan[None], done: tuple[DoneStep, ...]) -> Provider:
    return show(ports, ports.sender.address)


def show(ports: Ports, account: str) -> Provider:
    """Everything that is said of a provider. Raises UsageError for what is no address."""
    who = address(account)
    sync(ports)
    now = ports.chain.block().timestamp
    rows = tuple(_row(row, now) for row in ports.state.query("attributes", provider=who))
    return Provider(who, rows)


def _row(row: Mapping[str, Any], now: int) -> AttributeRow:
    expires = row["expires_at"]
    at = None if expires is None else Instant(expires)
    return AttributeRow(row["name"], row["value"], row["auditor"] or "", at, expires is not None and expires <= now)


def find(ports: Ports, rules: Sequence[str] = (), *, page: int = 1) -> ProviderList:
    """Providers who meet the rules (all who say anything or have earned points, without rules), PAGE to a page.

    The most points come first: words cost nothing, and whoever has many accounts could fill any page with them.
    """
    wanted = requirements.read(ports, rules)
    sync(ports)
    now = ports.chain.block().timestamp
    said = {who: list(rows) for who, rows in groupby(ports.state.query("attributes"), key=itemgetter("provider"))}
    start, found = (page - 1) * PAGE, []
    for entry in ports.state.query("providers", limit=10**9):
        who, points = entry["provider"], entry["points"]
        rows = said.get(who, [])
        if not rows and not points:
            continue
        if rules and not qualifies(wanted, requirements.standing(who, rows, points=points, now=now)):
            continue
        found.append(ProviderRow(who, Amount(points), _brief(rows, now)))
        if len(found) > start + PAGE:
            break
    return ProviderList(tuple(found[start : start + PAGE]), page, len(found) > start + PAGE)


def _brief(rows: list[dict[str, Any]], now: int) -> str:
    counts: dict[str, int] = {}
    for row in rows:
        if row["auditor"] is None or now < row["expires_at"]:
            text = f"{row['name']}={row['value']}"
            counts[text] = counts.get(text, 0) + (row["auditor"] is not None)
    return ", ".join(f"{text} ({count} attest)" if count else text for text, count in counts.items())


def match(ports: Ports, target: str, account: str | None) -> Match:
    """Whether a provider (this account, where none is named) meets what TARGET asks for, rule by rule.

    Raises NotFound where TARGET asks for nothing: anybody may bid then.
    """
    wanted = requirements.asked(ports, target)
    if wanted is None:
        raise NotFound(f"{target} asks for nothing: anybody may bid", hint="`mlm bid` offers to do it.")
    who = address(account or ports.sender.address)
    rules = []
    for each in requirements.match(ports, who, wanted):
        expected, actual = each.expected, each.actual
        if each.what == "reputation":
            expected, actual = requirements_text.points(each.code)
        rules.append(Rule(each.what, expected, actual, each.met))
    digest = "0x" + requirements_hash(wanted).hex()
    return Match(who, digest, all(rule.met for rule in rules), tuple(rules))


OPERATION = Operation(
    "provider declare",
    Declare,
    plan,
    _after,
    "`mlm provider declare --remove NAME=VALUE` takes it back.",
)
