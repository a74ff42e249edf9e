"""`mlm pull`: fetch, then the current branch and its files forward to what was fetched. Nothing is merged."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core.cid import Cid
from mlm.core.errors import NotFound, StateConflict
from mlm.core.plan import JSON_ONLY
from mlm.ports.bundle import Ports
from mlm.ports.repo import Repo
from mlm.workflows.checkout import switch
from mlm.workflows.fetch import LINK, Fetched, asset_of, fetch
from mlm.workflows.repository import Progress, is_ancestor, quiet, read_commit


@dataclass(frozen=True)
class Pulled:
    """Where the branch stands now. `before` is where it stood; `files` were written or removed."""

    branch: str
    source: str = field(metadata=JSON_ONLY)  # `fetched` has it for people
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
                f"{head.branch} is at {head.commit} and {upstream} at {target}: they have diverged",
                hint=f"`mlm merge {upstream}` brings both together; `mlm log {upstream}` shows the other.",
            )
        files = fast_forward(repo, head.branch, head.commit, target)
    after = repo.refs.head().commit
    assert after is not None
    return Pulled(head.branch, upstream, head.commit, after, files, fetched)


def fast_forward(repo: Repo, branch: str, before: Cid, target: Cid, progress: Progress = quiet) -> tuple[str, ...]:
    """Write the files that differ, then the index, then the branch.

    Raises StateConflict, having written nothing, when a file that differs has changes of its own, as `checkout` does.
    """
    with repo.refs.hold():
        written, removed = switch(repo, read_commit(repo, target), progress)
        repo.refs.set(f"heads/{branch}", target, before)
    return tuple(sorted([*written, *removed]))
