"""`mlm dispute`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.execute import perform
from mlm.cli.render import render

app = typer.Typer(help="Challenge results of the tier optimistic, and answer challenges.")
Job = Annotated[str, typer.Argument(metavar="JOB", help="job/ID or a unique prefix of the id.")]


@app.command("open")
def open_(ctx: typer.Context, job: Job) -> None:
    """Run the job again, and challenge the first number that differs. Raises an error where all is as it should be.

    Where the provider's own tensor is at hand, one proof convicts it; else a game forces it to show the tensor, for a
    bond that comes back when you see it through.

    Example: `mlm dispute open job/JOB`
    """
    from mlm.workflows import dispute as workflow
    from mlm.workflows.job_close import JobName

    perform(ctx, workflow.OPEN, JobName(job), resumes=True)


@app.command()
def respond(ctx: typer.Context, job: Job) -> None:
    """Make every move that is yours in the games about a job, as its provider or as a challenger.

    Example: `mlm dispute respond job/JOB`
    """
    from mlm.workflows import dispute as workflow
    from mlm.workflows.job_close import JobName

    perform(ctx, workflow.RESPOND, JobName(job), resumes=True)


@app.command()
def status(ctx: typer.Context) -> None:
    """List the games that you play, as a challenger or a provider, and whose turn it is.

    Example: `mlm dispute status`
    """
    from mlm.workflows import dispute_show as workflow

    render(ctx, workflow.status(ctx.obj.ports))


@app.command()
def show(ctx: typer.Context, job: Job) -> None:
    """Show the games about a job, until when it can be disputed, and what its provider was convicted of.

    Example: `mlm dispute show job/JOB`
    """
    from mlm.workflows import dispute_show as workflow

    render(ctx, workflow.show(ctx.obj.ports, job))


@app.command()
def explain(ctx: typer.Context, job: Job) -> None:
    """Say in words where a result is false: node, operator, cell, operands, what follows and what is claimed.

    Or the byte beyond a tensor that is not 0, the type that is another, or that the provider did not show its numbers.

    Example: `mlm dispute explain job/JOB`
    """
    from mlm.workflows import dispute_explain as workflow

    render(ctx, workflow.explain(ctx.obj.ports, job))
