"""`mlm stake`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.execute import perform
from mlm.cli.render import render

app = typer.Typer(help="Deposit, withdraw and show stake; claim rewards.")
RoleName = Annotated[str, typer.Option("--role", help="provider, watcher or publisher.")]


@app.command()
def deposit(
    ctx: typer.Context,
    amount: Annotated[str, typer.Argument(help="Tokens, e.g. 50.")],
    role: RoleName = "provider",
) -> None:
    """Deposit stake; bids lock parts of it.

    Example: `mlm stake deposit 50`
    """
    from mlm.core.job import Role
    from mlm.core.money import parse_units
    from mlm.workflows import stake as workflow

    perform(ctx, workflow.DEPOSIT, workflow.Deposit(parse_units(amount), Role.parse(role)))


@app.command()
def withdraw(
    ctx: typer.Context,
    amount: Annotated[
        str | None, typer.Argument(help="Tokens to start unbonding; none: take what has finished.")
    ] = None,
    role: RoleName = "provider",
) -> None:
    """Start unbonding free stake, or take what has finished unbonding.

    Example: `mlm stake withdraw 10`
    """
    from mlm.core.job import Role
    from mlm.core.money import parse_units
    from mlm.workflows import stake as workflow

    asked = None if amount is None else parse_units(amount)
    perform(ctx, workflow.WITHDRAW, workflow.Withdrawal(asked, Role.parse(role)))


@app.command()
def claim(ctx: typer.Context) -> None:
    """Claim the rewards of your stake, a part of the protocol fees. Starts the stream of fees that wait for it.

    Example: `mlm stake claim`
    """
    from mlm.workflows import stake as workflow

    perform(ctx, workflow.CLAIM, workflow.Claim())


@app.command()
def show(
    ctx: typer.Context,
    address: Annotated[str | None, typer.Argument(help="An address; default: this account.")] = None,
    role: RoleName = "provider",
) -> None:
    """Show total, free, locked, reserved and unbonding stake, and the rewards that can be claimed.

    Example: `mlm stake show`
    """
    from mlm.core.job import Role
    from mlm.workflows import stake as workflow

    ports = ctx.obj.ports
    render(ctx, workflow.show(ports, address or ports.sender.address, Role.parse(role)))
