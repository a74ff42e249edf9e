"""How long a command takes that has nothing to do: `mlm --help` and its like beside the import of typer alone."""

from __future__ import annotations

import tempfile
from functools import cache, partial
from pathlib import Path

from bench.benchmark import Benchmark, Figure
from bench.timing import MLM, PYTHON, Took, by_turns, command, cpu, ratio

REPEAT = 15
COMMANDS = ("--help", "version", "status")


@cache
def _times() -> dict[str, list[Took]]:
    with tempfile.TemporaryDirectory() as name:
        folder, home = Path(name), {"MLM_HOME": f"{name}/home"}
        command([*MLM, "init"], folder, home)
        calls = [partial(command, [*MLM, words], folder, home) for words in COMMANDS]
        peer = partial(command, [*PYTHON, "-c", "import typer"], folder, home)
        measured = by_turns(REPEAT, *calls, peer)
    return dict(zip((*COMMANDS, "typer"), measured, strict=True))


BENCHMARKS = (
    Benchmark(
        "start: mlm --help",
        "x",
        lambda: ratio(cpu(_times()["--help"]), cpu(_times()["typer"])),
        peer="python -c 'import typer'",
        most=2,
    ),
    *(
        Benchmark(
            f"start: mlm {words}, seconds", "s", lambda words=words: Figure.best(cpu(_times()[words])), most=limit
        )
        for words, limit in (("--help", None), ("version", 0.5), ("status", 0.5))
    ),
)
