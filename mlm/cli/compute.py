"""`mlm run` and `mlm prove`: on this machine, without a chain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlm.cli.render import render

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
    input: Annotated[Path, typer.Argument(help="Tensors: .npz, .npy or .json. Of a WebAssembly module: any file.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the outputs: .npz, .npy, .json.")] = None,
) -> None:
    """Run a model on an input, or an algorithm (a WebAssembly module) on a file; either may be a published asset.

    Example: `mlm run model.onnx samples/digit.npy`
    """
    from mlm.workflows import run as workflow

    render(ctx, workflow.run(ctx.obj.ports, model, input, output))


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
