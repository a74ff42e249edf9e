"""`mlm whoami`."""

from __future__ import annotations

import typer

from mlm.cli.render import render
from mlm.cli.wallet import chosen

app = typer.Typer()


@app.command()
def whoami(ctx: typer.Context) -> None:
    """Show the account, network and balances in use. Unlocks nothing.

    Example: `mlm whoami --account consumer`
    """
    from mlm.cli import wiring
    from mlm.workflows import whoami as workflow

    session = ctx.obj
    network = session.config.get("network.default")
    render(ctx, workflow.whoami(session.ports, wiring.wallet(session), chosen(session), network))
