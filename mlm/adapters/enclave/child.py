"""`python -m mlm.adapters.enclave.child`: what runs inside an enclave, and inside the simulated one.

It loads the model and the input of the working folder, digests what it loaded itself, runs it, and says so in the
report data. What it was meant to load, nobody has told it: a provider that gives it something else is found out.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes

from mlm.adapters import confine
from mlm.adapters.confine import Answer, Request
from mlm.adapters.onnx.run import OnnxRunner
from mlm.adapters.onnx.tensors import NumpyTensorCodec
from mlm.core.errors import MlmError
from mlm.core.tee import Task

MODEL, INPUT, OUTPUT, QUOTE, COLLATERAL = "model.onnx", "input.block", "output.block", "quote", "collateral.json"
RUN, SIMULATE = "run", "simulate"
_BEFORE = timedelta(days=1)  # the collateral is valid for whoever's clock is a little behind


def task_of(request: Request) -> Task:
    """The task in a request."""
    salts = (bytes.fromhex(request[name]) for name in ("input_salt", "output_salt"))
    return Task(
        request["chain_id"], *(request[name] for name in ("market", "job_id", "version_id", "provider")), *salts
    )


def answer(step: str, request: Request) -> Answer:
    """Run, and in the simulated enclave sign. Raises InvalidData, ToolMissing; MemoryError when that was the reason."""
    try:
        onnx, block = Path(MODEL).read_bytes(), Path(INPUT).read_bytes()
        codec = NumpyTensorCodec()
        ran = OnnxRunner(provider="cpu", threads=request["threads"]).run(onnx, codec.from_block(block))
        outputs = codec.to_block(ran.outputs)
    except MlmError as error:
        if confine.out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise
    Path(OUTPUT).write_bytes(outputs)
    said = task_of(request).statement(sha256(onnx).digest(), block, outputs)
    if step == SIMULATE:
        quote, collateral = simulated(request, said.report_data)
        Path(QUOTE).write_bytes(quote)
        Path(COLLATERAL).write_bytes(collateral)
    parts = {name: getattr(said, name).hex() for name in ("model", "input_commitment", "output_commitment")}
    return {**parts, "provider": ran.provider, "seconds": ran.seconds}


def simulated(request: Request, data: bytes) -> tuple[bytes, bytes]:
    """A quote of these report data and its collateral, as hardware would, but by a vendor that there is not."""
    from mlm.adapters.attestation.vendor import Enclave, Vendor

    enclave = Enclave(
        request["kind"], {name: bytes.fromhex(value) for name, value in request["registers"].items()}, request["debug"]
    )
    issued = datetime.fromtimestamp(request["at"], UTC) - _BEFORE
    vendor = Vendor(issued, request["status"], tuple(request["advisories"]))
    # As hardware's, whose signatures are random: a run made again gives another quote.
    return vendor.quote(enclave, data, token_bytes(20)), vendor.collateral(enclave.kind)


_RUNNING = ("zipfile", "numpy", "sha3", "onnx", "mlm.adapters.onnx.inspect", "onnxruntime")
MODULES = {RUN: _RUNNING, SIMULATE: (*_RUNNING, "mlm.adapters.attestation.vendor")}

if __name__ == "__main__":
    confine.serve(answer, modules=MODULES.__getitem__)
