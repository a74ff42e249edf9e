"""`mlm lease`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlm.cli.execute import perform
from mlm.cli.job import Job
from mlm.cli.paging import Page
from mlm.cli.render import render

app = typer.Typer(help="Do a job that you won: accept, fulfil, submit.")


@app.command("list")
def list_leases(ctx: typer.Context, page: Page = 1) -> None:
    """List the jobs on which this account has the best bid or the lease.

    Example: `mlm lease list`
    """
    from mlm.workflows.job_show import jobs

    render(ctx, jobs(ctx.obj.ports, provider=ctx.obj.ports.sender.address, page=page))


@app.command()
def show(
    ctx: typer.Context,
    job: Job,
    input: Annotated[Path | None, typer.Option(help="Write the checked input here: .npz, .npy or .json.")] = None,
) -> None:
    """Show a lease: the job, its deadline and whose turn it is; and write its input to a file, for `mlm prove`.

    Example: `mlm lease show job/JOB --input input.npy`
    """
    from mlm.workflows import inputs, job_show

    if input is not None:
        inputs.write(ctx.obj.ports, job, input)
    render(ctx, job_show.show(ctx.obj.ports, job))


@app.command()
def accept(ctx: typer.Context, job: Job) -> None:
    """Fetch and check input and model, then accept: your execution clock starts.

    Example: `mlm lease accept job/JOB`
    """
    from mlm.workflows import lease as workflow
    from mlm.workflows.job_close import JobName

    perform(ctx, workflow.ACCEPT, JobName(job))


@app.command()
def fulfil(ctx: typer.Context, job: Job) -> None:
    """Run, prove and submit in one go; accepts first if need be. The contract verifies the proof and pays.

    In the tier none there is no proof: the outputs are handed over, and paid once nobody has complained in time.

    Example: `mlm lease fulfil job/JOB`
    """
    from mlm.workflows import lease as workflow
    from mlm.workflows.job_close import JobName

    perform(ctx, workflow.FULFIL, JobName(job))


@app.command()
def submit(
    ctx: typer.Context,
    job: Job,
    proof: Annotated[Path, typer.Option(help="A proof file of this job's input, from `mlm prove`.")],
) -> None:
    """Hand in a proof made before; the contract verifies it and pays.

    Example: `mlm lease submit job/JOB --proof proof.json`
    """
    from mlm.workflows import lease as workflow

    perform(ctx, workflow.SUBMIT, workflow.Submit(job, proof))


@app.command()
def answer(ctx: typer.Context, job: Job) -> None:
    """Answer a complaint in the tier none: show the outputs on chain, for everybody. Without it the job is rejected.

    Example: `mlm lease answer job/JOB`
    """
    from mlm.workflows import complaint as workflow
    from mlm.workflows.job_close import JobName

    perform(ctx, workflow.ANSWER, JobName(job))
