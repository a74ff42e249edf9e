"""`mlm job`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlm.cli.execute import asking, perform
from mlm.cli.job_options import (
    Auction,
    Bidding,
    Delivery,
    Enclaves,
    Execution,
    HardwareOnly,
    Job,
    Label,
    MaxAge,
    Output,
    PriceStep,
    Private,
    ReplicaFee,
    Replicas,
    Require,
    RequireFile,
    Retries,
    Revealing,
    StartPrice,
    TcbStatus,
    Tier,
    Timeout,
    Tolerance,
    ValueAtRisk,
    Verification,
)
from mlm.cli.job_told import teller
from mlm.cli.paging import Page
from mlm.cli.render import render
from mlm.core.errors import UsageError

if TYPE_CHECKING:
    from mlm.workflows.job_wait import Waited

app = typer.Typer(help="Post jobs, follow them, and read their results.")


@app.command()
def post(
    ctx: typer.Context,
    asset: Annotated[str, typer.Argument(help="The model to run: handle/name or handle/name@version.")],
    input: Annotated[Path, typer.Option("--input", "-i", help="The input tensors: a .npz, .npy or .json file.")],
    max_price: Annotated[str, typer.Option(help="The most you pay, in tokens; escrowed now.")],
    auction: Auction = "reverse",
    tier: Tier = "zk",
    bidding: Bidding = None,
    delivery: Delivery = None,
    execution: Execution = None,
    verification: Verification = None,
    start_price: StartPrice = None,
    price_step: PriceStep = None,
    reveal: Revealing = None,
    value_at_risk: ValueAtRisk = None,
    tcb_status: TcbStatus = None,
    enclaves: Enclaves = None,
    attestation_max_age: MaxAge = None,
    hardware_only: HardwareOnly = False,
    replicas: Replicas = None,
    replica_fee: ReplicaFee = None,
    tolerance: Tolerance = None,
    require: Require = None,
    require_file: RequireFile = None,
    private: Private = False,
    label: Label = None,
    wait: Annotated[bool, typer.Option("--wait", help="See it through to its result: `mlm job wait`.")] = False,
    output: Output = None,
    retries: Retries = 2,
    timeout: Timeout = None,
) -> None:
    """Post a job: commit to the input, push it, escrow the maximum price.

    A batch job enters the round of all jobs that ask for the same; a round lasts --bidding seconds, and all of them end
    together.

    With --wait it is seen through to its result, and the same command again goes on where the first was stopped: it
    finds its job, and pays nothing twice. Another --label makes it another job. It prints what `mlm job wait` does.

    Example: `mlm job post alice/digits-mlp --input samples/digit.npy --max-price 5`
    """
    from mlm.cli.wiring_tee import is_devnet
    from mlm.core import job as kinds
    from mlm.core.auctions.asked import TAKEN_BY
    from mlm.core.money import parse_units
    from mlm.workflows import job_post as workflow

    config, kind = ctx.obj.config, kinds.AuctionKind.parse(auction)
    by_tee = kinds.Tier.parse(tier) is kinds.Tier.TEE
    if hardware_only and not by_tee:
        raise UsageError(f"--hardware-only goes with --tier tee, found {tier}")
    if reveal is None and kind in TAKEN_BY["reveal"]:
        reveal = config.get("job.reveal")
    params = workflow.JobPost(
        asset=asset,
        input=input,
        max_price=parse_units(max_price),
        auction=kind,
        tier=kinds.Tier.parse(tier),
        bidding=bidding or config.get("job.bidding"),
        delivery=delivery or config.get("job.delivery"),
        execution=execution or config.get("job.execution"),
        verification=verification or config.get("job.verification"),
        start_price=None if start_price is None else parse_units(start_price),
        price_step=None if price_step is None else parse_units(price_step),
        reveal=reveal,
        value_at_risk=None if value_at_risk is None else parse_units(value_at_risk),
        tcb_status=config.get("tee.status") if tcb_status is None and by_tee else tcb_status,
        enclaves=enclaves,
        attestation_max_age=attestation_max_age,
        simulated=by_tee and is_devnet(ctx.obj) and not hardware_only,
        require=tuple(require or ()),
        require_file=require_file,
        private=private,
        label="" if wait and label is None else label,
        replicas=replicas,
        replica_fee=None if replica_fee is None else parse_units(replica_fee),
        tolerance=tolerance,
    )
    if wait and not ctx.obj.dry_run:
        _post_and_wait(ctx, params, output, retries, timeout)
    elif output is not None and not wait:
        raise UsageError("--output: a result is written with --wait", hint="Add --wait, or run `mlm job result` later.")
    else:
        perform(ctx, workflow.OPERATION, params)


def _post_and_wait(ctx: typer.Context, params: Any, output: Path | None, retries: int, timeout: float | None) -> None:
    """Post where that was not done, and see it through; what is printed is `mlm job wait`'s."""
    from mlm.workflows import job_post, job_wait
    from mlm.workflows.once import once

    session = ctx.obj
    if session.again:
        raise UsageError("--again: with --wait the same command is the same job", hint="--label NAME makes another.")
    job_wait.check(output, retries, timeout)
    posted = once(session.ports, job_post.OPERATION, params, asking(session)).result
    render(ctx, _see_through(ctx, posted.job, output, retries, timeout))


def _see_through(ctx: typer.Context, job: str, output: Path | None, retries: int, timeout: float | None) -> Waited:
    from mlm.workflows.job_wait import wait

    most = ctx.obj.config.get("beacon.secrets")
    return wait(ctx.obj.ports, job, output, retries=retries, timeout=timeout, tell=teller(ctx), secrets=most)


@app.command()
def wait(ctx: typer.Context, job: Job, output: Output = None, retries: Retries = 2, timeout: Timeout = None) -> None:
    """Wait for the result of a job that you posted: settle what failed, post it again without who failed it.

    It sends only what gets the escrow back, posts again, draws a batch's awards, or pays for and draws replicas, with a
    secret of its own in the seed; a dead node it waits out for ten minutes. Stopped, the same command goes on.
    Exit 0: accepted, and the outputs are written.

    Example: `mlm job wait job/JOB -o result.json`
    """
    render(ctx, _see_through(ctx, job, output, retries, timeout))


@app.command("list")
def list_jobs(
    ctx: typer.Context,
    mine: Annotated[bool, typer.Option("--mine", help="Only jobs that this account posted.")] = False,
    open_only: Annotated[bool, typer.Option("--open", help="Only jobs that take bids.")] = False,
    suiting: Annotated[
        bool, typer.Option("--suiting", help="Only jobs whose requirements this account meets.")
    ] = False,
    page: Page = 1,
) -> None:
    """List jobs, newest first.

    Example: `mlm job list --open --suiting`
    """
    from mlm.workflows.job_show import jobs

    ports = ctx.obj.ports
    own = ports.sender.address if mine or suiting else None
    listed = jobs(
        ports, consumer=own if mine else None, only_open=open_only, suiting=own if suiting else None, page=page
    )
    render(ctx, listed)


@app.command()
def show(ctx: typer.Context, job: Job) -> None:
    """Show a job: state, deadline, whose turn it is, and what its settlement credited.

    Example: `mlm job show job/JOB`
    """
    from mlm.workflows import job_show as workflow

    render(ctx, workflow.show(ctx.obj.ports, job))


@app.command()
def bids(ctx: typer.Context, job: Job) -> None:
    """List the bids on a job, sealed ones without their prices; of a batch job the book of its round.

    Example: `mlm job bids job/JOB`
    """
    from mlm.workflows import job_bids as workflow

    render(ctx, workflow.bids(ctx.obj.ports, job))


@app.command()
def watch(
    ctx: typer.Context,
    job: Job,
    until: Annotated[str | None, typer.Option(help="Stop at this state too, e.g. leased.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to watch at most.")] = 3600.0,
) -> None:
    """Follow a job until it is settled; every change goes to stderr, the last state to stdout.

    Example: `mlm job watch job/JOB --until accepted`
    """
    from mlm.core.job import State
    from mlm.workflows import job_show as workflow

    states = frozenset({State.parse(until)} if until else ())
    render(ctx, workflow.watch(ctx.obj.ports, job, until=states, timeout=timeout, tell=teller(ctx)))


@app.command()
def result(ctx: typer.Context, job: Job, output: Output = None) -> None:
    """Read the outputs of a job: a proof's from the chain, those of the tier none from where they were handed over.

    Example: `mlm job result job/JOB -o result.json`
    """
    from mlm.workflows import job_result as workflow

    render(ctx, workflow.result(ctx.obj.ports, job, output))


@app.command()
def deliver(ctx: typer.Context, job: Job) -> None:
    """Give the winner of a private job the key of its input, encrypted; it accepts once it has it.

    Example: `mlm job deliver job/JOB`
    """
    from mlm.workflows import job_deliver as workflow
    from mlm.workflows.job_close import JobName

    perform(ctx, workflow.OPERATION, JobName(job))


@app.command()
def complain(ctx: typer.Context, job: Job) -> None:
    """Complain that a result of the tier none did not arrive: its provider shows it on chain, or is slashed.

    Takes a deposit, which pays for an answer and comes back without one. An answer is public, also of a private job.
    That a result is wrong is no ground.

    Example: `mlm job complain job/JOB`
    """
    from mlm.workflows import complaint as workflow
    from mlm.workflows.job_close import JobName

    perform(ctx, workflow.COMPLAIN, JobName(job))


@app.command()
def award(
    ctx: typer.Context,
    job: Job,
    every: Annotated[
        bool, typer.Option("--all", help="batch: draw every award of the round that this account has a part in.")
    ] = False,
) -> None:
    """Close a reverse auction's bids now, in favour of the best; draw the award of a batch job, which starts its lease.

    Without it bids close by themselves; an award of a batch that nobody draws in time is lost.

    Example: `mlm job award job/JOB`
    """
    from mlm.workflows import job_award as workflow

    perform(ctx, workflow.OPERATION, workflow.Award(job, every))


@app.command()
def reveal(
    ctx: typer.Context,
    job: Job,
    price: Annotated[
        str | None, typer.Option(help="What you bid, in tokens, on a machine that has not kept it.")
    ] = None,
) -> None:
    """Reveal your sealed bid, once bids are closed: whoever does not in time loses the bond.

    The price was kept in MLM_HOME/bids; the rest is found with the account's key, on any machine.

    Example: `mlm job reveal job/JOB`
    """
    from mlm.core.money import parse_units
    from mlm.workflows import job_reveal as workflow

    perform(ctx, workflow.REVEAL, workflow.Reveal(job, None if price is None else parse_units(price)))


@app.command("withdraw-bid")
def withdraw_bid(ctx: typer.Context, job: Job) -> None:
    """Take your bid back: a sealed one is free until bids close, the best open one costs, and stands after half-time.

    Example: `mlm job withdraw-bid job/JOB`
    """
    from mlm.workflows import job_reveal as workflow
    from mlm.workflows.job_close import JobName

    perform(ctx, workflow.WITHDRAW, JobName(job))


@app.command()
def reopen(
    ctx: typer.Context,
    job: Job,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="An account that may not bid; may be given again."),
    ] = None,
) -> None:
    """Post a job again that came to nothing: same input, same terms, without the provider who failed it.

    Example: `mlm job reopen job/JOB`
    """
    from mlm.workflows import job_reopen as workflow

    perform(ctx, workflow.OPERATION, workflow.Reopen(job, tuple(without or ())))


@app.command()
def cancel(ctx: typer.Context, job: Job) -> None:
    """Cancel a job that has no bids; the escrow comes back.

    Example: `mlm job cancel job/JOB`
    """
    from mlm.workflows import job_close as workflow

    perform(ctx, workflow.CANCEL, workflow.JobName(job))


@app.command()
def rate(
    ctx: typer.Context,
    job: Job,
    stars: Annotated[int, typer.Option(help="From 1 to 5.")],
) -> None:
    """Rate a job that you paid for, once it is settled. A rating weighs what its job burned, and stands.

    Example: `mlm job rate job/JOB --stars 5`
    """
    from mlm.workflows import reputation as workflow

    perform(ctx, workflow.RATE, workflow.JobRating(job, stars))


@app.command()
def settle(ctx: typer.Context, job: Job) -> None:
    """Draw the final credits of a job whose state is final, and burn the bonds of bids not revealed; anyone may.

    Example: `mlm job settle job/JOB`
    """
    from mlm.workflows import job_close as workflow

    perform(ctx, workflow.SETTLE, workflow.JobName(job))
