"""`mlm diff`: what differs between commits, the index and the working tree: files, and what is in them.

Of a changed file its kind decides what is compared: tensors of ONNX and safetensors, columns and rows of datasets,
lines of text. A file that cannot be understood is noted, and is still listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from mlm.core import content, onnx_file, safetensors
from mlm.core.content import Content
from mlm.core.errors import InvalidData, ToolMissing
from mlm.core.weights import Model, of_safetensors
from mlm.ports.datasets import Datasets, Table, format_of
from mlm.ports.meter import Meter
from mlm.ports.repo import Repo
from mlm.workflows.diff_models import (
    ADDED,
    CHANGED,
    REMOVED,
    ModelChange,
    PartChange,
    TensorChange,
    compare_parts,
    compare_weights,
)
from mlm.workflows.diff_sides import Damaged, File, Side, Watch, sides
from mlm.workflows.diff_text import MAX_LINES, text_of, unified
from mlm.workflows.repository import Progress, quiet, shown_path
from mlm.workflows.status import DELETED, MODIFIED, NEW, compare_trees

RENAMED = "renamed"
MAX_BYTES = 256 << 30  # of a file that is looked into: small blocks that repeat can stand for a file without end


@dataclass(frozen=True)
class FileChange:
    """A file that differs: bytes before and after, and for a renamed one, whose content is the same, the old path.

    `executable` is whether its owner may run it now, where that has changed.
    """

    what: str
    path: str
    before: int | None
    after: int | None
    source: str = ""
    executable: bool | None = None


@dataclass(frozen=True)
class DatasetChange:
    """Rows before and after; null on the side that has no such file."""

    path: str
    format: str
    rows_before: int | None
    rows_after: int | None


@dataclass(frozen=True)
class ColumnChange:
    """A column that was added or removed, or whose type changed."""

    path: str
    column: str
    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Note:
    """A file, and why its content was not compared."""

    path: str
    why: str


@dataclass(frozen=True)
class Diff:
    """What leads from `old` to `new`. `lines` are unified diffs of small text files, one after the other."""

    old: str
    new: str
    files: tuple[FileChange, ...]
    datasets: tuple[DatasetChange, ...] = ()
    columns: tuple[ColumnChange, ...] = ()
    models: tuple[ModelChange, ...] = ()
    tensors: tuple[TensorChange, ...] = ()
    parts: tuple[PartChange, ...] = ()
    lines: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Tools:
    """What looks into files; made when the first file needs it."""

    meter: Callable[[], Meter]
    datasets: Callable[[], Datasets]


def diff(
    repo: Repo,
    words: Sequence[str] = (),
    *,
    inside: Callable[[str], str] = lambda path: path,
    staged: bool = False,
    tools: Tools | None = None,
    progress: Progress = quiet,
) -> Diff:
    """Compare index and working tree; with one ref its commit and the working tree, with two their commits; `staged`

    compares a commit, or HEAD, with the index. Paths after the refs choose files. Without `tools` only files are
    compared. Raises what `sides` raises, and InvalidData or NotFound for damaged or missing blocks.
    """
    old, new = sides(repo, words, inside, staged, progress)
    changes = _files(old, new)
    if tools is None:
        return Diff(old.name, new.name, changes, notes=_odd(new))
    watch = Watch(progress, sum(_bytes(change) for change in changes))
    found = _Found(watch)
    done = 0
    for change in changes:
        if change.what != RENAMED and not _same(change, old, new):
            _look(change, old, new, tools, found)
        done += _bytes(change)
        watch.reach(done, change.path)
    _elsewhere(changes, old, new, tools, found)
    watch.end()
    return Diff(
        old.name,
        new.name,
        changes,
        tuple(found.datasets),
        tuple(found.columns),
        tuple(found.models),
        tuple(found.tensors),
        tuple(found.parts),
        tuple(found.lines),
        (*_odd(new), *found.notes),
    )


@dataclass
class _Found:
    """What was found in files so far."""

    watch: Watch
    lines: list[str] = field(default_factory=list)
    datasets: list[DatasetChange] = field(default_factory=list)
    columns: list[ColumnChange] = field(default_factory=list)
    models: list[ModelChange] = field(default_factory=list)
    tensors: list[TensorChange] = field(default_factory=list)
    parts: list[PartChange] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def _odd(side: Side) -> tuple[Note, ...]:
    return tuple(Note(shown_path(path), why) for path, why in side.odd)


def _files(old: Side, new: Side) -> tuple[FileChange, ...]:
    """Every path that differs; a deleted file whose content stands elsewhere as a new one was renamed."""
    changes = compare_trees(
        *({path: (file.cid, file.executable) for path, file in side.files.items()} for side in (old, new))
    )
    gone: dict[str, list[str]] = {}
    for change in changes:
        if change.what == DELETED:
            gone.setdefault(str(old.files[change.path].cid), []).append(change.path)
    renamed: dict[str, str] = {}
    for change in changes:
        if change.what == NEW and (sources := gone.get(str(new.files[change.path].cid))):
            renamed[change.path] = sources.pop(0)
    sources_taken = set(renamed.values())
    found = []
    for change in changes:
        if change.path in sources_taken and change.what == DELETED:
            continue
        source = renamed.get(change.path, "")
        before, after = old.files.get(source or change.path), new.files.get(change.path)
        what = RENAMED if source else change.what
        turned = before and after and before.executable != after.executable
        bit = after.executable if after and turned else None
        found.append(FileChange(what, change.path, _size(before), _size(after), source, bit))
    return tuple(found)


def _same(change: FileChange, old: Side, new: Side) -> bool:
    """Whether only the executable bit of a file differs."""
    return change.what == MODIFIED and old.files[change.path].cid == new.files[change.path].cid


def _bytes(change: FileChange) -> int:
    return max(change.before or 0, change.after or 0)


def _size(file: File | None) -> int | None:
    return None if file is None else file.size()


@contextmanager
def _noted(path: str, found: _Found) -> Iterator[None]:
    """What cannot be understood of a file becomes a note; a damaged repository stays an error."""
    try:
        yield
    except Damaged:
        raise
    except (InvalidData, ToolMissing) as error:
        what = "expected an ONNX file: " if path.endswith(onnx_file.SUFFIX) else ""
        found.notes.append(Note(path, f"{what}{error}"))


def _look(change: FileChange, old: Side, new: Side, tools: Tools, found: _Found) -> None:
    """Compare what a changed file holds."""
    path = change.path
    if (largest := max(change.before or 0, change.after or 0)) > MAX_BYTES:
        found.notes.append(Note(path, f"expected at most {MAX_BYTES} bytes to look into, found {largest}"))
        return
    with _noted(path, found):
        before, after = (side.files[path].open() if path in side.files else None for side in (old, new))
        if path.endswith((safetensors.SUFFIX, onnx_file.SUFFIX)):
            if before is not None and after is not None:
                models = _model(path, before, old), _model(path, after, new)
                _compare_models(path, *models, tools, found)
        elif _is_dataset(path, before, after):
            _compare_datasets(path, before, after, tools, found)
        else:
            _compare_text(path, before, after, found)


def _compare_models(path: str, old: Model, new: Model, tools: Tools, found: _Found) -> None:
    summary, tensors = compare_weights(path, old, new, tools.meter, found.watch.tell)
    found.models.append(summary)
    found.tensors += tensors
    found.parts += compare_parts(path, old, new)


def _model(path: str, file: Content, side: Side) -> Model:
    if path.endswith(safetensors.SUFFIX):
        return of_safetensors(file)
    folder, slash, _ = path.rpartition("/")

    def beside(location: str) -> Content:
        name = folder + slash + location
        if name not in side.files:
            raise InvalidData(f"its tensors lie in {location[:200]!r}, which is no file of {side.name} to compare")
        if (size := side.files[name].size()) > MAX_BYTES:
            raise InvalidData(f"expected at most {MAX_BYTES} bytes in {location[:200]!r} to look into, found {size}")
        return side.files[name].open()

    return onnx_file.of_onnx(file, beside)


def _elsewhere(changes: Sequence[FileChange], old: Side, new: Side, tools: Tools, found: _Found) -> None:
    """Models that are the same file, but whose tensors lie in files that changed."""
    changed = {change.path for change in changes if change.what == MODIFIED}
    seen = {model.path for model in found.models}
    for path in sorted(old.files.keys() & new.files.keys() - changed - seen):
        folder = path.rpartition("/")[0]
        if not path.endswith(onnx_file.SUFFIX) or not any(_may_hold(name, folder) for name in changed):
            continue
        with _noted(path, found):
            models = [_model(path, side.files[path].open(), side) for side in (old, new)]
            if any(f"{folder}/{name}".lstrip("/") in changed for name in models[1].elsewhere):
                _compare_models(path, models[0], models[1], tools, found)


def _may_hold(name: str, folder: str) -> bool:
    """Whether a file below a model's folder is of no kind that is compared by itself."""
    known = name.endswith((safetensors.SUFFIX, onnx_file.SUFFIX)) or format_of(name) is not None
    return not known and (not folder or name.startswith(f"{folder}/"))


def _is_dataset(path: str, *sides: Content | None) -> bool:
    """By its name; a .json only where it is a list."""
    kind = format_of(path)
    if kind != "json":
        return kind is not None
    there = [side for side in sides if side is not None]
    return all(side.read(0, min(side.size, 64)).lstrip().startswith(b"[") for side in there)


def _compare_datasets(path: str, old: Content | None, new: Content | None, tools: Tools, found: _Found) -> None:
    def describe(side: Content | None) -> Table | None:
        return None if side is None else tools.datasets().describe(side.pieces(0, side.size), path)

    before, after = describe(old), describe(new)
    known = after or before
    assert known is not None
    rows = [None if side is None else side.rows for side in (before, after)]
    found.datasets.append(DatasetChange(path, known.format, *rows))
    if before is None or after is None:
        return
    types = [{column.name: column.type for column in side.columns} for side in (before, after)]
    for name in {**types[0], **types[1]}:
        was, now = types[0].get(name), types[1].get(name)
        if was != now:
            what = ADDED if was is None else REMOVED if now is None else CHANGED
            found.columns.append(ColumnChange(path, shown_path(name), what, was or "", now or ""))


def _compare_text(path: str, old: Content | None, new: Content | None, found: _Found) -> None:
    nothing = content.of_bytes(b"")
    before, after = text_of(old or nothing), text_of(new or nothing)
    if before is None or after is None:
        return
    lines = unified(path, before, after)
    if lines is None:
        found.notes.append(Note(path, f"more than {MAX_LINES} lines differ"))
    else:
        found.lines += lines
