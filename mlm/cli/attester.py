"""`mlm attester`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mlm.cli.execute import perform
from mlm.cli.render import render

app = typer.Typer(help="Check evidence of trusted hardware for others, with stake; or see who does.")
Attester = Annotated[str, typer.Argument(metavar="ATTESTER", help="An address.")]


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the attesters of the tier tee, and how many of them must sign a result.

    Example: `mlm attester list`
    """
    from mlm.workflows import attester as workflow

    render(ctx, workflow.listed(ctx.obj.ports))


@app.command()
def show(
    ctx: typer.Context,
    attester: Annotated[str | None, typer.Argument(metavar="ATTESTER", help="An address; default: your own.")] = None,
) -> None:
    """Show an attester: whether its signature counts, its stake and where it answers.

    Example: `mlm attester show`
    """
    from mlm.workflows import attester as workflow

    render(ctx, workflow.show(ctx.obj.ports, attester or ctx.obj.ports.sender.address))


@app.command()
def join(
    ctx: typer.Context,
    url: Annotated[str, typer.Option(help="Where your `mlm attester serve` answers.")],
    stake: Annotated[
        str | None, typer.Option(help="Tokens to deposit; default: what is missing.", show_default=False)
    ] = None,
) -> None:
    """Stake as an attester and say where you answer; a member is who the governance then admits.

    The stake is lost for a signature that a quote's own bytes disprove. The same command says another URL.

    Example: `mlm attester join --url http://127.0.0.1:8080`
    """
    from mlm.core.money import parse_units
    from mlm.workflows import attester as workflow

    perform(ctx, workflow.JOIN, workflow.Join(url, None if stake is None else parse_units(stake)))


@app.command()
def leave(ctx: typer.Context) -> None:
    """End your membership at once and start unbonding your stake, which can be slashed until you take it.

    Example: `mlm attester leave`
    """
    from mlm.workflows import attester as workflow

    perform(ctx, workflow.LEAVE, workflow.Leave())


@app.command()
def withdraw(ctx: typer.Context) -> None:
    """Take the stake that has finished unbonding.

    Example: `mlm attester withdraw`
    """
    from mlm.workflows import attester as workflow

    perform(ctx, workflow.WITHDRAW, workflow.Take())


@app.command()
def admit(ctx: typer.Context, attester: Attester) -> None:
    """Make an account that has staked a member. For the governance alone.

    Example: `mlm attester admit 0xATTESTER`
    """
    from mlm.workflows import attester as workflow

    perform(ctx, workflow.ADMIT, workflow.Admit(attester))


@app.command()
def remove(ctx: typer.Context, attester: Attester) -> None:
    """End a membership at once; the stake unbonds. For the governance alone.

    Example: `mlm attester remove 0xATTESTER`
    """
    from mlm.workflows import attester as workflow

    perform(ctx, workflow.REMOVE, workflow.Remove(attester))


@app.command()
def threshold(
    ctx: typer.Context,
    count: Annotated[int, typer.Argument(min=1, max=32, help="How many different members must sign.")],
) -> None:
    """Say how many attesters must sign a result. For the governance alone.

    Example: `mlm attester threshold 2`
    """
    from mlm.workflows import attester as workflow

    perform(ctx, workflow.THRESHOLD, workflow.Threshold(count))


@app.command()
def report(
    ctx: typer.Context,
    job: Annotated[
        str | None, typer.Argument(metavar="JOB", help="job/ID or a unique prefix: what its result rests on.")
    ] = None,
    attestation: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="What an attester answered: `{attestation, signature}`. May be given again."),
    ] = None,
    quote: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The quote, or evidence.tee; default: as the job's provider showed it."),
    ] = None,
) -> None:
    """Show that attesters signed what is false: they lose their stake, and half of it is yours.

    The contract says beforehand what is false, and the cheapest report is made: that an attestation contradicts its
    quote, that a signature in the quote is false (with a bond, which comes back), or that two attestations of one
    attester exclude each other. Nothing is sent where nothing is false. Of a job, what was signed and the quote come
    from the chain and the remote; one that can still be judged is rejected.

    Example: `mlm attester report --attestation answer.json --quote quote.bin`
    """
    from mlm.workflows import attester_report as workflow

    perform(ctx, workflow.REPORT, workflow.Accusation(job, tuple(attestation or ()), quote), resumes=True)


@app.command()
def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0: a free one.")] = 0,
) -> None:
    """Check quotes for providers over HTTP and sign what you found, until you stop it.

    Each quote is verified in a confined child and held against the chain's job; what was signed once stays in a book
    under MLM_HOME, so that nothing else is signed about it at that instant. Simulated evidence is signed about on a
    devnet alone.

    Example: `mlm attester serve --port 8080`
    """
    from mlm.cli import wiring_tee
    from mlm.workflows import attester as workflow

    def tell(url: str) -> None:
        """At once, also into a pipe: whoever starts a server reads from it where it is."""
        render(ctx, workflow.Serving(url, workflow.show(ctx.obj.ports, ctx.obj.ports.sender.address)))
        sys.stdout.flush()

    wiring_tee.run(ctx.obj, host, port, tell)
