"""Editing a TOML file of settings line by line, so that the user's comments and order stay."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlm.adapters.disk import replace_file, storage_errors
from mlm.core.errors import UsageError

_HEADER = re.compile(r"\s*\[{1,2}\s*([^\[\]]+?)\s*\]{1,2}\s*(#.*)?")


class TomlSettings:
    """One file; it need not exist yet."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> str:
        return str(self._path)

    def set(self, table: str, values: Mapping[str, Any]) -> None:
        """Replace each key's line, or add it at the end of its table, or add the table. The result must parse to it."""
        import tomli

        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        changed = text
        for key, value in values.items():
            changed = edit(changed, table, key, value)
        try:
            tomli.loads(text)
            found = tomli.loads(changed)
            for part in filter(None, table.split(".")):
                found = found[part]
            right = all(found[key] == value for key, value in values.items())
        except tomli.TOMLDecodeError as error:
            raise UsageError(f"{self._path}: not valid TOML: {error}") from error
        except (KeyError, TypeError):
            right = False
        if not right:
            raise UsageError(
                f"{self._path}: cannot set {' and '.join(values)} of [{table}] in a file of this shape",
                hint="Edit it by hand.",
            )
        with storage_errors("cannot write the settings"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, [changed.encode()])

    def drop(self, table: str) -> None:
        import tomli

        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        lines = text.removesuffix("\n").replace("\r\n", "\n").split("\n")
        start, end = _section(lines, table)
        above_it = "\n".join(lines[: (start or 0) - 1]).rstrip("\n")
        left = "\n".join([*([above_it] if above_it else []), *lines[end:]]).rstrip("\n")
        changed = f"{left}\n" if left else ""
        try:
            before, found = tomli.loads(text), tomli.loads(changed)
        except tomli.TOMLDecodeError as error:
            raise UsageError(f"{self._path}: not valid TOML: {error}") from error
        # Nothing else may go with it.
        *above, name = table.split(".")
        inside = before
        for part in above:
            inside = inside.get(part, {})
        inside.pop(name, None)
        if not start or {key: value for key, value in before.items() if value} != {
            key: value for key, value in found.items() if value
        }:
            raise UsageError(
                f"{self._path}: cannot remove [{table}] from a file of this shape", hint="Edit it by hand."
            )
        with storage_errors("cannot write the settings"):
            replace_file(self._path, [changed.encode()])


def edit(text: str, table: str, key: str, value: Any) -> str:
    """The text with one key set. Only plain `key = value` lines on one line are recognised."""
    line = f"{key} = {_literal(value)}"
    # TOML ends a line at LF or CRLF alone; `splitlines` also does at NEL and others, which may stand in a string.
    lines = text.removesuffix("\n").replace("\r\n", "\n").split("\n") if text else []
    start, end = _section(lines, table)
    if start is None:
        gap = [""] if lines and lines[-1].strip() else []
        return "\n".join([*lines, *gap, f"[{table}]", line]) + "\n"
    for position in range(start, end):
        if re.match(rf"\s*{re.escape(key)}\s*=", lines[position]):
            lines[position] = line
            return "\n".join(lines) + "\n"
    while end > start and not lines[end - 1].strip():
        end -= 1  # before the blank lines that end the section
    return "\n".join([*lines[:end], line, *lines[end:]]) + "\n"


def _section(lines: list[str], table: str) -> tuple[int | None, int]:
    """First line after the table's header and the line that ends it; (None, 0) when there is no such table."""
    headers = [(i, match[1]) for i, line in enumerate(lines) if (match := _HEADER.fullmatch(line))]
    if not table:
        return 0, headers[0][0] if headers else len(lines)
    for position, (start, name) in enumerate(headers):
        if name == table:
            return start + 1, headers[position + 1][0] if position + 1 < len(headers) else len(lines)
    return None, 0


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    # A JSON string is a TOML basic string, but for the one character that JSON leaves plain.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
