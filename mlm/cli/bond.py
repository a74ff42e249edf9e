"""`mlm bond`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.execute import perform
from mlm.cli.render import render

app = typer.Typer(help="Put stake behind what you serve of an exact model, take it back, or see who has.")
Asset = Annotated[str, typer.Argument(metavar="ASSET", help="The served model: handle/name or handle/name@version.")]


@app.command()
def deposit(ctx: typer.Context, asset: Asset, amount: Annotated[str, typer.Argument(help="Tokens, e.g. 50.")]) -> None:
    """Put stake behind the results that you sign for a version. A false one can take all of it.

    Example: `mlm bond deposit alice/digits-exact 50`
    """
    from mlm.core.money import parse_units
    from mlm.workflows import bond as workflow

    perform(ctx, workflow.DEPOSIT, workflow.Deposit(asset, parse_units(amount)))


@app.command()
def withdraw(
    ctx: typer.Context,
    asset: Asset,
    amount: Annotated[
        str | None, typer.Argument(help="Tokens to start unbonding; none: take what has finished.")
    ] = None,
) -> None:
    """Start unbonding a part of your bond, or take what has finished. Until then it can be slashed.

    Example: `mlm bond withdraw alice/digits-exact 10`
    """
    from mlm.core.money import parse_units
    from mlm.workflows import bond as workflow

    perform(ctx, workflow.WITHDRAW, workflow.Withdrawal(asset, None if amount is None else parse_units(amount)))


@app.command()
def show(
    ctx: typer.Context,
    asset: Asset,
    payee: Annotated[str | None, typer.Argument(help="An address; default: this account.")] = None,
) -> None:
    """Show what stands behind the results that a payee signs for a version, and how often it is accused.

    Example: `mlm bond show alice/digits-exact`
    """
    from mlm.workflows import bond as workflow

    ports = ctx.obj.ports
    render(ctx, workflow.show(ports, asset, payee or ports.sender.address))
