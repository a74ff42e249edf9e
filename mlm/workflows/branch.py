"""`mlm branch`: names of commits that move with them."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.cid import Cid
from mlm.core.errors import NotFound, StateConflict
from mlm.core.history import check_ref
from mlm.ports.repo import Repo
from mlm.workflows.repository import is_ancestor, read_commit, resolve_commit


@dataclass(frozen=True)
class Branch:
    """A branch. `message` is the first line of its commit's."""

    branch: str
    current: bool
    commit: Cid
    message: str


@dataclass(frozen=True)
class Branches:
    """What was done, if anything, and the branches that there are then."""

    done: str | None
    branches: tuple[Branch, ...]


def listed(repo: Repo, done: str | None = None, *, remote: bool = False) -> Branches:
    """Every branch by name; with `remote` those that were last seen on remotes too, as REMOTE/BRANCH."""
    head = repo.refs.head()
    rows = []
    for name, cid in repo.refs.all().items():
        kind, _, branch = name.partition("/")
        if kind == "heads" or (remote and kind == "remotes"):
            current = kind == "heads" and branch == head.branch
            rows.append(Branch(branch, current, cid, read_commit(repo, cid).message.splitlines()[0]))
    return Branches(done, tuple(rows))


def make(repo: Repo, name: str, start: str = "HEAD") -> Branches:
    """A new branch at a commit; raises StateConflict when there is one of that name, UsageError for a bad name."""
    ref = check_ref(f"heads/{name}")
    with repo.refs.hold():
        cid, _ = resolve_commit(repo, start)
        if ref in repo.refs.all():
            raise StateConflict(
                f"there is a branch {name} already", hint=f"`mlm checkout {name}` goes to it; or choose another name."
            )
        repo.refs.set(ref, cid, None)
    return listed(repo, f"made {name}")


def delete(repo: Repo, name: str, *, force: bool = False) -> Branches:
    """Delete a branch. Raises NotFound, StateConflict for the one checked out, or one whose commits HEAD does not have.

    `force` deletes what HEAD does not have too: `mlm gc` removes such commits some day.
    """
    with repo.refs.hold():
        head, cid = repo.refs.head(), _find(repo, name)
        if head.branch == name:
            raise StateConflict(f"{name} is checked out", hint="Check out another branch first: `mlm checkout BRANCH`.")
        if not force and (head.commit is None or not is_ancestor(repo, cid, head.commit)):
            raise StateConflict(
                f"the branch {name} is not merged: HEAD does not lead to its commit {cid}",
                hint=f"`mlm branch --delete {name} --force` deletes it all the same.",
            )
        repo.refs.set(f"heads/{name}", None, cid)
    return listed(repo, f"deleted {name} (was {cid})")


def rename(repo: Repo, old: str, new: str) -> Branches:
    """Give a branch ("" is the current one) another name; raises NotFound, StateConflict when the name is taken."""
    ref = check_ref(f"heads/{new}")
    with repo.refs.hold():
        head, refs = repo.refs.head(), repo.refs.all()
        if not old and head.branch is None:
            raise StateConflict("HEAD is on no branch", hint="Name the branch: `mlm branch --rename OLD NEW`.")
        old = old or str(head.branch)
        if head.branch == old and f"heads/{old}" not in refs:
            raise StateConflict(f"the branch {old} has no commit yet", hint="Run `mlm commit` first.")
        cid = _find(repo, old)
        # One at the same commit may be what a rename that was killed has left.
        if refs.get(ref, cid) != cid or old == new:
            raise StateConflict(f"there is a branch {new} already", hint="Choose another name.")
        if ref not in refs:
            repo.refs.set(ref, cid, None)
        if head.branch == old:
            repo.refs.set_head(new)
        repo.refs.set(f"heads/{old}", None, cid)
    return listed(repo, f"renamed {old} to {new}")


def _find(repo: Repo, name: str) -> Cid:
    found = repo.refs.all().get(f"heads/{name}")
    if found is None:
        raise NotFound(f"no branch {name!r}", hint="`mlm branch` lists them.")
    return found
