"""A published model as everybody who deals with it must see it: fetched, checked, and its circuit recomputed.

Consumer, bidder and watcher derive the zk key from the manifest themselves and refuse a difference: a publisher
who registered another circuit, or another SRS, is found out before any money moves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from mlm.core.cid import Cid
from mlm.core.commitment import vka_digest, zk_input_commitment, zk_key
from mlm.core.errors import InvalidData, StateConflict, VerificationFailed
from mlm.core.job import Tier
from mlm.core.manifest import Manifest
from mlm.core.plan import Call, Tx
from mlm.ports.bundle import Ports
from mlm.ports.prover import Circuit
from mlm.workflows.lookup import Version
from mlm.workflows.objects import fetch, group, here, read_file
from mlm.workflows.sealing import unseal

if TYPE_CHECKING:
    from mlm.ports.prover import Tensors

MAX_MODEL_BYTES = 2**31
MAX_SETTINGS_BYTES = 2**24
MAX_SEALED_BYTES = 2**34  # the history travels with the model


@dataclass(frozen=True)
class Model:
    """A model's bytes and what its manifest says of it."""

    manifest: Manifest
    onnx: bytes
    settings: bytes | None  # canonical circuit settings, when the manifest offers the zk tier


def manifest(ports: Ports, cid: Cid) -> Manifest:
    """Fetch and check a manifest; raises InvalidData."""
    return Manifest.from_block(cid, fetch(ports, cid))


def load(ports: Ports, version: Version) -> Model:
    """Fetch a published model, opened where its files are sealed.

    Raises InvalidData when it is no model, NotFound when blocks are missing, NotLicensed without the key.
    """
    with group(ports, version.version_id):
        found = described(ports, version)
        open_files(ports, version, found.manifest)
        return replace(found, onnx=model_bytes(ports, found.manifest))


def open_files(ports: Ports, version: Version, found: Manifest) -> None:
    """Have the files of a sealed version here; nothing to do for an open one. Raises as `unseal`."""
    if found.sealed is not None:
        unseal(ports, ports.remote, here(ports), version.manifest, found, max_bytes=MAX_SEALED_BYTES)


def described(ports: Ports, version: Version) -> Model:
    """A published model without its bytes: what everybody may know of it, whatever its access. Raises as `load`."""
    found = manifest(ports, version.manifest)
    if found.signature is None:
        raise InvalidData(f"expected a model with a signature, {version.asset} is a {found.kind} without")
    return Model(found, b"", _settings(ports, found))


def model_bytes(ports: Ports, found: Manifest) -> bytes:
    """The ONNX bytes that a manifest names."""
    assert found.signature is not None
    file = found.file(partial(fetch, ports), found.signature.file)
    return read_file(ports, file.cid, max_bytes=MAX_MODEL_BYTES)


def _settings(ports: Ports, found: Manifest) -> bytes | None:
    if found.zk is None:
        return None
    data = fetch(ports, found.zk.settings)
    if len(data) > MAX_SETTINGS_BYTES:
        raise InvalidData(f"expected at most {MAX_SETTINGS_BYTES} bytes of circuit settings, found {len(data)}")
    return data


def zk_settings(model: Model) -> bytes:
    """The canonical circuit settings; raises StateConflict for a manifest without: a key alone offers no zk tier."""
    if model.settings is None:
        raise StateConflict(
            f"{model.manifest.name}@{model.manifest.version} offers no zk tier: its manifest has no circuit settings",
            hint="Its publisher sets `[verification] zk = true` and publishes.",
        )
    return model.settings


def register_vka(vka: tuple[int, ...]) -> Tx:
    """Register a verifying artefact with the fixed verifier. Anybody may, and a second time does no harm."""
    words = tuple(word.to_bytes(32, "big") for word in vka)
    return Tx("register the verifying artefact", Call("Halo2Verifier", "registerVka", (words,)))


def check_key(ports: Ports, model: Model, version: Version) -> Circuit:
    """Recompute the circuit from the manifest and hold it against the chain.

    Raises StateConflict without a zk tier, VerificationFailed when the chain's key is another.
    """
    circuit = ports.prover.circuit(model.onnx, zk_settings(model))
    actual = zk_key(vka_digest(circuit.vka), circuit.inputs)
    registered = ports.chain.call("AssetRegistry", "keyOf", bytes.fromhex(version.version_id[2:]), int(Tier.ZK))
    if registered != actual:
        raise VerificationFailed(
            f"{version.asset}: the chain holds the zk key 0x{registered.hex()}, its files give 0x{actual.hex()}",
            hint="Do not deal with this version: its proofs would be of another circuit or SRS.",
        )
    return circuit


def commit_to_input(ports: Ports, model: Model, version_id: str, inputs: Tensors) -> bytes:
    """The zk input commitment of canonical tensors for a version, 32 bytes."""
    hashes = ports.prover.hash_inputs(zk_settings(model), inputs)
    return zk_input_commitment(bytes.fromhex(version_id[2:]), hashes)


def check_inputs(found: Manifest, inputs: Tensors) -> None:
    """Hold tensors against the manifest's signature: names, types and shapes. Raises InvalidData."""
    assert found.signature is not None
    expected = {spec.name: spec for spec in found.signature.inputs}
    if set(inputs) != set(expected):
        raise InvalidData(f"expected the inputs {sorted(expected)}, found {sorted(inputs)}")
    for name, tensor in inputs.items():
        spec = expected[name]
        fits = len(tensor.shape) == len(spec.shape) and all(
            not isinstance(want, int) or want == have for want, have in zip(spec.shape, tensor.shape, strict=True)
        )
        if not fits or tensor.dtype.name != spec.dtype:
            raise InvalidData(
                f"input {name!r}: expected {spec.dtype} {list(spec.shape)}, "
                f"found {tensor.dtype.name} {list(tensor.shape)}"
            )
