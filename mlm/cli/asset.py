"""`mlm asset`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.paging import Page
from mlm.cli.render import render

app = typer.Typer(help="List and show published assets and their versions.")
Name = Annotated[
    str, typer.Argument(metavar="ASSET", help="handle/name, handle/name@version, asset/ID, CID or mlm:// link.")
]


@app.command("list")
def list_assets(ctx: typer.Context, page: Page = 1) -> None:
    """List every published asset by its newest version.

    Example: `mlm asset list`
    """
    from mlm.workflows.asset import search

    render(ctx, search(ctx.obj.ports, page=page))


@app.command()
def show(ctx: typer.Context, asset: Name) -> None:
    """Show a version: files, signature, licence, price, lineage, tiers.

    Example: `mlm asset show alice/digits-mlp`
    """
    from mlm.workflows import asset as workflow

    render(ctx, workflow.show(ctx.obj.ports, asset))


@app.command()
def versions(ctx: typer.Context, asset: Name) -> None:
    """List the versions of an asset, newest first.

    Example: `mlm asset versions alice/digits-mlp`
    """
    from mlm.workflows import asset as workflow

    render(ctx, workflow.versions(ctx.obj.ports, asset))


@app.command()
def lineage(
    ctx: typer.Context,
    asset: Name,
    depth: Annotated[int, typer.Option(help="Generations above the asset.")] = 8,
) -> None:
    """Show what an asset was made from, as a tree, with each parent's share of what its child's owner is paid.

    Example: `mlm asset lineage alice/digits-mlp`
    """
    from mlm.workflows import lineage as workflow

    render(ctx, workflow.show(ctx.obj.ports, asset, depth=depth))


@app.command()
def royalties(
    ctx: typer.Context,
    asset: Name,
    price: Annotated[str | None, typer.Option(help="A job's price, in tokens; default: the least possible.")] = None,
) -> None:
    """Show who would be paid what by a job on an asset: provider, owner, parents, treasury, stakers, burned.

    Example: `mlm asset royalties alice/digits-mlp --price 5`
    """
    from mlm.core.money import parse_units
    from mlm.workflows import royalties as workflow

    render(ctx, workflow.show(ctx.obj.ports, asset, None if price is None else parse_units(price)))
