"""`python -m mlm.adapters.wasm.child`: runs the module of the working folder, under limits set before."""

from __future__ import annotations

from pathlib import Path

from mlm.adapters import confine
from mlm.adapters.confine import Answer, Request
from mlm.core.errors import MlmError

MODULE, INPUT, OUTPUT = "module.wasm", "input", "output"


def answer(step: str, request: Request) -> Answer:
    """What the run used; the output is a file. Raises InvalidData, and MemoryError when that was the reason."""
    from mlm.adapters.wasm import engine

    module, data = Path(MODULE).read_bytes(), Path(INPUT).read_bytes()
    try:
        ran = engine.run(module, data, fuel=request["fuel"], memory_bytes=request["memory_bytes"])
    except MlmError as error:
        if confine.out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise
    Path(OUTPUT).write_bytes(ran.output)
    return {"fuel": ran.fuel, "seconds": ran.seconds}


if __name__ == "__main__":
    confine.serve(answer, modules=lambda step: ("mlm.adapters.wasm.engine", "wasmtime"))
