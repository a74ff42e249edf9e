"""Between numpy arrays, input and result files (.npy, .npz, .json), and mlm.core.tensors.

Files are hostile: nothing is unpickled, and no header makes us allocate more than the file holds.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm.core.errors import InvalidData, NotFound, UsageError
from mlm.core.tensors import ITEM_BYTES, MAX_BYTES, MAX_TENSORS, Tensor

if TYPE_CHECKING:
    import numpy as np

    from mlm.ports.runner import TensorSpec

SUFFIXES = (".npy", ".npz", ".json")


def to_tensors(arrays: Mapping[str, np.ndarray]) -> tuple[Tensor, ...]:
    """Arrays as core tensors, sorted by name: little-endian, C order."""
    return tuple(
        Tensor(
            name,
            array.dtype.name,
            tuple(array.shape),
            array.astype(array.dtype.newbyteorder("<"), order="C", copy=False).tobytes(),
        )
        for name, array in sorted(arrays.items())
    )


def to_arrays(tensors: Sequence[Tensor]) -> dict[str, np.ndarray]:
    """Core tensors as arrays, in native byte order and writable."""
    import numpy as np

    return {
        tensor.name: np.frombuffer(tensor.data, dtype=np.dtype(tensor.dtype).newbyteorder("<"))
        .reshape(tensor.shape)
        .astype(tensor.dtype)
        for tensor in tensors
    }


def read_inputs(path: Path, specs: Sequence[TensorSpec]) -> dict[str, np.ndarray]:
    """The inputs of a model from a file.

    .npy: the model's only input. .npz: one array for each input's name. .json: `{name: nested lists}`, or the nested
    lists alone for an only input; numbers take the input's dtype. An array without the leading axis of size 1 that the
    model has gets it. Raises NotFound, UsageError (suffix), InvalidData.
    """
    data = _read(path)
    if path.suffix == ".npy":
        found = {_only(specs, path).name: parse_npy(data)}
    elif path.suffix == ".npz":
        found = parse_npz(data)
    elif path.suffix == ".json":
        found = _parse_json(data, specs, path)
    else:
        raise UsageError(f"expected a file that ends in {', '.join(SUFFIXES)}, found {path.name!r}")
    shapes = {spec.name: spec.shape for spec in specs}
    return {name: _batched(array, shapes.get(name, ())) for name, array in found.items()}


def write_results(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to .npz, .npy (one array) or .json, whole or not at all. Raises UsageError."""
    import numpy as np

    if path.suffix == ".json":
        data = (json.dumps({name: array.tolist() for name, array in arrays.items()}, indent=2) + "\n").encode()
    elif path.suffix in (".npy", ".npz"):
        if path.suffix == ".npy" and len(arrays) != 1:
            raise UsageError(f"a .npy file holds one array, the result has {len(arrays)}; use .npz or .json")
        buffer = io.BytesIO()
        if path.suffix == ".npy":
            np.save(buffer, next(iter(arrays.values())), allow_pickle=False)
        else:
            np.savez(buffer, allow_pickle=False, **{_safe(name): array for name, array in arrays.items()})
        data = buffer.getvalue()
    else:
        raise UsageError(f"expected a file that ends in {', '.join(SUFFIXES)}, found {path.name!r}")
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as handle:
        try:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
            os.replace(handle.name, path)
        except BaseException:
            Path(handle.name).unlink(missing_ok=True)
            raise


def parse_npy(data: bytes) -> np.ndarray:
    """One array of the .npy format (versions 1 to 3); raises InvalidData unless header and length agree."""
    import numpy as np
    from numpy.lib import format as npy

    stream = io.BytesIO(data)
    try:
        version = npy.read_magic(stream)
        reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = reader(stream)
    except (ValueError, SyntaxError, TypeError, EOFError, RecursionError, MemoryError) as error:
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
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise InvalidData(f"not a .npz archive: {' '.join(str(error).split())[:200]}") from error


def _parse_json(data: bytes, specs: Sequence[TensorSpec], path: Path) -> dict[str, np.ndarray]:
    import numpy as np

    try:
        document: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidData(f"{path.name} is not JSON: {error}") from error
    named = document if isinstance(document, dict) else {_only(specs, path).name: document}
    dtypes = {spec.name: spec.dtype for spec in specs}
    out = {}
    for name, value in named.items():
        if name not in dtypes:
            raise InvalidData(f"the model's inputs are {sorted(dtypes)}, found {name[:60]!r} in {path.name}")
        try:
            wide = np.array(value)
            if wide.dtype.kind not in "iufb":
                raise ValueError(f"expected nested lists of numbers, found {wide.dtype}")
            array = wide.astype(dtypes[name])
        except (ValueError, TypeError, OverflowError) as error:
            raise InvalidData(f"{path.name}: input {name!r}: {' '.join(str(error).split())[:200]}") from error
        if wide.dtype.kind != array.dtype.kind and not np.array_equal(wide, array):
            raise InvalidData(f"{path.name}: input {name!r}: expected {dtypes[name]}, found values it cannot hold")
        out[name] = array
    return out


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InvalidData(f"{path.name} has {size} bytes, more than the limit of {MAX_BYTES}")
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"no input file {path}") from None
    except OSError as error:
        raise InvalidData(f"{path} cannot be read: {error.strerror}") from error


def _only(specs: Sequence[TensorSpec], path: Path) -> TensorSpec:
    if len(specs) != 1:
        names = ", ".join(spec.name for spec in specs)
        raise InvalidData(f"the model has {len(specs)} inputs ({names}); {path.name} holds one array without a name")
    return specs[0]


def _batched(array: np.ndarray, shape: Sequence[int | str]) -> np.ndarray:
    alone = len(shape) == array.ndim + 1 and (shape[0] == 1 or isinstance(shape[0], str))
    return array[None] if alone else array


def _safe(name: str) -> str:
    """An array's name as a member of an archive: no path climbs out of it when somebody unpacks it."""
    return name.replace("/", "_").replace("\\", "_")
