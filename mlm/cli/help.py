"""`--help` as plain text. The parser's own panels need libraries that take longer to load than help may take."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typer import Context


def write(command: Any, ctx: Context, formatter: Any, entries: Iterable[tuple[str, str, str]] = ()) -> None:
    """Usage, text, subcommands and parameters; `entries` are a group's (section, command, summary)."""
    command.format_usage(ctx, formatter)
    with formatter.indentation():
        for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
            formatter.write_paragraph()
            if paragraph.startswith("Example:"):  # in one line, to be copied
                formatter.write(" " * formatter.current_indent + paragraph + "\n")
            else:
                formatter.write_text(paragraph)
    sections: dict[str, list[tuple[str, str]]] = {}
    for section, name, summary in entries:
        sections.setdefault(section, []).append((name, summary))
    sections |= {"Arguments": [], "Options": []}
    for parameter in command.get_params(ctx):
        own = "Arguments" if parameter.param_type_name == "argument" else "Options"
        if record := parameter.get_help_record(ctx):
            sections.setdefault(getattr(parameter, "rich_help_panel", None) or own, []).append(record)
    for section, rows in sections.items():
        if rows:
            with formatter.section(section):
                formatter.write_dl(rows)


def children(group: Any) -> list[tuple[str, str, str]]:
    """The entries of a loaded group: of each command its first sentence."""
    found = group.commands.items()
    return [("Commands", name, inspect.cleandoc(each.help or "").split("\n\n")[0]) for name, each in found]
