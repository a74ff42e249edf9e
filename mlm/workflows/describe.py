"""What a commit's files say of themselves: the model's signature, weights, tables, the model card, Croissant.

A file that is the same as in the commit before is not read again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from math import prod
from typing import Any

from mlm.core import card as cards
from mlm.core import croissant, project, safetensors, unixfs
from mlm.core import manifest as formats
from mlm.core.cid import RAW, Cid
from mlm.core.errors import InvalidData, MlmError, NotFound, StateConflict, UsageError, VerificationFailed
from mlm.core.manifest import Dataset, FileRef, Manifest, Signature, Table, Tensor, Weights
from mlm.core.project import Project
from mlm.ports.bundle import Ports
from mlm.ports.datasets import FORMATS, format_of

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


def describe(ports: Ports, described: Project, files: Mapping[str, FileRef], previous: Manifest | None) -> Description:
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
        if path and path not in files:
            hint = f"Run `mlm add {path}`."
            if name == "model.file":
                hint += (
                    f" If that is not your model, set model.file in {project.FILE} to the file that is; for what is no "
                    'model remove [model] and set kind = "dataset" (or algorithm, pipeline).'
                )
            raise StateConflict(f"{name} in {project.FILE} is {path!r}, which is not staged", hint=hint)
    tables = _tables(ports, described, files, previous)
    document = _croissant(ports, described, files, tables, previous)
    known = previous.dataset.croissant if previous and previous.dataset else None
    validator = _validate(ports, described, document[1]) if document and document[0] != known else None
    return Description(
        signature=_signature(ports, described, files, previous),
        safetensors=_weights(ports, files, previous),
        dataset=Dataset(tables, document[0]) if document else None,
        card=_card(ports, described, files),
        blocks=(document,) if document else (),
        validator=validator,
    )


def check_said(ports: Ports, manifest: Manifest) -> str:
    """Hold what a manifest says of its files against the files, whose blocks are here; what was compared, in words.

    Raises VerificationFailed for a lie, ToolMissing when reading a file needs an extra that is not installed.
    """
    said: list[tuple[str, object, object]] = []
    if manifest.signature is not None:
        path = manifest.signature.file
        said.append((path, manifest.signature, _read_signature(ports, path, manifest.file(ports.objects.get, path))))
    for weights in manifest.safetensors:
        header = _header(ports, weights.file, manifest.file(ports.objects.get, weights.file))
        kept = {key: header.metadata[key] for key in weights.metadata if key in header.metadata}
        found = replace(_summary(weights.file, header, 0), metadata=kept, omitted=len(header.metadata) - len(kept))
        said.append((weights.file, weights, found))
    for table in manifest.dataset.tables if manifest.dataset else ():
        read = _read_table(ports, table.file, manifest.file(ports.objects.get, table.file))
        if [column.name for column in read.columns] == [column.name for column in table.columns]:
            read = replace(read, columns=table.columns)  # their types are DuckDB's guess, and another version's another
        said.append((table.file, table, read))
    for path, expected, actual in said:
        if expected != actual:
            raise VerificationFailed(f"the manifest says of {path} {_differs(expected, actual)}")
    return f"{len(said)} files"


def _differs(said: Any, found: Any) -> str:
    """The first field in which two values of one dataclass are not the same."""
    name = next(item.name for item in fields(said) if getattr(said, item.name) != getattr(found, item.name))
    return f"{name} {getattr(said, name)!s:.80}, it has {getattr(found, name)!s:.80}"


def _same(previous: Manifest | None, path: str, cid: Cid) -> bool:
    known = previous.files.get(path) if previous else None
    return known is not None and known.cid == cid


def _pieces(ports: Ports, file: FileRef, most: int) -> Iterator[bytes]:
    return unixfs.read(ports.objects.get, file.cid, max_bytes=most)


def _named(path: str, error: MlmError) -> None:
    """Say which file an error is about."""
    error.args = (f"{path}: {error}",)


def _signature(
    ports: Ports, described: Project, files: Mapping[str, FileRef], previous: Manifest | None
) -> Signature | None:
    path = described.model
    if path is None or not path.endswith(".onnx"):
        return None
    if _same(previous, path, files[path].cid) and previous and previous.signature and previous.signature.file == path:
        return previous.signature
    return _read_signature(ports, path, files[path])


def _read_signature(ports: Ports, path: str, file: FileRef) -> Signature:
    try:
        info = ports.runner.inspect(b"".join(_pieces(ports, file, _MAX_MODEL)))
    except InvalidData as error:
        _named(path, error)
        raise
    inputs, outputs = (
        tuple(Tensor(spec.name, spec.dtype, tuple(spec.shape)) for spec in specs)
        for specs in (info.inputs, info.outputs)
    )
    return Signature(path, inputs, outputs, info.opset, info.parameters)


def _weights(ports: Ports, files: Mapping[str, FileRef], previous: Manifest | None) -> tuple[Weights, ...]:
    """Every safetensors file's header in short; none when there are more than a manifest lists."""
    paths = sorted(path for path in files if path.lower().endswith(safetensors.SUFFIX))
    known = {weights.file: weights for weights in previous.safetensors} if previous else {}
    found: list[Weights] = []
    room = _MAX_METADATA
    for path in paths if len(paths) <= formats.MAX_WEIGHTS else ():
        if path in known and _same(previous, path, files[path].cid):
            weights = known[path]
        else:
            weights = _summary(path, _header(ports, path, files[path]), room)
        room -= sum(len(key) + len(text) for key, text in weights.metadata.items())
        found.append(weights)
    return tuple(found)


def _header(ports: Ports, path: str, file: FileRef) -> safetensors.Header:
    size = file.size

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
    ports: Ports, described: Project, files: Mapping[str, FileRef], previous: Manifest | None
) -> tuple[Table, ...]:
    """The schema of a dataset's files: of those that mlm.toml names, else of all that say their format.

    A .json may be anything, so it is a table only where it is named; more tables than a manifest holds are none.
    """
    if described.kind != "dataset":
        return ()
    paths = described.tables
    if paths is None:
        found = sorted(path for path in files if format_of(path) not in (None, "json"))
        paths = tuple(found) if len(found) <= formats.MAX_TABLES else ()
    known = {table.file: table for table in previous.dataset.tables} if previous and previous.dataset else {}
    tables = []
    for path in paths:
        if path in known and _same(previous, path, files[path].cid):
            tables.append(known[path])
            continue
        if format_of(path) is None:
            raise UsageError(f"dataset.files in {project.FILE}: expected {', '.join(FORMATS)}, found {path!r}")
        tables.append(_read_table(ports, path, files[path]))
    return tuple(tables)


def _read_table(ports: Ports, path: str, file: FileRef) -> Table:
    try:
        table = ports.datasets.describe(_pieces(ports, file, file.size), path)
    except InvalidData as error:
        _named(path, error)
        error.hint = error.hint or f"Name the files that are tables: files = […] under [dataset] in {project.FILE}."
        raise
    columns = tuple(formats.Column(column.name, column.type) for column in table.columns)
    return Table(path, table.format, columns, table.rows)


def _card(ports: Ports, described: Project, files: Mapping[str, FileRef]) -> dict[str, Any] | None:
    """The model card's front matter, of the file that mlm.toml names or of a README.md that has one."""
    path = cards.FILE if described.card is None else described.card
    if path not in files:
        return None
    first = next(iter(_pieces(ports, files[path], files[path].size)), b"")
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
    files: Mapping[str, FileRef],
    tables: tuple[Table, ...],
    previous: Manifest | None,
) -> tuple[Cid, bytes] | None:
    """The block of a dataset's Croissant description: the author's own, checked, or one made of the tables."""
    if described.croissant is not None:
        path = described.croissant
        try:
            data = b"".join(_pieces(ports, files[path], croissant.MAX_BYTES))
            croissant.check(data, files)
        except InvalidData as error:
            _named(path, error)
            raise
    elif tables:
        sums = _sums(ports, previous)
        known = tuple(_file(ports, table, files[table.file], sums) for table in tables)
        data = croissant.write(described.name, described.version, described.description, described.licence, known)
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
        return croissant.sha256_of(croissant.check(ports.objects.get(previous.dataset.croissant), ()))
    except (NotFound, InvalidData):
        return {}


def _file(ports: Ports, table: Table, file: FileRef, sums: dict[str, str]) -> croissant.File:
    if file.cid.codec == RAW:  # one leaf: its CID is its sha256
        digest = file.cid.digest.hex()
    elif (known := sums.get(croissant.content_url(file.cid))) is not None:
        digest = known
    else:
        running = sha256()
        for piece in _pieces(ports, file, file.size):
            running.update(piece)
        digest = running.hexdigest()
    return croissant.File(table, file.cid, file.size, digest)
