"""`mlm gateway`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mlm.cli.render import render

if TYPE_CHECKING:
    from mlm.core.shelf import Shelf
    from mlm.workflows.gateway import Shelved

app = typer.Typer(help="Give blocks of this machine to others over HTTP, sealed ones to licence holders only.")


@app.callback()
def gateway() -> None:
    """A group of its own, however few commands it has."""


@app.command()
def run(
    ctx: typer.Context,
    assets: Annotated[
        list[str] | None, typer.Argument(metavar="[ASSET]...", help="handle/name; none: all that the account owns.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0: a free one.")] = 0,
    origin: Annotated[
        str | None,
        typer.Option("--origin", metavar="URL", help="The URL under which readers know it; default: where it listens."),
    ] = None,
) -> None:
    """Answer for blocks as a trustless IPFS gateway, until you stop it.

    Blocks of open assets are everybody's, those of a licensed asset's sealed file its licence holders'.

    Example: `mlm gateway run alice/digits-mlp --port 8080`
    """
    from mlm.cli import wiring_gateway
    from mlm.workflows import gateway as workflow

    def tell(url: str, known_as: str, versions: tuple[Shelved, ...], shelf: Shelf) -> None:
        """At once, also into a pipe: whoever starts a server reads from it where it is."""
        render(ctx, workflow.offered(url, known_as, versions, shelf))
        sys.stdout.flush()

    wiring_gateway.run(ctx.obj, tuple(assets or ()), host, port, origin, tell)
