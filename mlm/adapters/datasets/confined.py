"""ConfinedDatasets: the Datasets port in child processes. What reads a foreign file may hang, swell or crash."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from mlm.adapters import confine
from mlm.adapters.confine import Answer, Limits
from mlm.adapters.datasets.child import CONTENT, FILE_BYTES
from mlm.adapters.disk import storage_errors
from mlm.core.errors import InvalidData, UsageError
from mlm.ports.datasets import FORMATS, Column, Table, format_of

_CHILD = "mlm.adapters.datasets.child"
_DESCRIBING = "describing the dataset"
MAX_BYTES = 8 << 30  # of a dataset, which the disk holds a second time for a moment


class DatasetStopped(InvalidData):
    """A dataset passed its limits of time or memory, or crashed the process that read it."""

    code = "dataset_stopped"


class ConfinedDatasets:
    """Each call reads in a process of its own, from a copy in a private folder under `folder`.

    `memory_mb`, `timeout_s` and the tier `sandbox` bound it. What it passes its limits with, or crashes with, is
    DatasetStopped.
    """

    def __init__(self, *, folder: Path, memory_mb: int = 4096, timeout_s: float = 120.0, sandbox: str = "auto") -> None:
        self._folder = folder.absolute()
        self._limits = Limits(memory_mb, timeout_s, sandbox)
        self._worker = confine.Worker(_CHILD, "runner", DatasetStopped, FILE_BYTES, smaller="dataset")

    def describe(self, pieces: Iterable[bytes], name: str) -> Table:
        """Copy the bytes, a piece at a time, have the child read them, and remove them."""
        kind = format_of(name)
        if kind is None:
            raise UsageError(f"expected a dataset that ends in {', '.join(FORMATS)}, found {name[-60:]!r}")
        with storage_errors("the folder of datasets cannot be written"):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder = confine.private_folder(self._folder)
        try:
            _copy(pieces, folder / CONTENT)
            request = {"format": kind, "memory_mb": self._limits.memory_mb}
            answer = confine.ask(
                self._worker, "describe", request, what=_DESCRIBING, folder=folder, limits=self._limits
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return _table(answer, kind)


def _copy(pieces: Iterable[bytes], path: Path) -> None:
    total = 0
    with storage_errors("the dataset cannot be copied"), path.open("xb") as file:
        for piece in pieces:
            total += len(piece)
            if total > MAX_BYTES:
                raise InvalidData(f"expected a dataset of at most {MAX_BYTES} bytes, found more")
            file.write(piece)


def _table(answer: Answer, kind: str) -> Table:
    """A child that was taken over may answer anything."""
    try:
        columns = tuple(Column(str(column["name"]), str(column["type"])) for column in answer["columns"])
        return Table(kind, columns, int(answer["rows"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DatasetStopped(f"{_DESCRIBING} gave an answer that cannot be read") from error
