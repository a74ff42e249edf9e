"""A small file of lines, private to the user."""

from __future__ import annotations

from pathlib import Path

from mlm.adapters.disk import replace_file, storage_errors


class Lines:
    """One file; it need not exist yet."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[str]:
        """Its lines; none when there is no file."""
        with storage_errors("cannot read"):
            return self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []

    def add(self, line: str) -> None:
        """Append a line; the file is replaced whole."""
        with storage_errors("cannot write"):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._path, ["".join(f"{each}\n" for each in (*self.read(), line)).encode()], mode=0o600)
