"""`mlm watcher`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.render import render
from mlm.cli.stop import Stop

app = typer.Typer(help="Re-check results unattended, and see the false ones convicted.")


@app.command()
def run(
    ctx: typer.Context,
    asset: Annotated[
        list[str] | None,
        typer.Option(metavar="HANDLE/NAME", help="Only results of this model; may be given again. Else any."),
    ] = None,
    most_bond: Annotated[str, typer.Option(help="What a game or a report may lock at most, in tokens.")] = "1000",
    most_fee: Annotated[
        str | None,
        typer.Option(
            help="What all moves of a challenge, or a report, may cost, in ether; default: any.", show_default=False
        ),
    ] = None,
    drawn: Annotated[
        bool, typer.Option("--drawn", help="Only results that are drawn for an audit: the others are not paid for.")
    ] = False,
    observe: Annotated[bool, typer.Option("--observe", help="Check and tell, and send nothing.")] = False,
    seconds: Annotated[float | None, typer.Option("--for", min=0, help="End after so many seconds.")] = None,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when nothing is left to check or to play.")
    ] = False,
) -> None:
    """Run every result again that can be disputed, and see the false ones convicted: Ctrl-C or SIGTERM ends it.

    With stake as a watcher it takes part in audits, and is paid for results that it finds true (`mlm audit`). With a
    slot it runs what it is drawn for (`mlm replica`), and adds secrets to the seeds that draw (beacon.secrets). In the
    tier tee it reads the quotes of results, and reports attesters whom these convict (`mlm attester report`).
    Killed, it goes on where chain and journal stand. Its facts go to stderr as they happen, what it came to to stdout.

    Example: `mlm watcher run --asset alice/digits-exact --until-idle`
    """
    from mlm.cli.telling import teller
    from mlm.core.money import Amount, Unit, Wei, parse_units
    from mlm.workflows import watcher as workflow

    params = workflow.Run(
        most_bond=Amount(parse_units(most_bond)),
        most_fee=None if most_fee is None else Wei(parse_units(most_fee, Unit("ETH", 18))),
        assets=tuple(asset or ()),
        drawn=drawn,
        observe=observe,
        seconds=seconds,
        until_idle=until_idle,
        secrets=ctx.obj.config.get("beacon.secrets"),
    )
    with Stop() as stopped:
        done = workflow.watch(ctx.obj.ports, params, tell=teller(), stopped=stopped)
    render(ctx, done)
