"""`mlm sign`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlm.cli.render import render

app = typer.Typer()


@app.command()
def sign(
    ctx: typer.Context,
    key: Annotated[Path, typer.Option(help="PEM file of an elliptic-curve key (P-256, P-384, P-521).")],
    ref: Annotated[str, typer.Argument(metavar="REF", help="HEAD, a branch, a tag or a commit's CID.")] = "HEAD",
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the signature goes.")] = Path("model.sig"),
) -> None:
    """Sign a commit's files in OpenSSF's format, which `mlm verify --signature` and the tool model_signing verify.

    Example: `mlm sign --key key.pem -o model.sig`
    """
    from mlm.workflows import sign as workflow

    render(ctx, workflow.sign(ctx.obj.ports, ref, key, output, lambda: ctx.obj.password(str(key))))
