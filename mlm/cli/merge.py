"""`mlm merge`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Local history.")


@app.command()
def merge(
    ctx: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="REF", help="A branch, such as origin/main, a tag, or a commit.")],
    message: Annotated[str, typer.Option("--message", "-m", help="Of the commit; else what was merged.")] = "",
    ours: Annotated[bool, typer.Option("--ours", help="Where both sides changed a file, keep this branch's.")] = False,
    theirs: Annotated[bool, typer.Option("--theirs", help="There take the other's.")] = False,
    author: Annotated[str, typer.Option(help="Whose work it is; else user.name, else the account's name.")] = "",
) -> None:
    """Bring in what another branch has changed, by whole files; a commit of both. Conflicts change nothing.

    Example: `mlm merge experiment`
    """
    from mlm.cli.execute import perform
    from mlm.cli.repo import author_of
    from mlm.workflows import merge as workflow

    named = author_of(ctx.obj, author)
    params = workflow.merge_params(ctx.obj.repo, ref, message, named, ours=ours, theirs=theirs)
    perform(ctx, workflow.OPERATION, params)
