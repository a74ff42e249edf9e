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
    price: Annotated[
        str | None,
        typer.Option(
            help="What you ask, in tokens; fixed: its price by default; dutch: the least that you take, else its offer."
        ),
    ] = None,
    quantity: Annotated[
        int | None, typer.Option(metavar="N", help="batch: how many jobs of the round you offer to do; default: 1.")
    ] = None,
    stake: Annotated[bool, typer.Option("--stake", help="Deposit the stake that the bond still lacks.")] = False,
) -> None:
    """Offer to do a job; locks a bond from your free stake until you are outbid or done.

    A sealed bid hides its price until bids close; then `mlm job reveal` it in time, or the whole bond burns.

    Example: `mlm bid job/JOB --price 3 --stake`
    """
    from mlm.core.money import parse_units
    from mlm.workflows import bid as workflow

    asked = None if price is None else parse_units(price)
    perform(ctx, workflow.OPERATION, workflow.Bid(job, asked, quantity, stake))
