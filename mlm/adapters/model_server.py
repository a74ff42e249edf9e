"""The ModelServer port over HTTP: the Open Inference Protocol v2, with vouchers and signed results in headers.

Whatever comes back is hostile: bounded in time and size by adapters/http.py, and checked field by field here. Whether
it is what was paid for is for workflows/paying.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from mlm.adapters.http import Answer as Raw
from mlm.adapters.http import Client, json_object, printable
from mlm.adapters.onnx.tensors import to_arrays, to_tensors
from mlm.core.channel import SignedVoucher, encode_header, voucher_from
from mlm.core.errors import InvalidData, NotFound, ServerFailed, UsageError
from mlm.core.inference import DATATYPES, NAMES
from mlm.core.served import RESULT_HEADER, VOUCHER_HEADER, Reader, ServedResult, Terms, from_header
from mlm.core.tensors import ITEM_BYTES, MAX_AXES, MAX_TENSORS, Tensor
from mlm.ports.model_server import Answer, Offer, Seen

if TYPE_CHECKING:
    import numpy as np

MAX_ANSWER = 64 << 20  # bytes of an answer's outputs
MAX_METADATA = 1 << 20
MAX_WAIT = 3600.0  # seconds of a Retry-After that is taken at its word
_SIZE = "inference-header-content-length"
_MODELS = "/v2/models/"


class _Http(Client):
    """Errors in the words of somebody who pays a server, not of somebody who stores with one."""

    def trouble(self, what: str) -> ServerFailed:
        return ServerFailed(
            f"the model server {self.where} {self._blanked(what.encode()).decode('utf-8', 'replace')}",
            hint="Nothing was paid twice: the same input again repeats the call with the same voucher.",
        )

    def _slow(self, timeout: float) -> ServerFailed:
        return self.trouble(f"did not answer within {timeout:.3g} s")


class HttpModelServer:
    """`url` is a server's, or one of its models': http://HOST:PORT[/v2/models/NAME[/versions/VERSION]]."""

    def __init__(self, url: str, model: str = "", timeout: float = 60.0, limit: int = MAX_ANSWER) -> None:
        """`limit` bounds an answer's bytes. Raises UsageError for what is no URL, or two different models."""
        base, at, path = url.rstrip("/").partition(_MODELS)
        name, _, version = path.partition("/versions/")
        if at and (not name or "/" in name or "/" in version):
            raise UsageError(f"expected a URL such as http://HOST:PORT{_MODELS}NAME, found the path {at}{path[:60]}")
        if model and name and unquote(name) != model:
            raise UsageError(f"the URL names the model {unquote(name)[:60]!r}, and {model[:60]!r} was asked for")
        self._http = _Http(base.removesuffix("/v2"), timeout)
        self._model, self._version, self._limit = model or unquote(name), unquote(version), limit
        self._binary: bool | None = None
        self.where = self._http.where

    def offer(self) -> Offer:
        """The model's metadata; the only model of a server needs no name."""
        if not self._model:
            self._model = self._only_model()
        raw = self._http.ask("GET", self._path(), limit=MAX_METADATA)
        if raw.status == 404:
            raise NotFound(f"the model server {self.where} has no model {self._model[:60]!r}: {raw.said}")
        document = self._document(raw, "the model's metadata")
        parameters = document.get("parameters")
        terms = parameters.get("mlm") if isinstance(parameters, dict) else None
        inputs, outputs = (_names(document.get(key), key) for key in ("inputs", "outputs"))
        return Offer(self._model, inputs, outputs, None if terms is None else Terms.from_json(terms))

    def infer(self, inputs: Mapping[str, np.ndarray], voucher: SignedVoucher | None, within: float) -> Answer:
        """Tensors travel as raw bytes behind the JSON (Triton's extension) in both directions."""
        import orjson

        if not self._model:
            self._model = self._only_model()
        tensors = to_tensors(inputs)
        described = [
            {
                "name": tensor.name,
                "datatype": NAMES[tensor.dtype],
                "shape": list(tensor.shape),
                "parameters": {"binary_data_size": len(tensor.data)},
            }
            for tensor in tensors
        ]
        head = orjson.dumps({"inputs": described, "parameters": {"binary_data_output": True}})
        headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
        if voucher is not None:
            headers[VOUCHER_HEADER] = encode_header(voucher)
        body = b"".join([head, *(tensor.data for tensor in tensors)])
        path = self._path() + "/infer"
        with self._http.open("POST", path, headers=headers, body=body, within=max(within, 0.001)) as stream:
            raw = Raw(stream.status, stream.headers, stream.rest(self._limit))
        return self._answer(raw)

    def channel(self, channel: str) -> Seen | None:
        raw = self._http.ask("GET", f"/v2/channels/{channel}", limit=MAX_METADATA)
        if raw.status == 404:
            return None
        document = self._document(raw, "the channel")
        read, best = Reader(document, "the channel"), document.get("best")
        price, served = read.number("price", 1 << 128), read.number("served", 1 << 64)
        return Seen(price, served, None if best is None else voucher_from(best))

    def close(self) -> None:
        """Let idle connections go; those in use end with their answers."""
        self._http.close()

    def _path(self) -> str:
        version = f"/versions/{quote(self._version, safe='')}" if self._version else ""
        return _MODELS + quote(self._model, safe="") + version

    def _only_model(self) -> str:
        found = self._document(self._http.ask("GET", "/v2", limit=MAX_METADATA), "the server's metadata").get("models")
        models = [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
        if len(models) == 1:
            return models[0]
        named = ", ".join(printable(name, 60) for name in models[:9]) or "none"
        raise UsageError(
            f"expected a server of one model, found {named}", hint=f"Give its URL: http://HOST:PORT{_MODELS}NAME."
        )

    def _document(self, raw: Raw, what: str) -> dict[str, Any]:
        if raw.status != 200:
            raise self._http.trouble(f"answered with HTTP status {raw.status} for {what}: {raw.said or 'nothing'}")
        found = json_object(raw.body)
        if found is None:
            raise self._http.trouble(f"answered with no JSON object for {what}: {raw.said}")
        return found

    def _answer(self, raw: Raw) -> Answer:
        result = None
        if signed := raw.headers.get(RESULT_HEADER.lower()):
            result = ServedResult.from_json(from_header(signed, "a signed result"))
        if raw.status == 200:
            return Answer(200, outputs=outputs_of(raw.headers.get(_SIZE), raw.body), result=result)
        document = json_object(raw.body) or {}
        terms = document.get("mlm")
        said = document.get("error")
        return Answer(
            raw.status,
            printable(said, 200) if isinstance(said, str) else raw.said,
            result=result,
            terms=None if raw.status != 402 or terms is None else Terms.from_json(terms),
            retry_after=_seconds(raw.headers.get("retry-after", "")),
        )


def outputs_of(size: str | None, body: bytes) -> dict[str, np.ndarray]:
    """The tensors of an answer, in binary or JSON. Hostile: raises InvalidData unless sizes, shapes and data agree."""
    import orjson

    if size is not None and not (size.isascii() and size.isdigit() and len(size) < 12 and int(size) <= len(body)):
        raise InvalidData(f"Inference-Header-Content-Length: expected at most {len(body)}, found {size[:20]!r}")
    head = len(body) if size is None else int(size)
    try:
        document = orjson.loads(body[:head])
    except ValueError as error:
        raise InvalidData(f"expected outputs as JSON, found none: {str(error)[:80]}") from error
    found = document.get("outputs") if isinstance(document, dict) else None
    if not isinstance(found, list) or not 0 < len(found) <= MAX_TENSORS:
        raise InvalidData(f"expected 1 to {MAX_TENSORS} outputs in the answer")
    tensors, at = [], head
    for item in found:
        tensor, taken = _tensor(item, memoryview(body)[at:])
        tensors.append(tensor)
        at += taken
    if at != len(body) or len({tensor.name for tensor in tensors}) != len(tensors):
        raise InvalidData(f"expected outputs of different names and no more bytes, {len(body) - at} are left")
    return to_arrays(tensors)


def _tensor(item: object, tail: memoryview) -> tuple[Tensor, int]:
    """One output, and how many raw bytes it took."""
    if not isinstance(item, dict):
        raise InvalidData("expected an object for an output")
    name, shape, dtype = item.get("name"), item.get("shape"), DATATYPES.get(str(item.get("datatype")))
    if not isinstance(name, str) or dtype is None:
        raise InvalidData(f"an output: expected a name and a datatype of {', '.join(DATATYPES)}")
    if not isinstance(shape, list) or len(shape) > MAX_AXES or any(type(axis) is not int for axis in shape):
        raise InvalidData(f"output {name[:60]!r}: expected a shape of at most {MAX_AXES} whole numbers")
    parameters = item.get("parameters")
    count = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if count is not None:
        if type(count) is not int or not 0 <= count <= len(tail):
            raise InvalidData(f"output {name[:60]!r}: expected at most {len(tail)} raw bytes, found {str(count)[:20]}")
        return Tensor(name, dtype, tuple(shape), bytes(tail[:count])), count
    return Tensor(name, dtype, tuple(shape), _packed(name, dtype, shape, item.get("data"))), 0


def _packed(name: str, dtype: str, shape: list[int], data: object) -> bytes:
    """Numbers of JSON, flat or nested, as the tensor's bytes."""
    import numpy as np

    label = f"output {name[:60]!r}"
    try:
        wide = np.array(data)
    except (ValueError, OverflowError) as error:
        raise InvalidData(f"{label}: expected lists of numbers: {str(error)[:80]}") from error
    if wide.dtype.kind not in "iufb" or wide.size != prod(shape) or wide.size * ITEM_BYTES[dtype] > MAX_ANSWER:
        raise InvalidData(f"{label}: expected {prod(shape)} numbers, found {wide.size} of {wide.dtype}")
    with np.errstate(all="ignore"):
        array = wide.astype(np.dtype(dtype).newbyteorder("<"))
    if array.dtype.kind != "f" and not np.array_equal(wide, array):
        raise InvalidData(f"{label}: holds values that {dtype} cannot")
    return array.tobytes()


def _names(items: object, what: str) -> tuple[str, ...]:
    if not isinstance(items, list) or len(items) > MAX_TENSORS:
        raise InvalidData(f"expected a list of the model's {what} in its metadata")
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    if not all(isinstance(name, str) for name in names):
        raise InvalidData(f"expected a name for each of the model's {what}")
    return tuple(str(name) for name in names)


def _seconds(text: str) -> float:
    """A Retry-After in seconds; 0 for a date, or nonsense."""
    found = text.strip()
    return min(float(found), MAX_WAIT) if found.isascii() and found.isdigit() and len(found) < 10 else 0.0
