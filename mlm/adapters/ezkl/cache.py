"""Compiled circuits and keys on disk, by content: made once, in a scratch folder, then renamed into place.

`circuits/ID/` holds settings.json, circuit, vk, pk, vka.bin and exists only when complete, `settings/ID.json` what a
calibration gave. A lock file per circuit keeps two processes from doing the same minutes of work; the rename keeps
them safe even without it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlm.adapters.confine import private_folder
from mlm.adapters.disk import replace_file
from mlm.core.errors import InvalidData, ProverError, StorageError

_PRODUCTS = ("settings.json", "circuit", "vk", "pk", "vka.bin")
_POLL_S = 0.1


@dataclass(frozen=True)
class Entry:
    """The files of one circuit, and the SRS they were made with."""

    folder: Path
    srs: Path

    @property
    def settings(self) -> Path:
        """ezkl's settings."""
        return self.folder / "settings.json"

    @property
    def vk(self) -> Path:
        """ezkl's verifying key."""
        return self.folder / "vk"

    @property
    def vka(self) -> Path:
        """The verifying key artefact (evm.py)."""
        return self.folder / "vka.bin"


class Cache:
    """`root` is created with mode 0700: its keys are trusted as they are."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A private folder on the cache's file system, gone afterwards."""
        parent = self._made("tmp")
        with self._disk():
            path = private_folder(parent)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def settings(self, name: str, make: Callable[[], bytes], check: Callable[[bytes], object]) -> bytes:
        """Calibrated settings: those kept under this name that `check` does not refuse, else what `make` gives."""
        path = self._made("settings") / f"{name}.json"
        try:
            data = path.read_bytes()
            check(data)
            return data
        except (OSError, InvalidData):
            pass
        data = make()
        check(data)
        with self._disk():
            replace_file(path, [data])
        return data

    def circuit(self, circuit_id: str, wait_s: float, make: Callable[[Path], None]) -> Path:
        """The folder of a circuit, made when it is not there yet. Waits at most `wait_s`.

        `make` fills an empty folder, which stands in a scratch folder of its own.
        """
        target = self._made("circuits") / circuit_id
        if target.is_dir():
            return target
        with self._lock(circuit_id, wait_s), self.scratch() as folder:
            if target.is_dir():
                return target
            out = folder / "out"
            out.mkdir()
            make(out)
            absent = [name for name in _PRODUCTS if not (out / name).is_file()]
            if absent:
                raise ProverError(f"setup ended without writing {', '.join(absent)}")
            with self._disk():
                for name in _PRODUCTS:
                    with (out / name).open("rb") as written:
                        os.fsync(written.fileno())
                out.rename(target)
        return target

    def _made(self, name: str) -> Path:
        with self._disk():
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self._root / name
            path.mkdir(exist_ok=True)
        return path

    @contextmanager
    def _lock(self, name: str, wait_s: float) -> Iterator[None]:
        deadline = time.monotonic() + wait_s
        path = self._made("locks") / name
        with path.open("w") as handle:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise ProverError(
                            f"another process has been making circuit {name[:16]} for {wait_s:g} s"
                        ) from None
                    time.sleep(_POLL_S)
            yield  # closing the file releases the lock; so does the death of the process

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(f"the prover's cache cannot be written: {error}") from error
