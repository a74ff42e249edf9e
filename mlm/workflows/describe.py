"""What a commit's files say of themselves: the model's signature, weights, tables, the model card, Croissant.

A file that is the same as in the commit before is not read again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import prod
from typing import Any

from mlm.core import card as cards
from mlm.core import croissant, project, safetensors, unixfs
from mlm.core import manifest as formats
from mlm.core.cid import RAW, Cid
from mlm.core.errors import InvalidData, MlmError, NotFound, StateConflict, UsageError
from mlm.core.manifest import Dataset, Manifest, Signature, Table, Tensor, Weights
from mlm.core.project import Project
from mlm.ports.bundle import Ports
from mlm.ports.datasets import FORMATS, format_of
from mlm.ports.repo import Staged

_MAX_MODEL = 2 << 30  # bytes: what one protobuf message can hold
_MAX_METADATA = 64 << 10  # characters of all safetensors files' metadata together: a manifest is one block


@dataclass(frozen=True)
class Description:
    """What the files say, and the blocks that the manifest names besides."""

    signature: Signature | None
    safetensors: tuple[Weights, ...]
    dataset: Dataset | None
    card: dict[str, Any] | None
    blocks: tuple[tuple[Cid, bytes], ...] = ()
    validator: str | None = None  # who besides mlm has found the Croissant document valid


def describe(ports: Ports, described: Project, index: Mapping[str, Staged], previous: Manifest | None) -> Description:
    """Read what is staged, as mlm.toml says.

    Raises StateConflict for a file that mlm.toml names and is not staged, InvalidData for one that is not what it
    should be, ToolMissing when reading it needs an extra that is not installed.
    """
    for name, path in (
        ("model.file", described.model),
        ("verification.calibration", described.calibration),
        ("dataset.croissant", described.croissant),
        ("asset.card", described.card),
        ("access.terms", None if "://" in described.terms else described.terms),
        *(("dataset.files", path) for path in described.tables or ()),
    ):
        if path and path not in index:
            raise StateConflict(
                f"{name} in {project.FILE} is {path!r}, which is not staged", hint=f"Run `mlm add {path}`."
            )
    tables = _tables(ports, described, index, previous)
    document = _croissant(ports, described, index, tables, previous)
    known = previous.dataset.croissant if previous and previous.dataset else None
    validator = _validate(ports, described, document[1]) if document and document[0] != known else None
    return Description(
        signature=_signature(ports, described, index, previous),
        safetensors=_weights(ports, index, previous),
        dataset=Dataset(tables, document[0]) if document else None,
        card=_card(ports, described, index),
        blocks=(document,) if document else (),
        validator=validator,
    )


def _same(previous: Manifest | None, path: str, cid: Cid) -> bool:
    known = previous.files.get(path) if previous else None
    return known is not None and known.cid == cid


def _pieces(ports: Ports, file: Staged, most: int) -> Iterator[bytes]:
    return unixfs.read(ports.repo.objects.get, file.cid, max_bytes=most)


def _named(path: str, error: MlmError) -> None:
    """Say which file an error is about."""
    error.args = (f"{path}: {error}",)


def _signature(
    ports: Ports, described: Project, index: Mapping[str, Staged], previous: Manifest | None
) -> Signature | None:
    path = described.model
    if path is None or not path.endswith(".onnx"):
        return None
    if _same(previous, path, index[path].cid) and previous and previous.signature and previous.signature.file == path:
        return previous.signature
    try:
        info = ports.runner.inspect(b"".join(_pieces(ports, index[path], _MAX_MODEL)))
    except InvalidData as error:
        _named(path, error)
        raise
    inputs, outputs = (
        tuple(Tensor(spec.name, spec.dtype, tuple(spec.shape)) for spec in specs)
        for specs in (info.inputs, info.outputs)
    )
    return Signature(path, inputs, outputs, info.opset, info.parameters)


def _weights(ports: Ports, index: Mapping[str, Staged], previous: Manifest | None) -> tuple[Weights, ...]:
    """Every safetensors file's header in short; none when there are more than a manifest lists."""
    paths = sorted(path for path in index if path.lower().endswith(safetensors.SUFFIX))
    known = {weights.file: weights for weights in previous.safetensors} if previous else {}
    found: list[Weights] = []
    room = _MAX_METADATA
    for path in paths if len(paths) <= formats.MAX_WEIGHTS else ():
        if path in known and _same(previous, path, index[path].cid):
            weights = known[path]
        else:
            weights = _summary(path, _header(ports, path, index[path]), room)
        room -= sum(len(key) + len(text) for key, text in weights.metadata.items())
        found.append(weights)
    return tuple(found)


def _header(ports: Ports, path: str, file: Staged) -> safetensors.Header:
    size = file.stat.size

    def read(begin: int, end: int) -> bytes:
        data = bytearray()
        for piece in _pieces(ports, file, size):
            data += piece
            if len(data) >= end:
                break
        return bytes(data[begin:end])

    try:
        return safetensors.read_header(read, size)
    except InvalidData as error:
        _named(path, error)
        raise


def _summary(path: str, header: safetensors.Header, room: int) -> Weights:
    parameters: Counter[str] = Counter()
    for tensor in header.tensors:
        parameters[tensor.dtype] += prod(tensor.shape)
    kept: dict[str, str] = {}
    for key, text in sorted(header.metadata.items()):
        room -= len(key) + len(text)
        if room >= 0 and len(kept) < formats.MAX_METADATA and max(len(key), len(text)) <= formats.MAX_METADATA_TEXT:
            kept[key] = text
    size = sum(tensor.end - tensor.begin for tensor in header.tensors)
    return Weights(path, len(header.tensors), dict(parameters), size, kept, len(header.metadata) - len(kept))


def _tables(
    ports: Ports, described: Project, index: Mapping[str, Staged], previous: Manifest | None
) -> tuple[Table, ...]:
    """The schema of a dataset's files: of those that mlm.toml names, else of all that say their format.

    A .json may be anything, so it is a table only where it is named; more tables than a manifest holds are none.
    """
    if described.kind != "dataset":
        return ()
    paths = described.tables
    if paths is None:
        found = sorted(path for path in index if format_of(path) not in (None, "json"))
        paths = tuple(found) if len(found) <= formats.MAX_TABLES else ()
    known = {table.file: table for table in previous.dataset.tables} if previous and previous.dataset else {}
    tables = []
    for path in paths:
        if path in known and _same(previous, path, index[path].cid):
            tables.append(known[path])
            continue
        if format_of(path) is None:
            raise UsageError(f"dataset.files in {project.FILE}: expected {', '.join(FORMATS)}, found {path!r}")
        try:
            table = ports.datasets.describe(_pieces(ports, index[path], index[path].stat.size), path)
        except InvalidData as error:
            _named(path, error)
            error.hint = error.hint or f"Name the files that are tables: files = […] under [dataset] in {project.FILE}."
            raise
        columns = tuple(formats.Column(column.name, column.type) for column in table.columns)
        tables.append(Table(path, table.format, columns, table.rows))
    return tuple(tables)


def _card(ports: Ports, described: Project, index: Mapping[str, Staged]) -> dict[str, Any] | None:
    """The model card's front matter, of the file that mlm.toml names or of a README.md that has one."""
    path = cards.FILE if described.card is None else described.card
    if path not in index:
        return None
    first = next(iter(_pieces(ports, index[path], index[path].stat.size)), b"")
    front = cards.front_matter(first)
    if front is None:
        if described.card:
            raise InvalidData(f"{path}: expected front matter between two lines `---` at the beginning, found none")
        return None
    try:
        card = cards.parse(front)
        cards.check_licence_agrees(card, described.licence)
    except InvalidData as error:
        _named(path, error)
        error.hint = error.hint or f'Mend it, or set card = "" under [asset] in {project.FILE} to leave it out.'
        raise
    return card


def _croissant(
    ports: Ports,
    described: Project,
    index: Mapping[str, Staged],
    tables: tuple[Table, ...],
    previous: Manifest | None,
) -> tuple[Cid, bytes] | None:
    """The block of a dataset's Croissant description: the author's own, checked, or one made of the tables."""
    if described.croissant is not None:
        path = described.croissant
        try:
            data = b"".join(_pieces(ports, index[path], croissant.MAX_BYTES))
            croissant.check(data, index)
        except InvalidData as error:
            _named(path, error)
            raise
    elif tables:
        sums = _sums(ports, previous)
        files = tuple(_file(ports, table, index[table.file], sums) for table in tables)
        data = croissant.write(described.name, described.version, described.description, described.licence, files)
        if len(data) > croissant.MAX_BYTES:
            raise InvalidData(
                f"the tables make a Croissant document of {len(data)} bytes, more than {croissant.MAX_BYTES}",
                hint=f"Name fewer tables, or none: files = [] under [dataset] in {project.FILE}.",
            )
    else:
        return None
    return Cid.of(RAW, data), data


def _validate(ports: Ports, described: Project, document: bytes) -> str | None:
    try:
        return ports.croissant.validate(document)
    except InvalidData as error:
        if described.croissant is not None:
            _named(described.croissant, error)
        raise


def _sums(ports: Ports, previous: Manifest | None) -> dict[str, str]:
    """The sha256 by URL that the commit before has stated: its file is the same, for the URL is its CID."""
    if previous is None or previous.dataset is None or previous.dataset.croissant is None:
        return {}
    try:
        return croissant.sha256_of(croissant.check(ports.repo.objects.get(previous.dataset.croissant), ()))
    except (NotFound, InvalidData):
        return {}


def _file(ports: Ports, table: Table, file: Staged, sums: dict[str, str]) -> croissant.File:
    if file.cid.codec == RAW:  # one leaf: its CID is its sha256
        digest = file.cid.digest.hex()
    elif (known := sums.get(croissant.content_url(file.cid))) is not None:
        digest = known
    else:
        running = sha256()
        for piece in _pieces(ports, file, file.stat.size):
            running.update(piece)
        digest = running.hexdigest()
    return croissant.File(table, file.cid, file.stat.size, digest)
