"""docs/reference.md, written from the commands themselves: help, parameters, example, and the shape of the JSON.

The JSON's shape is the type of the one value that a command renders, read from the command's source.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import sys
import textwrap
import types
import typing
from collections.abc import Mapping
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlm import config
from mlm.cli import app
from mlm.core.cid import Cid
from mlm.core.clock import Duration, Instant
from mlm.core.money import Amount, Wei
from mlm.workflows.apply import Applied, DoneStep, Preview

SCALARS: dict[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    Instant: "seconds since 1970",
    Duration: "seconds",
    bytes: "0x-hex",
    Amount: "base units, decimal string",
    Wei: "wei, decimal string",
    Cid: "CID",
    Path: "path",
    Any: "any",
    object: "any",
    type(None): "null",
}

ERROR = """{"error": {
  "code": string,
  "message": string,
  "hint": string,
  "name": string,
  "values": {string: any}
}}"""


def leaves() -> list[tuple[str, Any]]:
    """(name, command) of every command that does something, in the order of `mlm --help`."""
    found: list[tuple[str, Any]] = []

    def walk(name: str, command: Any) -> None:
        children = getattr(command, "commands", None)
        if children is None:
            found.append((name, command))
            return
        for word, child in children.items():
            walk(f"{name} {word}", child)

    for name in app.COMMANDS:
        walk(name, app.load(name))
    return found


def shape(kind: Any, indent: str = "") -> str:
    """A type as the JSON that mlm/cli/render.py makes of its values."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in SCALARS:
        return SCALARS[kind]
    if kind is DoneStep and indent:
        return "STEP"
    if origin in (typing.Union, types.UnionType):
        return " | ".join(shape(item, indent) for item in arguments)
    if origin in (tuple, list, frozenset, set) or (isinstance(origin, type) and issubclass(origin, typing.Sequence)):
        return f"[{', '.join(shape(item, indent) for item in arguments if item is not Ellipsis)}]"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"{{{shape(arguments[0], indent)}: {shape(arguments[1], indent)}}}"
    base = origin or kind
    if isinstance(base, type) and issubclass(base, Enum):
        return " | ".join(f'"{member}"' for member in base)
    # One with its own __str__ is a scalar, unless it is the whole value.
    if dataclasses.is_dataclass(base) and (not indent or base.__str__ is object.__str__):
        known = hints(base)
        if base is Applied:
            known["result"] = arguments[0]
        inner = indent + "  "
        rows = [
            f'{inner}"{field.name}": {shape(known[field.name], inner)}'
            for field in dataclasses.fields(base)
            if field.repr
        ]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    return "string"


def rendered(command: Any) -> Any:
    """The type of the value that a command renders."""
    function = inspect.unwrap(command.callback)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    known = dict(vars(sys.modules[function.__module__]))
    _run_imports(tree, known)
    assigned = {
        node.targets[0].id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    for call in reversed(calls):
        if ast.unparse(call.func) == "perform":
            operation = eval(ast.unparse(call.args[1]), known)  # noqa: S307  (our own source)
            return Applied[_returned(operation.result)]  # type: ignore[misc]
        if ast.unparse(call.func) == "render":
            value = call.args[1]
            value = value.body if isinstance(value, ast.IfExp) else value
            if isinstance(value, ast.Name):
                value = assigned[value.id]
            assert isinstance(value, ast.Call), f"{command.name} renders {ast.unparse(value)}"
            return _returned(eval(ast.unparse(value.func), known))  # noqa: S307  (our own source)
    raise AssertionError(f"{command.name} renders nothing")


def _returned(function: Any) -> Any:
    return function if isinstance(function, type) else hints(function)["return"]


def hints(thing: Any) -> dict[str, Any]:
    """Type hints, also of names that are imported for type checkers only."""
    module = sys.modules[thing.__module__]
    known: dict[str, Any] = {}
    _run_imports(ast.parse(inspect.getsource(module)), known)
    return typing.get_type_hints(thing, {**known, **vars(module)})


def _run_imports(tree: ast.AST, known: dict[str, Any]) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mlm"):
            for item in node.names:
                module = import_module(node.module)
                known[item.asname or item.name] = _member(module, item.name)


def _member(module: Any, name: str) -> Any:
    """A module's name, or the module below it; Any for what exists for type checkers only."""
    if hasattr(module, name):
        return getattr(module, name)
    below = f"{module.__name__}.{name}"
    return import_module(below) if hasattr(module, "__path__") and find_spec(below) else Any


def _parameters(command: Any, shared: set[str]) -> list[str]:
    rows = []
    for parameter in command.params:
        if parameter.name in shared or parameter.name == "help":
            continue
        option = bool(parameter.opts) and parameter.opts[0].startswith("-")
        words = ", ".join(parameter.opts) if option else (parameter.metavar or parameter.name.upper())
        plain = parameter.default in (None, False, "") or callable(parameter.default)
        default = "required" if parameter.required else "" if plain else f"default {_plain(parameter.default)}"
        text = re.sub(r"\s+", " ", getattr(parameter, "help", "") or "")
        rows.append(f"| `{words}` | {text} | {default} |")
    return ["| | | |", "| --- | --- | --- |", *rows, ""] if rows else []


def _plain(value: Any) -> str:
    return f"`{value.value if isinstance(value, Enum) else value}`"


def _default(value: Any) -> str:
    return "" if value == "" else f"`{value}`"


def reference() -> str:
    """The text of docs/reference.md."""
    options = app.shared_options()
    shared = {option.name for option in options}
    lines = [
        "# Commands",
        "",
        "Generated by `make docs`. With `--json` a command prints one object on stdout, shaped as shown, and nothing",
        "else there; progress and prose go to stderr. In it amounts are decimal strings of base units (10^18 to a",
        "token, wei to a coin), bytes are 0x-hex, times are seconds since 1970 (those of commits, in `mlm log` and",
        "`mlm show`, ISO 8601 in UTC), and a number that is none (NaN, infinity) is null.",
        "",
        "A failure is one object too, and its exit code is the one in [exit-codes.md](exit-codes.md); `name` and",
        "`values` are there when a contract refused:",
        "",
        "```",
        ERROR,
        "```",
        "",
        "Every command takes these, before or after its name:",
        "",
        "| | |",
        "| --- | --- |",
        *[f"| `{', '.join(option.opts)}` | {option.help} |" for option in options],
        "",
        "Settings, of which later sources win: defaults, MLM_HOME/config.toml, the project's mlm.toml",
        "([all of them](../mlm.toml.example)), the environment, the command line.",
        "",
        "| environment | setting | default | |",
        "| --- | --- | --- | --- |",
        "| `MLM_HOME` | | `~/.mlm` | Keystore, devnet, caches and config.toml. |",
        *[
            f"| `{item.env}` | `{item.key}` | {_default(item.default)} | {item.description} |"
            for item in config.SETTINGS
        ],
        "| `MLM_DEBUG` | | | Set: a bug shows its traceback. |",
        "",
        "What sends or stores is done in steps. `STEP` stands for the first of these; `--dry-run` prints the second:",
        "",
        "```",
        shape(DoneStep),
        "```",
        "",
        "```",
        shape(Preview),
        "```",
        "",
    ]
    for name, command in leaves():
        text = (command.help or "").strip()
        example = re.search(r"Example: `(.+?)`", text)
        body = textwrap.dedent(re.sub(r"Example: `.+?`", "", text)).strip()
        lines += [f"## mlm {name}", "", body, "", *_parameters(command, shared)]
        if example:
            lines += ["```", example[1], "```", ""]
        lines += ["```", shape(rendered(command)), "```", ""]
    return "\n".join(lines).rstrip() + "\n"
