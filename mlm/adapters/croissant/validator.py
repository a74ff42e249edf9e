"""MlCroissant: the CroissantValidator port over the extra `croissant`, where it is installed."""

from __future__ import annotations

import shutil
from importlib import metadata
from pathlib import Path

from mlm.adapters import confine
from mlm.adapters.confine import Limits
from mlm.adapters.croissant.child import CONTENT, FILE_BYTES
from mlm.adapters.disk import storage_errors
from mlm.core.errors import InvalidData

_WORKER = confine.Worker("mlm.adapters.croissant.child", "runner", InvalidData, FILE_BYTES, smaller="document")


class MlCroissant:
    """Each call validates in a process of its own, in a private folder under `folder`, within these limits."""

    def __init__(self, *, folder: Path, memory_mb: int = 4096, timeout_s: float = 120.0, sandbox: str = "auto") -> None:
        self._folder, self._limits = folder.absolute(), Limits(memory_mb, timeout_s, sandbox)

    def validate(self, document: bytes) -> str | None:
        """Have the child validate."""
        try:
            version = metadata.version("mlcroissant")
        except metadata.PackageNotFoundError:
            return None
        with storage_errors("the folder of validations cannot be written"):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder = confine.private_folder(self._folder)
            (folder / CONTENT).write_bytes(document)
        try:
            what = "validating the Croissant document"
            confine.ask(_WORKER, "validate", {}, what=what, folder=folder, limits=self._limits)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return f"mlcroissant {version}"
