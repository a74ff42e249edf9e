"""`mlm buy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlm.cli.asset import Name
from mlm.cli.execute import asking, perform
from mlm.cli.render import print_value, render
from mlm.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

app = typer.Typer()


@app.command()
def buy(
    ctx: typer.Context,
    asset: Name,
    licence: Annotated[
        str, typer.Option(metavar="LICENCE", help="Which of the licences that are offered: its id or a unique prefix.")
    ] = "",
    units: Annotated[int, typer.Option(min=1, help="How many; of a per-use licence each is one use.")] = 1,
    max_price: Annotated[
        str | None, typer.Option(help="The most you pay for all units, in tokens; none: what is asked now.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="See it through to the key of its files, or to the money back.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Wait no longer; default: as long as the seller may take."),
    ] = None,
) -> None:
    """Buy a licence to use an asset. Where its files are sealed, the price waits until their key has come.

    With --wait the key is checked when it comes: a right one pays the seller, a wrong one and none in time bring the
    money back. Stopped at any instant, the same command goes on with the order that it made.

    Example: `mlm buy alice/sealed-digits --max-price 10`
    """
    from mlm.core.money import parse_units
    from mlm.workflows import licence_order as workflow

    params = workflow.Buy(asset, licence, units, None if max_price is None else parse_units(max_price))
    session = ctx.obj
    if not wait or session.dry_run:
        if timeout is not None and not wait:
            raise UsageError("--timeout: only waiting takes it", hint="Add --wait.")
        perform(ctx, workflow.BUY, params)
        return
    from mlm.workflows import buy_wait
    from mlm.workflows.once import once

    order = once(session.ports, workflow.BUY, params, asking(session)).result.order
    render(ctx, buy_wait.wait(session.ports, order, timeout=timeout, tell=teller(ctx)))


def teller(ctx: typer.Context) -> Callable[[Any], None]:
    """What says on stderr how it goes on; nothing with --json."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, emoji=False)

    def tell(seen: Any) -> None:
        if not ctx.obj.json:
            print_value(console, seen)

    return tell
