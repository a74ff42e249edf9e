"""`mlm run` and `mlm prove`: on this machine, without a chain; a run also on a server that is paid for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlm.cli import remote_run
from mlm.cli.exchange import Redeem
from mlm.cli.render import render
from mlm.core.errors import UsageError

app = typer.Typer()
Model = Annotated[str, typer.Argument(help="An ONNX file, a project's folder, or a published asset.")]
Runnable = Annotated[
    str, typer.Argument(help="An ONNX file, a project's folder, a published asset, or a .wasm module.")
]
Input = Annotated[Path, typer.Argument(help="Tensors: .npz, .npy or .json.")]


@app.command()
def run(
    ctx: typer.Context,
    model: Runnable,
    input: Annotated[
        Path | None, typer.Argument(help="Tensors: .npz, .npy or .json. Of a WebAssembly module: any file.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the outputs: .npz, .npy, .json.")] = None,
    tee: Annotated[
        bool, typer.Option("--tee", help="Run in a trusted execution environment, and keep evidence of it.")
    ] = False,
    evidence: Annotated[
        Path | None,
        typer.Option(help="With --tee: where the evidence goes; default: beside the outputs, or run.tee."),
    ] = None,
    remote: Annotated[
        str | None, typer.Option(help="Pay a server of models for the run: http://HOST:PORT[/v2/models/NAME].")
    ] = None,
    max_price: Annotated[str | None, typer.Option(help="Tokens that a remote call may cost at most.")] = None,
    deposit: Annotated[str, typer.Option(help="Tokens that may be put into a channel to the server.")] = "0",
    channel: Annotated[str | None, typer.Option(help="The channel that pays; else one is found or opened.")] = None,
    keep: Annotated[
        Path | None, typer.Option(help="A folder for the evidence of the call: `mlm verify FILE.call`.")
    ] = None,
    give_up: Annotated[
        bool, typer.Option("--give-up", help="Forget calls that the server shows as served and never answered.")
    ] = False,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="With --remote: believe only what a payee's bond answers for (exact models)."),
    ] = False,
    redeem: Redeem = False,
) -> None:
    """Run a model on an input, or an algorithm (a WebAssembly module) on a file; or pay a server for it (--remote).

    Either may be a published asset. With --remote the model is the published asset that must be served; the input alone
    takes whatever is. With --tee the evidence is a file that `mlm verify FILE.tee` checks; a machine without an enclave
    simulates one on a devnet, and says so.

    Example: `mlm run model.onnx samples/digit.npy`
    """
    from mlm.workflows import run as workflow

    if evidence is not None and not tee:
        raise UsageError("--evidence goes with --tee, which is not given", hint="A remote call has --keep.")
    if remote is not None:
        if tee:
            raise UsageError("--tee and --remote exclude each other: the enclave is this machine's")
        if redeem:
            raise UsageError("--redeem and --remote exclude each other: a server's calls are paid by vouchers")
        asset, file = (None, Path(model)) if input is None else (model, input)
        wanted = remote_run.wanted(ctx.obj, remote, max_price, deposit, channel, asset, exact=exact)
        remote_run.run(ctx, wanted, file, output, keep, give_up)
        return
    if input is None:
        raise UsageError("expected MODEL and INPUT, found one of them", hint="See `mlm run --help`.")
    paying = max_price is not None or channel is not None or keep is not None or give_up or deposit != "0" or exact
    if ctx.obj.dry_run or paying:
        raise UsageError("what is about paying goes with --remote, which is not given", hint="See `mlm run --help`.")
    if tee:
        _enclosed(ctx, model, input, output, evidence, redeem)
        return
    render(ctx, workflow.run(ctx.obj.ports, model, input, output, redeem=redeem))


def _enclosed(
    ctx: typer.Context, model: str, input: Path, output: Path | None, evidence: Path | None, redeem: bool
) -> None:
    from mlm.workflows import run_enclosed

    render(ctx, run_enclosed.run(ctx.obj.ports, model, input, output, evidence, redeem=redeem))


@app.command()
def prove(
    ctx: typer.Context,
    model: Model,
    input: Input,
    output: Annotated[Path, typer.Option("--output", "-o", help="The proof file.")] = Path("proof.json"),
    calibration: Annotated[Path | None, typer.Option(help="Real inputs to derive the circuit's scales from.")] = None,
) -> None:
    """Prove one execution of a model, and verify the proof.

    Example: `mlm prove . samples/digit.npy -o proof.json`
    """
    from mlm.workflows import prove as workflow

    render(ctx, workflow.prove(ctx.obj.ports, model, input, output, calibration))
