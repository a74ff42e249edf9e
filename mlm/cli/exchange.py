"""`mlm push`, `fetch`, `pull`, `clone`, `download`: the history and its files between here and the remotes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlm.cli.render import render
from mlm.core.errors import UsageError

if TYPE_CHECKING:
    from mlm.cli.context import Session

app = typer.Typer(help="Exchange with others.")
Asset = Annotated[
    str, typer.Argument(metavar="ASSET", help="handle/name, handle/name@version, asset/ID, CID or mlm:// link.")
]
Remote = Annotated[
    str,
    typer.Argument(
        metavar="REMOTE", help="A name of `mlm remote list`; none: where it was cloned from, else the default."
    ),
]
From = Annotated[
    str, typer.Option("--from", metavar="REMOTE", help="ASSET is the name of a repository on this remote; no chain.")
]

Redeem = Annotated[bool, typer.Option("--redeem", help="Licensed per use: use up a unit for this, where one is held.")]


@app.command()
def push(
    ctx: typer.Context,
    ref: Annotated[
        str, typer.Argument(metavar="REF", help="A branch, tag, commit or manifest; none: the current branch.")
    ] = "",
    remote: Annotated[
        str, typer.Argument(metavar="REMOTE", help="A name of `mlm remote list` that takes blocks; none: the default.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", "-f", help="Move the remote's branch even backwards.")] = False,
    unencrypted: Annotated[
        bool,
        typer.Option(
            "--unencrypted", help="Push an asset whose access is not open: readers get its files as they are."
        ),
    ] = False,
) -> None:
    """Send a branch and all it stands on to a remote, which keeps and pins it. Only missing blocks travel.

    A folder remote keeps branches and tags: its branch moves forward only. A kubo node pins the commit. A pinning
    service is told the CID, and fetches the blocks from the IPFS network.

    Example: `mlm push main shared`
    """
    from mlm.workflows import push as workflow

    ctx.obj.require_project  # noqa: B018 - it raises outside a project
    render(ctx, workflow.push(ctx.obj.ports, ref, remote, force=force, unencrypted=unencrypted))


@app.command()
def fetch(ctx: typer.Context, remote: Remote = "") -> None:
    """Bring branches and tags of a remote; or, in a clone of a published asset, its new versions. No file changes.

    Example: `mlm fetch`
    """
    from mlm.workflows import fetch as workflow

    render(ctx, workflow.fetch(ctx.obj.ports, remote, max_bytes=_limit(ctx.obj)))


@app.command()
def pull(ctx: typer.Context, remote: Remote = "") -> None:
    """Fetch, then move the current branch and its files forward. Nothing is merged.

    Example: `mlm pull`
    """
    from mlm.workflows import pull as workflow

    render(ctx, workflow.pull(ctx.obj.ports, remote, max_bytes=_limit(ctx.obj)))


@app.command()
def clone(
    ctx: typer.Context,
    asset: Asset,
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="An empty or new folder; none: by name.")] = None,
    remote: From = "",
    redeem: Redeem = False,
) -> None:
    """Make a project from a published asset, with its history; killed, the same command goes on from there.

    The chain says which manifest it is; the blocks come from any remote, and each is checked.

    Example: `mlm clone alice/digits-mlp digits`
    """
    from mlm.cli import wiring_remotes
    from mlm.workflows import clone as workflow

    session: Session = ctx.obj
    found = workflow.find(session.ports, asset, remote)
    if folder is None and found.folder.startswith("."):
        # Somebody else chose the name: it shall be no .git or .ssh of this folder.
        raise UsageError(f"expected a name for the folder, the asset is called {found.folder}", hint="Give DIR.")
    target = session.cwd / (folder or found.folder)
    repo, origin = wiring_remotes.clone_into(session, target)
    limit = _limit(session)
    render(ctx, workflow.clone(session.ports, found, repo, origin, str(target), max_bytes=limit, redeem=redeem))


@app.command()
def download(
    ctx: typer.Context,
    asset: Asset,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="An empty or new folder.")],
    remote: From = "",
    redeem: Redeem = False,
) -> None:
    """Write the files of a published asset into a folder, whole or not at all, without history.

    Killed, the same command goes on from the blocks that have come.

    Example: `mlm download alice/digits-mlp -o digits`
    """
    from mlm.cli import wiring_remotes
    from mlm.workflows import clone as workflow

    session: Session = ctx.obj
    found = workflow.find(session.ports, asset, remote)
    target = session.cwd / output
    with wiring_remotes.downloads(session, target, found.origin) as objects:
        limit = _limit(session)
        render(ctx, workflow.download(session.ports, found, objects, target, max_bytes=limit, redeem=redeem))


def _limit(session: Session) -> int:
    """Bytes that may be received at a time."""
    return int(session.config.get("remote.max_gb") * 10**9)
