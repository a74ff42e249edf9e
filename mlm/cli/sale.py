"""`mlm sale`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.asset import Name
from mlm.cli.execute import perform
from mlm.cli.paging import Page
from mlm.cli.render import render

app = typer.Typer(help="Sell an asset to the highest bidder, or bid for one.")
Sale = Annotated[
    str, typer.Argument(metavar="SALE", help="sale/ID, a unique prefix of the id, or handle/name: its newest sale.")
]


@app.command()
def start(
    ctx: typer.Context,
    asset: Name,
    reserve: Annotated[str, typer.Option(help="The least that a first bid has to be, in tokens.")],
    hours: Annotated[int, typer.Option(min=1, max=720, help="How long bids are taken.")] = 72,
    step_bps: Annotated[
        int, typer.Option(min=10, max=5000, help="How much a bid must better the best one, in 1/10,000.")
    ] = 500,
    extension: Annotated[
        int, typer.Option(min=1, max=1440, help="Minutes that a late bid leaves the others at least.")
    ] = 10,
) -> None:
    """Put an asset that you own up for sale; it waits in escrow, and what it earns meanwhile is yours.

    Example: `mlm sale start alice/digits-mlp --reserve 50 --hours 24`
    """
    from mlm.core.money import parse_units
    from mlm.workflows import sale as workflow

    perform(ctx, workflow.START, workflow.Start(asset, parse_units(reserve), hours, step_bps, extension))


@app.command("list")
def list_sales(
    ctx: typer.Context,
    open_only: Annotated[bool, typer.Option("--open", help="Only sales that take bids.")] = False,
    page: Page = 1,
) -> None:
    """List sales, newest first.

    Example: `mlm sale list --open`
    """
    from mlm.workflows.sale_show import sales

    render(ctx, sales(ctx.obj.ports, only_open=open_only, page=page))


@app.command()
def show(ctx: typer.Context, sale: Sale) -> None:
    """Show a sale: state, end, bids, what the next bid has to be, and what was credited.

    Example: `mlm sale show sale/SALE`
    """
    from mlm.workflows import sale_show as workflow

    render(ctx, workflow.show(ctx.obj.ports, sale))


@app.command()
def bid(
    ctx: typer.Context,
    sale: Sale,
    price: Annotated[str, typer.Option(help="What you offer in all, in tokens; paid now.")],
) -> None:
    """Bid for an asset. Whoever is outbid is credited at once; the best bidder pays only the difference.

    Example: `mlm sale bid sale/SALE --price 60`
    """
    from mlm.core.money import parse_units
    from mlm.workflows import sale as workflow

    perform(ctx, workflow.BID, workflow.SaleOffer(sale, parse_units(price)))


@app.command()
def cancel(ctx: typer.Context, sale: Sale) -> None:
    """Take an asset back before the first bid.

    Example: `mlm sale cancel sale/SALE`
    """
    from mlm.workflows import sale as workflow

    perform(ctx, workflow.CANCEL, workflow.SaleName(sale))


@app.command()
def settle(ctx: typer.Context, sale: Sale) -> None:
    """End a sale whose time is over: the asset to the winner, the money to the seller; anyone may, within a week.

    Example: `mlm sale settle sale/SALE`
    """
    from mlm.workflows import sale as workflow

    perform(ctx, workflow.SETTLE, workflow.SaleName(sale))
