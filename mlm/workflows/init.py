"""`mlm init`: start a project, empty or from a template."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mlm.core import ignore, project
from mlm.core.errors import StateConflict, UsageError
from mlm.core.manifest import KINDS
from mlm.ports.repo import FILE, Repo, Worktree

BRANCH = "main"

_PROJECT = """[asset]
name = "{name}"
version = "0.1.0"
kind = "{kind}" # {others}
licence = "Apache-2.0" # what you grant to whoever gets it; `mlm spdx NAME` finds another
description = ""
"""
_MODEL = """
[model]
file = "{file}" # the one that runs
"""
_ONNX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.onnx")
_IGNORE = b"""# What never belongs to the asset; the rules are those of .gitignore.
.venv/
__pycache__/
.ipynb_checkpoints/
.DS_Store
"""


@dataclass(frozen=True)
class Initialised:
    """A project. `files` are those that were written; `existed` says that there was a repository already."""

    branch: str
    template: str | None
    existed: bool
    files: tuple[str, ...]


def init(
    repo: Repo,
    name: str,
    template: Worktree | None = None,
    template_name: str | None = None,
    *,
    kind: str = KINDS[0],
    origin: str = "",
    models: Sequence[str] = (),
) -> Initialised:
    """Make the repository and write the template's files, or a first mlm.toml for an asset called `name`.

    Of `models`, the names of the ONNX files that are there, the only one is the model. Files that are there stay;
    raises StateConflict when one of them differs from the template's, or a clone of `origin` was begun here, and
    UsageError for an unknown `kind`; then nothing is written.
    """
    if origin and not _exists(repo):
        raise StateConflict(
            f"a clone of {origin} was begun here", hint="`mlm clone …` again, as it was typed, continues it."
        )
    files = _template_files(template) if template is not None else _first_files(name, kind, models)
    wanted = {}
    for path, content in files.items():
        found = repo.tree.stat(path)
        if found is None:
            wanted[path] = content
        elif template is not None and (found.kind != FILE or b"".join(repo.tree.read(found)) != content):
            raise StateConflict(
                f"{path} is here already and differs from the template's",
                hint="Choose an empty folder: `mlm init PATH`.",
            )
    created = repo.refs.create(BRANCH)
    for path, content in wanted.items():
        repo.tree.write(path, [content])
    branch = repo.refs.head().branch
    return Initialised(branch or "", template_name, not created, tuple(sorted(wanted)))


def asset_name(folder: str) -> str:
    """A valid asset name made from a folder's name."""
    return re.sub(r"[^a-z0-9._-]+", "-", folder.lower()).strip("-.")[:64] or "asset"


def _template_files(template: Worktree) -> dict[str, bytes]:
    return {stat.path: b"".join(template.read(stat)) for stat in template.scan() if stat.kind == FILE}


def _first_files(name: str, kind: str, models: Sequence[str]) -> dict[str, bytes]:
    if kind not in KINDS:
        raise UsageError(f"--kind: expected {', '.join(KINDS[:-1])} or {KINDS[-1]}, found {kind!r}")
    others = "or " + ", ".join(other for other in KINDS if other != kind)
    text = _PROJECT.format(name=name, kind=kind, others=others)
    if kind == "model":
        only = models[0] if len(models) == 1 and _ONNX.fullmatch(models[0]) else "model.onnx"
        text += _MODEL.format(file=only)
    return {project.FILE: text.encode(), ignore.FILE: _IGNORE}


def _exists(repo: Repo) -> bool:
    try:
        repo.refs.head()
    except StateConflict:
        return False
    return True
