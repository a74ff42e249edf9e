"""The deployment list: which contracts there are, with which constructor arguments (devnet/deployment.json).

`args` follow the constructor's inputs by name: a struct is an object of its components, an amount a decimal string of
base units, {"tokens": TEXT} one of the token that the market is paid in, {"addressOf": NAME} another contract of the
same deploying account, of this list or to come, {"account": ROLE} an account that whoever deploys chooses. Code that
uses an external library gets its address.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlm import resources
from mlm.adapters.chain import abi
from mlm.core.errors import InvalidData
from mlm.core.money import MLM, Unit, parse_units

FORMAT = "mlm/deployment/2"
SRS = ("ZkVerifier", "srsPoints_")  # the contract and the argument that hold the reference string's points
SIMULATED = ("QuoteProofs", "simulated")  # those that hold the vendor that does not exist
_ZERO = "0x" + "00" * 32  # a number, and a word of bytes
Artifacts = Callable[[str], abi.Artifact]


@dataclass(frozen=True)
class Entry:
    """One contract to deploy: constructor arguments by input name, references not yet resolved."""

    name: str
    args: Mapping[str, Any]

    @property
    def roles(self) -> tuple[str, ...]:
        """The accounts that the arguments name, in order, each once."""
        return tuple(dict.fromkeys(_named("account", self.args)))

    @property
    def others(self) -> tuple[str, ...]:
        """The contracts that the arguments name, of this list or to come."""
        return tuple(dict.fromkeys(_named("addressOf", self.args)))


def read_list(path: Path) -> tuple[Entry, ...]:
    """Read a deployment list; raises InvalidData naming what is wrong."""
    try:
        value = json.loads(path.read_bytes())
        if value.get("format") != FORMAT:
            raise ValueError(f"expected format {FORMAT!r}, found {value.get('format')!r}")
        entries = tuple(Entry(item["name"], item.get("args", {})) for item in value["contracts"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidData(f"{path} is no deployment list: {error}") from error
    if len({entry.name for entry in entries}) != len(entries) or not entries:
        raise InvalidData(f"{path} is no deployment list: expected distinct names, at least one")
    return entries


def shipped() -> tuple[Entry, ...]:
    """The market's list."""
    return read_list(resources.path("devnet") / "deployment.json")


def with_srs(entries: Sequence[Entry], points: Sequence[int]) -> tuple[Entry, ...]:
    """The list with another reference string's points."""
    name, argument = SRS
    return tuple(
        replace(entry, args={**entry.args, argument: [str(word) for word in points]}) if entry.name == name else entry
        for entry in entries
    )


def without_simulated(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The list where no evidence of the simulated vendor is ever true."""
    name, argument = SIMULATED
    return tuple(
        replace(entry, args={**entry.args, argument: _zeros(entry.args[argument])}) if entry.name == name else entry
        for entry in entries
    )


def _zeros(value: Any) -> Any:
    """The same structs, all of whose numbers and words are zero."""
    return {name: _zeros(part) for name, part in value.items()} if isinstance(value, Mapping) else _ZERO


def init_code(
    entry: Entry,
    addresses: Mapping[str, str],
    accounts: Mapping[str, str],
    artifacts: Artifacts = abi.artifact,
    unit: Unit = MLM,
) -> bytes:
    """Creation code and encoded arguments; raises InvalidData for a list that does not fit the artifact.

    `unit` is what amounts of tokens are in.
    """
    artifact = artifacts(entry.name)
    known = _Known(addresses, accounts, unit)
    args = [_resolve(param, _argument(entry, param), known) for param in artifact.abi.constructor]
    return artifact.linked(addresses) + artifact.abi.encode_constructor(args)


def _argument(entry: Entry, param: abi.Param) -> Any:
    if param.name not in entry.args:
        raise InvalidData(f"deployment list: {entry.name} lacks the constructor's {param.name}")
    return entry.args[param.name]


@dataclass(frozen=True)
class _Known:
    """What references in a list's arguments stand for."""

    addresses: Mapping[str, str]
    accounts: Mapping[str, str]
    unit: Unit


def _resolve(param: abi.Param, value: Any, known: _Known) -> Any:
    """Replace references by addresses, and amounts of tokens and decimal strings by numbers."""
    if param.type.endswith("]"):
        return [_resolve(abi.element(param), item, known) for item in value]
    if isinstance(value, Mapping) and not param.components:
        if "tokens" in value:
            return int(parse_units(value["tokens"], known.unit))
        for key, names in (("addressOf", known.addresses), ("account", known.accounts)):
            if key in value:
                if value[key] not in names:
                    raise InvalidData(f"deployment list: {key} {value[key]!r} is none of {', '.join(names)}")
                return names[value[key]]
        raise InvalidData(f"deployment list: expected addressOf, account or tokens, found {dict(value)}")
    if param.components:
        return {part.name: _resolve(part, value[part.name], known) for part in param.components}
    if param.type.startswith(("uint", "int")) and isinstance(value, str):
        return int(value, 0)
    return value


def _named(kind: str, value: Any) -> Iterator[str]:
    """The names in references of a kind, in order."""
    if isinstance(value, Mapping):
        if kind in value:
            yield value[kind]
        for part in value.values():
            yield from _named(kind, part)
    elif isinstance(value, list):
        for part in value:
            yield from _named(kind, part)
