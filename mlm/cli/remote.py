"""`mlm remote`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlm.cli.render import render

if TYPE_CHECKING:
    from mlm.cli.context import Session
    from mlm.core.remote_settings import Remote as Settled
    from mlm.ports.settings import Settings

app = typer.Typer(help="Choose where blocks are exchanged with others.")


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the remotes, the default first; nothing is asked of them.

    Example: `mlm remote list`
    """
    from mlm.workflows import remote as workflow

    render(ctx, workflow.entries(ctx.obj.ports.remotes))


@app.command()
def add(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name of a-z, 0-9 and -; `origin` is the one that is pushed to.")
    ],
    url: Annotated[str, typer.Argument(metavar="URL", help="A folder, or an http(s) URL.")],
    kind: Annotated[
        str, typer.Option(help="folder, http, kubo, gateway or pinning; none: folder, or http for a URL.")
    ] = "",
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="The file whose first line is sent as a bearer token.")
    ] = None,
    token_env: Annotated[
        str, typer.Option("--token-env", help="The environment variable whose value is sent as a bearer token.")
    ] = "",
) -> None:
    """Name a remote: a folder, a folder behind a web server, a kubo node's RPC, a trustless gateway, a pinning service.

    It goes into MLM_HOME/config.toml; web servers and gateways, whose URLs hold no path, query or user, into the
    project's mlm.toml, which is published. A remote that a project's file names is used once you have added it.

    Example: `mlm remote add shared ../shared`
    """
    from mlm.cli import wiring
    from mlm.cli.wiring_remotes import trust
    from mlm.workflows import remote as workflow

    session: Session = ctx.obj
    web = "://" in url
    # Absolute, as the file that will name it may lie anywhere; an untidy path would not be recognised again.
    wanted = {"url": url if web else str((session.cwd / url).resolve())}
    wanted |= {"kind": kind} if kind else {}
    wanted |= {"token_file": str((session.cwd / token_file).resolve())} if token_file else {}
    wanted |= {"token_env": token_env} if token_env else {}
    known = dict(session.config.remotes)

    def settings(private: bool) -> Settings:
        return wiring.settings(session, private)

    def trusting(found: Settled) -> None:
        trust(session, found)

    render(ctx, workflow.add(settings, trusting, wanted, name, known, str(session.cwd)))
    session.forget()


@app.command()
def remove(ctx: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME", help="A remote's name.")]) -> None:
    """Forget a remote, and its branches as they were last seen; what it holds stays there.

    Example: `mlm remote remove shared`
    """
    from mlm.cli import wiring
    from mlm.workflows import remote as workflow

    session: Session = ctx.obj

    def settings(origin: str) -> Settings:
        return wiring.settings(session, private=origin == str(session.home / "config.toml"))

    refs = session.repo.refs if session.project else None
    render(ctx, workflow.remove(settings, name, dict(session.config.remotes), refs))
    session.forget()
