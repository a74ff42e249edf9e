"""`mlm diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mlm.cli.render import render
from mlm.cli.repo import inside

if TYPE_CHECKING:
    from mlm.cli.context import Session

app = typer.Typer(help="Local history.")
DIFFERENT = 1  # the exit code of --exit-code, as Git's


@app.command()
def diff(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REF [REF]] [PATH…]", help="One ref: with the working tree. Two: with each other."),
    ] = None,
    staged: Annotated[bool, typer.Option("--staged", "--cached", help="Compare HEAD, or REF, with the index.")] = False,
    stat: Annotated[bool, typer.Option("--stat", help="Compare files only, not what is in them.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 1 when anything differs.")] = False,
) -> None:
    """Show what differs: files; tensors and by how much; columns and rows of datasets; lines of text.

    Of a tensor: `largest` absolute difference of an element; `relative` L2 norm of the difference; `share` of the
    elements that differ; `apart`, how many of those differ by no finite number (NaN, infinity).

    Example: `mlm diff HEAD model.onnx`
    """
    from mlm.cli import wiring
    from mlm.workflows import diff as workflow

    session: Session = ctx.obj
    root, ports = session.require_project, session.ports
    tools = None if stat else workflow.Tools(lambda: ports.meter, lambda: ports.datasets)
    found = workflow.diff(
        wiring.repo(session),
        words or [],
        inside=lambda word: inside(root, session.cwd / word),
        staged=staged,
        tools=tools,
        progress=session.bytes_done,
    )
    render(ctx, found)
    if exit_code and found.files:
        raise typer.Exit(DIFFERENT)
