"""`mlm worker`."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from mlm.cli.render import render

if TYPE_CHECKING:
    from mlm.workflows.worker import Fact

app = typer.Typer(help="Provide compute unattended: bid, run, prove, submit, be paid.")


@app.command()
def run(
    ctx: typer.Context,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Jobs at once, bids that could win included; default: worker.jobs.", show_default=False
        ),
    ] = None,
    asset: Annotated[
        list[str] | None,
        typer.Option(metavar="HANDLE/NAME", help="Only jobs of this model; may be given again. Else any."),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="margin, throughput, market, or FILE.py:CLASS of your own; default: worker.strategy.",
            show_default=False,
        ),
    ] = None,
    collect: Annotated[
        str | None,
        typer.Option(help="Withdraw credits from this amount on, in tokens; 0: never.", show_default=False),
    ] = None,
    observe: Annotated[bool, typer.Option("--observe", help="Decide and tell, and send nothing.")] = False,
    seconds: Annotated[float | None, typer.Option("--for", min=0, help="End after so many seconds.")] = None,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when there is neither work nor a job to bid on.")
    ] = False,
) -> None:
    """Follow the chain and do jobs until you stop it: Ctrl-C or SIGTERM ends it between two moves.

    Killed, it goes on where chain and disk stand. Its facts go to stderr as they happen, what it came to to stdout.

    Example: `mlm worker run --asset alice/digits-mlp --strategy margin --until-idle`
    """
    from rich.console import Console

    from mlm.cli import wiring_worker
    from mlm.core.money import parse_units
    from mlm.workflows import worker as workflow

    session, config = ctx.obj, ctx.obj.config
    console = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

    def tell(fact: Fact) -> None:
        job = f"{fact.job[:10]} " if fact.job else ""
        # What it says may come from the chain: no markup, and nothing that a terminal would obey.
        told = "".join(letter if letter.isprintable() else "?" for letter in f"{fact.at} {job}{fact.what}")
        with suppress(OSError):  # a full disk under the log: the worker goes on, and the next line may find room
            console.print(told, markup=False)

    params = workflow.Run(
        capacity=jobs or config.get("worker.jobs"),
        strategy=wiring_worker.strategy(session, strategy),
        collect_from=parse_units(collect if collect is not None else config.get("worker.collect")),
        assets=tuple(asset or ()),
        threads=os.cpu_count() or 1,  # proofs and models use several processors themselves
        observe=observe,
        seconds=seconds,
        until_idle=until_idle,
    )
    own = wiring_worker.own(session)
    spare = partial(wiring_worker.spare, session, own)
    render(ctx, workflow.work(own, params, spare, tell=tell, stopped=_Stop()))


@app.command()
def status(ctx: typer.Context) -> None:
    """Show what this account's worker is at: leases, results in hand, and what happened last.

    Example: `mlm worker status`
    """
    from mlm.workflows import worker_status as workflow

    render(ctx, workflow.status(ctx.obj.ports))


class _Stop:
    """Whether SIGINT or SIGTERM came; a second Ctrl-C ends at once, as it does everywhere."""

    def __init__(self) -> None:
        self._asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def __call__(self) -> bool:
        return self._asked
