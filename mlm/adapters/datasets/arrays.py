"""Arrays of .npy and .npz files: their headers are read, never their elements, and nothing is unpickled."""

from __future__ import annotations

import lzma
import struct
import tokenize
import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mlm.core.errors import InvalidData
from mlm.ports.datasets import MAX_COLUMNS, Column, Table

if TYPE_CHECKING:
    import numpy as np

_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(NotImplementedError, RuntimeError, EOFError, ValueError, OSError, IndexError),
)
_REFUSED = (ValueError, SyntaxError, TypeError, EOFError, RecursionError, MemoryError, tokenize.TokenError)


def describe(path: Path, kind: str) -> Table:
    """The arrays of a file of `kind`, npy or npz; raises InvalidData."""
    if kind == "npy":
        with path.open("rb") as stream:
            found = {"": _header(stream, path.stat().st_size)}
    else:
        found = _members(path)
    rows = max((shape[0] for shape, _ in found.values() if shape), default=0)
    columns = tuple(Column(name, _type(shape, dtype, rows)) for name, (shape, dtype) in found.items())
    return Table(kind, columns, rows)


def _members(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MAX_COLUMNS:
                raise InvalidData(f"expected at most {MAX_COLUMNS} arrays in a .npz, found {len(members)}")
            found: dict[str, tuple[tuple[int, ...], np.dtype]] = {}
            for member in members:
                name = member.filename.removesuffix(".npy")
                if name in found:
                    raise InvalidData(f"expected each array once in a .npz, found {name[:60]!r} twice")
                with archive.open(member) as stream:
                    found[name] = _header(stream, member.file_size)
            return found
    except _DAMAGED as error:
        raise InvalidData(f"not a .npz archive: {' '.join(str(error).split())[:200]}") from error


def _header(stream: IO[bytes], size: int) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype of the array that takes `size` bytes of the stream with its header."""
    from numpy.lib import format as npy

    try:
        version = npy.read_magic(stream)
        reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = reader(stream)
    except _REFUSED as error:
        raise InvalidData(f"not a .npy array: {' '.join(str(error).split())[:200]}") from error
    expected, left = prod(shape) * dtype.itemsize, size - stream.tell()
    if any(axis < 0 for axis in shape) or (expected != left and not dtype.hasobject):  # objects are pickled
        raise InvalidData(f"a .npy array of shape {str(list(shape))[:60]} takes {expected} bytes, found {left}")
    return shape, dtype


def _type(shape: tuple[int, ...], dtype: np.dtype, rows: int) -> str:
    from mlm.adapters.datasets.tables import bounded

    axes = ["n" if at == 0 and axis == rows else str(axis) for at, axis in enumerate(shape)]
    return bounded(f"{dtype.name if dtype.fields is None else dtype.descr}[{', '.join(axes)}]")
