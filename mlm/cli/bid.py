"""`mlm bid`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.execute import perform
from mlm.cli.job import Job

app = typer.Typer()


@app.command()
def bid(
    ctx: typer.Context,
    job: Job,
    price: Annotated[str, typer.Option(help="What you ask, in tokens.")],
    stake: Annotated[bool, typer.Option("--stake", help="Deposit the stake that the bond still lacks.")] = False,
) -> None:
    """Offer to do a job; locks a bond from your free stake until you are outbid or done.

    Example: `mlm bid job/JOB --price 3 --stake`
    """
    from mlm.core.money import parse_units
    from mlm.workflows import bid as workflow

    perform(ctx, workflow.OPERATION, workflow.Bid(job, parse_units(price), stake))
