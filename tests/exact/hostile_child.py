"""A child of ConfinedExact that was taken over: its model's first line says what it answers instead of the truth."""

from __future__ import annotations

import os
from pathlib import Path

from mlm.adapters import confine
from mlm.adapters.confine import Answer, Request
from mlm.adapters.exact import child


def answer(step: str, request: Request) -> Answer:
    """As the honest one, but for the lie that the model's first line names."""
    model = Path(child.MODEL).read_bytes()
    lie, _, onnx = model.partition(b"\n")
    Path(child.MODEL).write_bytes(onnx)
    try:
        said = child.answer(step, request)
    finally:
        Path(child.MODEL).write_bytes(model)
    match lie.decode(), request["task"]:
        case "another graph", "read":
            return {"description": "AAAA"}
        case "no description", "read":
            return {}
        case "other parameters", "read" if request["parameters"]:
            Path(child.PARAMETERS).write_bytes(bytes(Path(child.PARAMETERS).stat().st_size))
        case "a root less", "run":
            said["roots"].pop()
        case "roots that are short", "run":
            said["roots"][0] = "00"
        case "roots of nothing", "run":
            said["roots"] = None
        case "another trace", "run":
            said["roots"] = ["11" * 32 for _ in said["roots"]]
        case "a trace cut short", "run":
            Path(child.TRACE).write_bytes(b"\0")
        case "no outputs", "run":
            Path(child.OUTPUTS).unlink()
        case "a link for outputs", "run":
            Path(child.OUTPUTS).unlink()
            Path(child.OUTPUTS).symlink_to("/etc/passwd")
        case "silence", "run":
            os._exit(0)
    return said


if __name__ == "__main__":
    confine.serve(answer, modules=lambda step: child.MODULES)
