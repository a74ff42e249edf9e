"""`mlm reputation`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.paging import Page
from mlm.cli.render import render

app = typer.Typer(help="Show what settled jobs say of providers.")


@app.command()
def show(
    ctx: typer.Context,
    address: Annotated[str | None, typer.Argument(help="An address; default: this account.")] = None,
) -> None:
    """Show a provider's settled jobs, points and stars. Points are what its jobs burned of the protocol fee.

    Example: `mlm reputation show`
    """
    from mlm.workflows import reputation as workflow

    ports = ctx.obj.ports
    render(ctx, workflow.show(ports, address or ports.sender.address))


@app.command("list")
def list_standings(
    ctx: typer.Context,
    page: Page = 1,
) -> None:
    """List the providers who have settled jobs, those with the most points first.

    Example: `mlm reputation list`
    """
    from mlm.workflows import reputation as workflow

    render(ctx, workflow.standings(ctx.obj.ports, page))
