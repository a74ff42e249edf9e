"""`mlm replica`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.execute import perform
from mlm.cli.render import render

app = typer.Typer(help="Be drawn to run jobs of the tier redundant again, and be paid for it.")
Job = Annotated[str, typer.Argument(metavar="JOB", help="job/ID or a unique prefix of the id.")]


@app.command()
def join(ctx: typer.Context) -> None:
    """Stake for a slot, and be drawn to run jobs again; or fill the stake up.

    `mlm watcher run` runs what the account is drawn for. Whoever is drawn and does not commit loses as much as the fee;
    whoever commits and does not show it, confirms what is convicted, or differs from what stands, loses all.

    Example: `mlm replica join`
    """
    from mlm.workflows import replica as workflow

    perform(ctx, workflow.JOIN, workflow.Nothing())


@app.command()
def leave(ctx: typer.Context) -> None:
    """Begin to leave; a day later, once the slot is free, the same command takes the stake back.

    Example: `mlm replica leave`
    """
    from mlm.workflows import replica as workflow

    perform(ctx, workflow.LEAVE, workflow.Nothing(), resumes=True)


@app.command()
def move(ctx: typer.Context) -> None:
    """Move your slot into the lowest place that nobody has.

    A draw looks at all places up to the last slot's, and finds nobody at those that others have left. It does not look
    for your slot in jobs whose replicas are paid for already.

    Example: `mlm replica move`
    """
    from mlm.workflows import replica as workflow

    perform(ctx, workflow.MOVE, workflow.Nothing())


@app.command()
def withdraw(ctx: typer.Context) -> None:
    """Take what you were paid as a replica, and what came back to you as a consumer.

    Example: `mlm replica withdraw`
    """
    from mlm.workflows import replica as workflow

    perform(ctx, workflow.WITHDRAW, workflow.Nothing())


@app.command()
def step(
    ctx: typer.Context,
    job: Job,
    secret: Annotated[
        bool,
        typer.Option("--secret", help="While the beacon's round runs: add a secret to it. Run it again to show it."),
    ] = False,
) -> None:
    """Make your next move about a job's replicas: pay for them, draw, commit, show, settle.

    With --secret it takes a deposit, which you have back when you show the secret, in the minute after somebody has
    closed the round; then nobody knew the seed beforehand. The secret follows from your key, and is stored nowhere.
    `mlm watcher run` makes a replica's moves by itself, `mlm worker run` a provider's, `mlm job wait` a consumer's.

    Example: `mlm replica step job/JOB`
    """
    from mlm.workflows import replica as workflow

    perform(ctx, workflow.STEP, workflow.Step(job, secret), resumes=True)


@app.command()
def show(ctx: typer.Context, job: Job) -> None:
    """Show a job's replicas: who was drawn by which seed, who has committed to and shown what, and what you can do.

    Example: `mlm replica show job/JOB`
    """
    from mlm.workflows import replica_show as workflow

    render(ctx, workflow.show(ctx.obj.ports, job))


@app.command("list")
def list_(
    ctx: typer.Context,
    offset: Annotated[int, typer.Option(min=0, help="Leave out so many of the newest.")] = 0,
) -> None:
    """Show your slot, what you may withdraw, and the jobs that you were drawn for.

    Example: `mlm replica list`
    """
    from mlm.workflows import replica_show as workflow

    render(ctx, workflow.mine(ctx.obj.ports, offset))
