"""`mlm init`, `add`, `status`, `commit`, `log`, `show`: the local history."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlm.cli.render import render
from mlm.core.errors import NotFound, UsageError

if TYPE_CHECKING:
    from mlm.cli.context import Session
    from mlm.ports.repo import Repo

app = typer.Typer(help="Local history.")
Ref = Annotated[
    str, typer.Argument(metavar="REF", help="HEAD, a branch, a tag, a commit's CID or a prefix; ~N steps back.")
]


@app.command()
def init(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="The project's folder; made if it is not there.")] = Path("."),
    template: Annotated[
        str | None, typer.Option(metavar="NAME", help="Start from this template, such as digits-mlp.")
    ] = None,
    kind: Annotated[str, typer.Option(metavar="KIND", help="model, dataset, algorithm or pipeline; none: model.")] = "",
) -> None:
    """Start a project: a repository in .mlm, and mlm.toml, or a template's files.

    Example: `mlm init digits --template digits-mlp`
    """
    from mlm.cli import wiring, wiring_remotes
    from mlm.workflows import init as workflow

    if kind and template:
        raise UsageError("expected --template or --kind, found both: a template says what it is")

    source = None if template is None else wiring.folder(_template(template))
    folder = (ctx.obj.cwd / path).absolute()
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"expected a folder, {folder} is a file")
    wiring_remotes.check_private(ctx.obj, folder)
    folder.mkdir(parents=True, exist_ok=True)
    name = workflow.asset_name(folder.name)
    models = sorted(file.name for file in folder.glob("*.onnx"))
    repo, origin = wiring_remotes.clone_into(ctx.obj, folder)
    begun = origin.read()
    render(ctx, workflow.init(repo, name, source, template, kind=kind or "model", origin=begun, models=models))


@app.command()
def add(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files and folders; deletions below them too.")],
) -> None:
    """Stage files for the next commit.

    Example: `mlm add .`
    """
    from mlm.workflows import add as workflow

    session: Session = ctx.obj
    root = session.require_project
    chosen = [inside(root, session.cwd / path) for path in paths]
    render(ctx, workflow.add(_repo(session), chosen, session.bytes_done))


@app.command()
def status(ctx: typer.Context) -> None:
    """Show what is staged, modified and untracked. Unchanged files are not read.

    Example: `mlm status`
    """
    from mlm.workflows import status as workflow

    render(ctx, workflow.status(_repo(ctx.obj), ctx.obj.bytes_done))


@app.command()
def commit(
    ctx: typer.Context,
    message: Annotated[str, typer.Option("--message", "-m", help="What changed, and why.")],
    author: Annotated[str, typer.Option(help="Whose work it is; else user.name, else the account's name.")] = "",
) -> None:
    """Record the staged files as a content-addressed commit with its manifest.

    Example: `mlm commit -m "first model"`
    """
    from mlm.cli.execute import perform
    from mlm.workflows import commit as workflow

    perform(ctx, workflow.OPERATION, workflow.CommitParams(message, author_of(ctx.obj, author)))


@app.command()
def log(
    ctx: typer.Context,
    refs: Annotated[
        list[str] | None, typer.Argument(metavar="[REF]…", help="Where to begin; HEAD if none is named.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many commits.")] = 100,
    graph: Annotated[bool, typer.Option("--graph", help="Draw the lines of descent, parents below.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="From every branch and tag, remote ones too.")] = False,
    oneline: Annotated[bool, typer.Option("--oneline", help="One line a commit, without author and time.")] = False,
    path: Annotated[Path | None, typer.Option(help="Only commits that change this file or folder.")] = None,
) -> None:
    """List commits, newest first.

    Example: `mlm log -n 10 --graph`
    """
    from mlm.workflows import log as workflow

    session: Session = ctx.obj
    chosen = "" if path is None else inside(session.require_project, session.cwd / path)
    options = {"everything": everything, "graph": graph, "oneline": oneline}
    found = workflow.log(_repo(session), refs or (), limit, **options, path=chosen)
    whole = session.json or not (graph or oneline)
    render(ctx, found if whole else workflow.Drawing(found.graph, found.more) if graph else workflow.lines(found))


@app.command()
def show(
    ctx: typer.Context,
    ref: Ref = "HEAD",
    croissant: Annotated[bool, typer.Option("--croissant", help="Print a dataset's Croissant (JSON-LD).")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="With REF:PATH: write the file there.")] = None,
) -> None:
    """Show a commit with its manifest, or a manifest by its CID; REF:PATH prints a file of it.

    Example: `mlm show HEAD`
    """
    from mlm.workflows import show as workflow

    if ":" in ref:
        _content(ctx, ref, output)
    elif output is not None:
        raise UsageError("expected REF:PATH with --output", hint="mlm show HEAD:README.md -o README.old")
    elif croissant:
        found = workflow.croissant(_repo(ctx.obj), ref)
        render(ctx, found if ctx.obj.json else found.text)
    else:
        render(ctx, workflow.show(_repo(ctx.obj), ref))


def _content(ctx: typer.Context, text: str, output: Path | None) -> None:
    """A file of a commit to stdout or a file; never what could break a terminal."""
    from mlm.workflows import show as workflow

    session: Session = ctx.obj
    ref, _, path = text.partition(":")
    found, pieces = workflow.content(_repo(session), ref or "HEAD", path)
    if output is not None:
        session.ports.files.write_pieces(session.cwd / output, pieces)
        render(ctx, replace(found, output=str(output)))
    elif session.json:
        raise UsageError("expected --output with --json: a file's bytes are no JSON", hint=f"mlm show {text} -o FILE")
    else:
        if sys.stdout.isatty():
            pieces = iter([workflow.text(found, pieces)])
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.flush()


def author_of(session: Session, author: str) -> str:
    """Whose work a commit is: who was named, or whom the settings name."""
    from mlm.workflows.commit import ANONYMOUS

    return author or session.config.get("user.name") or session.config.get("account") or ANONYMOUS


def _repo(session: Session) -> Repo:
    from mlm.cli import wiring

    return wiring.repo(session)


def _template(name: str) -> Path:
    """The folder of a shipped template; raises NotFound naming those that there are."""
    from mlm import resources

    folder = resources.path("templates")
    names = sorted(entry.name for entry in folder.iterdir() if (entry / "mlm.toml").is_file())
    if name not in names:
        raise NotFound(f"no template {name!r}", hint=f"There are: {', '.join(names) or 'none'}.")
    return folder / name


def inside(root: Path, path: Path) -> str:
    """A path from the project's root, with "/"; links are not resolved, but for those above the root."""
    absolute = Path(os.path.abspath(path))
    for base, found in ((root, absolute), (root.resolve(), absolute.parent.resolve() / absolute.name)):
        if found.is_relative_to(base):
            relative = found.relative_to(base).as_posix()
            return "" if relative == "." else relative
    raise UsageError(f"{path} lies outside the project {root}")
