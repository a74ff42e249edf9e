"""`mlm tag`: names of commits that stay where they are."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.cid import Cid
from mlm.core.errors import NotFound, StateConflict
from mlm.core.history import check_ref
from mlm.ports.repo import Repo
from mlm.workflows.repository import resolve_commit


@dataclass(frozen=True)
class Tag:
    """A tag and its commit."""

    tag: str
    commit: Cid


@dataclass(frozen=True)
class Tags:
    """What was done, if anything, and the tags that there are then."""

    done: str | None
    tags: tuple[Tag, ...]


def listed(repo: Repo, done: str | None = None) -> Tags:
    """Every tag by name."""
    found = repo.refs.all().items()
    return Tags(done, tuple(Tag(name.removeprefix("tags/"), cid) for name, cid in found if name.startswith("tags/")))


def make(repo: Repo, name: str, ref: str = "HEAD", *, force: bool = False) -> Tags:
    """A new tag at a commit; `force` moves one that there is, else that raises StateConflict."""
    tag = check_ref(f"tags/{name}")
    with repo.refs.hold():
        cid, _ = resolve_commit(repo, ref)
        before = repo.refs.all().get(tag)
        if before is not None and not force:
            raise StateConflict(
                f"there is a tag {name} already, at {before}", hint=f"`mlm tag {name} REF --force` moves it."
            )
        repo.refs.set(tag, cid, before)
    return listed(repo, f"{'moved' if before else 'made'} {name}")


def delete(repo: Repo, name: str) -> Tags:
    """Delete a tag; raises NotFound."""
    with repo.refs.hold():
        cid = repo.refs.all().get(f"tags/{name}")
        if cid is None:
            raise NotFound(f"no tag {name!r}", hint="`mlm tag` lists them.")
        repo.refs.set(f"tags/{name}", None, cid)
    return listed(repo, f"deleted {name} (was {cid})")
