"""Between numpy arrays, input and result files (.npy, .npz, .json), and mlm.core.tensors.

Files are hostile: nothing is unpickled, and no header makes us allocate more than the file holds.
"""

from __future__ import annotations

import io
import json
import lzma
import struct
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm.core import dagcbor
from mlm.core.errors import InvalidData, UsageError
from mlm.core.tensors import (
    ITEM_BYTES,
    MAX_BYTES,
    MAX_TENSORS,
    Tensor,
    check_bool,
    check_suffix,
    frame,
    from_document,
)

if TYPE_CHECKING:
    import numpy as np

# What zipfile raises for a damaged archive: its decompressors have errors of their own.
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(NotImplementedError, RuntimeError, EOFError, ValueError, OSError, IndexError),
)
_BIG = sys.byteorder == "big"
_HEADERS = 1 << 20  # bytes; far more than those of MAX_TENSORS arrays


def to_tensors(arrays: Mapping[str, np.ndarray]) -> tuple[Tensor, ...]:
    """Arrays as core tensors, sorted by name: little-endian, C order."""
    return tuple(
        Tensor(
            name,
            array.dtype.name,
            tuple(array.shape),
            raw(array),
        )
        for name, array in sorted(arrays.items())
    )


def raw(array: np.ndarray) -> bytes:
    """An array's bytes, little-endian and in C order."""
    if _BIG or array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("<"))
    return array.tobytes()


@lru_cache(maxsize=256)  # a served model has the same tensors in every call, but for the axes that are free
def _frame(specs: tuple[tuple[str, np.dtype, tuple[int, ...]], ...]) -> tuple[bytes, ...]:
    return frame([(name, dtype.name, shape) for name, dtype, shape in specs])


def to_arrays(tensors: Sequence[Tensor]) -> dict[str, np.ndarray]:
    """Core tensors as arrays, in native byte order and writable."""
    import numpy as np

    return {
        tensor.name: np.frombuffer(tensor.data, dtype=np.dtype(tensor.dtype).newbyteorder("<"))
        .reshape(tensor.shape)
        .astype(tensor.dtype)
        for tensor in tensors
    }


class NumpyTensorCodec:
    """The TensorCodec port: contents of .npy, .npz and .json files, and `mlm/tensors/1` blocks."""

    def decode(self, data: bytes, suffix: str, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Decode a file's bytes.

        .npy: the only tensor of `names`. .npz: arrays by name. .json: `{name: value}`, or a value alone for an only
        tensor; a value is nested lists of numbers (float32), or `{"dtype": name, "data": nested lists}`.
        """
        check_suffix(suffix)
        if suffix == ".npy":
            found = {_only(names, "a .npy file"): parse_npy(data)}
        elif suffix == ".npz":
            found = parse_npz(data)
        else:
            found = _parse_json(data, names)
        _check_finite(found)
        return found

    def encode(self, tensors: Mapping[str, np.ndarray], suffix: str) -> bytes:
        """A file's bytes: .npy (one tensor), .npz, or .json (finite values only). Raises UsageError, InvalidData."""
        import numpy as np

        check_suffix(suffix)
        if suffix == ".json":
            _check_finite(tensors)  # JSON has no NaN
            return (json.dumps({name: _plain(array) for name, array in tensors.items()}) + "\n").encode()
        buffer = io.BytesIO()
        if suffix == ".npz":
            named: dict[str, Any] = {_safe(name): array for name, array in tensors.items()}
            np.savez(buffer, allow_pickle=False, **named)
        elif len(tensors) == 1:
            np.save(buffer, next(iter(tensors.values())), allow_pickle=False)
        else:
            raise UsageError(f"a .npy file holds one tensor, there are {len(tensors)}", hint="Use .npz or .json.")
        return buffer.getvalue()

    def join(self, parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Tensors joined along their first axes."""
        import numpy as np

        names = sorted(parts[0])
        for name in names:
            kinds = {(part[name].dtype, part[name].shape[1:]) if name in part else None for part in parts}
            if len(kinds) != 1 or not all(part[name].ndim for part in parts):
                raise InvalidData(
                    f"tensor {name[:60]!r}: expected one dtype and shape to join, found {len(parts)} unlike"
                )
        if any(sorted(part) != names for part in parts):
            raise InvalidData(f"expected the tensors {names} in each of {len(parts)} files")
        return {name: np.concatenate([part[name] for part in parts]) for name in names}

    def to_block(self, tensors: Mapping[str, np.ndarray]) -> bytes:
        """The canonical DAG-CBOR block of tensors."""
        ordered = sorted(tensors.items())
        pieces = _frame(tuple([(name, array.dtype, array.shape) for name, array in ordered]))
        parts = []
        for piece, (name, array) in zip(pieces, ordered, strict=False):
            data = raw(array)
            if array.dtype.kind == "b":
                check_bool(name, data)
            parts += [piece, data]
        return b"".join([*parts, pieces[-1]])

    def from_block(self, block: bytes) -> dict[str, np.ndarray]:
        """Tensors of a block from outside: canonical and finite, or InvalidData."""
        found = to_arrays(from_document(dagcbor.decode(block)))
        _check_finite(found)
        return found


def parse_npy(data: bytes) -> np.ndarray:
    """One array of the .npy format (versions 1 to 3); raises InvalidData unless header and length agree."""
    import numpy as np
    from numpy.lib import format as npy

    stream = io.BytesIO(data)
    try:
        version = npy.read_magic(stream)
        reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = reader(stream)
    except (ValueError, SyntaxError, TypeError, EOFError, RecursionError, MemoryError, tokenize.TokenError) as error:
        raise InvalidData(f"not a .npy array: {' '.join(str(error).split())[:200]}") from error
    if dtype.name not in ITEM_BYTES:
        raise InvalidData(f"a .npy array of {dtype}: expected one of {', '.join(ITEM_BYTES)}")
    expected, left = prod(shape) * dtype.itemsize, len(data) - stream.tell()
    if any(axis < 0 for axis in shape) or expected != left:
        raise InvalidData(f"a .npy array of shape {list(shape)} and {dtype} takes {expected} bytes, found {left}")
    array = np.frombuffer(data, dtype=dtype, offset=stream.tell()).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="), order="C")


def parse_npz(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of a .npz archive by name; sizes are checked before anything is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            total = sum(member.file_size for member in members)
            if len(members) > MAX_TENSORS or total > MAX_BYTES:
                raise InvalidData(f"a .npz of {len(members)} arrays and {total} bytes unpacked is too large")
            found: dict[str, np.ndarray] = {}
            for member in members:
                name = member.filename.removesuffix(".npy")
                if name in found:
                    raise InvalidData(f"a .npz holds {name[:60]!r} twice")
                with archive.open(member) as stream:
                    raw = stream.read(member.file_size + 1)  # never more than it declared
                found[name] = parse_npy(raw)
            return found
    except _DAMAGED as error:
        raise InvalidData(f"not a .npz archive: {' '.join(str(error).split())[:200]}") from error


def write_numbered(path: Path, tensors: Mapping[str, np.ndarray]) -> list[str]:
    """Write tensors to a new .npz under numbers, and return their names: in an archive they would be file names.

    Raises InvalidData for more than a .npz may hold, or for a dtype that it cannot.
    """
    import numpy as np

    total = sum(tensor.nbytes for tensor in tensors.values())
    if len(tensors) > MAX_TENSORS or total > MAX_BYTES - _HEADERS:
        raise InvalidData(
            f"expected at most {MAX_TENSORS} tensors of {MAX_BYTES - _HEADERS} bytes together, "
            f"found {len(tensors)} of {total}"
        )
    for name, tensor in tensors.items():
        if tensor.dtype.name not in ITEM_BYTES:
            expected = ", ".join(ITEM_BYTES)
            raise InvalidData(f"tensor {name[:60]!r}: expected a dtype among {expected}, found {tensor.dtype.name}")
    numbered: dict[str, Any] = {f"t{i}": np.asarray(tensor, order="C") for i, tensor in enumerate(tensors.values())}
    with path.open("xb") as file:  # never through a link or into a pipe that a child has put there
        np.savez(file, **numbered)
    return list(tensors)


def read_numbered(data: bytes, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The tensors that `write_numbered` wrote, under their names; hostile, as any .npz."""
    found = parse_npz(data)
    expected = [f"t{i}" for i in range(len(names))]
    if sorted(found) != sorted(expected):
        raise InvalidData(f"expected the arrays {expected[:9]}, found {sorted(found)[:9]}")
    return {name: found[number] for name, number in zip(names, expected, strict=True)}


def _parse_json(data: bytes, names: Sequence[str]) -> dict[str, np.ndarray]:
    import orjson  # bounded depth, unlike json

    try:
        document: Any = orjson.loads(data)
    except ValueError as error:
        raise InvalidData(f"not JSON: {error}") from error
    bare = not isinstance(document, dict) or set(document) == {"dtype", "data"}
    named = {_only(names, "a bare JSON value"): document} if bare else document
    return {name: _json_array(name, value) for name, value in named.items()}


def _json_array(name: str, value: Any) -> np.ndarray:
    import numpy as np

    label, dtype = f"tensor {name[:60]!r}", "float32"
    if isinstance(value, dict):
        if set(value) != {"dtype", "data"} or str(value["dtype"]) not in ITEM_BYTES:
            raise InvalidData(
                f"{label}: expected nested lists, or the fields dtype and data, found {sorted(value)[:9]}"
            )
        dtype, value = str(value["dtype"]), value["data"]
    try:
        wide = np.array(value)
    except (ValueError, OverflowError) as error:
        raise InvalidData(f"{label}: {' '.join(str(error).split())[:200]}") from error
    if wide.dtype.kind not in "iufb":
        raise InvalidData(f"{label}: expected nested lists of numbers, found {wide.dtype}")
    with np.errstate(all="ignore"):
        array = wide.astype(dtype)
    if array.dtype.kind != "f" and not np.array_equal(wide, array):
        raise InvalidData(f"{label}: holds values that {dtype} cannot")
    return array


def _check_finite(arrays: Mapping[str, np.ndarray]) -> None:
    import numpy as np

    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InvalidData(f"expected finite numbers, tensor {name[:60]!r} holds NaN or infinity")


def _plain(array: np.ndarray) -> Any:
    """A tensor as `decode` reads it from JSON: float32 as nested lists, any other dtype with its name."""
    values = array.tolist()
    return values if array.dtype.name == "float32" else {"dtype": array.dtype.name, "data": values}


def _only(names: Sequence[str], what: str) -> str:
    if len(names) != 1:
        raise InvalidData(f"the model has {len(names)} inputs ({', '.join(names)}), {what} holds one without a name")
    return names[0]


def _safe(name: str) -> str:
    """An array's name as a member of an archive: no path climbs out of it when somebody unpacks it."""
    return name.replace("/", "_").replace("\\", "_")
