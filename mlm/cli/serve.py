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
    name: Annotated[
        str | None, typer.Option("--name", help="The name in the server's paths; default: the model's.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0: a free one.")] = 0,
) -> None:
    """Serve a model over HTTP by the Open Inference Protocol, until you stop it.

    Ctrl-C or SIGTERM ends it once what was admitted is answered; a second one ends it at once.

    Example: `mlm serve model.onnx --free`
    """
    from mlm.adapters.serving import run as server
    from mlm.adapters.serving.app import Free
    from mlm.cli import wiring_serve
    from mlm.workflows import serve as workflow

    session = ctx.obj
    offer = workflow.prepare(session.ports, workflow.Serve(model, name, free))
    desk = wiring_serve.desk(session, offer, Free(), wiring_serve.folder(session, offer.service.name))
    listening = server.listen(host, port)

    def started() -> None:
        render(ctx, workflow.described(offer, server.url(listening)))
        sys.stdout.flush()

    server.run(desk, listening, started=started)
