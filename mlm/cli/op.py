"""`mlm op`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.render import render

app = typer.Typer(help="The journal of operations: see what was done, continue or give up what was stopped.")
OpId = Annotated[str, typer.Argument(metavar="OP", help="An operation's number, from `mlm op log`.")]


@app.command()
def log(ctx: typer.Context, page: Annotated[int, typer.Option(min=1, help="50 to a page.")] = 1) -> None:
    """List operations, newest first, and how far each came.

    Example: `mlm op log`
    """
    from mlm.workflows import op as workflow

    render(ctx, workflow.log(ctx.obj.ports, page))


@app.command()
def show(ctx: typer.Context, op: OpId) -> None:
    """Show the steps of an operation.

    Example: `mlm op show 000001`
    """
    from mlm.workflows import op as workflow

    render(ctx, workflow.show(ctx.obj.ports, op))


@app.command()
def resume(
    ctx: typer.Context,
    op: Annotated[str, typer.Argument(help="Its number; by default the newest that was stopped or killed.")] = "",
    faster: Annotated[
        bool, typer.Option("--faster", help="Replace a transaction that waits by one that pays more for gas.")
    ] = False,
) -> None:
    """Continue an operation that was stopped or killed; nothing is paid twice.

    Example: `mlm op resume 000001`
    """
    from mlm.workflows import op as workflow

    ports = ctx.obj.ports
    render(ctx, workflow.resume(ports, op or workflow.newest_unfinished(ports), faster=faster))


@app.command()
def undo(ctx: typer.Context, op: OpId) -> None:
    """Give an operation up: cancel what waits, and say how to make up for what stands on the chain.

    Example: `mlm op undo 000001`
    """
    from mlm.workflows.op_undo import undo as workflow
    from mlm.workflows.registry import OPERATIONS

    render(ctx, workflow(ctx.obj.ports, op, {name: row.undo for name, row in OPERATIONS.items()}))
