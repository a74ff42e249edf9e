"""`mlm accuse`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlm.cli.execute import perform
from mlm.cli.job_options import Bidding, Delivery, Execution, Require, RequireFile
from mlm.cli.paging import Page
from mlm.cli.render import render

app = typer.Typer(help="Take the bond of a payee that has signed a false result.")
Accusation = Annotated[str, typer.Argument(metavar="ACCUSATION", help="accusation/ID or a unique prefix of the id.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A paid call, as `mlm run --keep` writes it (.call).")]
Model = Annotated[
    str | None, typer.Option("--model", help="The model's file, where it is not published openly.", show_default=False)
]


@app.command("open")
def open_(
    ctx: typer.Context,
    file: File,
    max_price: Annotated[str, typer.Option(help="The most you pay for the job that is to prove it, in tokens.")],
    auction: Annotated[str, typer.Option(help="reverse: the lowest bid wins; fixed: first come.")] = "reverse",
    bidding: Bidding = None,
    delivery: Delivery = None,
    execution: Execution = None,
    verification: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="How long its result can be disputed; default: the least that convicts.",
            show_default=False,
        ),
    ] = None,
    value_at_risk: Annotated[
        str | None,
        typer.Option(
            help="The job's: its provider locks twice price and this, and a conviction takes no more than that lock. "
            "Default: what covers the payee's bond.",
            show_default=False,
        ),
    ] = None,
    require: Require = None,
    require_file: RequireFile = None,
    model: Model = None,
) -> None:
    """Accuse a payee of a result that is false here, and post the job that is to prove it.

    The input is shown on chain. The deposit comes back with the conviction; it is lost where nothing is proven in time.
    The same command again goes on where the first was stopped; once its job has failed, it posts another.

    Example: `mlm accuse open CALL --max-price 5`
    """
    from mlm.core import job as kinds
    from mlm.core.money import parse_units
    from mlm.workflows import accuse as workflow

    config = ctx.obj.config
    params = workflow.Open(
        file=file,
        max_price=parse_units(max_price),
        auction=kinds.AuctionKind.parse(auction),
        bidding=bidding or config.get("job.bidding"),
        delivery=delivery or config.get("job.delivery"),
        execution=execution or config.get("job.execution"),
        verification=verification,
        value_at_risk=None if value_at_risk is None else parse_units(value_at_risk),
        model=model,
        require=tuple(require or ()),
        require_file=require_file,
    )
    perform(ctx, workflow.OPERATION, params, resumes=True)


@app.command()
def convict(
    ctx: typer.Context,
    accusation: Accusation,
    job: Annotated[
        str | None, typer.Argument(metavar="JOB", help="The job that proves it; default: any that does.")
    ] = None,
) -> None:
    """Slash the payee by a job that was accepted with other outputs. Half of it is yours, half burns.

    Example: `mlm accuse convict ACCUSATION`
    """
    from mlm.workflows import accuse_convict as workflow

    perform(ctx, workflow.CONVICT, workflow.Convict(accusation, job), resumes=True)


@app.command()
def contradict(
    ctx: typer.Context,
    first: Annotated[Path, typer.Argument(metavar="FIRST", help="A call that you paid for.")],
    second: Annotated[Path, typer.Argument(metavar="SECOND", help="Another of the same payee, by whomever.")],
    model: Model = None,
) -> None:
    """Slash a payee that has signed two different results for one input: one is false, whichever. No job, no deposit.

    Example: `mlm accuse contradict CALL OTHER`
    """
    from mlm.workflows import accuse_convict as workflow

    perform(ctx, workflow.CONTRADICT, workflow.Contradict(first, second, model), resumes=True)


@app.command()
def lapse(ctx: typer.Context, accusation: Accusation) -> None:
    """End an accusation that nobody has proven in time. Its deposit is lost: half to the payee, half burns.

    Example: `mlm accuse lapse ACCUSATION`
    """
    from mlm.workflows import accuse_convict as workflow

    perform(ctx, workflow.LAPSE, workflow.Lapse(accusation), resumes=True)


@app.command("list")
def list_(
    ctx: typer.Context,
    mine: Annotated[bool, typer.Option("--mine", help="Only those that this account made, or is accused by.")] = False,
    standing: Annotated[bool, typer.Option("--standing", help="Only those that stand.")] = False,
    page: Page = 1,
) -> None:
    """List accusations of payees, newest first: which stand, which were proven, which lapsed.

    Example: `mlm accuse list`
    """
    from mlm.workflows import accuse_show as workflow

    render(ctx, workflow.accusations(ctx.obj.ports, mine=mine, only_standing=standing, page=page))


@app.command()
def show(ctx: typer.Context, accusation: Accusation) -> None:
    """Show an accusation: how it stands, until when, its job, what it took and what can be done.

    Example: `mlm accuse show ACCUSATION`
    """
    from mlm.workflows import accuse_show as workflow

    render(ctx, workflow.show(ctx.obj.ports, accusation))
