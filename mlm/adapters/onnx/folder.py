"""The private folder in which a child process finds its model, and what its answer is worth."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlm.adapters import confine
from mlm.adapters.disk import storage_errors
from mlm.core.errors import InvalidData, ModelStopped

_TEMPORARY = "tmp"


def made(folder: Path, onnx: bytes) -> Path:
    """A new folder under `folder` that holds the model; whoever asks for it removes it."""
    with storage_errors("the runner's folder cannot be written"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / _TEMPORARY).mkdir(exist_ok=True)
        path = confine.private_folder(folder / _TEMPORARY)
        try:
            (path / "model.onnx").write_bytes(onnx)
        except OSError:
            shutil.rmtree(path, ignore_errors=True)
            raise
    return path


@contextmanager
def given(folder: Path, onnx: bytes) -> Iterator[Path]:
    """The same, gone afterwards."""
    path = made(folder, onnx)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def readable(what: str) -> Iterator[None]:
    """A child that was taken over may answer anything: what cannot be read raises ModelStopped."""
    try:
        yield
    except (InvalidData, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelStopped(f"{what} gave an answer that cannot be read") from error
