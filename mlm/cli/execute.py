"""Running an operation for a person or a script: preview, one confirmation, then apply."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from mlm.cli.render import print_value, render
from mlm.workflows.apply import Operation, execute, preview

if TYPE_CHECKING:
    from mlm.cli.context import Session


def perform(ctx: typer.Context, operation: Operation[Any, Any], params: Any, *, resumes: bool = False) -> None:
    """Show the plan with --dry-run; otherwise ask once at a terminal, apply, and render the result and the steps.

    `resumes`: what a killed run of the same command began is gone on with, instead of being refused.
    """
    session: Session = ctx.obj
    if session.dry_run:
        render(ctx, preview(session.ports, operation.plan(session.ports, params)))
        return
    if resumes:
        from mlm.workflows.once import once

        done = once(session.ports, operation, params, asking(session))
    else:
        done = execute(session.ports, operation, params, asking(session), again=session.again)
    # A person who recorded something locally wants to see what came of it, not how.
    local = any(step.kind == "move" for step in done.steps)
    render(ctx, done.result if local and not session.json else done)


def asking(session: Session) -> Callable[[Any], bool] | None:
    """What asks a person whether to go on with what it is shown; None where nobody is asked."""
    return _confirm if session.interactive and not session.yes and not session.json else None


def _confirm(shown: Any) -> bool:
    from rich.console import Console

    print_value(Console(stderr=True, highlight=False, emoji=False), shown)
    while True:
        answer = str(typer.prompt("Go on? [Y/n]", default="y", show_default=False, err=True)).strip().lower()
        if answer in ("y", "yes", "n", "no"):
            return answer[0] == "y"
        typer.echo("answer y or n", err=True)
