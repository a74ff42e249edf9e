"""`mlm serve`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mlm.cli.compute import Model
from mlm.cli.render import render

app = typer.Typer()


@app.command()
def serve(
    ctx: typer.Context,
    model: Model,
    free: Annotated[bool, typer.Option("--free", help="Let anybody call it for nothing.")] = False,
    price: Annotated[
        str | None,
        typer.Option(
            "--price", help="Tokens a call; default: the least that covers fee and use price.", show_default=False
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="The name in the server's paths; default: the model's.", show_default=False),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0: a free one.")] = 0,
) -> None:
    """Serve a model over HTTP by the Open Inference Protocol, paid by a voucher for each call, until you stop it.

    Ctrl-C or SIGTERM ends it once what was admitted is answered; a second one ends it at once. A server of a licensed
    asset ends by itself when you may serve it no longer.

    Example: `mlm serve alice/digits-mlp --price 0.5`
    """
    from mlm.cli import wiring_serve
    from mlm.core.money import parse_units
    from mlm.workflows import serve as workflow

    session = ctx.obj
    asked = None if price is None else parse_units(price)
    params = workflow.Serve(model, name, free, asked, session.config.get("serve.margin"))
    offer = workflow.prepare(session.ports, params)

    def tell(url: str) -> None:
        """At once, also into a pipe: whoever starts a server reads from it where it is."""
        render(ctx, workflow.described(offer, url))
        sys.stdout.flush()

    wiring_serve.run(session, offer, host, port, tell)
