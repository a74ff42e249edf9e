"""What a policy file demands of a verification, and whether it is met. Pure; docs/trust.md has the keys.

A policy is a conjunction: each demand is one more numbered check. A demand about something that the target does not
have fails; an unknown key is an error, as is a policy without demands: nothing passes silently.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any, NamedTuple

from mlm.core.attestation import REVOKED, STATUSES
from mlm.core.clock import Duration, iso_time, parse_duration
from mlm.core.errors import UsageError, VerificationFailed
from mlm.core.job import FINALITY, Tier
from mlm.core.money import parse_units
from mlm.core.project import read_toml
from mlm.core.trust import Cost, CostKind, Facts, Guarantor

MAX_FILE = 1 << 16  # bytes
MOST = 1 << 16  # that a count, or bits, can ask for
_AMOUNT = re.compile(r"[0-9]{1,30}(\.[0-9]{1,36})?")
_KIND = re.compile(r"[a-z0-9 -]{1,64}")


@dataclass(frozen=True)
class Judged:
    """What a policy looks at: a verification, as far as it goes without one."""

    kind: str
    tier: str
    complete: bool
    guaranteed_by: tuple[Guarantor, ...]
    cost: Cost
    facts: Facts


class Demand(NamedTuple):
    """One demand: `judge` returns what was found, or raises VerificationFailed."""

    key: str
    check: str
    against: str
    judge: Callable[[Judged], str]


class Key(NamedTuple):
    """A key of the file: in words what is demanded, how its value is read, how it is shown, how it is judged."""

    check: str
    value: str  # how it is written
    read: Callable[[str, Any], Any]
    shown: Callable[[Any], str]
    judge: Callable[[Any, Judged], str]


def parse(data: bytes, where: str) -> tuple[Demand, ...]:
    """The demands of a policy file, in the order of KEYS. Raises UsageError naming `where` and the key."""
    table = read_toml(data, where)
    if unknown := sorted(table.keys() - KEYS.keys()):
        near = get_close_matches(unknown[0], KEYS, 1)
        hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(KEYS)}."
        raise UsageError(f"{where}: unknown demand {unknown[0][:80]!r}", hint=hint)
    if not table:
        raise UsageError(f"{where}: expected demands, found none", hint=f"Known: {', '.join(KEYS)}.")
    return tuple(_demand(name, table[name], where) for name in KEYS if name in table)


def _demand(name: str, value: Any, where: str) -> Demand:
    key = KEYS[name]
    wanted = key.read(f"{where}: {name}", value)
    return Demand(name, f"policy: {key.check}", key.shown(wanted), partial(key.judge, wanted))


# ---------------------------------------------------------------------- values


def _wrong(where: str, expected: str, value: object) -> UsageError:
    return UsageError(f"{where}: expected {expected}, found {str(value)[:60]!r}")


def _true(where: str, value: Any) -> bool:
    if value is not True:
        raise UsageError(f"{where}: expected true, found {str(value)[:60]!r}", hint="To demand nothing, leave it out.")
    return True


def _false(where: str, value: Any) -> bool:
    if value is not False:
        raise UsageError(f"{where}: expected false, found {str(value)[:60]!r}", hint="To demand nothing, leave it out.")
    return False


def _count(where: str, value: Any) -> int:
    if type(value) is not int or not 1 <= value <= MOST:
        raise _wrong(where, f"a whole number from 1 to {MOST}", value)
    return value


def _duration(where: str, value: Any) -> Duration:
    if not isinstance(value, str):
        raise _wrong(where, 'a duration such as "90s", "15m", "2h" or "30d"', value)
    try:
        found = Duration(parse_duration(value))
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    if not found:
        raise _wrong(where, "a duration of a second at least", value)
    return found


def _words(known: Collection[str], where: str, value: Any) -> tuple[str, ...]:
    """A list of known words, each once."""
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        raise _wrong(where, f"a list of some of: {', '.join(known)}", value)
    for each in value:
        if each not in known:
            raise _wrong(where, f"some of: {', '.join(known)}", each)
    if len(set(value)) != len(value):
        raise _wrong(where, "each word once", ", ".join(value))
    return tuple(value)


def _kinds(where: str, value: Any) -> tuple[str, ...]:
    fits = isinstance(value, list) and value and all(isinstance(each, str) and _KIND.fullmatch(each) for each in value)
    if not fits:
        raise _wrong(where, 'a list of kinds, such as ["job", "proof"]', value)
    return tuple(value)


def _finality(where: str, value: Any) -> str:
    if value not in FINALITY:
        raise _wrong(where, f"one of: {', '.join(FINALITY)}", value)
    return str(value)


def _cost(where: str, value: Any) -> Mapping[str, Any]:
    """{tokens, bits}, at least one of them."""
    if not isinstance(value, dict) or not value or value.keys() - {"tokens", "bits"}:
        raise _wrong(where, '{ tokens = "100", bits = 100 } or one of them', value)
    found: dict[str, Any] = {}
    if "tokens" in value:
        text = value["tokens"]
        if not isinstance(text, str) or not _AMOUNT.fullmatch(text) or not text.strip("0."):
            raise _wrong(f"{where}.tokens", 'an amount above zero as text, such as "100" or "0.5"', text)
        found["tokens"] = text
    if "bits" in value:
        found["bits"] = _count(f"{where}.bits", value["bits"])
    return found


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(words)


def _least(least: object) -> str:
    return f"at least {least}"


def _least_cost(wanted: Mapping[str, Any]) -> str:
    shown = {"tokens": "tokens: {}", "bits": "operations: 2^{}"}
    return "at least " + ", or ".join(shown[name].format(value) for name, value in wanted.items())


# ---------------------------------------------------------------------- judgements


def _has(value: Any, what: str, judged: Judged) -> Any:
    """A fact that the target has; raises VerificationFailed where it has not."""
    if value is None:
        raise VerificationFailed(f"this {judged.kind} has no {what}")
    return value


def _fail(expected: str, found: object) -> VerificationFailed:
    return VerificationFailed(f"expected {expected}, found {found}")


def _is_complete(wanted: bool, judged: Judged) -> str:
    if not judged.complete:
        raise _fail("every check made and passed", "one that was not")
    return "every check"


def _in_tiers(wanted: tuple[str, ...], judged: Judged) -> str:
    return _among(wanted, judged.tier)


def _in_kinds(wanted: tuple[str, ...], judged: Judged) -> str:
    return _among(wanted, judged.kind)


def _among(wanted: tuple[str, ...], found: str) -> str:
    if found not in wanted:
        raise _fail(_listed(wanted), found)
    return found


def _guaranteed(wanted: tuple[str, ...], judged: Judged) -> str:
    names = tuple(map(str, judged.guaranteed_by))
    if not names or set(names) - set(wanted):
        raise _fail(f"nobody but {_listed(wanted)}", _listed(names) or "nobody named")
    return _listed(names)


def _status(wanted: tuple[str, ...], judged: Judged) -> str:
    return _among(wanted, _has(judged.facts.tcb_status, "TCB status", judged))


def _real(wanted: bool, judged: Judged) -> str:
    if _has(judged.facts.simulated, "evidence of hardware", judged):
        raise _fail("a vendor's evidence", "simulated evidence")
    return "a vendor's"


def _young(most: Duration, judged: Judged) -> str:
    """Evidence dated after now would be younger than anything asked for: it is refused."""
    made, now = _has(judged.facts.made_at, "time at which it was made", judged), _has(judged.facts.now, "clock", judged)
    if made > now:
        raise VerificationFailed(f"it is dated {iso_time(made)}, after {iso_time(now)}")
    if now - made > most:
        raise _fail(f"at most {most}", Duration(now - made))
    return str(Duration(now - made))


def _long(least: Duration, judged: Judged) -> str:
    found = _has(judged.facts.window, "window in which it can be shown to be false", judged)
    if found < least:
        raise _fail(f"at least {least}", found)
    return str(found)


def _enough(name: str, what: str, least: int, judged: Judged) -> str:
    found = _has(getattr(judged.facts, name), what, judged)
    if found < least:
        raise _fail(f"at least {least}", found)
    return str(found)


def _dear(wanted: Mapping[str, Any], judged: Judged) -> str:
    """A cost has one kind: it is held against the demand of that kind, and fails where there is none."""
    cost = judged.cost
    if cost.kind is CostKind.MONEY and cost.at_least is not None and "tokens" in wanted:
        if cost.at_least < parse_units(wanted["tokens"]):
            raise _fail(_least_cost(wanted), cost.at_least)
        return str(cost.at_least)
    if cost.kind is CostKind.COMPUTATION and cost.bits is not None and "bits" in wanted:
        if cost.bits < wanted["bits"]:
            raise _fail(_least_cost(wanted), f"2^{cost.bits} operations")
        return f"2^{cost.bits} operations"
    raise _fail(_least_cost(wanted), f"{cost.kind}{f': {cost.why}' if cost.why else ''}")


def _settled(least: str, judged: Judged) -> str:
    found: str = _has(judged.facts.finality, "block on a chain", judged)
    if found not in FINALITY[FINALITY.index(least) :]:
        raise _fail(f"at least {least}", found)
    return found


_TIERS = tuple(map(str, Tier))
_STATUSES = STATUSES[: STATUSES.index(REVOKED)]
_GUARANTORS = tuple(map(str, Guarantor))

KEYS: dict[str, Key] = {
    "complete": Key("every check was made", "true", _true, lambda wanted: "every check", _is_complete),
    "kinds": Key("what was verified", 'list of kinds, such as "job"', _kinds, _listed, _in_kinds),
    "tiers": Key("the tier", "list of tiers", partial(_words, _TIERS), _listed, _in_tiers),
    "guaranteed_by": Key(
        "nobody else is trusted", "list of guarantors", partial(_words, _GUARANTORS), _listed, _guaranteed
    ),
    "maximum_age": Key("how old the evidence is", "duration", _duration, lambda most: f"at most {most}", _young),
    "minimum_window": Key("how long it can be shown to be false", "duration", _duration, _least, _long),
    "minimum_finality": Key("how settled its newest block is", "a finality", _finality, _least, _settled),
    "minimum_cost": Key("what it costs to cheat", '{ tokens = "100", bits = 100 }', _cost, _least_cost, _dear),
    "tcb_status": Key("the platform's TCB status", "list of statuses", partial(_words, _STATUSES), _listed, _status),
    "simulated": Key("the evidence is a vendor's", "false", _false, lambda wanted: "no simulated vendor", _real),
    "minimum_attesters": Key(
        "how many attesters have signed", "count", _count, _least, partial(_enough, "attesters", "attesters")
    ),
    "minimum_committee": Key(
        "how many attesters there are", "count", _count, _least, partial(_enough, "committee", "attesters")
    ),
    "minimum_replicas": Key("how many providers ran it", "count", _count, _least, partial(_enough, "replicas", "k")),
}
