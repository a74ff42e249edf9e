"""EzklProver: the Prover port over ezkl. Composes settings, cache and child processes; holds no cryptography."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm.adapters.ezkl import settings as zk
from mlm.adapters.ezkl.cache import Cache, Entry
from mlm.adapters.ezkl.evm import field_element, instance_count, little_endian, parse_vka, proof_length
from mlm.adapters.ezkl.process import Limits, run_step
from mlm.adapters.onnx.tensors import write_numbered
from mlm.core.errors import InvalidData, NotFound, ProverError, VerificationFailed
from mlm.ports.prover import Circuit, Proof

if TYPE_CHECKING:
    import numpy as np

    from mlm.ports.prover import Tensors

MAX_SAMPLE_ROWS = 256


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """`memory_mb`, `timeout_s` and the tier `sandbox` bound each step, `max_macs` a model's multiplications.

    `disk_mb` bounds the circuits and keys that stay for the next time.
    """

    memory_mb: int = 8192
    timeout_s: float = 300.0
    sandbox: str = "auto"
    max_macs: int = 350_000
    disk_mb: int = 20_000


class EzklProver:
    """Proofs with ezkl (Halo2, KZG over BN254): parameters fixed in the key, input hashed with Poseidon, output public.

    `srs` is a folder of kNN.srs files, or a function from k to such a file; `bounds` are the fields of Bounds.
    """

    def __init__(self, *, cache_dir: Path, srs: Path | Callable[[int], Path], **bounds: Any) -> None:
        chosen = Bounds(**bounds)
        self._cache = Cache(cache_dir.absolute(), chosen.disk_mb << 20)
        self._srs = srs
        self._limits = Limits(chosen.memory_mb, chosen.timeout_s, chosen.sandbox)
        self._max_macs = chosen.max_macs

    def settings(self, onnx: bytes, sample: Tensors) -> bytes:
        """Calibrate; `sample` holds up to 256 inputs stacked along a first axis of size 1 in the model."""
        rows = max((len(tensor) for tensor in sample.values() if tensor.ndim), default=0)
        if rows > MAX_SAMPLE_ROWS:
            raise InvalidData(f"a calibration sample has at most {MAX_SAMPLE_ROWS} rows, found {rows}")

        def make() -> bytes:
            with self._cache.scratch() as folder:
                request = {
                    "onnx": _written(folder / "model.onnx", onnx),
                    "max_macs": self._max_macs,
                    "run_args": zk.fresh_arguments(),
                    "scale": zk.SCALE,
                    **_stored(folder, sample),
                }
                answer = self._run("settings", request, folder)
            return zk.canonical(answer["inputs"], answer["outputs"], answer["ezkl"])

        _check_finite(sample)
        made_of = (f"mlm/calibration/1 {zk.EZKL_VERSION} {self._max_macs}".encode(), onnx, *_parts(sample))
        name = sha256(b"".join(sha256(part).digest() for part in made_of)).hexdigest()
        return self._cache.settings(name, make, zk.parse)

    def circuit(self, onnx: bytes, settings: bytes) -> Circuit:
        """Compile and set up, or take it from the cache."""
        parsed = zk.parse(settings)
        with self.entry(onnx, settings) as entry:
            vka = parse_vka(entry.vka.read_bytes())
        if instance_count(vka) != parsed.instances:
            raise ProverError(f"the circuit has {instance_count(vka)} instances, the settings say {parsed.instances}")
        return Circuit(
            circuit_id=entry.folder.name,
            k=parsed.k,
            vka=vka,
            inputs=len(parsed.inputs),
            outputs=parsed.values,
        )

    def hash_inputs(self, settings: bytes, inputs: Tensors) -> tuple[int, ...]:
        parsed = zk.parse(settings)
        with self._cache.scratch() as folder:
            answer = self._run("hash", {"settings": parsed.raw, **_stored(folder, inputs)}, folder)
        return tuple(field_element(value) for value in answer["hashes"])

    def prove(self, onnx: bytes, settings: bytes, inputs: Tensors) -> Proof:
        parsed = zk.parse(settings)
        _check_finite(inputs)  # before minutes of setup
        with self.entry(onnx, settings) as entry, self._cache.scratch() as folder:
            request = {"settings": parsed.raw, "entry": str(entry.folder), "srs": str(entry.srs)}
            answer = self._run("prove", request | _stored(folder, inputs), folder)
        instances = tuple(field_element(value) for value in answer["instances"])
        zk.check_instances(parsed, instances)
        return Proof(bytes.fromhex(answer["proof"]), instances)

    def verify(self, onnx: bytes, settings: bytes, proof: Proof) -> None:
        """(1) Instances are as many as the circuit's, and canonical. (2) The key is derived here, from the model.

        (3) The proof has its exact length: ezkl ignores what follows. (4) It verifies under the key.
        """
        parsed = zk.parse(settings)
        try:
            zk.check_instances(parsed, proof.instances)  # (1)
        except InvalidData as error:
            raise VerificationFailed(f"the proof is false for this model: {error}") from error
        with self.entry(onnx, settings) as entry:  # (2)
            expected = proof_length(parse_vka(entry.vka.read_bytes()))
            if len(proof.proof) != expected:  # (3)
                raise VerificationFailed(f"a proof of this model has {expected} bytes, found {len(proof.proof)}")
            with self._cache.scratch() as folder:
                request = {
                    "entry": str(entry.folder),
                    "srs": str(entry.srs),
                    "proof": proof.proof.hex(),
                    "instances": [little_endian(value) for value in proof.instances],
                }
                self._run("verify", request, folder)  # (4)

    def outputs(self, settings: bytes, instances: tuple[int, ...]) -> dict[str, np.ndarray]:
        return zk.dequantise(zk.parse(settings), instances)

    @contextmanager
    def entry(self, onnx: bytes, settings: bytes) -> Iterator[Entry]:
        """The circuit's files in the cache, made when missing; they stay until the block ends."""
        parsed = zk.parse(settings)
        srs, digest = located_srs(self._srs, parsed.k)
        parts = (sha256(onnx).digest(), sha256(settings).digest(), digest)
        circuit_id = sha256(b"mlm/circuit/1" + b"".join(parts)).hexdigest()

        def make(out: Path) -> None:
            folder = out.parent  # the child may write there, and nowhere else
            request = {
                "onnx": _written(folder / "model.onnx", onnx),
                "max_macs": self._max_macs,
                "settings": parsed.raw,
                "run_args": zk.arguments(parsed),
                "srs": str(srs),
                "out": str(out),
            }
            self._run("setup", request, folder)

        with self._cache.circuit(circuit_id, self._limits.timeout_s, make) as made:
            yield Entry(made, srs)

    def _run(self, step: str, request: dict[str, Any], folder: Path) -> dict[str, Any]:
        readable = [Path(request[name]) for name in ("entry", "srs") if name in request]
        return run_step(step, request, folder=folder, readable=readable, limits=self._limits)


def located_srs(srs: Path | Callable[[int], Path], k: int) -> tuple[Path, bytes]:
    """The SRS file of 2^k rows and its sha2-256; raises NotFound, or InvalidData for a file of another size."""
    path = (srs(k) if callable(srs) else srs / f"k{k}.srs").absolute()
    if not path.is_file():
        raise NotFound(
            f"no SRS for a circuit of 2^{k} rows: {path} does not exist",
            hint=f"Put the network's k{k}.srs there. The devnet ships k = 10 to 13: for it, use a smaller model.",
        )
    expected = (128 << k) + 260
    if path.stat().st_size != expected:
        raise InvalidData(f"{path.name} should have {expected} bytes, found {path.stat().st_size}")
    data = path.read_bytes()
    if int.from_bytes(data[:4], "little") != k:
        raise InvalidData(f"{path.name} says k = {int.from_bytes(data[:4], 'little')}, expected {k}")
    return path, sha256(data).digest()


def _written(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def _parts(tensors: Tensors) -> list[bytes]:
    """All that tensors are made of."""
    found: list[bytes] = []
    for name, tensor in sorted(tensors.items()):
        found += [name.encode(), repr(tensor.shape).encode(), tensor.tobytes()]
    return found


def _check_finite(tensors: Tensors) -> None:
    import numpy as np

    for name, tensor in tensors.items():
        if tensor.dtype != np.float32:
            raise InvalidData(f"input {name!r}: expected float32, found {tensor.dtype}")
        if not np.isfinite(tensor).all():
            raise InvalidData(f"expected finite numbers, input {name!r} holds NaN or infinity")


def _stored(folder: Path, tensors: Tensors) -> dict[str, Any]:
    """Write the tensors for the child."""
    _check_finite(tensors)
    path = folder / "tensors.npz"
    names = write_numbered(path, tensors)
    return {"tensors": os.fspath(path), "names": names}
