"""`mlm licence`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.asset import Name
from mlm.cli.buy import teller
from mlm.cli.execute import perform
from mlm.cli.paging import Page
from mlm.cli.render import render
from mlm.core.errors import UsageError

app = typer.Typer(help="Offer, hold and pass on licences; deliver their keys.")
Licence = Annotated[str, typer.Argument(metavar="LICENCE", help="licence/ID or a unique prefix of the id.")]
OrderId = Annotated[str, typer.Argument(metavar="ORDER", help="order/ID or a unique prefix of the id.")]
Units = Annotated[int, typer.Option(min=1, help="How many.")]


@app.command()
def offer(
    ctx: typer.Context,
    asset: Name,
    price: Annotated[str, typer.Option(help="Of one licence, or of one use, in tokens.")],
    kind: Annotated[str, typer.Option(help="unlimited, period (of --days), or per-use.")] = "unlimited",
    period: Annotated[float, typer.Option("--days", min=0, help="period: how long it lasts.")] = 0,
    stock: Annotated[
        int | None, typer.Option(min=0, help="How many can be bought; 0 ends the offer; none: without limit.")
    ] = None,
    delivery: Annotated[
        int | None,
        typer.Option(
            metavar="SECONDS",
            help="How long you may take to deliver the key; 0: no key is delivered. Default: a day where the files are "
            "sealed.",
        ),
    ] = None,
    transferable: Annotated[bool, typer.Option(help="Whether holders can pass it on.")] = True,
    resale_bps: Annotated[int, typer.Option(min=0, max=1000, help="Yours of a resale, in 1/10,000 (ERC-2981).")] = 0,
    notice: Annotated[
        int, typer.Option(metavar="SECONDS", min=0, help="Revoked, it still holds so long; 0: it can never be revoked.")
    ] = 0,
    refund: Annotated[str, typer.Option(help="What a revocation pays for each unit, in tokens.")] = "0",
) -> None:
    """Offer licences of an asset that you own, or change the price or end of an offer.

    Terms are part of a licence's id and never change: other terms are another kind of licence, offered beside it.

    Example: `mlm licence offer alice/sealed-digits --price 5 --kind period --days 30`
    """
    from mlm.core.licensing import UNLIMITED, LicenceKind
    from mlm.core.money import parse_units
    from mlm.workflows import licence as workflow

    if stock is not None and stock >= UNLIMITED:
        raise UsageError(f"--stock: expected less than {UNLIMITED}, found {stock}")
    params = workflow.OfferParams(
        asset=asset,
        price=parse_units(price),
        kind=LicenceKind.parse(kind),
        period=round(period * 86_400),
        stock=UNLIMITED if stock is None else stock,
        delivery=delivery,
        transferable=transferable,
        resale_bps=resale_bps,
        notice=notice,
        refund=parse_units(refund),
    )
    perform(ctx, workflow.OFFER, params)


@app.command("list")
def list_licences(
    ctx: typer.Context,
    asset: Annotated[str, typer.Argument(metavar="ASSET", help="handle/name; none: of all assets.")] = "",
    orders: Annotated[bool, typer.Option("--orders", help="The orders that this account made or sold.")] = False,
    page: Page = 1,
) -> None:
    """List the licences that are offered and those that this account holds, newest first.

    Example: `mlm licence list alice/sealed-digits`
    """
    from mlm.workflows import licence_show as workflow

    render(ctx, workflow.licences(ctx.obj.ports, asset, orders=orders, page=page))


@app.command()
def show(ctx: typer.Context, licence: Licence) -> None:
    """Show a licence: its terms, its offer, what you hold; or, given order/ID, an order and what comes next.

    Example: `mlm licence show licence/LICENCE`
    """
    from mlm.workflows import licence_show as workflow

    render(ctx, workflow.show(ctx.obj.ports, licence))


@app.command()
def transfer(
    ctx: typer.Context,
    licence: Licence,
    to: Annotated[str, typer.Option(metavar="ADDRESS", help="Who receives it.")],
    units: Units = 1,
) -> None:
    """Give a licence to somebody else, who can ask for the key then: `mlm licence request`.

    Example: `mlm licence transfer licence/LICENCE --to PROVIDER`
    """
    from mlm.workflows import licence as workflow

    perform(ctx, workflow.TRANSFER, workflow.Transfer(licence, to, units))


@app.command()
def redeem(
    ctx: typer.Context,
    licence: Licence,
    purpose: Annotated[str, typer.Option(help="What for: 0x and 64 digits, or words that are hashed.")],
    units: Units = 1,
) -> None:
    """Use up units of a per-use licence, for a purpose that its seller asks to be named.

    Example: `mlm licence redeem licence/LICENCE --purpose "batch 7"`
    """
    from mlm.workflows import licence as workflow

    perform(ctx, workflow.REDEEM, workflow.Redeem(licence, purpose, units))


@app.command()
def revoke(
    ctx: typer.Context,
    licence: Licence,
    holder: Annotated[str, typer.Option(metavar="ADDRESS", help="From whom.")],
) -> None:
    """Take a licence back, where its terms allow that, for the refund that they promise.

    Example: `mlm licence revoke licence/LICENCE --holder HOLDER`
    """
    from mlm.workflows import licence as workflow

    perform(ctx, workflow.REVOKE, workflow.Revoke(licence, holder))


@app.command()
def request(ctx: typer.Context, asset: Name) -> None:
    """Ask for the key of a version that you are entitled to: after a transfer, of a new version, or of a bought asset.

    Example: `mlm licence request alice/sealed-digits`
    """
    from mlm.workflows import licence as workflow

    perform(ctx, workflow.REQUEST, workflow.Request(asset))


@app.command()
def deliver(
    ctx: typer.Context,
    asset: Annotated[str, typer.Argument(metavar="ASSET", help="handle/name; none: all that you sell.")] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Go on delivering, until stopped.")] = False,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="With --watch: stop after so long.")
    ] = None,
) -> None:
    """Deliver the keys that are owed: for every order that was paid, and to every holder or new owner who asks.

    Nothing is delivered twice: run it as often as you like, after a kill too.

    Example: `mlm licence deliver`
    """
    from mlm.workflows import licence_deliver as workflow

    params = workflow.Deliver(asset)
    if timeout is not None and not watch:
        raise UsageError("--timeout: only watching takes it", hint="Add --watch.")
    if watch and not ctx.obj.dry_run:
        render(ctx, workflow.watch(ctx.obj.ports, params, timeout, teller(ctx)))
    else:
        perform(ctx, workflow.OPERATION, params, resumes=True)


@app.command()
def complain(ctx: typer.Context, order: OrderId) -> None:
    """Show on chain that a delivered key is wrong, and take the price back. mlm refuses it where the key is right.

    Example: `mlm licence complain order/ORDER`
    """
    from mlm.workflows import licence_order as workflow

    perform(ctx, workflow.COMPLAIN, workflow.OrderName(order))


@app.command()
def settle(ctx: typer.Context, order: OrderId) -> None:
    """Accept a right key: the licence is yours, its seller is paid. Without it anybody settles the order a day later.

    Example: `mlm licence settle order/ORDER`
    """
    from mlm.workflows import licence_order as workflow

    perform(ctx, workflow.SETTLE, workflow.OrderName(order))


@app.command()
def refund(ctx: typer.Context, order: OrderId) -> None:
    """Take the price back of an order whose key did not come in time.

    Example: `mlm licence refund order/ORDER`
    """
    from mlm.workflows import licence_order as workflow

    perform(ctx, workflow.REFUND, workflow.OrderName(order))
