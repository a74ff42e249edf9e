"""`mlm spdx`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlm.cli.render import render

app = typer.Typer()


@app.command()
def spdx(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORD]…", help="Words of a licence's name; none: the table.")
    ] = None,
) -> None:
    """Find the SPDX identifier of a licence, and what the common licences of models and data allow. No legal advice.

    Example: `mlm spdx llama`
    """
    from mlm.workflows import spdx as workflow

    render(ctx, workflow.licences(" ".join(words or ())))
