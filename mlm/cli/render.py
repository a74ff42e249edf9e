"""Table or JSON from one value. Commands never format anything themselves.

A value is a frozen dataclass of scalars, dataclasses and tuples of them. On a terminal scalars become a two-column
grid and each tuple of dataclasses a table; with --json the same value is one object on stdout.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import sys
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

import typer

from mlm.cli.streams import plain
from mlm.core.errors import MlmError, Reverted
from mlm.core.money import Amount, Wei

if TYPE_CHECKING:
    from mlm.cli.context import Session


PIPE_WIDTH = 120  # columns, where no terminal says how many there are
UNLIMITED = 10_000  # columns
READABLE = 24  # columns below which a sentence is not wrapped any further


def to_json(value: Any) -> Any:
    """A JSON-ready copy: amounts as decimal strings of base units, bytes as 0x-hex, enums by lower-case name.

    A number that is none (NaN, infinity) is null: JSON has no word for it.
    """
    if _is_record(value):
        return _fields(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Enum):
        return str(value)
    if isinstance(value, (Amount, Wei)):
        return str(int(value))
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    return str(value)


def _fields(value: Any) -> dict[str, Any]:
    return {item.name: to_json(getattr(value, item.name)) for item in dataclasses.fields(value) if item.repr}


def render(ctx: typer.Context, value: Any) -> None:
    """Print a command's one value; with --json always as an object, though it may have a spelling of its own."""
    session: Session = ctx.obj
    if session.json:
        sys.stdout.write(json.dumps(_fields(value), indent=None if not sys.stdout.isatty() else 2) + "\n")
        return
    from rich.console import Console

    print_value(Console(highlight=False, emoji=False, width=_width()), value)


def _width() -> int | None:
    """Columns to print in: rich knows a terminal's own; a pipe has those of the terminal where its user sits."""
    if sys.stdout.isatty():
        return None
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or PIPE_WIDTH
    except (OSError, ValueError, AttributeError):
        return PIPE_WIDTH


def print_value(console: Any, value: Any) -> None:
    """Print a value for people: its scalars as a grid, then each tuple of values as a table, of texts as lines."""
    if isinstance(value, str):
        console.print(plain(value), markup=False)
        return
    grid = _grid()
    blocks: list[Any] = []
    for item in dataclasses.fields(value):
        field = getattr(value, item.name)
        if not item.repr or not item.metadata.get("table", True) or not _says(item, field):
            continue
        if _is_record(field):
            if item.metadata.get("titled") and any(_says(part, getattr(field, part.name)) for part in _shown(field)):
                gap = "\n" if blocks and _is_record(blocks[-1]) else ""  # a table ends with a blank line
                blocks.append(f"{gap}[bold]{_label(item.name)}[/bold]")
            blocks.append(field)
        elif isinstance(field, tuple) and _is_record(field[0]):
            blocks.append(_table(console, item.name, field))
        elif isinstance(field, tuple) and len(field) > 1 and isinstance(field[0], str):
            blocks.append(_lines(item.name, field))
        elif isinstance(field, Mapping) and any(isinstance(part, (Mapping, list, tuple)) for part in field.values()):
            blocks.append(_mapping(item.name, field))
        else:
            grid.add_row(f"[dim]{_label(item.name)}[/dim]", _cell(field))
    if grid.row_count:
        console.print(grid)
    for block in blocks:
        if _is_record(block):
            print_value(console, block)
        else:
            console.print(block)


def _shown(value: Any) -> list[dataclasses.Field[Any]]:
    """The fields that tables have."""
    return [item for item in dataclasses.fields(value) if item.repr and item.metadata.get("table", True)]


def _says(item: dataclasses.Field[Any], value: Any) -> bool:
    """Whether a field's value tells a reader anything."""
    return value is not None and value != () and value != item.metadata.get("quiet", ())


def _is_record(value: Any) -> bool:
    """A dataclass that is shown field by field; one with its own __str__ is a scalar."""
    return dataclasses.is_dataclass(value) and type(value).__str__ is object.__str__


def _table(console: Any, name: str, rows: tuple[Any, ...]) -> Any:
    items = _shown(rows[0])
    # A column in which no row says anything is noise.
    names = [
        item.name
        for item in items
        if any(getattr(row, item.name) != "" and _says(item, getattr(row, item.name)) for row in rows)
    ]
    notes = [item.name for item in items if item.name in names and item.metadata.get("note")]
    cells = {column: [brief(_cell(getattr(row, column))) for row in rows] for column in names}
    whole = _columns(name, rows, cells)
    if _fits(console, whole):
        return whole
    if notes:
        *_, last = columns = [column for column in names if column not in notes]
        noted = {column: cells[column] for column in columns}
        for note in notes:
            lines = [f"\n[dim]{_label(note)}[/dim] {cell}" if cell else "" for cell in cells[note]]
            noted[last] = [cell + line for cell, line in zip(noted[last], lines, strict=True)]
        narrow = _columns(name, rows, noted)
        if _fits(console, narrow):
            return narrow
    return _records(name, names, rows)


def _fits(console: Any, table: Any) -> bool:
    """Measured without a limit: rich would cut the columns to fit, and say that they do."""
    fits: bool = console.measure(table, options=console.options.update(width=UNLIMITED)).minimum <= console.width
    return fits


def _columns(name: str, rows: tuple[Any, ...], columns: Mapping[str, list[str]]) -> Any:
    """A table of these cells, which are markup."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        title=f"[bold]{_label(name)}[/bold]",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for column, cells in columns.items():
        numeric = all(_is_number(getattr(row, column)) for row in rows)
        # Numbers, ids and names stay whole; sentences wrap.
        whole = numeric or all(len(cell) <= 24 and " " not in cell for cell in cells)
        readable = len(_label(column)) if whole else min(READABLE, max(len(cell) for cell in cells))
        table.add_column(
            _label(column),
            justify="right" if numeric else "left",
            no_wrap=whole,
            overflow="fold",
            min_width=readable,
        )
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def _is_number(value: Any) -> bool:
    """Aligned to the right, or empty. Enums are integers to Python, words to people."""
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, Enum))


def _records(name: str, names: list[str], rows: tuple[Any, ...]) -> Any:
    """A table too wide for the terminal, row by row: cut numbers would be wrong, cut ids useless."""
    from rich.console import Group
    from rich.padding import Padding

    blocks: list[Any] = [f"[bold]{_label(name)}[/bold]\n"]
    for row in rows:
        grid = _grid()
        for column in names:
            if (value := getattr(row, column)) not in (None, "", ()):
                grid.add_row(f"[dim]{_label(column)}[/dim]", brief(_cell(value)))
        blocks.append(Padding(grid, (0, 0, 1, 1)))
    return Group(*blocks)


def _grid() -> Any:
    """Two columns, labels and values; what is too long goes on in the next line, so that it can be copied."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _lines(name: str, lines: tuple[str, ...]) -> Any:
    from rich.text import Text

    return Text.assemble((f"{_label(name)}\n", "bold"), *(f"  {plain(line)}\n" for line in lines))


def _mapping(name: str, entries: Mapping[Any, Any]) -> Any:
    """A map whose values are lists and maps themselves: an entry a line."""
    from rich.console import Group
    from rich.markup import escape
    from rich.padding import Padding

    grid = _grid()
    for key, value in entries.items():
        grid.add_row(f"[dim]{escape(plain(str(key)))}[/dim]", _cell(value))
    return Group(f"[bold]{_label(name)}[/bold]", Padding(grid, (0, 0, 1, 2)))


_LONG = re.compile(r"0x[0-9a-fA-F]{40}\b|0x[0-9a-fA-F]{64}\b|\bbaf[a-z2-7]{56}\b")


def brief(text: str) -> str:
    """Ids and addresses shortened for a table: a unique prefix serves in commands, --json has them whole."""

    def shorten(match: re.Match[str]) -> str:
        found = match[0]
        return (
            f"{found[:6]}…{found[-4:]}"
            if len(found) == 42
            else f"{found[:10]}…"
            if found[0] == "0"
            else f"{found[:14]}…"
        )

    return _LONG.sub(shorten, text)


def _label(name: str) -> str:
    return name.replace("_", " ")


def _cell(value: Any) -> str:
    from rich.markup import escape

    return escape(_text(value))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return short("0x" + value.hex())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(str(key))}: {_text(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(item) for item in value)
    return plain(str(value))


def short(text: str, keep: int = 66) -> str:
    """Shorten a long hex string in the middle; ids of 32 bytes stay whole so that they can be copied."""
    return text if len(text) <= keep else f"{text[:34]}…{text[-8:]} ({(len(text) - 2) // 2} bytes)"


def show_error(session: Session, error: MlmError) -> int:
    """One clear line on stderr and a hint; with --json an object on stdout. Returns the exit code."""
    if session.json:
        body: dict[str, Any] = {"code": error.code, "message": str(error), "hint": error.hint}
        if isinstance(error, Reverted):
            body |= {"name": error.name, "values": to_json(error.values)}
        sys.stdout.write(json.dumps({"error": body}) + "\n")
        return error.exit_code
    from rich.console import Console

    console = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)
    console.print("[bold red]error:[/bold red]", end=" ")
    console.print(plain(str(error)), markup=False)
    if error.hint:
        console.print("[dim]hint:[/dim]", end="  ")
        console.print(plain(error.hint), markup=False)
    return error.exit_code
