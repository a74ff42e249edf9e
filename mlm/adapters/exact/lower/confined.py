"""ConfinedLowerer: the Lowerer port in a child process. A model comes from anybody: what reads it may hang or crash."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from mlm.adapters import confine
from mlm.adapters.confine import Answer, Limits
from mlm.adapters.disk import storage_errors
from mlm.adapters.onnx.run import NO_TELEMETRY
from mlm.adapters.onnx.tensors import write_numbered
from mlm.core.errors import ModelStopped
from mlm.core.tensors import MAX_BYTES
from mlm.ports.lowering import PROFILES, Clipped, Layer, Lowered, Report, Samples

_LOWERING = "lowering the model"


class ConfinedLowerer:
    """Each call runs in a process of its own, in a private folder under `folder`; `limits` are those of Limits."""

    def __init__(self, *, folder: Path, **limits: Any) -> None:
        self._folder = folder.absolute()
        self._limits = Limits(**limits)
        self._worker = confine.Worker(
            "mlm.adapters.exact.lower.child", "runner", ModelStopped, MAX_BYTES, environment=dict([NO_TELEMETRY])
        )

    def lower(self, onnx: bytes, samples: Samples, *, precise: bool = False, profile: str = PROFILES[0]) -> Lowered:
        with storage_errors("the folder for lowering cannot be written"):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder = confine.private_folder(self._folder)
        try:
            with storage_errors("the model or its data cannot be written"):
                (folder / "model.onnx").write_bytes(onnx)
                names = {
                    name: write_numbered(folder / f"{name}.npz", tensors) if tensors else []
                    for name, tensors in (("calibration", samples.calibration), ("test", samples.test))
                }
            request = {
                **names,
                "precise": precise,
                "profile": profile,
                "labels": list(samples.labels),
                "low": samples.low,
                "high": samples.high,
                "shapes": {name: list(shape) for name, shape in samples.shapes.items()},
            }
            answer = confine.ask(self._worker, "lower", request, what=_LOWERING, folder=folder, limits=self._limits)
            file = confine.read_file(folder / "lowered.onnx", MAX_BYTES, ModelStopped, _LOWERING)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        try:
            return Lowered(file, bytes.fromhex(answer["key"]), _report(answer["report"]))
        except (KeyError, TypeError, ValueError) as error:  # a child that was taken over may answer anything
            raise ModelStopped(f"{_LOWERING} gave an answer that cannot be read") from error


def _report(answer: Answer) -> Report:
    tables = {
        "worst": tuple(Layer(**each) for each in answer["worst"]),
        "clipped": tuple(Clipped(**each) for each in answer["clipped"]),
    }
    return Report(**{**answer, **tables})
