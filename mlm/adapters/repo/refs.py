"""Refs: one small file each under `.mlm/refs`, and `.mlm/HEAD`, as Git keeps them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlm.adapters.disk import (
    TEMPORARY,
    holding,
    locked,
    read_regular,
    replace_file,
    storage_errors,
    sweep,
    sync_folder,
)
from mlm.core.cid import Cid
from mlm.core.errors import InvalidData, MlmError, NotFound, StateConflict, StorageError, UsageError
from mlm.core.history import check_free, check_ref
from mlm.ports.repo import HEAD, Head

_BRANCH = "ref: refs/heads/"
_MAX_BYTES = 4096


def _line(path: Path) -> str:
    """The one line of a small file. Raises OSError, InvalidData when it is no text."""
    data = read_regular(path, _MAX_BYTES)
    try:
        return data.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise InvalidData(f"{path} is damaged: expected UTF-8, found {data[:20]!r}") from error


class FileRefs:
    """Implements ports.repo.Refs."""

    def __init__(self, private: Path) -> None:
        self._private = private
        self._refs = private / "refs"
        self._head = private / "HEAD"
        self._lock = private / "lock"

    def create(self, branch: str) -> bool:
        check_ref(f"heads/{branch}")
        with storage_errors("cannot make the repository"):
            self._private.mkdir(parents=True, exist_ok=True)
            (self._refs / "heads").mkdir(parents=True, exist_ok=True)
            (self._refs / "tags").mkdir(exist_ok=True)
            with locked(self._lock):
                if self._head.exists():
                    return False
                # HEAD comes last: a folder with a HEAD is a repository.
                replace_file(self._head, [f"{_BRANCH}{branch}\n".encode()])
        return True

    def head(self) -> Head:
        with storage_errors("cannot read HEAD"):
            try:
                text = _line(self._head)
            except FileNotFoundError:
                begun = os.path.lexists(self._private / "origin")  # which a clone writes before all else but blocks
                raise StateConflict(
                    f"{self._private} is no repository: it has no HEAD" + (", and a clone was begun" if begun else ""),
                    hint="`mlm clone …` again, as it was typed, continues it." if begun else "Run `mlm init`.",
                ) from None
        if text.startswith(_BRANCH):
            branch = text.removeprefix(_BRANCH)
            try:
                check_ref(f"heads/{branch}")
            except UsageError as error:
                raise InvalidData(f"{self._head} is damaged: {error}") from error
            return Head(branch, self._read(self._refs / "heads" / branch))
        return Head(None, Cid.parse(text))

    def set_head(self, target: str | Cid) -> None:
        if isinstance(target, str):
            check_ref(f"heads/{target}")
        text = str(target) if isinstance(target, Cid) else f"{_BRANCH}{target}"
        with storage_errors("cannot write HEAD"), locked(self._lock):
            replace_file(self._head, [f"{text}\n".encode()])

    def all(self, damaged: dict[str, str] | None = None) -> dict[str, Cid]:
        found = {}
        for name, path in self._files(damaged):
            try:
                commit = self._read(path)
                if damaged is not None:
                    check_ref(name)
            except MlmError as error:
                if damaged is None:
                    raise
                damaged[name] = str(error)
                continue
            if commit is not None:
                found[name] = commit
        return found

    @contextmanager
    def hold(self) -> Iterator[None]:
        with holding(self._lock):
            for folder in (self._private, self._refs / "heads", self._refs / "tags"):
                sweep(folder)
            yield

    def set(self, name: str, new: Cid | None, expected: Cid | None) -> None:
        if name != HEAD:
            check_ref(name)
        path = self._head if name == HEAD else self._refs / name
        with storage_errors(f"cannot write the ref {name}"), locked(self._lock):
            head = self.head() if name == HEAD else None
            if head is not None and (head.branch is not None or new is None):
                raise StateConflict(f"HEAD is at {head.branch or head.commit}, expected a commit by itself")
            if head is None and new is not None:
                check_free(name, (other for other, _ in self._files()))
            found = self._read(path) if head is None else head.commit
            if found != expected:
                raise StateConflict(
                    f"the ref {name} is at {found or 'nothing'}, expected {expected or 'nothing'}: it moved meanwhile",
                    hint="Run `mlm log`, then the same command again.",
                )
            if new is not None:
                if name != HEAD:
                    for folder, _, _ in os.walk(path, topdown=False):
                        os.rmdir(folder)  # of names that are deleted
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, [f"{new}\n".encode()])
            elif found is None:
                raise NotFound(f"no ref {name}")
            else:
                path.unlink()
                sync_folder(path.parent)
                self._remove_empty(path.parent)

    def _files(self, damaged: dict[str, str] | None = None) -> list[tuple[str, Path]]:
        """Names and files of branches and tags, in order. A folder that cannot be listed is an error, or `damaged`."""
        found, todo = [], [self._refs]
        while todo:
            folder = todo.pop()
            try:
                with storage_errors("cannot read the refs"), os.scandir(folder) as entries:
                    listed = [(Path(entry.path), entry.is_dir(follow_symlinks=False)) for entry in entries]
            except StorageError as error:
                if isinstance(error.__cause__, FileNotFoundError):
                    continue  # of names that were deleted meanwhile
                if damaged is None:
                    raise
                damaged[folder.relative_to(self._refs).as_posix()] = str(error)
                continue
            todo += [path for path, is_folder in listed if is_folder]
            found += [path for path, is_folder in listed if not is_folder and not path.name.startswith(TEMPORARY)]
        return sorted((path.relative_to(self._refs).as_posix(), path) for path in found)

    def _remove_empty(self, folder: Path) -> None:
        """Remove a folder, and those above it, in which names stood that are deleted."""
        while folder.is_dir() and folder.parent != self._refs and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent

    def _read(self, path: Path) -> Cid | None:
        with storage_errors("cannot read a ref"):
            for part in (path, *path.parents):
                if part == self._refs:
                    break
                if part.is_symlink():
                    raise InvalidData(f"the ref {path} is damaged: {part} is a symbolic link", hint="Remove the link.")
            try:
                if path.is_dir():
                    return None  # of other names
                text = _line(path)
            except (FileNotFoundError, NotADirectoryError):
                return None
        try:
            return Cid.parse(text)
        except InvalidData as error:
            raise InvalidData(
                f"the ref {path} is damaged: {error}", hint="`mlm log COMMIT` finds commits by CID."
            ) from error
