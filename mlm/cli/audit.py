"""`mlm audit`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.execute import perform
from mlm.cli.render import render

app = typer.Typer(help="Be paid for finding results of the tier optimistic true, or pay for it.")
Job = Annotated[str, typer.Argument(metavar="JOB", help="job/ID or a unique prefix of the id.")]


@app.command()
def fund(ctx: typer.Context, amount: Annotated[str, typer.Argument(help="Tokens, e.g. 50.")]) -> None:
    """Pay tokens into the pool that auditors are paid from. Nothing of it comes back.

    Example: `mlm audit fund 50`
    """
    from mlm.core.money import Amount, parse_units
    from mlm.workflows import audit as workflow

    perform(ctx, workflow.FUND, workflow.Fund(Amount(parse_units(amount))))


@app.command()
def join(ctx: typer.Context, job: Job) -> None:
    """Make your next move in a result's audit: draw, run it again and commit, open what was drawn, take the pay.

    It takes stake as a watcher: `mlm stake deposit 10 --role watcher`. `mlm watcher run` makes these moves by itself.

    Example: `mlm audit join job/JOB`
    """
    from mlm.workflows import audit as workflow
    from mlm.workflows.job_close import JobName

    perform(ctx, workflow.JOIN, JobName(job), resumes=True)


@app.command()
def show(ctx: typer.Context, job: Job) -> None:
    """Show whether a result is audited, by whom, for how much, and what you can do.

    Example: `mlm audit show job/JOB`
    """
    from mlm.workflows import audit_show as workflow

    render(ctx, workflow.show(ctx.obj.ports, job))


@app.command("list")
def list_(
    ctx: typer.Context,
    offset: Annotated[int, typer.Option(min=0, help="Leave out so many of the newest.")] = 0,
) -> None:
    """List your audits, with the pool and what an auditor needs and gets.

    Example: `mlm audit list`
    """
    from mlm.workflows import audit_show as workflow

    render(ctx, workflow.listed(ctx.obj.ports, offset))
