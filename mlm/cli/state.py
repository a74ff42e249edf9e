"""`mlm sync` and `mlm sql`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.render import render

app = typer.Typer(help="The local index of the chain.")


@app.command()
def sync(
    ctx: typer.Context,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Forget the index and recreate it from the chain's events.")
    ] = False,
) -> None:
    """Bring the local index up to the chain; commands that read it do so themselves.

    Example: `mlm sync --rebuild`
    """
    from mlm.workflows import sync as workflow

    render(ctx, workflow.sync(ctx.obj.ports, rebuild=rebuild))


@app.command()
def sql(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="One statement that only reads; docs/events.md names tables and views.")],
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Show at most this many rows.")] = 1_000,
) -> None:
    """Query the local index with SQL: read-only, without access to files or network. It shows what the last sync saw.

    Example: `mlm sql "select handle, name, use_price from newest_version"`
    """
    from mlm.workflows import sql as workflow

    render(ctx, workflow.sql(ctx.obj.ports, query, limit=limit))
