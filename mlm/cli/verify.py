"""`mlm verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlm.cli.render import render
from mlm.core.clock import LAST
from mlm.core.errors import UsageError, VerificationFailed

app = typer.Typer()


@app.command()
def verify(
    ctx: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(
            help="job/ID, handle/name[@version], a proof, .call or .tee file; with --signature also HEAD, heads/…, "
            "tags/… or a commit. With --quote nothing."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The model a proof, .call or .tee file is of: an ONNX file, folder or asset.")
    ] = None,
    signature: Annotated[
        Path | None, typer.Option(help="An OpenSSF model signature, to be held against the target's files.")
    ] = None,
    public_key: Annotated[Path | None, typer.Option(help="PEM file of the signer's public key.")] = None,
    quote: Annotated[
        Path | None,
        typer.Option(
            help="Evidence of trusted hardware, as bytes: a DCAP quote of Intel SGX or TDX, an attestation report of "
            "AMD SEV-SNP or an attestation document of AWS Nitro Enclaves."
        ),
    ] = None,
    collateral: Annotated[
        Path | None,
        typer.Option(help="JSON file of what Intel or AMD says of the quote's platform. Nitro needs none."),
    ] = None,
    at: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=LAST,
            help="When it must be valid, Unix seconds; default: of a quote now, of a .tee file the time that it names.",
        ),
    ] = None,
    measurement: Annotated[
        list[str] | None, typer.Option(help="NAME=HEX: what the quote may measure; of a name several may be given.")
    ] = None,
    report_data: Annotated[str | None, typer.Option(help="HEX: what the enclave must have signed.")] = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="The quote is of the simulated vendor, whose keys everybody knows.")
    ] = False,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Of a job of the tier none: run it here too, and say whether its outputs differ by more. Advice.",
        ),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="TOML file of what is demanded besides: docs/trust.md lists the keys.")
    ] = None,
) -> None:
    """Make every check that anybody can make of a job, an asset, a proof or a quote. Exit 1 when one fails.

    Each says by whom it is guaranteed, and the whole what it costs to cheat. Never sends.

    Example: `mlm verify job/JOB --json`
    """
    from mlm.workflows import verify as workflow
    from mlm.workflows import verify_policy

    demands = verify_policy.read(ctx.obj.ports, policy)
    quoted = (quote, collateral, measurement, report_data, simulated or None)
    if any(each is not None for each in quoted):
        from mlm.workflows.verify_quote import Quoted, verify_quote

        others = (target, model, signature, public_key, tolerance)
        if quote is None or any(each is not None for each in others):
            raise UsageError("--quote FILE and --collateral FILE go together, without a target or its options")
        status = ctx.obj.config.get("tee.status")
        asked = Quoted(quote, collateral, at, status, tuple(measurement or ()), report_data, simulated)
        found = verify_quote(ctx.obj.ports, asked)
    elif target is None:
        raise UsageError("expected what is to be verified, found nothing", hint="`mlm verify --help` says what can be.")
    elif signature is None and public_key is None:
        from mlm.cli.wiring_tee import is_devnet

        status = ctx.obj.config.get("tee.status")
        found = workflow.verify(
            ctx.obj.ports,
            target,
            model_name=model,
            status=status,
            devnet=is_devnet(ctx.obj),
            tolerance=tolerance,
            at=at,
        )
    elif at is not None:
        raise UsageError("--at goes with --quote or a .tee file, found --signature")
    else:
        found = workflow.verify_signature(ctx.obj.ports, target, signature, public_key)
    found = verify_policy.held_to(demands, found)
    render(ctx, found)
    if found.verified:
        return
    if ctx.obj.json:  # the value names the checks that failed
        raise typer.Exit(VerificationFailed.exit_code)
    failed = [check for check in found.checks if check.passed is False]
    raise VerificationFailed(
        f"{found.target}: {len(failed)} of {len(found.checks)} checks failed: {failed[0].check}: {failed[0].found}"
    )
