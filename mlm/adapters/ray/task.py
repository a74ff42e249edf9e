"""What runs on a node of the cluster: one call of the local adapters, with the node's own sandbox, limits and cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm import __version__
from mlm.core.errors import InvalidData, MlmError, ToolMissing

if TYPE_CHECKING:
    from mlm.ports.prover import Prover
    from mlm.ports.runner import Runner


@dataclass(frozen=True)
class Srs:
    """The file of 2^k rows that a circuit needs; `path` is where the one who asks has it, `digest` its sha2-256."""

    k: int
    digest: str
    path: Path


@dataclass(frozen=True)
class Task:
    """A call of a port. `folder` is the node's, `~` its user's home; `options` bound the adapter.

    The model and the SRS travel apart from it, through the object store.
    """

    port: str  # runner or prover
    method: str
    arguments: tuple[Any, ...]
    folder: str
    options: Mapping[str, Any] = field(default_factory=dict)
    srs: Srs | None = None
    version: str = __version__


def perform(task: Task, model: bytes | None, srs: Sequence[Any]) -> object:
    """What the call returns, or the MlmError that it raises, as a value: Ray would wrap it, and try again.

    `srs` holds a reference to the SRS file's bytes, which are fetched only where this node has no such file.
    """
    try:
        if task.version != __version__:
            raise ToolMissing(
                f"a node of the Ray cluster has mlm {__version__}, expected {task.version}",
                hint="Install the same version of mlm on every node.",
            )
        call = getattr(_adapter(task, Path(task.folder).expanduser(), srs), task.method)
        return call(*task.arguments) if model is None else call(model, *task.arguments)
    except MlmError as error:
        return error


def _adapter(task: Task, folder: Path, srs: Sequence[Any]) -> Runner | Prover:
    if task.port == "runner":
        from mlm.adapters.onnx.confined import ConfinedRunner

        return ConfinedRunner(folder=folder / "runner", **task.options)
    from mlm.adapters.ezkl.prover import EzklProver

    return EzklProver(cache_dir=folder / "ezkl", srs=_srs_folder(folder / "srs", task.srs, srs), **task.options)


def _srs_folder(folder: Path, wanted: Srs | None, given: Sequence[Any]) -> Path:
    """The folder that holds the SRS file, by content: written here when it is missing or damaged."""
    if wanted is None:  # a step that needs none
        return folder
    found = folder / wanted.digest / f"k{wanted.k}.srs"
    if not _is(found, wanted.digest):
        import ray

        from mlm.adapters.disk import replace_file, storage_errors

        data = ray.get(given[0])
        if sha256(data).hexdigest() != wanted.digest:
            raise InvalidData(f"{found.name} arrived with another content than {wanted.digest}")
        with storage_errors("the node's folder cannot be written"):
            found.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(found, [data])
    return found.parent


def _is(path: Path, digest: str) -> bool:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest() == digest
    except OSError:
        return False
