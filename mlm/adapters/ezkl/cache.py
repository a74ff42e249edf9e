"""Compiled circuits and keys on disk, by content: made once, in a scratch folder, then renamed into place.

`circuits/ID/` holds settings.json, circuit, vk, pk, vka.bin and exists only when complete, `settings/ID.json` what a
calibration gave. A lock file per circuit keeps two processes from doing the same minutes of work, and a circuit from
being removed while it is used: what is kept is bounded, and what was used least recently (its mtime) goes first.
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


class _Busy(ProverError):
    """Another process makes the circuit, or uses it."""


class Cache:
    """`root` is created with mode 0700: its keys are trusted as they are. At most `limit` bytes of them stay."""

    def __init__(self, root: Path, limit: int) -> None:
        self._root, self._limit = root, limit

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
            _touch(path)
            return data
        except (OSError, InvalidData):
            pass
        data = make()
        check(data)
        with self._disk():
            replace_file(path, [data])
            _touch(path)
        self._make_room(path)
        return data

    @contextmanager
    def circuit(self, circuit_id: str, wait_s: float, make: Callable[[Path], None]) -> Iterator[Path]:
        """The folder of a circuit, which stays until the block ends; made when it is not there yet.

        Waits at most `wait_s` for another who makes it. `make` fills an empty folder, which stands in a scratch folder
        of its own.
        """
        target = self._made("circuits") / circuit_id
        deadline = time.monotonic() + wait_s
        while True:
            with self._lock(circuit_id, fcntl.LOCK_SH, deadline):
                if target.is_dir():
                    with self._disk():
                        _touch(target)
                    yield target
                    return
            with self._lock(circuit_id, fcntl.LOCK_EX, deadline):
                if not target.is_dir():
                    self._make(target, make)
            self._make_room(target)

    def _make(self, target: Path, make: Callable[[Path], None]) -> None:
        with self.scratch() as folder:
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

    def _make_room(self, made: Path) -> None:
        """Remove what was used least recently until the rest fits, but neither `made` nor what is being used."""
        with self._disk():
            kept = [*self._made("circuits").iterdir(), *self._made("settings").glob("*.json")]
            found = sorted((_used(path), path, _size(path)) for path in kept)
        whole = sum(size for _, _, size in found)
        for _, path, size in found:
            if whole <= self._limit:
                return
            if path != made and self._remove(path):
                whole -= size

    def _remove(self, path: Path) -> bool:
        """Remove a circuit or settings; False if somebody uses it."""
        with self._disk():
            if path.suffix:
                path.unlink(missing_ok=True)
                return True
            try:
                with self._lock(path.name, fcntl.LOCK_EX, 0) as lock, self.scratch() as folder:
                    if path.is_dir():  # nobody else has removed it
                        path.rename(folder / path.name)
                    lock.unlink()
            except _Busy:
                return False
        return True

    def _made(self, name: str) -> Path:
        with self._disk():
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self._root / name
            path.mkdir(exist_ok=True)
        return path

    @contextmanager
    def _lock(self, name: str, how: int, deadline: float) -> Iterator[Path]:
        """A circuit's lock file, held by `how`. Raises _Busy where it cannot be had by the deadline."""
        path = self._made("locks") / name
        while True:
            with path.open("w") as handle:
                try:
                    fcntl.flock(handle, how | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise _Busy(f"another process has been busy with circuit {name[:16]} for too long") from None
                    time.sleep(_POLL_S)
                    continue
                if os.fstat(handle.fileno()).st_nlink:  # else its circuit was removed meanwhile, and it with it
                    yield path  # closing the file releases the lock; so does the death of the process
                    return

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(f"the prover's cache cannot be written: {error}") from error


def _touch(path: Path) -> None:
    """Used just now: by the clock itself, for a file system's own is some milliseconds coarse."""
    now = time.time_ns()
    os.utime(path, ns=(now, now))


def _used(path: Path) -> int:
    """When it was used last, 0 if it is gone."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _size(path: Path) -> int:
    """Bytes of a file, or of a folder's files; 0 if it is gone."""
    try:
        return sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size
    except FileNotFoundError:
        return 0
