"""`mlm handle`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.execute import perform
from mlm.cli.render import render

app = typer.Typer(help="Claim or show a handle.")
Handle = Annotated[str, typer.Argument(help="1 to 39 of a-z, 0-9 and -.")]


@app.command()
def claim(ctx: typer.Context, handle: Handle) -> None:
    """Claim a free handle, for good. `mlm publish` does it too.

    Example: `mlm handle claim alice`
    """
    from mlm.workflows import handle as workflow

    perform(ctx, workflow.OPERATION, workflow.Claim(handle))


@app.command()
def show(ctx: typer.Context, handle: Handle) -> None:
    """Show who has a handle.

    Example: `mlm handle show alice`
    """
    from mlm.workflows import handle as workflow

    render(ctx, workflow.show(ctx.obj.ports, handle))
