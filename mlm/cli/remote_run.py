"""The half of `mlm run` that pays a server for the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlm.cli.execute import asking
from mlm.cli.render import render
from mlm.core.errors import UsageError

if TYPE_CHECKING:
    from mlm.cli.context import Session
    from mlm.workflows.remote_call import Wanted


def wanted(
    session: Session,
    url: str,
    max_price: str | None,
    deposit: str,
    channel: str | None,
    asset: str | None,
    *,
    exact: bool = False,
) -> Wanted:
    """What the options say. Raises UsageError without a price: nobody pays what it did not agree to."""
    from mlm.core.money import parse_units
    from mlm.workflows.remote_call import Wanted

    if max_price is None:
        raise UsageError(
            "a remote run is paid: expected --max-price AMOUNT, found none",
            hint="The server's price stands in its metadata: `mlm run --remote URL INPUT --max-price … --dry-run`.",
        )
    return Wanted(
        url,
        parse_units(max_price),
        asset=asset,
        channel=channel,
        deposit=parse_units(deposit),
        seconds=session.config.get("runner.timeout"),
        exact=exact,
    )


def run(ctx: typer.Context, wanted: Wanted, input: Path, output: Path | None, keep: Path | None, give_up: bool) -> None:
    """One paid call; with --dry-run only what was offered and what it would take."""
    from mlm.workflows import remote_call as workflow

    session: Session = ctx.obj
    if session.dry_run:
        render(ctx, workflow.agree(session.ports, wanted).deal)
        return
    render(
        ctx,
        workflow.run(session.ports, wanted, input, output, keep, asking(session), give_up=give_up, again=session.again),
    )
