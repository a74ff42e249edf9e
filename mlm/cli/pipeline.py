"""`mlm pipeline`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlm.cli.execute import asking
from mlm.cli.render import print_value, render

if TYPE_CHECKING:
    from mlm.core.money import Amount

app = typer.Typer(help="Run a graph of jobs whose outputs feed others' inputs: docs/pipeline.md.")
File = Annotated[Path, typer.Argument(metavar="PIPELINE", help="The pipeline's TOML file.")]
Budget = Annotated[
    str | None, typer.Option(help="The most that all jobs may cost, in tokens; the file's, where that is lower.")
]


def _budget(text: str | None) -> Amount | None:
    from mlm.core.money import parse_units

    return None if text is None else parse_units(text)


def _windows(ctx: typer.Context) -> dict[str, int]:
    """What a step asks for that says nothing else: the settings, as of `job post`."""
    from mlm.core.pipeline import WINDOWS

    return {name: ctx.obj.config.get(f"job.{name}") for name in WINDOWS}


@app.command()
def show(ctx: typer.Context, file: File, budget: Budget = None) -> None:
    """Check a pipeline wholly, and show its steps, what flows between them and the most they can cost; sends nothing.

    Example: `mlm pipeline show pipeline.toml`
    """
    from mlm.workflows import pipeline as workflow

    render(ctx, workflow.show(ctx.obj.ports, file, _budget(budget), _windows(ctx)))


@app.command()
def run(
    ctx: typer.Context,
    file: File,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Write each step's outputs as STEP.npz.")
    ] = None,
    budget: Budget = None,
    label: Annotated[str, typer.Option(help="A name for this run: another name is another run, paid for anew.")] = "",
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="Run no longer; default: as long as all windows last.", show_default=False
        ),
    ] = None,
) -> None:
    """Post a pipeline's jobs as soon as their inputs are there, see each through, and combine their outputs.

    All of it is checked before anything is spent. Stopped at any instant, the same command goes on: it finds its jobs
    on the chain and pays nothing twice; a job that fails is posted again without who failed it.

    Example: `mlm pipeline run pipeline.toml -o results`
    """
    from rich.console import Console

    from mlm.workflows import pipeline_run as workflow

    session = ctx.obj
    console = Console(stderr=True, highlight=False, emoji=False)
    params = workflow.Run(file, _windows(ctx), _budget(budget), label, output, timeout)

    def tell(line: str) -> None:
        if not session.json:
            print_value(console, line)

    render(ctx, workflow.run(session.ports, params, confirm=asking(session), tell=tell))
