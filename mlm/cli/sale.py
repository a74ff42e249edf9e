"""`mlm sale`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.execute import perform
from mlm.cli.paging import Page
from mlm.cli.render import render

app = typer.Typer(help="Sell an asset or a licence, bid for one, or buy it.")
Sale = Annotated[
    str,
    typer.Argument(metavar="SALE", help="sale/ID, a unique prefix, or handle/name or licence/ID: its newest sale."),
]
Lot = Annotated[str, typer.Argument(metavar="ASSET|LICENCE", help="handle/name of an asset, or licence/ID.")]


@app.command()
def start(
    ctx: typer.Context,
    asset: Lot,
    reserve: Annotated[
        str, typer.Option(help="In tokens: the least first bid; dutch: the price at the end; fixed: the price.")
    ],
    auction: Annotated[
        str,
        typer.Option(help="english: the highest bid; dutch: the price falls until somebody buys; fixed: it stands."),
    ] = "english",
    start: Annotated[str | None, typer.Option(help="dutch: the price at the opening, in tokens.")] = None,
    units: Annotated[int, typer.Option(min=0, help="Of a licence: how many units, sold together.")] = 0,
    hours: Annotated[int, typer.Option(min=1, max=720, help="How long bids or a buyer are taken.")] = 72,
    step_bps: Annotated[
        int | None,
        typer.Option(min=10, max=5000, help="english: how much a bid must better the best one, in 1/10,000 [500]."),
    ] = None,
    extension: Annotated[
        int | None,
        typer.Option(min=1, max=1440, help="english: minutes that a late bid leaves the others at least [10]."),
    ] = None,
) -> None:
    """Put an asset or units of a licence up for sale; they wait in escrow, and what they earn meanwhile is yours.

    Example: `mlm sale start alice/digits-mlp --reserve 50 --hours 24`
    """
    from mlm.core.auctions.sale import SaleKind
    from mlm.core.money import parse_units
    from mlm.workflows import sale as workflow

    prices = parse_units(reserve), None if start is None else parse_units(start)
    params = workflow.Start(asset, prices[0], SaleKind.parse(auction), prices[1], units, hours, step_bps, extension)
    perform(ctx, workflow.START, params)


@app.command("list")
def list_sales(
    ctx: typer.Context,
    open_only: Annotated[bool, typer.Option("--open", help="Only sales that take bids or a buyer.")] = False,
    page: Page = 1,
) -> None:
    """List sales, newest first.

    Example: `mlm sale list --open`
    """
    from mlm.workflows.sale_show import sales

    render(ctx, sales(ctx.obj.ports, only_open=open_only, page=page))


@app.command()
def show(ctx: typer.Context, sale: Sale) -> None:
    """Show a sale: state, end, bids, what the next bid has to be or what it costs now, and what was credited.

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
    """Bid in an english sale. Whoever is outbid is credited at once; the best bidder pays only the difference.

    Example: `mlm sale bid sale/SALE --price 60`
    """
    from mlm.core.money import parse_units
    from mlm.workflows import sale as workflow

    perform(ctx, workflow.BID, workflow.SaleOffer(sale, parse_units(price)))


@app.command()
def buy(
    ctx: typer.Context,
    sale: Sale,
    price: Annotated[
        str | None, typer.Option(help="What you pay at most, in tokens; without it: what it costs now.")
    ] = None,
) -> None:
    """Buy what a dutch or fixed sale offers, for what it costs when you are first: paid and delivered at once.

    Example: `mlm sale buy sale/SALE`
    """
    from mlm.core.money import parse_units
    from mlm.workflows import sale as workflow

    perform(ctx, workflow.BUY, workflow.Purchase(sale, None if price is None else parse_units(price)))


@app.command()
def cancel(ctx: typer.Context, sale: Sale) -> None:
    """Take an asset or licence back before the first bid or buyer.

    Example: `mlm sale cancel sale/SALE`
    """
    from mlm.workflows import sale as workflow

    perform(ctx, workflow.CANCEL, workflow.SaleName(sale))


@app.command()
def settle(ctx: typer.Context, sale: Sale) -> None:
    """End a sale whose time is over: the lot to the winner, the money to the seller; anyone may, within a week.

    Example: `mlm sale settle sale/SALE`
    """
    from mlm.workflows import sale as workflow

    perform(ctx, workflow.SETTLE, workflow.SaleName(sale))
