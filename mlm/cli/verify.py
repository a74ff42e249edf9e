"""`mlm verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlm.cli.render import render
from mlm.core.errors import VerificationFailed

app = typer.Typer()


@app.command()
def verify(
    ctx: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            help="job/ID, handle/name[@version], a proof or .call file; with --signature also HEAD, heads/…, tags/… "
            "or a commit."
        ),
    ],
    model: Annotated[
        str | None, typer.Option(help="The model a proof or .call file is of: an ONNX file, folder or asset.")
    ] = None,
    signature: Annotated[
        Path | None, typer.Option(help="An OpenSSF model signature, to be held against the target's files.")
    ] = None,
    public_key: Annotated[Path | None, typer.Option(help="PEM file of the signer's public key.")] = None,
) -> None:
    """Make every check that anybody can make of a job, an asset or a proof. Exit 1 when one fails. Never sends.

    Example: `mlm verify job/JOB --json`
    """
    from mlm.workflows import verify as workflow

    if signature is None and public_key is None:
        found = workflow.verify(ctx.obj.ports, target, model_name=model)
    else:
        found = workflow.verify_signature(ctx.obj.ports, target, signature, public_key)
    render(ctx, found)
    if found.verified:
        return
    if ctx.obj.json:  # the value names the checks that failed
        raise typer.Exit(VerificationFailed.exit_code)
    failed = [check for check in found.checks if check.passed is False]
    raise VerificationFailed(
        f"{found.target}: {len(failed)} of {len(found.checks)} checks failed: {failed[0].check}: {failed[0].found}"
    )
