"""Where a clone came from: one line in `.mlm/origin`."""

from __future__ import annotations

from pathlib import Path

from mlm.adapters.disk import read_regular, replace_file, storage_errors
from mlm.core.errors import InvalidData

_MAX_BYTES = 1024


class FileOrigin:
    """Implements ports.Origin."""

    def __init__(self, private: Path) -> None:
        self._path = private / "origin"

    def read(self) -> str:
        with storage_errors("cannot read where this clone came from"):
            try:
                data = read_regular(self._path, _MAX_BYTES)
            except (FileNotFoundError, NotADirectoryError):
                return ""
        text = data.decode("ascii", "replace").removesuffix("\n")
        if not text.isprintable() or not text.isascii():
            raise InvalidData(f"{self._path} is damaged: expected a line, found {data[:20]!r}")
        return text

    def write(self, text: str) -> None:
        with storage_errors("cannot write where this clone came from"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, [f"{text}\n".encode()])
