"""`mlm show`: a commit with its manifest, or a manifest by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlm.core import dagcbor, unixfs
from mlm.core.cid import Cid
from mlm.core.clock import iso_time
from mlm.core.croissant import check
from mlm.core.errors import InvalidData, NotFound, UsageError
from mlm.core.history import FORMAT as COMMIT_FORMAT
from mlm.core.history import Commit
from mlm.core.manifest import Dataset, Manifest, Parent, Table, Tensor, Weights
from mlm.core.money import Amount
from mlm.ports.repo import Repo
from mlm.workflows import repository
from mlm.workflows.repository import commit_files, read_manifest, resolve
from mlm.workflows.status import Change, compare_trees

_MAX_TEXT = 16 << 20  # bytes of a file that a terminal is given


@dataclass(frozen=True)
class File:
    """A file of the asset, by path."""

    path: str
    size: int
    cid: Cid
    executable: bool = field(metadata={"quiet": False})


@dataclass(frozen=True)
class Schema:
    """A table of a dataset: types by column, and how many rows."""

    file: str
    format: str
    rows: int
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Shown:
    """A manifest, and the commit that it was shown for: its fields are None for a manifest by itself.

    `size` is in bytes; `zk_key` is set in a published manifest with the zk tier; `personal_data` is None where nothing
    is said of it; `use_price` is None where the network's token has too few digits for it; `card` is the model card's
    front matter, `croissant` the block with the dataset's JSON-LD; `changes` are those against the first parent.
    """

    commit: Cid | None
    parents: tuple[Cid, ...]
    author: str | None
    time: str | None
    message: str | None
    manifest: Cid
    format: str
    kind: str
    name: str
    version: str
    description: str
    licence: str
    access: str
    terms: str = field(metadata={"quiet": ""})
    personal_data: bool | None
    privacy: str = field(metadata={"quiet": ""})
    use_price: Amount | None
    royalty_bps: int
    tree: Cid
    count: int
    size: int
    opset: int | None
    parameters: int | None
    zk_key: bytes | None
    metrics: Mapping[str, float | int]
    croissant: Cid | None
    card: Mapping[str, Any] | None
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    weights: tuple[Weights, ...]
    tables: tuple[Schema, ...]
    lineage: tuple[Parent, ...]
    changes: tuple[Change, ...]
    files: tuple[File, ...]


def show(repo: Repo, ref: str = "HEAD") -> Shown:
    """What `ref` names; raises NotFound, or InvalidData for a block that is neither commit nor manifest."""
    return _shown(repo, *_shown_manifest(repo, ref))


@dataclass(frozen=True)
class Content:
    """A file of a commit, and where it was written; None: to stdout."""

    path: str
    size: int
    cid: Cid
    output: str | None


def content(repo: Repo, ref: str, path: str) -> tuple[Content, Iterator[bytes]]:
    """A file of the commit `ref`, and its bytes in pieces; raises NotFound where the commit has none there."""
    cid, commit = repository.resolve_commit(repo, ref)
    files = commit_files(repo, commit)
    if path not in files:
        raise NotFound(f"no file {repository.shown_path(path)} in {cid}", hint=f"`mlm show {ref}` lists its files.")
    file = files[path].cid
    size = unixfs.file_size(repo.objects.get, file)
    return Content(path, size, file, None), unixfs.read(repo.objects.get, file, max_bytes=size)


def text(file: Content, pieces: Iterable[bytes]) -> bytes:
    """The file's bytes, if they may go to a terminal: UTF-8 without control characters. Raises UsageError."""
    data = b"".join(pieces) if file.size <= _MAX_TEXT else b"\0"
    lines = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    if not all(char.isprintable() or char in "\n\t" for char in lines):
        raise UsageError(
            f"{file.path} is not shown on a terminal: expected text of at most {_MAX_TEXT} bytes, found {file.size} "
            "bytes that are not",
            hint="`-o FILE` writes it, `> FILE` and pipes too.",
        )
    return data


def _shown_manifest(repo: Repo, ref: str) -> tuple[Cid, Cid | None, Commit | None]:
    """The manifest that `ref` leads to, and the commit where it names one."""
    cid = resolve(repo, ref)
    value = dagcbor.decode(repo.objects.get(cid))
    form = value.get("format") if isinstance(value, dict) else None
    if form == COMMIT_FORMAT:
        commit = Commit.from_block(cid, repo.objects.get(cid))
        return commit.manifest, cid, commit
    if not isinstance(form, str) or not form.startswith("mlm/manifest/"):
        raise InvalidData(f"expected a commit or a manifest, {cid} is neither")
    return cid, None, None


def _changes(repo: Repo, commit: Commit) -> tuple[Change, ...]:
    before: dict[str, repository.File] = {}
    if commit.parents:
        parent = Commit.from_block(commit.parents[0], repo.objects.get(commit.parents[0]))
        before = commit_files(repo, parent)
    return compare_trees(before, commit_files(repo, commit))


def _shown(repo: Repo, manifest_cid: Cid, cid: Cid | None, commit: Commit | None) -> Shown:
    manifest = read_manifest(repo, manifest_cid)
    executable = frozenset(manifest.executable)
    signature, dataset = manifest.signature, manifest.dataset or Dataset()
    return Shown(
        commit=cid,
        parents=commit.parents if commit else (),
        author=commit.author if commit else None,
        time=iso_time(commit.time) if commit else None,
        message=commit.message if commit else None,
        manifest=manifest_cid,
        format=manifest.format,
        kind=manifest.kind,
        name=manifest.name,
        version=manifest.version,
        description=manifest.description,
        licence=manifest.licence,
        access=manifest.access,
        terms=manifest.terms,
        personal_data=manifest.privacy.personal_data,
        privacy=manifest.privacy.statement,
        use_price=_use_price(manifest),
        royalty_bps=manifest.price.royalty_bps,
        tree=manifest.tree,
        count=manifest.count,
        size=manifest.size,
        opset=signature.opset if signature else None,
        parameters=signature.parameters if signature else None,
        zk_key=manifest.zk.key if manifest.zk else None,
        metrics=manifest.metrics,
        croissant=dataset.croissant,
        card=manifest.card,
        inputs=signature.inputs if signature else (),
        outputs=signature.outputs if signature else (),
        weights=manifest.safetensors,
        tables=tuple(_schema(table) for table in dataset.tables),
        lineage=manifest.parents,
        changes=_changes(repo, commit) if commit else (),
        files=tuple(
            File(path, file.size, file.cid, path in executable) for path, file in sorted(manifest.files.items())
        ),
    )


def _use_price(manifest: Manifest) -> Amount | None:
    try:
        return manifest.price.amount()
    except UsageError:  # publishing there is refused, but reading is not
        return None


def _schema(table: Table) -> Schema:
    return Schema(table.file, table.format, table.rows, {column.name: column.type for column in table.columns})


@dataclass(frozen=True)
class Document:
    """A dataset's Croissant description: JSON-LD as it is stored."""

    cid: Cid
    document: Mapping[str, Any]
    text: str = field(repr=False)


def croissant(repo: Repo, ref: str = "HEAD") -> Document:
    """The Croissant description of what `ref` names; raises NotFound where it has none, InvalidData for a bad one."""
    cid = _shown_manifest(repo, ref)[0]
    manifest = read_manifest(repo, cid)
    if manifest.dataset is None or manifest.dataset.croissant is None:
        raise NotFound(
            f"{manifest.name}@{manifest.version} has no Croissant description",
            hint="A commit of kind dataset has one, of its tables or of [dataset] croissant in mlm.toml.",
        )
    block = repo.objects.get(manifest.dataset.croissant)
    return Document(manifest.dataset.croissant, check(block, manifest.files), block.decode("utf-8"))
