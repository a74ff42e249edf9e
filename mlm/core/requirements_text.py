"""Requirements as people write them: rules such as `gpu.model=h100,a100`, as options or in a TOML file. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mlm.core.attributes import RESERVED, check_name, parse_number, parse_value
from mlm.core.errors import InvalidData, UsageError
from mlm.core.money import Unit, current, format_units, parse_units
from mlm.core.refs import ADDRESS
from mlm.core.requirements import Clause, Requirements, made

EXAMPLE = "Rules look like gpu.model=h100,a100 or gpu.memory>=80: docs/requirements.md lists them."
MAX_FILE = 1 << 16  # bytes of a TOML file
_RULE = re.compile(r"\s*([^\s=<>]+)\s*(>=|=)\s*(.*?)\s*", re.DOTALL)
_LISTS = {"auditor": "auditors", "allow": "allow", "deny": "deny"}


def parse(rules: Iterable[str], unit: Unit | None = None) -> Requirements:
    """Requirements from rules; several may stand in one text, apart by `;`. Raises UsageError.

    `unit` is the token's, by default the market's: reputation is written in tokens.
    """
    clauses: dict[str, Clause] = {}
    lists: dict[str, list[str]] = {name: [] for name in _LISTS.values()}
    numbers = {"reputation": 0, "auditors": 0}
    seen: set[tuple[str, str]] = set()
    for rule in _split(rules):
        found = _RULE.fullmatch(rule)
        if not found or not found[3]:
            raise UsageError(f"expected NAME=SYMBOL,… or NAME>=NUMBER, found {rule!r}", hint=EXAMPLE)
        name, sign, text = found.groups()
        if name in _LISTS and sign == "=":
            lists[_LISTS[name]] += [_address(name, each) for each in _list(text)]
            continue
        if (name, "") in seen:
            raise UsageError(f"{name} is asked for twice", hint="Write one rule for it: NAME=SYMBOL,SYMBOL,…")
        seen.add((name, ""))
        if name in numbers and sign == ">=":
            numbers[name] = int(parse_units(text, unit)) if name == "reputation" else parse_number(text)
        elif name in RESERVED:
            raise UsageError(f"expected {_spelling(name)}, found {rule.strip()!r}", hint=EXAMPLE)
        else:
            clauses[name] = _clause(check_name(name), sign, text)
    if numbers["auditors"] and not lists["auditors"]:
        raise UsageError("auditors>=N counts auditors, and none is named", hint="Add auditor=0x….")
    try:
        return made(
            clauses.values(),
            lists["auditors"],
            numbers["auditors"],
            numbers["reputation"],
            lists["allow"],
            lists["deny"],
        )
    except InvalidData as error:
        raise UsageError(str(error), hint=EXAMPLE) from error


def parse_file(data: bytes, where: str) -> tuple[str, ...]:
    """The rules of a TOML file: the strings of its array `require`. Raises InvalidData."""
    import tomli

    try:
        table = tomli.loads(data.decode())
    except (UnicodeDecodeError, tomli.TOMLDecodeError) as error:
        raise InvalidData(f"{where}: expected TOML, found {str(error)[:120]}") from error
    rules = table.get("require")
    if set(table) != {"require"} or not isinstance(rules, list) or not all(isinstance(rule, str) for rule in rules):
        raise InvalidData(f'{where}: expected require = ["gpu.memory>=80", …] and nothing else', hint=EXAMPLE)
    return tuple(rules)


def spell(r: Requirements, unit: Unit | None = None) -> tuple[str, ...]:
    """The rules of requirements; `parse` reads them back."""
    rules = [
        f"{clause.attribute}={','.join(clause.one_of)}" if clause.one_of else f"{clause.attribute}>={clause.least}"
        for clause in r.clauses
    ]
    if r.reputation:
        rules.append(f"reputation>={format_units(r.reputation, (unit or current()).decimals)}")
    for name, accounts in (("auditor", r.auditors), ("allow", r.allow), ("deny", r.deny)):
        if accounts:
            rules.append(f"{name}={','.join(accounts)}")
    if r.threshold > 1:
        rules.append(f"auditors>={r.threshold}")
    return tuple(rules)


def points(code: tuple[bytes, bytes]) -> tuple[str, str]:
    """Expected and actual reputation, in tokens, from a finding's words."""
    expected, actual = (format_units(int.from_bytes(word, "big")) for word in code)
    return f"at least {expected}", actual


def _split(rules: Iterable[str]) -> list[str]:
    return [part for rule in rules for part in rule.split(";") if part.strip()]


def _clause(name: str, sign: str, text: str) -> Clause:
    if sign == ">=":
        return Clause(name, parse_number(text))
    values = [parse_value(each) for each in _list(text)]
    symbols = tuple(value for value in values if isinstance(value, str))
    if len(symbols) != len(values):
        raise UsageError(
            f"{name}={text} asks for a number, which only a least number can", hint=f"Write {name}>=NUMBER."
        )
    return Clause(name, one_of=symbols)


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _address(name: str, text: str) -> str:
    if not ADDRESS.fullmatch(text):
        raise UsageError(f"{name}: expected an address of 40 hex digits behind 0x, found {text!r}")
    return text.lower()


def _spelling(name: str) -> str:
    return {"reputation": "reputation>=TOKENS", "auditors": "auditors>=NUMBER"}.get(name, f"{name}=0x…")
