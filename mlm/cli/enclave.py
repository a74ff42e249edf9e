"""`mlm enclave`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.execute import perform
from mlm.cli.render import render

app = typer.Typer(help="Have keys of your enclave sign results of the tier tee, without asking attesters each time.")


@app.command()
def register(
    ctx: typer.Context,
    asset: Annotated[str, typer.Argument(metavar="ASSET", help="handle/name[@version] of a model of the tier tee.")],
    duration: Annotated[
        str, typer.Option("--for", help="How long the key signs: 1h to 14d, such as 12h or 7d.")
    ] = "7d",
) -> None:
    """Make a key in your enclave, have attesters sign about it once, and register it for results of a model.

    Until it ends, `mlm lease fulfil` and `mlm worker run` hand in what it signs, and ask no attester. Where one that
    signs has more than half of that time left, nothing is done: a timer may run this every day. Attesters answer
    accounts with stake as a provider.

    Example: `mlm enclave register alice/enclosed-digits --for 7d`
    """
    from mlm.core.clock import Duration, parse_duration
    from mlm.workflows import enclave as workflow

    perform(ctx, workflow.REGISTER, workflow.Register(asset, Duration(parse_duration(duration))))


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the keys that were registered for your account, and which of them this machine's enclave can sign with.

    Example: `mlm enclave list`
    """
    from mlm.workflows import enclave as workflow

    render(ctx, workflow.listed(ctx.obj.ports))
