"""`mlm channel`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlm.cli.asset import Name
from mlm.cli.execute import perform
from mlm.cli.paging import Page
from mlm.cli.render import render

app = typer.Typer(help="Pay for a stream of calls through a channel, or claim what you were paid.")
Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="channel/ID, or a unique prefix of the id.")]
HOURS = 366 * 24


@app.command("open")
def open_channel(
    ctx: typer.Context,
    asset: Name,
    payee: Annotated[str, typer.Option("--to", metavar="ADDRESS", help="Whose calls it pays: the server's account.")],
    amount: Annotated[str, typer.Option(help="The deposit, in tokens; what is not used comes back.")],
    hours: Annotated[int, typer.Option(min=1, max=HOURS, help="How long the payee can claim.")] = 168,
    signer: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Whose signature vouchers need, where it is not this account's.")
    ] = "",
) -> None:
    """Open a payment channel: one transaction, and every call after it is paid by a signature.

    Example: `mlm channel open alice/digits-mlp --to PROVIDER --amount 10`
    """
    from mlm.core.money import parse_units
    from mlm.workflows import channel as workflow

    perform(ctx, workflow.OPEN, workflow.Open(asset, payee, parse_units(amount), hours, signer))


@app.command()
def topup(
    ctx: typer.Context,
    channel: Channel,
    amount: Annotated[str, typer.Option(help="What to add to the deposit, in tokens.")] = "0",
    hours: Annotated[int, typer.Option(min=0, max=HOURS, help="Hours from now to the new expiry; 0: as it is.")] = 0,
) -> None:
    """Add money or time to a channel that you pay.

    Example: `mlm channel topup CHANNEL --amount 5 --hours 336`
    """
    from mlm.core.money import parse_units
    from mlm.workflows import channel as workflow

    perform(ctx, workflow.TOP_UP, workflow.TopUp(channel, parse_units(amount), hours))


@app.command()
def pay(
    ctx: typer.Context,
    channel: Channel,
    input: Annotated[Path, typer.Argument(metavar="INPUT", help="The call's tensors: .json or .npz by name, or .npy.")],
    price: Annotated[str, typer.Option(help="What a call costs, in tokens; a channel's first call needs it.")] = "",
    name: Annotated[str, typer.Option(help="The name of the tensor in a .npy file.")] = "",
    call: Annotated[int, typer.Option(min=0, help="Sign this number again, whose call was refused; 0: a new one.")] = 0,
) -> None:
    """Sign one call's voucher by hand and print the header that carries it, for curl and other clients.

    Example: `mlm channel pay CHANNEL samples/digit.npy --name image --price 0.5`
    """
    from mlm.core.money import parse_units
    from mlm.workflows import channel_pay as workflow

    tokens = parse_units(price) if price else None
    render(ctx, workflow.pay(ctx.obj.ports, channel, input, price=tokens, name=name, call=call or None))


@app.command()
def claim(
    ctx: typer.Context,
    channels: Annotated[
        list[str] | None, typer.Argument(metavar="[CHANNEL]...", help="Which; all that this machine was paid by.")
    ] = None,
) -> None:
    """Claim what the vouchers give that this machine's server was paid with. Payee only, before the expiry.

    Example: `mlm channel claim CHANNEL`
    """
    from mlm.workflows import channel as workflow

    perform(ctx, workflow.CLAIM, workflow.Claims(tuple(channels or ())))


@app.command()
def close(ctx: typer.Context, channel: Channel) -> None:
    """Claim, and give the rest back to the payer at once. Payee only.

    Example: `mlm channel close CHANNEL`
    """
    from mlm.workflows import channel as workflow

    perform(ctx, workflow.CLOSE, workflow.ChannelName(channel))


@app.command()
def refund(ctx: typer.Context, channel: Channel) -> None:
    """Credit the payer with what an expired channel has left; anyone may.

    Example: `mlm channel refund CHANNEL`
    """
    from mlm.workflows import channel as workflow

    perform(ctx, workflow.REFUND, workflow.ChannelName(channel))


@app.command("list")
def list_channels(
    ctx: typer.Context,
    mine: Annotated[bool, typer.Option("--mine", help="Only those that you pay, or are paid by.")] = False,
    open_only: Annotated[bool, typer.Option("--open", help="Only those whose rest was not given back.")] = False,
    page: Page = 1,
) -> None:
    """List payment channels, newest first.

    Example: `mlm channel list --open`
    """
    from mlm.workflows.channel_show import channels

    render(ctx, channels(ctx.obj.ports, mine=mine, only_open=open_only, page=page))


@app.command()
def show(ctx: typer.Context, channel: Channel) -> None:
    """Show a channel: deposit, what was claimed of it, expiry, state, and who was credited.

    Example: `mlm channel show CHANNEL`
    """
    from mlm.workflows import channel_show as workflow

    render(ctx, workflow.show(ctx.obj.ports, channel))
