"""`mlm price`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.asset import Name
from mlm.cli.execute import perform
from mlm.cli.render import render

app = typer.Typer(help="Set or show what a use of an asset costs.")


@app.command("set")
def set_price(
    ctx: typer.Context,
    asset: Name,
    use: Annotated[str | None, typer.Option(help="Absolute price of one use, in tokens, e.g. 0.5.")] = None,
    royalty_bps: Annotated[
        int | None, typer.Option(min=0, max=9000, help="Share of a job's price, in 1/10,000.")
    ] = None,
) -> None:
    """Set the price of a version; jobs already posted keep theirs. The larger of the two is due.

    Example: `mlm price set alice/digits-mlp --use 0.5 --royalty-bps 500`
    """
    from mlm.core.money import parse_units
    from mlm.workflows import price as workflow

    perform(ctx, workflow.OPERATION, workflow.PriceSet(asset, None if use is None else parse_units(use), royalty_bps))


@app.command()
def show(ctx: typer.Context, asset: Name) -> None:
    """Show the price of a version and who shares it.

    Example: `mlm price show alice/digits-mlp`
    """
    from mlm.workflows import price as workflow

    render(ctx, workflow.show(ctx.obj.ports, asset))
