"""What a job asks of its provider: the rule, and its one encoding. Pure.

devnet/contracts/Providers.sol computes the same; tests/vectors/requirements.json and random pairs hold both to it.
docs/requirements.md says the rule in words; requirements_text.py reads and writes it for people.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

from mlm.core.attributes import NUMBERS, RESERVED, WORD, Value, text_of, word_of
from mlm.core.digest import keccak256, word, words
from mlm.core.errors import InvalidData
from mlm.core.events.abi import Decoder, sequence_of
from mlm.core.events.table import parse

# Bounds of devnet/contracts/libraries/RequirementForm.sol: what checking requirements costs a bidder ends there.
MAX_BYTES = 12_288
MAX_CLAUSES = 16
MAX_VALUES = 16  # of a clause
MAX_AUDITORS = 16
MAX_ACCOUNTS = 64  # allowed, and as many denied
MAX_LOOKUPS = 128  # the sum over the clauses of max(1, symbols) * max(1, auditors)

NONE = "0x" + "0" * 64  # what a job's request names that asks for nothing

_DECLARED = (
    "E(((bytes32 attribute, uint128 least, bytes32[] oneOf)[] clauses, address[] auditors, uint8 threshold,"
    " uint128 reputation, address[] allow, address[] deny) requirements)"
)


@dataclass(frozen=True)
class Clause:
    """What one attribute has to be: without `one_of` a number of at least `least`, otherwise one of these symbols."""

    attribute: str
    least: int = 0
    one_of: tuple[str, ...] = ()  # ascending


@dataclass(frozen=True)
class Requirements:
    """In canonical order: clauses by attribute, accounts (lower-case 0x-hex) ascending. `made` puts them into it.

    Where auditors are named, `threshold` of them must vouch for each clause; otherwise the provider's word is enough.
    `reputation` is the least number of points, in base units of the token. Nobody in `allow`: everybody.
    """

    clauses: tuple[Clause, ...] = ()
    auditors: tuple[str, ...] = ()
    threshold: int = 0
    reputation: int = 0
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attested:
    """What an auditor last said of an attribute; it holds while now < expires_at."""

    auditor: str
    name: str
    value: Value
    expires_at: int


@dataclass(frozen=True)
class Standing:
    """All that the rule looks at of a provider, at one time. Accounts are lower-case 0x-hex."""

    provider: str
    declared: frozenset[tuple[str, Value]] = frozenset()
    attested: tuple[Attested, ...] = ()
    points: int = 0
    now: int = 0  # seconds of the chain's clock


@dataclass(frozen=True)
class Finding:
    """One rule, and whether a provider meets it. `what` is deny, allow, reputation or a clause's attribute."""

    what: str
    met: bool
    expected: str
    actual: str
    code: tuple[bytes, bytes] = field(default=(b"", b""), repr=False)  # as the contract's NotQualified carries them


def made(
    clauses: Iterable[Clause] = (),
    auditors: Iterable[str] = (),
    threshold: int = 0,
    reputation: int = 0,
    allow: Iterable[str] = (),
    deny: Iterable[str] = (),
) -> Requirements:
    """Requirements in canonical order. Raises InvalidData for what has no encoding, as `check` does.

    A threshold of 0 is one auditor where any is named.
    """
    ordered = sorted(
        (Clause(each.attribute, each.least, tuple(sorted(set(each.one_of)))) for each in clauses),
        key=lambda each: each.attribute,
    )
    signers = _accounts(auditors)
    found = Requirements(
        tuple(ordered),
        signers,
        threshold or min(1, len(signers)),
        reputation,
        _accounts(allow),
        _accounts(deny),
    )
    check(found)
    return found


def _accounts(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({account.lower() for account in given}))


def check(r: Requirements) -> None:
    """Raise InvalidData, naming the bound or the defect, unless the contract accepts these requirements."""
    _most("clauses", len(r.clauses), MAX_CLAUSES)
    _most("auditors", len(r.auditors), MAX_AUDITORS)
    _most("accounts to allow", len(r.allow), MAX_ACCOUNTS)
    _most("accounts to deny", len(r.deny), MAX_ACCOUNTS)
    for clause in r.clauses:
        _most(f"symbols for {clause.attribute}", len(clause.one_of), MAX_VALUES)
        for text in (clause.attribute, *clause.one_of):
            if not WORD.fullmatch(text):
                raise InvalidData(f"requirements: expected a name or a symbol, found {text!r}")
        if clause.attribute in RESERVED:
            raise InvalidData(f"requirements: {clause.attribute!r} is no attribute's name")
        if clause.one_of and clause.least:
            raise InvalidData(f"requirements: {clause.attribute} asks for a number and for symbols")
        _ascending(f"the symbols for {clause.attribute}", clause.one_of)
        _number(clause.attribute, clause.least)
    _most("lookups", sum(max(1, len(c.one_of)) * max(1, len(r.auditors)) for c in r.clauses), MAX_LOOKUPS)
    _ascending("clauses", [clause.attribute for clause in r.clauses])
    for what, accounts in (("auditors", r.auditors), ("allow", r.allow), ("deny", r.deny)):
        _ascending(what, accounts)
        if any(int(account, 16) == 0 for account in accounts):
            raise InvalidData(f"requirements: {what} holds the zero address")
    if not min(1, len(r.auditors)) <= r.threshold <= len(r.auditors):
        raise InvalidData(f"requirements: {r.threshold} of {len(r.auditors)} auditors must vouch, which cannot be")
    _number("reputation", r.reputation)


def _most(what: str, actual: int, most: int) -> None:
    if actual > most:
        raise InvalidData(f"requirements: at most {most} {what}, found {actual}")


def _ascending(what: str, items: Sequence[str]) -> None:
    if any(left >= right for left, right in zip(items, items[1:], strict=False)):
        raise InvalidData(f"requirements: {what} must ascend, none twice")


def _number(what: str, value: int) -> None:
    if not 0 <= value < NUMBERS:
        raise InvalidData(f"requirements: {what} must be a number below 2^128, found {value}")


# --- the rule ---------------------------------------------------------------------------------------------------------


def findings(r: Requirements, standing: Standing) -> tuple[Finding, ...]:
    """Each rule in the order in which the contract looks at them: it names the first that is not met."""
    who = word(int(standing.provider, 16))
    found = []
    # (1) Whoever is denied is out, also when it is allowed.
    if r.deny:
        met = standing.provider not in r.deny
        found.append(Finding("deny", met, "not in the list", "not in it" if met else "in it", (word(0), who)))
    # (2) Where some are allowed, all others are out.
    if r.allow:
        met = standing.provider in r.allow
        found.append(Finding("allow", met, "in the list", "in it" if met else "not in it", (word(0), who)))
    # (3) Enough points.
    if r.reputation:
        code = (word(r.reputation), word(standing.points))
        met = standing.points >= r.reputation
        found.append(Finding("reputation", met, f"at least {r.reputation}", str(standing.points), code))
    # (4) Each clause, by the provider's own word or by that of enough auditors.
    for clause in r.clauses:
        found.append(_attested(clause, r, standing) if r.auditors else _declared(clause, standing))
    return tuple(found)


def qualifies(r: Requirements, standing: Standing) -> bool:
    """Whether the provider meets every rule."""
    return all(each.met for each in findings(r, standing))


def meets(clause: Clause, values: Collection[Value]) -> bool:
    """Whether one of an attribute's values is what a clause asks for."""
    if clause.one_of:
        return any(value in clause.one_of for value in values)
    return any(isinstance(value, int) and value >= clause.least for value in values)


def _declared(clause: Clause, standing: Standing) -> Finding:
    values = [value for name, value in standing.declared if name == clause.attribute]
    number = next((value for value in values if isinstance(value, int)), 0)
    code = (word_of(clause.one_of[0]), word(0)) if clause.one_of else (word(clause.least), word(number))
    return Finding(clause.attribute, meets(clause, values), _wanted(clause), _spelt(values) or "not declared", code)


def _attested(clause: Clause, r: Requirements, standing: Standing) -> Finding:
    said: dict[str, list[Value]] = {}
    for each in standing.attested:
        if each.name == clause.attribute and each.auditor in r.auditors and standing.now < each.expires_at:
            said.setdefault(each.auditor, []).append(each.value)
    vouching = min(r.threshold, sum(meets(clause, values) for values in said.values()))
    actual = "; ".join(f"{_spelt(values)} by {auditor}" for auditor, values in sorted(said.items()))
    return Finding(
        clause.attribute,
        vouching >= r.threshold,
        f"{_wanted(clause)}, attested by {r.threshold} of {len(r.auditors)}",
        actual or "not attested",
        (word(r.threshold), word(vouching)),
    )


def _wanted(clause: Clause) -> str:
    return " or ".join(clause.one_of) if clause.one_of else f"at least {clause.least}"


def _spelt(values: Iterable[Value]) -> str:
    return ", ".join(sorted(map(str, values)))


# --- the encoding -----------------------------------------------------------------------------------------------------


def encode(r: Requirements) -> bytes:
    """abi.encode(Requirements): what `Providers.publishRequirements` takes and bids carry. Raises InvalidData."""
    check(r)
    clauses = [
        words((word_of(clause.attribute), clause.least, 96, len(clause.one_of), *map(word_of, clause.one_of)))
        for clause in r.clauses
    ]
    tails = [_array(clauses), *(_addresses(accounts) for accounts in (r.auditors, r.allow, r.deny))]
    at, offsets = 6 * 32, []
    for tail in tails:
        offsets.append(at)
        at += len(tail)
    head = words((offsets[0], offsets[1], r.threshold, r.reputation, offsets[2], offsets[3]))
    return word(32) + head + b"".join(tails)


def _array(items: Sequence[bytes]) -> bytes:
    """An array of dynamic values: their count, where each begins behind it, and they."""
    at, offsets = 32 * len(items), []
    for item in items:
        offsets.append(at)
        at += len(item)
    return words((len(items), *offsets)) + b"".join(items)


def _addresses(accounts: Sequence[str]) -> bytes:
    return words((len(accounts), *(int(account, 16) for account in accounts)))


@cache
def _decoder() -> Decoder:
    return sequence_of(parse("Providers", _DECLARED).fields)


def decode(data: bytes) -> Requirements:
    """The requirements that these bytes encode; raises InvalidData for bytes that the contract does not accept."""
    _most("bytes", len(data), MAX_BYTES)
    values, end = _decoder()(data, 0)
    if end != len(data):
        raise InvalidData(f"requirements: expected {end} bytes, found {len(data)}")
    given = values["requirements"]
    clauses = tuple(
        Clause(
            text_of(bytes.fromhex(each["attribute"][2:])),
            each["least"],
            tuple(text_of(bytes.fromhex(symbol[2:])) for symbol in each["oneOf"]),
        )
        for each in given["clauses"]
    )
    auditors, allow, deny = (tuple(given[name]) for name in ("auditors", "allow", "deny"))
    found = Requirements(clauses, auditors, given["threshold"], given["reputation"], allow, deny)
    check(found)
    return found


def requirements_hash(r: Requirements) -> bytes:
    """keccak256 of the encoding, 32 bytes: what a job's request names."""
    return keccak256(encode(r))
