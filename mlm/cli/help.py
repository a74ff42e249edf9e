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
            if own == "Arguments":
                record = (record[0].partition(" <")[0], record[1])  # its type is the parser's word, not the reader's
            sections.setdefault(getattr(parameter, "rich_help_panel", None) or own, []).append(record)
    for section, rows in sections.items():
        if rows:
            with formatter.section(section):
                formatter.write_dl(rows)


def name_values(parameters: Iterable[Any]) -> None:
    """Call the value of each parameter by a word in capitals, as `--max-price PRICE`, where nothing else was said."""
    for parameter in parameters:
        if parameter.metavar is None and not getattr(parameter, "is_flag", False):
            annotation = str(parameter.type_descriptor.annotation)
            path = "Path" in annotation and parameter.param_type_name == "option"
            parameter.metavar = "PATH" if path else parameter.name.rpartition("_")[2].upper()


def children(group: Any) -> list[tuple[str, str, str]]:
    """The entries of a loaded group: of each command its first sentence."""
    found = group.commands.items()
    return [("Commands", name, inspect.cleandoc(each.help or "").split("\n\n")[0]) for name, each in found]
