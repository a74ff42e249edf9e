"""`mlm lower`: on this machine, without a chain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlm.cli.render import render
from mlm.core.errors import UsageError

app = typer.Typer()


@app.command()
def lower(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(help="An ONNX file, a project's folder, or a published asset.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The exact model's file.")] = Path("lowered.onnx"),
    profile: Annotated[
        str, typer.Option(help="What computes it: floats (ivf32) or 8-bit integers (qop-s8s8).")
    ] = "ivf32",
    calibration: Annotated[
        list[Path] | None,
        typer.Option(help="Real inputs, stacked, to choose scales by: .npz, .npy, .json. May be given again."),
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="Inputs to compare both models on; else a fourth of the calibration data.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="Classes of the test inputs: .json or .npy.")] = None,
    range: Annotated[str, typer.Option(help="LOW,HIGH of the inputs, where there is no calibration data.")] = "-1,1",
    shape: Annotated[
        list[str] | None, typer.Option(help="INPUT=1,3,48,192 for an input with free axes. May be given again.")
    ] = None,
    precise: Annotated[
        bool, typer.Option("--precise", help="Finer steps before padded windows, for a node more at each.")
    ] = False,
) -> None:
    """Turn a float model into whole numbers that everybody computes alike, as optimistic verification needs.

    Every operator's output becomes int8, in an ordinary ONNX file; the report says what that costs on data that did
    not choose its scales.

    Example: `mlm lower model.onnx --calibration samples/calibration.npy --test samples/images.npy -o lowered.onnx`

    Example: `mlm lower . --test samples/test-images.npy --labels samples/labels.json`
    """
    from mlm.workflows import lower as workflow

    params = workflow.Params(
        model=model,
        output=output,
        profile=profile,
        calibration=tuple(calibration or ()),
        test=test,
        labels=labels,
        range=_range(range),
        shapes=dict(map(_shape, shape or ())),
        precise=precise,
    )
    render(ctx, workflow.lower(ctx.obj.ports, params))


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(number) for number in text.split(","))
    except ValueError as error:
        raise UsageError(f"--range: expected LOW,HIGH, found {text!r}") from error
    if not low < high:
        raise UsageError(f"--range: expected LOW below HIGH, found {text!r}")
    return low, high


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, sizes = text.rpartition("=")
    try:
        shape = tuple(int(size) for size in sizes.split(","))
    except ValueError:
        shape = ()
    if not name or not shape or min(shape) < 1:
        raise UsageError(f"--shape: expected INPUT=SIZE,SIZE,…, found {text!r}")
    return name, shape
