"""`mlm worker`."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from mlm.cli.render import render
from mlm.cli.stop import Stop

if TYPE_CHECKING:
    pass

app = typer.Typer(help="Provide compute unattended: bid, run, prove, submit, be paid.")


@app.command()
def run(
    ctx: typer.Context,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Jobs at once, bids that could win included; default: worker.jobs.", show_default=False
        ),
    ] = None,
    asset: Annotated[
        list[str] | None,
        typer.Option(metavar="HANDLE/NAME", help="Only jobs of this model; may be given again. Else any."),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="margin, throughput, market, or FILE.py:CLASS of your own; default: worker.strategy.",
            show_default=False,
        ),
    ] = None,
    collect: Annotated[
        str | None,
        typer.Option(help="Withdraw credits from this amount on, in tokens; 0: never.", show_default=False),
    ] = None,
    observe: Annotated[bool, typer.Option("--observe", help="Decide and tell, and send nothing.")] = False,
    seconds: Annotated[float | None, typer.Option("--for", min=0, help="End after so many seconds.")] = None,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when there is neither work nor a job to bid on.")
    ] = False,
) -> None:
    """Follow the chain and do jobs until you stop it: Ctrl-C or SIGTERM ends it between two moves.

    Killed, it goes on where chain and disk stand. Its facts go to stderr as they happen, what it came to to stdout.

    Example: `mlm worker run --asset alice/digits-mlp --strategy margin --until-idle`
    """
    from mlm.cli import wiring_worker
    from mlm.cli.telling import teller
    from mlm.core.money import parse_units
    from mlm.workflows import worker as workflow

    session, config = ctx.obj, ctx.obj.config
    params = workflow.Run(
        capacity=jobs or config.get("worker.jobs"),
        strategy=wiring_worker.strategy(session, strategy),
        collect_from=parse_units(collect if collect is not None else config.get("worker.collect")),
        assets=tuple(asset or ()),
        threads=os.cpu_count() or 1,  # proofs and models use several processors themselves
        observe=observe,
        seconds=seconds,
        until_idle=until_idle,
        secrets=config.get("beacon.secrets"),
    )
    own = wiring_worker.own(session)
    spare = partial(wiring_worker.spare, session, own)
    with Stop() as stopped:
        done = workflow.work(own, params, spare, tell=teller(), stopped=stopped)
    render(ctx, done)


@app.command()
def status(ctx: typer.Context) -> None:
    """Show what this account's worker is at: leases, results in hand, and what happened last.

    Example: `mlm worker status`
    """
    from mlm.workflows import worker_status as workflow

    render(ctx, workflow.status(ctx.obj.ports))
