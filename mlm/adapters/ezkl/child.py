"""`python -m mlm.adapters.ezkl.child`: one step of ezkl, in the working folder. The only file that imports ezkl.

Limits are set before the import.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm.adapters import confine
from mlm.adapters.confine import Request
from mlm.adapters.extras import unavailable
from mlm.adapters.ezkl.settings import EZKL_VERSION
from mlm.adapters.onnx.tensors import read_numbered
from mlm.core.errors import InvalidData, MlmError, ProverError, ToolMissing, VerificationFailed

if TYPE_CHECKING:
    import numpy as np

    from mlm.ports.runner import ModelInfo

# Settings that follow from the model and the run arguments alone: recomputed, so that a manifest cannot lie about them.
DERIVED = ("model_input_scales", "model_output_scales", "model_instance_shapes", "module_sizes", "input_types",
           "output_types", "num_rows", "version")  # fmt: skip


_SRS = "[srs]"  # in ezkl's errors: its own mark


def call(what: str, function: Callable[..., Any], *args: Any) -> Any:
    """Call ezkl; its RuntimeErrors become a ProverError of one line that begins with `what`."""
    try:
        result = function(*args)
    except (RuntimeError, ValueError, OverflowError) as error:
        if _SRS in str(error):
            raise InvalidData(f"expected an SRS, found a damaged file: {one_line(error)}") from error
        raise ProverError(f"{what}: {one_line(error)}") from error
    return result


def one_line(error: BaseException) -> str:
    """An error's text without line breaks, cut to 400 characters."""
    text = " ".join(str(error).split())
    return text[:400] or type(error).__name__


def no_circuit(info: ModelInfo) -> str:
    """ezkl often says no more than "synthesis error": one of these operators it does not know, or not in this use."""
    return f"ezkl cannot turn the model into a circuit (its operators: {', '.join(info.operators)})"


def checked_model(path: str, max_macs: int) -> ModelInfo:
    """Inspect the model and refuse what zk cannot do: too large, dynamic shapes, inputs that are not float32."""
    from mlm.adapters.onnx.inspect import inspect, load
    from mlm.adapters.onnx.macs import multiplications

    model = load(Path(path).read_bytes())
    info = inspect(model)
    count = multiplications(model)
    if count > max_macs:
        # Measured: 337k multiplications took 156 s and 6.3 GB on two cores; both grow linearly.
        raise InvalidData(
            f"the model needs {count:,} multiplications, zk proves at most {max_macs:,} here "
            f"(estimate: {count * 156 / 337_000:.0f} s and {count * 6.3 / 337_000:.0f} GB)",
            hint="Use a smaller model, or the optimistic tier.",
        )
    for spec in info.inputs:
        if spec.dtype != "float32" or not all(isinstance(axis, int) and axis > 0 for axis in spec.shape):
            raise InvalidData(
                f"input {spec.name!r} is {spec.dtype} {list(spec.shape)}; zk needs float32 with a fixed shape",
                hint="Export the model with a fixed batch size of 1.",
            )
    return info


def arrays(request: Request, specs: list[dict[str, Any]], *, batch: bool = False) -> list[np.ndarray]:
    """The request's tensors in the model's order, each of its declared shape (or, with `batch`, N of them stacked)."""
    given = read_numbered(Path(request["tensors"]).read_bytes(), request["names"])
    if sorted(given) != sorted(spec["name"] for spec in specs):
        raise InvalidData(f"expected the inputs {sorted(s['name'] for s in specs)}, found {sorted(given)}")
    out = []
    for spec in specs:
        value, shape = given[spec["name"]], tuple(spec["shape"])
        fits = value.shape == shape or (batch and value.shape[1:] == shape[1:] and shape[0] == 1 and len(value) > 0)
        if not fits:
            raise InvalidData(f"input {spec['name']!r}: expected shape {list(shape)}, found {list(value.shape)}")
        out.append(value)
    return out


def write_data(tensors: list[np.ndarray], path: str = "data.json") -> str:
    """Write tensors as ezkl reads them; returns the path."""
    Path(path).write_text(json.dumps({"input_data": [tensor.ravel().tolist() for tensor in tensors]}))
    return path


def run_args(ezkl: Any, values: dict[str, Any]) -> Any:
    """PyRunArgs of the recipe: `values` are its plain fields, the visibilities are fixed."""
    args = ezkl.PyRunArgs()
    args.input_visibility, args.output_visibility, args.param_visibility = "hashed", "public", "fixed"
    for name, value in values.items():
        setattr(args, name, tuple(value) if isinstance(value, list) else value)
    return args


def step_settings(ezkl: Any, request: Request) -> dict[str, Any]:
    """Make settings and calibrate them on a sample."""
    info = checked_model(request["onnx"], request["max_macs"])
    specs = [{"name": spec.name, "shape": list(spec.shape)} for spec in info.inputs]
    data = write_data(arrays(request, specs, batch=True))
    args = run_args(ezkl, request["run_args"])
    refused = no_circuit(info)
    call(refused, ezkl.gen_settings, request["onnx"], "settings.json", args)
    calibrate = lambda: ezkl.calibrate_settings(  # noqa: E731
        data, request["onnx"], "settings.json", "resources", scales=[request["scale"]]
    )
    call("calibration failed", calibrate)
    outputs = [spec.name for spec in info.outputs]
    return {"inputs": specs, "outputs": outputs, "ezkl": json.loads(Path("settings.json").read_bytes())}


def step_setup(ezkl: Any, request: Request) -> dict[str, Any]:
    """Compile, make both keys and the verifying key artefact, in the folder `out`."""
    info = checked_model(request["onnx"], request["max_macs"])
    declared = request["settings"]
    found = [{"name": spec.name, "shape": list(spec.shape)} for spec in info.inputs]
    if found != declared["inputs"] or [s.name for s in info.outputs] != [o["name"] for o in declared["outputs"]]:
        raise InvalidData("the settings name other inputs or outputs than the model has")
    out = Path(request["out"])
    settings = out / "settings.json"
    settings.write_text(json.dumps(declared["ezkl"], separators=(",", ":")))
    refused = no_circuit(info)
    call(refused, ezkl.gen_settings, request["onnx"], "again.json", run_args(ezkl, request["run_args"]))
    again = json.loads(Path("again.json").read_bytes())
    for name in DERIVED:
        if again.get(name) != declared["ezkl"].get(name):
            raise InvalidData(
                f"the settings do not belong to the model: {name} should be {json.dumps(again.get(name))[:120]}, "
                f"found {json.dumps(declared['ezkl'].get(name))[:120]}"
            )
    circuit, vk, pk = (str(out / name) for name in ("circuit", "vk", "pk"))
    call(refused, ezkl.compile_circuit, request["onnx"], circuit, str(settings))
    call("setup failed", ezkl.setup, circuit, vk, pk, request["srs"])

    import asyncio  # as long to load as numpy, and no other step needs it

    async def artefact() -> None:
        await ezkl.create_evm_vka(vk, str(settings), str(out / "vka.bin"), request["srs"])

    call("the verifying key artefact could not be made", asyncio.run, artefact())
    return {}


def hashes(ezkl: Any, tensors: list[np.ndarray], scales: list[int]) -> list[str]:
    """Poseidon of each quantised tensor, as 32 little-endian bytes in hex: the form of a proof's instances."""
    return [
        ezkl.poseidon_hash([ezkl.float_to_felt(value, scale) for value in tensor.ravel().tolist()])[0]
        for tensor, scale in zip(tensors, scales, strict=True)
    ]


def step_hash(ezkl: Any, request: Request) -> dict[str, Any]:
    """Hash the inputs."""
    declared = request["settings"]
    tensors = arrays(request, declared["inputs"])
    return {"hashes": call("hashing failed", hashes, ezkl, tensors, declared["ezkl"]["model_input_scales"])}


def step_prove(ezkl: Any, request: Request) -> dict[str, Any]:
    """Witness, proof, and a check of both: that it verifies, and that it hashes this input."""
    declared, folder, srs = request["settings"], Path(request["entry"]), request["srs"]
    tensors = arrays(request, declared["inputs"])
    circuit, vk, pk = (str(folder / name) for name in ("circuit", "vk", "pk"))
    call("the witness could not be made", ezkl.gen_witness, write_data(tensors), circuit, "witness.json", vk, srs)
    call("proving failed", ezkl.prove, "witness.json", circuit, pk, "proof.json", srs)
    # ezkl.prove does not check itself.
    settings, false = str(folder / "settings.json"), "the new proof does not verify"
    if not call(false, ezkl.verify, "proof.json", settings, vk, srs, False):
        raise ProverError(false)
    made = json.loads(Path("proof.json").read_bytes())
    instances = [value for column in made["instances"] for value in column]
    if instances[: len(tensors)] != hashes(ezkl, tensors, declared["ezkl"]["model_input_scales"]):
        raise ProverError("the proof's input hashes are not those of the input")
    return {"proof": bytes(made["proof"]).hex(), "instances": instances}


def step_verify(ezkl: Any, request: Request) -> dict[str, Any]:
    """Raises VerificationFailed with ezkl's reason."""
    folder = Path(request["entry"])
    unused = ("protocol", "hex_proof", "split", "pretty_public_inputs", "timestamp", "version")
    parts = {"instances": [request["instances"]], "proof": list(bytes.fromhex(request["proof"]))}
    Path("proof.json").write_text(json.dumps(parts | dict.fromkeys(unused)))
    try:
        true = ezkl.verify("proof.json", str(folder / "settings.json"), str(folder / "vk"), request["srs"], False)
    except RuntimeError as error:
        reason = one_line(error).removeprefix("Failed to run verify: ")
        raise VerificationFailed(f"the proof is false for this model, input and output: {reason}") from error
    if not true:
        raise VerificationFailed("the proof is false for this model, input and output")
    return {}


STEPS = {
    "settings": step_settings,
    "setup": step_setup,
    "hash": step_hash,
    "prove": step_prove,
    "verify": step_verify,
}


READ_A_MODEL = ("settings", "setup")
MODULES, READERS = ("zipfile", "numpy", "ezkl"), ("onnx", "mlm.adapters.onnx.inspect", "mlm.adapters.onnx.macs")


def modules(step: str) -> tuple[str, ...]:
    """What a step imports: all of it before the child is sealed, then nothing can be loaded."""
    looped = ("asyncio",) if step == "setup" else ()  # its parts in C are files of their own in some Pythons
    return (*MODULES, *looped, *(READERS if step in READ_A_MODEL else ()))


def answer(step: str, request: Request) -> dict[str, Any]:
    """The step's answer; raises MlmErrors, and what the parent reads in the log."""
    try:
        return STEPS[step](installed(step), request)
    except (MlmError, MemoryError, ImportError, KeyError):
        raise
    except BaseException as error:  # a Rust panic is a BaseException; this is the process's last frame
        raise ProverError(f"ezkl failed in step {step!r}: {one_line(error)}") from error


def installed(step: str) -> Any:
    """The module ezkl, of the one version whose keys mlm knows; raises ToolMissing.

    onnx is looked for only by the steps that read a model: a clear error before any work.
    """
    packages = f"'mlm[zk]' ezkl=={EZKL_VERSION}"  # there is none for Linux on ARM: `mlm doctor` says so
    for name in ("ezkl", "onnx") if step in READ_A_MODEL else ("ezkl",):
        try:
            import_module(name)
        except ImportError as error:
            if confine.out_of_memory(error):  # the parent says so
                raise
            raise unavailable("zk proofs", name, error, packages) from error
    if version("ezkl") != EZKL_VERSION:  # another one may derive other keys from the same settings
        hint = f"Run `pip install {packages}`."
        raise ToolMissing(f"zk proofs need ezkl {EZKL_VERSION}, found {version('ezkl')}", hint=hint)
    return import_module("ezkl")


if __name__ == "__main__":
    confine.serve(answer, modules=modules)
