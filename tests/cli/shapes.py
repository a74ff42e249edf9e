"""Whether a JSON value is what mlm/cli/render.py makes of a type: the check behind docs/reference.md."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from docs.reference import hints
from mlm.core.money import Amount, Wei
from mlm.workflows.apply import Applied


def mismatch(value: Any, kind: Any, at: str = "$") -> str:
    """Where `value` is not of `kind` first, or an empty string."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    base = origin or kind
    if kind in (Any, object):
        return ""
    if origin in (typing.Union, types.UnionType):
        found = [mismatch(value, item, at) for item in arguments]
        return "" if "" in found else found[0]
    if kind in (None, type(None)):
        return "" if value is None else f"{at}: expected null, found {value!r}"
    if not isinstance(base, type):
        return f"{at}: no rule for {kind}"
    if issubclass(base, (Amount, Wei)):
        good = isinstance(value, str) and re.fullmatch(r"-?\d+", value)
        return "" if good else f"{at}: expected a decimal string, found {value!r}"
    if issubclass(base, Enum):
        names = [str(member) for member in base]
        return "" if value in names else f"{at}: expected one of {names}, found {value!r}"
    if issubclass(base, bytes):
        good = isinstance(value, str) and re.fullmatch(r"0x([0-9a-f]{2})*", value)
        return "" if good else f"{at}: expected 0x-hex, found {value!r}"
    if base in (str, bool):
        return "" if type(value) is base else f"{at}: expected {base.__name__}, found {value!r}"
    if base is float or issubclass(base, int):
        good = isinstance(value, (int, float) if base is float else int) and not isinstance(value, bool)
        return "" if good else f"{at}: expected {base.__name__}, found {value!r}"
    if issubclass(base, Mapping):
        if not isinstance(value, dict):
            return f"{at}: expected an object, found {value!r}"
        return _first(mismatch(item, arguments[1], f"{at}.{key}") for key, item in value.items())
    if issubclass(base, (tuple, Sequence)):
        if not isinstance(value, list):
            return f"{at}: expected an array, found {value!r}"
        each = [item for item in arguments if item is not Ellipsis] or [Any]
        return _first(mismatch(item, each[min(i, len(each) - 1)], f"{at}[{i}]") for i, item in enumerate(value))
    if dataclasses.is_dataclass(base) and base.__str__ is object.__str__:
        return _record(value, base, arguments, at)
    return "" if isinstance(value, str) else f"{at}: expected a string, found {value!r}"


def _record(value: Any, base: Any, arguments: tuple[Any, ...], at: str) -> str:
    known = hints(base)
    if base is Applied:
        known["result"] = arguments[0]
    names = [item.name for item in dataclasses.fields(base) if item.repr]
    if not isinstance(value, dict) or list(value) != names:
        return f"{at}: expected the fields {names}, found {list(value) if isinstance(value, dict) else value!r}"
    return _first(mismatch(value[name], known[name], f"{at}.{name}") for name in names)


def _first(found: typing.Iterable[str]) -> str:
    return next((text for text in found if text), "")
