"""`mlm demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlm.cli.render import brief, print_value, render

if TYPE_CHECKING:
    from mlm.cli.context import Session
    from mlm.workflows.demo import Actor

app = typer.Typer()


@app.command()
def demo(
    ctx: typer.Context,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where the actors' folders go; default: demo in MLM_HOME.")
    ] = None,
) -> None:
    """Run the whole market once on the devnet with four actors, and check the money. Exit 1 unless everything holds.

    Example: `mlm demo`
    """
    from mlm import resources
    from mlm.cli import wiring
    from mlm.workflows import demo as workflow

    session: Session = ctx.obj
    wiring.devnet(session).start()
    root = session.home / "demo" if folder is None else (session.cwd / folder).absolute()
    actors = {name: _actor(session, name, root / name) for name in workflow.ACTORS}
    reader = _actor(session, workflow.CONSUMER, root / "reader").ports
    done = workflow.demo(
        actors, reader, wiring.folder(resources.path("templates") / workflow.TEMPLATE), lambda row: _tell(session, row)
    )
    render(ctx, done)
    if not done.passed:
        raise typer.Exit(1)


def _actor(session: Session, name: str, folder: Path) -> Actor:
    from mlm.cli import wiring
    from mlm.workflows.demo import PROVIDER, Actor

    (folder / ".mlm").mkdir(parents=True, exist_ok=True)
    own = session.as_account(name, folder)
    repo = wiring.repo(own) if name == PROVIDER else None
    return Actor(name, own.ports.sender.address, own.ports, folder, repo)


def _tell(session: Session, row: object) -> None:
    """Steps appear on stderr as they are done, so that a person sees progress while a proof is made."""
    from rich.console import Console

    from mlm.workflows.demo import Row

    if isinstance(row, Row) and not session.json:
        console = Console(stderr=True, highlight=False, emoji=False)
        print_value(console, f"{row.actor:>14}  {brief(row.what)}  ({row.seconds:.1f} s)")
