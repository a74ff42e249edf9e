"""`mlm merge`: what another branch has changed since it parted from this one, file by file, and a commit of both.

1. The best common ancestor is found, and the three trees are merged (mlm/core/merge.py).
2. The commit is made as `mlm commit` makes it, with two parents; or there is one already (fast-forward).
3. Its blocks are stored and the journal knows of it; then files, index and branch move to it, as `checkout` does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlm.core import merge as three_way
from mlm.core.cid import Cid
from mlm.core.errors import StateConflict, UsageError
from mlm.core.plan import Move, Plan, Store
from mlm.ports.bundle import Ports
from mlm.ports.repo import HEAD, Repo, Staged
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.checkout import check_kept
from mlm.workflows.commit import CommitParams, check_said, made
from mlm.workflows.moving import MERGE, check_no_merge, current_ref
from mlm.workflows.repository import (
    File,
    commit_files,
    read_commit,
    read_manifest,
    resolve,
    resolve_commit,
    shown_path,
    staged_file,
)
from mlm.workflows.restore import check_whole, unread
from mlm.workflows.status import Change, compare_trees

MERGED, FORWARD, NOTHING = "merged", "fast-forward", "already up to date"
_SHOWN = 3  # paths in a message


@dataclass(frozen=True)
class Merged:
    """What came of it: merged, fast-forward, or already up to date. `commit` is where the branch stands then.

    `base` is the common ancestor that was taken; `other_bases` are as good ones, where branches were merged crosswise.
    `decided` are the conflicting paths that were taken from one side.
    """

    outcome: str
    branch: str | None
    commit: Cid
    merged: Cid
    base: Cid
    other_bases: tuple[Cid, ...] = field(metadata={"quiet": ()})
    changes: tuple[Change, ...]
    decided: tuple[str, ...] = field(metadata={"quiet": ()})


@dataclass(frozen=True)
class MergeParams:
    """Parameters of `merge`. `cid` is the commit that `ref` names; one of `ours` and `theirs` may decide conflicts."""

    ref: str
    cid: Cid
    message: str
    author: str
    ours: bool = False
    theirs: bool = False


def merge_params(
    repo: Repo, ref: str, message: str, author: str, *, ours: bool = False, theirs: bool = False
) -> MergeParams:
    """The parameters; raises as `resolve` does. Without a message the commit says what was merged."""
    if ours and theirs:
        raise UsageError("expected --ours or --theirs, found both", hint="See `mlm merge --help`.")
    cid, _ = resolve_commit(repo, ref)
    return MergeParams(ref, cid, message or f"Merge {ref}", author, ours, theirs)


def plan(ports: Ports, params: MergeParams) -> Plan[Merged]:
    """Decide everything. Raises StateConflict for conflicts, unrelated histories, and changes that would be lost.

    And as `mlm commit` raises for what the merged files say.
    """
    repo, theirs = ports.repo, params.cid
    said = CommitParams(params.message, params.author)
    check_said(said)
    check_no_merge(ports)
    ours, branch = resolve(repo, HEAD), repo.refs.head().branch
    # (1) Base and trees.
    bases = three_way.bases(repo.objects.get, ours, theirs)
    if not bases:
        raise StateConflict(
            f"{params.ref} and {branch or HEAD} have unrelated histories: no commit is in both",
            hint=f"`mlm restore --source {params.ref} PATH…` takes files of it.",
        )
    base = bases[0]
    if base == theirs:
        return Plan(MERGE, (), Merged(NOTHING, branch, ours, theirs, base, (), (), ()))
    before, after = (commit_files(repo, read_commit(repo, cid)) for cid in (ours, theirs))
    decided: tuple[str, ...] = ()
    if base != ours:
        take = three_way.OURS if params.ours else three_way.THEIRS if params.theirs else ""
        found = three_way.merge(commit_files(repo, read_commit(repo, base)), before, after, take)
        if found.conflicts and not take:
            raise _conflict(params.ref, found.conflicts)
        after, decided = dict(found.files), found.conflicts
    check_kept(repo, repo.index.load(), before, after, "merging")
    # (2) The commit.
    target = theirs
    steps: tuple[Store | Move, ...] = ()
    if base != ours:
        for path, file in after.items():
            if before.get(path) != file:
                check_whole(repo, file.cid)
        previous = read_manifest(repo, read_commit(repo, ours).manifest)
        stored, facts, _ = made(ports, said, _entries(repo, after), (ours, theirs), previous)
        steps, target = (stored,), facts.commit
    # (3) What is to be done.
    outcome = FORWARD if base == ours else MERGED
    shown = tuple(Change(change.what, shown_path(change.path)) for change in compare_trees(before, after))
    moving = Move(f"move {branch or HEAD}, files and index to it", current_ref(repo), ours, target, tree=True)
    return Plan(MERGE, (*steps, moving), Merged(outcome, branch, target, theirs, base, bases[1:], shown, decided))


def result(ports: Ports, params: MergeParams, plan: Plan[Merged], done: tuple[DoneStep, ...]) -> Merged:
    """What was merged."""
    return plan.facts


def _entries(repo: Repo, files: Mapping[str, File]) -> dict[str, Staged]:
    """The files as an index would hold them; those that the index has need not be looked at."""
    index = repo.index.load()
    return {
        path: index[path] if path in index and staged_file(index[path]) == file else unread(repo, path, file)
        for path, file in files.items()
    }


def _conflict(ref: str, paths: tuple[str, ...]) -> StateConflict:
    shown = ", ".join(shown_path(path) for path in paths[:_SHOWN])
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return StateConflict(
        f"merge conflict with {ref}: both sides changed {len(paths)} path{'s' * (len(paths) > 1)}, not alike: "
        f"{shown}{more}; nothing was changed",
        hint="--ours or --theirs decides these paths alone. By hand: merge with --ours, edit them, commit.",
    )


OPERATION = Operation(MERGE, MergeParams, plan, result, "`mlm op undo` moves the branch back, with files and index.")
