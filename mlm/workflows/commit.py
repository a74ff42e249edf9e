"""`mlm commit`: from the staged files to a tree, a manifest and a commit, each a block, and a branch that names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mlm.core import project, unixfs
from mlm.core.cid import Cid
from mlm.core.errors import InvalidData, StateConflict, UsageError
from mlm.core.history import MAX_AUTHOR, Commit
from mlm.core.licence import check_known
from mlm.core.manifest import MAX_FILES, FileRef, Manifest
from mlm.core.plan import Move, Plan, Store
from mlm.core.project import Project
from mlm.ports.bundle import Ports
from mlm.ports.repo import HEAD, Repo, Staged
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.describe import Description, describe
from mlm.workflows.moving import check_no_merge, current_ref
from mlm.workflows.repository import head_commit, read_manifest, staged_tree

ANONYMOUS = "anonymous"  # the author whom no setting names
_MAX_PROJECT = 1 << 20  # bytes of mlm.toml


@dataclass(frozen=True)
class Committed:
    """A new commit. `branch` is None when HEAD is detached.

    `validator` has found a dataset's Croissant document valid; None where there is none, it is as it was, or none
    is installed.
    """

    commit: Cid
    branch: str | None
    asset: str
    message: str
    author: str
    tree: Cid
    manifest: Cid
    files: int
    bytes: int
    validator: str | None = None
    hint: str = field(default="", metadata={"quiet": ""})


@dataclass(frozen=True)
class CommitParams:
    """Parameters of `commit`."""

    message: str
    author: str


def plan(ports: Ports, params: CommitParams) -> Plan[Committed]:
    """Blocks of a tree, a manifest and a commit; then the branch moves, when all it leads to is durable.

    Raises StateConflict when nothing is staged or nothing changed, UsageError for a bad message or mlm.toml, or a
    network in it whose URL may hold a key, InvalidData for a file that is not what it should be, ToolMissing when
    reading one needs an extra that is not installed.
    """
    repo = ports.repo
    check_said(params)
    check_no_merge(ports)
    head = repo.refs.head()
    index = repo.index.load()
    if not index:
        raise StateConflict("nothing is staged", hint="Run `mlm add .`.")
    before = head_commit(repo)
    previous = None if before is None else read_manifest(repo, before[1].manifest)
    store, facts, manifest = made(ports, params, index, () if before is None else (before[0],), previous)
    # One of format 1 that says the same is no change either.
    if previous is not None and replace(manifest, format=previous.format) == previous:
        raise StateConflict("nothing to commit: what is staged is the last commit", hint="`mlm status` shows changes.")
    steps = (store, Move(f"move {head.branch or HEAD} to it", current_ref(repo), head.commit, facts.commit))
    return Plan("commit", steps, facts)


def check_said(params: CommitParams) -> None:
    """Raise UsageError for a message or an author that a commit cannot have."""
    if not params.message.strip():
        raise UsageError("expected a message, found an empty one", hint='mlm commit -m "what changed"')
    if not 0 < len(params.author) <= MAX_AUTHOR:
        raise UsageError(
            f"expected an author of 1 to {MAX_AUTHOR} characters, found {len(params.author)}", hint="Set user.name."
        )


def made(
    ports: Ports,
    params: CommitParams,
    index: Mapping[str, Staged],
    parents: tuple[Cid, ...],
    previous: Manifest | None,
) -> tuple[Store, Committed, Manifest]:
    """The commit of these files after these parents: how it is stored, what is known of it, and its manifest.

    What `previous` says of a file that is still the same need not be found out again. Raises as `plan` does.
    """
    repo, message, author = ports.repo, params.message.strip(), params.author
    described = read_project(repo, index)
    _check_licence(described)
    blocks: list[tuple[Cid, bytes]] = []
    tree = staged_tree(index, lambda cid, block: blocks.append((cid, block)))
    listed = {path: FileRef(entry.cid, entry.stat.size) for path, entry in index.items()}
    files = describe(ports, described, listed, previous)
    manifest = replace(_manifest(described, listed, tree, files), executable=_executable(index))
    manifest_block = manifest.to_block()
    commit = Commit(tree.cid, manifest_block[0], parents, author, ports.system.now(), message).to_block()
    asset = f"{described.name}@{described.version}"
    counts = (manifest.count, manifest.size)
    cids = (tree.cid, manifest_block[0])
    branch = repo.refs.head().branch
    hint = "Set user.name in MLM_HOME/config.toml, or MLM_AUTHOR, to be named." if author == ANONYMOUS else ""
    facts = Committed(commit[0], branch, asset, message, author, *cids, *counts, validator=files.validator, hint=hint)
    stored = (*blocks, *files.blocks, manifest_block, commit)
    return Store(f"store the commit of {asset}", commit[0], stored, push=False), facts, manifest


def result(ports: Ports, params: CommitParams, plan: Plan[Committed], done: tuple[DoneStep, ...]) -> Committed:
    """What was recorded."""
    return plan.facts


def read_project(repo: Repo, index: Mapping[str, Staged]) -> Project:
    """The staged mlm.toml; raises UsageError."""
    if project.FILE not in index:
        raise StateConflict(
            f"{project.FILE} is not staged", hint=f"Run `mlm init` if there is none, `mlm add {project.FILE}`."
        )
    raw = b"".join(unixfs.read(repo.objects.get, index[project.FILE].cid, max_bytes=_MAX_PROJECT))
    table = project.read_toml(raw, project.FILE)
    project.check_public(table)
    return project.parse(table)


def _check_licence(described: Project) -> None:
    try:
        check_known(described.licence)
    except InvalidData as error:
        raise UsageError(f"asset.licence in {project.FILE}: {error}", hint=error.hint) from error


def _manifest(described: Project, files: Mapping[str, FileRef], tree: unixfs.Entry, said: Description) -> Manifest:
    return Manifest(
        kind=described.kind,
        name=described.name,
        version=described.version,
        tree=tree.cid,
        count=len(files),
        size=sum(file.size for file in files.values()),
        licence=described.licence,
        files=files if len(files) <= MAX_FILES else {},
        description=described.description,
        signature=said.signature,
        parents=described.parents,
        metrics=described.metrics,
        price=described.price,
        access=described.access,
        safetensors=said.safetensors,
        dataset=said.dataset,
        terms=described.terms,
        privacy=described.privacy,
        card=said.card,
    )


def _executable(index: Mapping[str, Staged]) -> tuple[str, ...]:
    found = tuple(sorted(path for path, entry in index.items() if entry.stat.executable))
    if len(found) > MAX_FILES:
        raise InvalidData(
            f"expected at most {MAX_FILES} executable files, {len(found)} are staged, {found[0]} among them",
            hint="Some file systems show every file so: `chmod a-x` what is no program, and add it again.",
        )
    return found


OPERATION = Operation(
    "commit",
    CommitParams,
    plan,
    result,
    "`mlm op undo` moves the branch back; what was staged stays staged.",
)
