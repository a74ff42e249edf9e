"""`make bench`: measure, print a table, and merge the rows into bench/latest.json.

    python -m bench.run [--only NAME] [--list]

`--only` takes the beginning of a benchmark's name, such as `start` or `read: mlm job`, and replaces only those rows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.benchmark import Benchmark, Figure
from bench.timing import ROOT

LATEST = ROOT / "bench" / "latest.json"
PAGE = ROOT / "docs" / "benchmarks.md"
MODULES = (
    "startup",
    "objects",
    "exchange",
    "diffing",
    "reading",
    "sending",
    "proving",
    "cluster",
    "indexing",
    "running",
    "tracing",
    "watching",
    "confining",
    "workers",
    "serving",
    "journaling",
    "auctions",
    "environment",
    "verifying",
    "gas_rows",
)

Row = dict[str, Any]


def benchmarks() -> tuple[Benchmark, ...]:
    """Every benchmark, in the order of the table."""
    return tuple(benchmark for name in MODULES for benchmark in import_module(f"bench.{name}").BENCHMARKS)


def merged(old: Sequence[Row], new: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """The rows of `names`, in that order: new ones, else old ones. What is no benchmark any more is dropped."""
    rows = {row["name"]: row for row in (*old, *new)}
    return [rows[name] for name in names if name in rows]


def read(path: Path = LATEST) -> list[Row]:
    """The rows of a file; none when it is not there."""
    rows: list[Row] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return rows


def write(rows: Sequence[Row], path: Path = LATEST) -> None:
    """One row a line, so that differences read well."""
    lines = ",\n".join(" " + json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def commit() -> str:
    """What is measured: the short hash of HEAD, with `+` when files differ from it."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def shown(row: Row) -> tuple[str, ...]:
    """A row's cells, for people."""
    value = row["value"]
    text = f"{value:,}" if isinstance(value, int) or value >= 1000 else f"{value:.3g}"
    holds = {True: "yes", False: "NO", None: ""}[row["holds"]]
    return row["name"], f"{text.removesuffix('.0')} {row['unit']}", row["peer"], row["target"], holds


HEADINGS = ("name", "value", "peer", "target", "holds")


def markdown(rows: Sequence[Row]) -> str:
    """The table of docs/benchmarks.md."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "| --- | ---: | --- | --- | --- |"]
    return "\n".join(lines + ["| " + " | ".join(shown(row)) + " |" for row in rows])


def page(text: str, rows: Sequence[Row]) -> str:
    """The page with its table replaced."""
    before, after = text.split("<!-- table -->\n")[0], text.split("<!-- /table -->")[1]
    return f"{before}<!-- table -->\n{markdown(rows)}\n<!-- /table -->{after}"


def show(rows: Sequence[tuple[Row, Figure]]) -> None:
    """The table on the terminal, with the spread of the repetitions."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*HEADINGS, "from … to")
    for row, figure in rows:
        spread = "" if figure.low == figure.high else f"{figure.low:.3g} … {figure.high:.3g}"
        table.add_row(*map(escape, shown(row)), spread)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; exit 1 for a name that no benchmark has."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("--only", default="", help="the beginning of a benchmark's name")
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    options = parser.parse_args(arguments)
    known = benchmarks()
    chosen = [benchmark for benchmark in known if benchmark.name.startswith(options.only)]
    if options.list or not chosen:
        print("\n".join(benchmark.name for benchmark in chosen))
        return 0 if options.list else 1
    measured, now = [], commit()
    for benchmark in chosen:
        print(benchmark.name, file=sys.stderr, flush=True)
        figure = benchmark.measure()
        measured.append((benchmark.row(figure, now), figure))
    show(measured)
    rows = merged(read(LATEST), [row for row, _ in measured], [benchmark.name for benchmark in known])
    write(rows, LATEST)
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
