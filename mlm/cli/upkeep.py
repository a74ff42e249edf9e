"""`mlm gc`, `mlm fsck`: keeping the repository small and sound."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.render import render
from mlm.core.errors import UsageError, VerificationFailed

app = typer.Typer(help="Local history.")


@app.command()
def gc(
    ctx: typer.Context,
    prune: Annotated[
        str,
        typer.Option(metavar="SECONDS|now", help="Remove what nothing has needed for so long; two weeks if not given."),
    ] = "",
) -> None:
    """Remove blocks that no branch, tag, staged file or operation needs, and join small packs.

    Example: `mlm gc --prune now`
    """
    from mlm.workflows import gc as workflow

    render(ctx, workflow.gc(ctx.obj.ports, _seconds(prune, workflow.GRACE)))


@app.command()
def fsck(
    ctx: typer.Context,
    repair: Annotated[
        bool, typer.Option("--repair", help="Take damaged blocks out of the packs, so that they can be stored again.")
    ] = False,
) -> None:
    """Read everything, and name every block that is damaged or missing and what needs it. Exit 1 when one is.

    Example: `mlm fsck`
    """
    from mlm.workflows import fsck as workflow

    session = ctx.obj
    session.require_project  # noqa: B018 - raises outside a project
    found = workflow.fsck(session.ports, repair=repair)
    render(ctx, found)
    if found.sound:
        return
    if session.json:  # the value names the faults
        raise typer.Exit(VerificationFailed.exit_code)
    first = found.faults[0]
    needed = f", needed by {first.needed_by} {first.path}".rstrip() if first.needed_by else ""
    count = "1 fault" if len(found.faults) == 1 else f"{len(found.faults)} faults, the first"
    raise VerificationFailed(f"{count}: {first.name} is {first.what}{needed}", hint=" ".join(found.advice))


def _seconds(text: str, default: int) -> int:
    if not text:
        return default
    if text == "now":
        return 0
    if not (text.isascii() and text.isdecimal()) or len(text) > 12:
        raise UsageError(f"--prune: expected seconds or now, found {text!r}", hint="Such as `mlm gc --prune 3600`.")
    return int(text)
