"""`mlm pull`: fetch, then the current branch and its files forward to what was fetched. Nothing is merged."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core import unixfs
from mlm.core.cid import Cid
from mlm.core.errors import NotFound, StateConflict
from mlm.ports.bundle import Ports
from mlm.ports.repo import FILE, Repo
from mlm.workflows.fetch import LINK, Fetched, asset_of, fetch
from mlm.workflows.push import is_ancestor
from mlm.workflows.repository import read_commit, stage, tree_files
from mlm.workflows.status import status
from mlm.workflows.version import entries


@dataclass(frozen=True)
class Pulled:
    """Where the branch stands now. `before` is where it stood; `files` were written or removed."""

    branch: str
    source: str
    before: Cid
    commit: Cid
    files: tuple[str, ...]
    fetched: Fetched


def pull(ports: Ports, name: str = "", *, max_bytes: int) -> Pulled:
    """Fetch, and move the current branch forward; raises StateConflict where it has parted, or files have changes."""
    repo = ports.repo
    head = repo.refs.head()
    if head.branch is None or head.commit is None:
        raise StateConflict(
            "expected a branch with a commit to move forward, found none",
            hint="Run `mlm fetch`, then look at `mlm log`.",
        )
    fetched = fetch(ports, name, max_bytes=max_bytes)
    origin = ports.origin.read()
    asset = not name and origin.startswith(LINK)
    upstream = str(asset_of(origin)) if asset else f"{fetched.source}/{head.branch}"
    target = repo.refs.all().get(f"remotes/{upstream}")
    if target is None:
        raise NotFound(f"{fetched.source} has no branch {head.branch}", hint=f"`mlm push {head.branch}` makes it.")
    files: tuple[str, ...] = ()
    if not is_ancestor(repo, target, head.commit):
        if not is_ancestor(repo, head.commit, target):
            raise StateConflict(
                f"{head.branch} is at {head.commit} and {upstream} at {target}: they have parted",
                hint=f"mlm merges nothing. `mlm log {upstream}` shows the other; go on from one of them.",
            )
        files = fast_forward(repo, head.branch, head.commit, target)
    after = repo.refs.head().commit
    assert after is not None
    return Pulled(head.branch, upstream, head.commit, after, files, fetched)


def fast_forward(repo: Repo, branch: str, before: Cid, target: Cid) -> tuple[str, ...]:
    """Write the files that differ, then the index, then the branch; raises StateConflict, having written nothing, when
    the working tree is not as the old commit has it."""
    found = status(repo)
    if mine := (*found.staged, *found.changed):
        raise StateConflict(
            f"{mine[0].path} has changes, expected the files of {branch}",
            hint="Commit them, then pull again.",
        )
    old = tree_files(repo, read_commit(repo, before).tree)
    new = entries(repo.objects, read_commit(repo, target).tree)
    written = [path for path in sorted(new) if old.get(path) != new[path].cid]
    removed = [path for path in sorted(old) if path not in new]
    for path in written:
        if path not in old and repo.tree.stat(path) is not None:
            raise StateConflict(f"{path} is in the way of the file that comes", hint="Move it away, then pull again.")
    with repo.index.edit() as index:
        for path in removed:
            repo.tree.remove(path)
            index.pop(path, None)
        for path in written:
            repo.tree.write(path, unixfs.read(repo.objects.get, new[path].cid, max_bytes=new[path].size))
            stat = repo.tree.stat(path)
            if stat is not None and stat.kind == FILE:
                index[path] = stage(stat, 0, new[path])
    repo.refs.set(f"heads/{branch}", target, before)
    return tuple(sorted([*written, *removed]))
