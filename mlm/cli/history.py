"""`mlm rm`, `restore`, `branch`, `tag`, `checkout`: moving about in the local history."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlm.cli.render import render
from mlm.cli.repo import inside
from mlm.core.errors import UsageError

if TYPE_CHECKING:
    from mlm.cli.context import Session

app = typer.Typer(help="Local history.")
Paths = Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files, and folders for everything below them.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Also where something is lost by it.")]
REFS = "HEAD, a branch, a tag, a commit's CID or a prefix; ~N steps back."


@app.command()
def rm(
    ctx: typer.Context,
    paths: Paths,
    cached: Annotated[bool, typer.Option("--cached", help="Only unstage; the working tree keeps the files.")] = False,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Folders too.")] = False,
    force: Force = False,
) -> None:
    """Unstage files and remove them; the next commit lacks them. Content that is nowhere else is kept.

    Example: `mlm rm --cached model.onnx`
    """
    from mlm.workflows import rm as workflow

    chosen = _inside(ctx.obj, paths)
    render(ctx, workflow.rm(ctx.obj.repo, chosen, cached=cached, recursive=recursive, force=force))


@app.command()
def restore(
    ctx: typer.Context,
    paths: Paths,
    staged: Annotated[bool, typer.Option("--staged", "-S", help="The index, from HEAD; files stay.")] = False,
    source: Annotated[str, typer.Option("--source", "-s", metavar="REF", help="From this commit.")] = "",
) -> None:
    """Bring files back as they were staged, or as a commit has them; changes made since are lost.

    Example: `mlm restore --source HEAD model.onnx`
    """
    from mlm.workflows import restore as workflow

    render(ctx, workflow.restore(ctx.obj.repo, _inside(ctx.obj, paths), staged=staged, source=source))


@app.command()
def branch(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Make this branch; without it, list them all.")] = "",
    start: Annotated[str, typer.Argument(metavar="START", help="Where it begins; with --rename its new name.")] = "",
    delete: Annotated[bool, typer.Option("--delete", "-d", help="Delete it.")] = False,
    rename: Annotated[bool, typer.Option("--rename", "-m", help="Rename it, or the current one to NAME.")] = False,
    force: Force = False,
    remote: Annotated[bool, typer.Option("--all", help="List what is on remotes too, as last fetched.")] = False,
) -> None:
    """List, make, rename or delete branches.

    Example: `mlm branch experiment`
    """
    from mlm.workflows import branch as workflow

    repo = ctx.obj.repo
    if (delete and (rename or start)) or ((delete or rename) and not name):
        raise UsageError("expected --delete NAME, or --rename [OLD] NEW", hint="See `mlm branch --help`.")
    if remote and name:
        raise UsageError("expected --all without a name", hint="See `mlm branch --help`.")
    if delete:
        found = workflow.delete(repo, name, force=force)
    elif rename:
        found = workflow.rename(repo, name if start else "", start or name)
    elif name:
        found = workflow.make(repo, name, start or "HEAD")
    else:
        found = workflow.listed(repo, remote=remote)
    render(ctx, found)


@app.command()
def tag(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Make this tag; without it, list them all.")] = "",
    ref: Annotated[str, typer.Argument(metavar="REF", help=f"Where: {REFS}")] = "",
    delete: Annotated[bool, typer.Option("--delete", "-d", help="Delete it.")] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Move a tag that there is.")] = False,
) -> None:
    """List, make, move or delete tags.

    Example: `mlm tag v1.0.0`
    """
    from mlm.workflows import tag as workflow

    repo = ctx.obj.repo
    if delete and (ref or not name):
        raise UsageError("expected --delete NAME", hint="See `mlm tag --help`.")
    if delete:
        found = workflow.delete(repo, name)
    elif name:
        found = workflow.make(repo, name, ref or "HEAD", force=force)
    else:
        found = workflow.listed(repo)
    render(ctx, found)


@app.command()
def checkout(
    ctx: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="REF", help=f"Where to go: {REFS}")] = "HEAD",
    make: Annotated[str, typer.Option("--branch", "-b", metavar="NAME", help="Make this branch there.")] = "",
) -> None:
    """Go to a branch or a commit: files, index and HEAD. Changes of one's own are never overwritten.

    Example: `mlm checkout -b experiment`
    """
    from mlm.workflows import checkout as workflow

    session: Session = ctx.obj
    render(ctx, workflow.checkout(session.repo, ref, make=make, progress=session.bytes_done))


def _inside(session: Session, paths: list[Path]) -> list[str]:
    """Paths from the project's root."""
    root = session.require_project
    return [inside(root, session.cwd / path) for path in paths]
