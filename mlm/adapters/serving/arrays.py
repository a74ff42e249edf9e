"""Between the JSON and raw bytes of the Open Inference Protocol and numpy arrays. What comes is hostile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlm.adapters.onnx.tensors import raw
from mlm.core.errors import InvalidData
from mlm.core.inference import BINARY_HEADER, NAMES, Given, Inference, Signature, parse, response, split

if TYPE_CHECKING:
    import numpy as np

    Arrays = dict[str, np.ndarray]

OCTETS, JSON = "application/octet-stream", "application/json"


def read(body: bytes, header: str | None, signature: Signature, most: int) -> tuple[Inference, Arrays]:
    """A request's body as an inference and its input arrays, native, C-ordered and finite. Raises InvalidData."""
    import orjson

    text, tail = split(memoryview(body), header)
    try:
        document = orjson.loads(text)
    except ValueError as error:  # also for text that is no UTF-8, and for more than 1024 levels
        raise InvalidData(f"not JSON: {str(error)[:200]}") from error
    found = parse(document, tail, signature, most)
    return found, {each.name: _array(each) for each in found.inputs}


def _array(given: Given) -> np.ndarray:
    import numpy as np

    label = f"input {given.name[:60]!r}"
    if given.data is not None:
        little = np.frombuffer(given.data, dtype=np.dtype(given.dtype).newbyteorder("<"))
        if given.dtype == "bool" and (little.view(np.uint8) > 1).any():
            raise InvalidData(f"{label}: a bool is 0 or 1")
        array = little.astype(given.dtype).reshape(given.shape)
    else:
        array = _from_json(label, given)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InvalidData(f"{label}: expected finite numbers, found NaN, infinity, or more than {NAMES[given.dtype]}")
    return array


def _from_json(label: str, given: Given) -> np.ndarray:
    """Numbers in a flat list, or in lists nested as the shape says (row-major either way)."""
    import numpy as np

    kinds = {"bool": "b", "f": "fiu", "i": "iu", "u": "iu"}
    wanted = np.dtype(given.dtype)
    try:
        wide = np.array(given.values)
    except (ValueError, OverflowError, TypeError) as error:
        raise InvalidData(f"{label}: {' '.join(str(error).split())[:200]}") from error
    if wide.dtype.kind not in kinds.get(given.dtype, kinds.get(wanted.kind, "")):
        raise InvalidData(f"{label}: expected {NAMES[given.dtype]}, found lists of {wide.dtype.name}")
    if wide.shape != given.shape and (wide.ndim != 1 or wide.size != _size(given)):
        raise InvalidData(f"{label}: expected data of shape {list(given.shape)}, found {list(wide.shape)}")
    with np.errstate(all="ignore"):
        array = wide.astype(wanted)
    if wanted.kind != "f" and not np.array_equal(wide, array):
        raise InvalidData(f"{label}: holds values that {NAMES[given.dtype]} cannot")
    return array.reshape(given.shape)


def _size(given: Given) -> int:
    from math import prod

    return prod(given.shape)


def write(name: str, version: str, asked: Inference, outputs: Mapping[str, np.ndarray]) -> tuple[bytes, dict[str, str]]:
    """The body of an answer and its headers. Raises InvalidData for an output that JSON cannot hold."""
    import orjson

    tail: list[bytes] = []
    document = response(name, version, asked.id, _outputs(asked, outputs, tail))
    text = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    if not tail:
        return text, {"content-type": JSON}
    return b"".join([text, *tail]), {"content-type": OCTETS, BINARY_HEADER: str(len(text))}


def _outputs(asked: Inference, outputs: Mapping[str, np.ndarray], tail: list[bytes]) -> Iterator[dict[str, Any]]:
    import numpy as np

    for each in asked.wanted:
        array = outputs[each.name]
        made: dict[str, Any] = {"name": each.name, "shape": list(array.shape), "datatype": NAMES[array.dtype.name]}
        if each.binary:
            tail.append(raw(array))
            made["parameters"] = {"binary_data_size": len(tail[-1])}
        else:
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise InvalidData(
                    f"the output {each.name!r} holds NaN or infinity, which JSON cannot: ask for binary_data"
                )
            flat = np.ascontiguousarray(array).reshape(-1)
            made["data"] = flat.astype(np.float32) if array.dtype.name == "float16" else flat
        yield made


def zeros(signature: Signature) -> dict[str, np.ndarray]:
    """Inputs that a model could take; an axis without a size has 1."""
    import numpy as np

    return {
        spec.name: np.zeros([axis if isinstance(axis, int) else 1 for axis in spec.shape], spec.dtype)
        for spec in signature.inputs
    }
