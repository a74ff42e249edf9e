"""`mlm push`: a commit and all it stands on to a remote, and the remote's branch or tag to it."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core import remote
from mlm.core.cid import Cid
from mlm.core.errors import NotFound, StateConflict, UsageError
from mlm.ports.bundle import Ports
from mlm.ports.repo import Repo
from mlm.workflows.repository import is_ancestor, read_commit, read_manifest, resolve
from mlm.workflows.transfer import Sent, send


@dataclass(frozen=True)
class Pushed:
    """What was pushed. `ref` is the branch or tag of the remote that stands for it now, None where it keeps none.

    `blocks` and `bytes` are those that the remote lacked; `kept` says what became of them there.
    """

    remote: str
    commit: Cid
    ref: str | None
    before: Cid | None
    blocks: int
    bytes: int
    kept: str


def push(ports: Ports, ref: str = "", name: str = "", *, force: bool = False) -> Pushed:
    """Send a branch (the current one, if none is named), a tag, a commit or a manifest to a remote.

    A branch of the remote moves forward only, unless `force`; a tag does not move. Raises StateConflict when it would,
    NotFound, UsageError, StorageError.
    """
    repo, target = ports.repo, ports.remotes.open(name)
    cid, local = _chosen(repo, ref)
    named = local if target.about.names else None
    before = None
    if named is not None:
        repository = repository_name(repo)
        before = target.names(repository).get(named)
        if before is not None and before != cid and not force:
            _check_forward(repo, named, before, cid, target.about.name)
    pins_only = target.about.kind == remote.PINNING
    sent = Sent(0, 0, 0) if pins_only else send(ports.objects, target, cid, ports.system)
    kept = target.pin(cid, f"{repository_name(repo)} {local or cid}")
    if named is not None:
        if before != cid:
            target.set_name(repository, named, cid, before)
        track(repo, target.about.name, named, cid)
    return Pushed(target.about.name, cid, named, before, sent.new, sent.bytes, kept)


def repository_name(repo: Repo) -> str:
    """What the repository is called on remotes: as the asset of its newest commit. Raises StateConflict before one."""
    head = repo.refs.head().commit
    if head is None:
        raise StateConflict("there is no commit yet", hint="Run `mlm add .`, then `mlm commit -m MESSAGE`.")
    return read_manifest(repo, read_commit(repo, head).manifest).name


def track(repo: Repo, remote_name: str, name: str, cid: Cid) -> Cid | None:
    """Remember where a branch of a remote is: `remotes/REMOTE/BRANCH`. Returns where it was."""
    if not name.startswith("heads/"):
        return None
    ref = f"remotes/{remote_name}/{name.removeprefix('heads/')}"
    before = repo.refs.all().get(ref)
    if before != cid:
        repo.refs.set(ref, cid, before)
    return before


def _chosen(repo: Repo, ref: str) -> tuple[Cid, str | None]:
    """What to push, and its name among branches and tags."""
    if not ref:
        head = repo.refs.head()
        return resolve(repo, "HEAD"), None if head.branch is None else f"heads/{head.branch}"
    refs = repo.refs.all()
    for name in (f"heads/{ref}", f"tags/{ref}"):
        if name in refs:
            return refs[name], name
    return resolve(repo, ref), None


def _check_forward(repo: Repo, name: str, before: Cid, cid: Cid, where: str) -> None:
    kind, _, short = name.partition("/")
    if kind == "tags":
        raise StateConflict(f"the tag {short} on {where} is at {before}, expected {cid}", hint="--force moves it.")
    try:
        forward = is_ancestor(repo, before, cid)
    except NotFound as error:
        raise UsageError(f"the history of {cid} is not whole here: {error}") from error
    if not forward:
        here = repo.objects.has(before)
        raise StateConflict(
            f"{short} on {where} is at {before}, which {'has diverged from' if here else 'is not in the history of'} "
            f"{cid}: somebody else has pushed",
            hint=(f"`mlm merge {where}/{short}` brings both together" if here else f"`mlm pull {where}` brings it here")
            + "; --force throws it away.",
        )
