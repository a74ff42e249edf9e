"""`mlm push`: a commit and all it stands on to a remote, and the remote's branch or tag to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core import dagcbor, history, remote
from mlm.core.cid import Cid
from mlm.core.errors import NotFound, StateConflict, UsageError
from mlm.core.manifest import Manifest
from mlm.ports.bundle import Ports
from mlm.ports.remote import Remote
from mlm.ports.repo import Repo
from mlm.workflows.repository import is_ancestor, read_commit, read_manifest, resolve
from mlm.workflows.transfer import Sent, send

_MAX_WALK = 10_000  # commits of a remote's history that are read to tell whose it is


@dataclass(frozen=True)
class Pushed:
    """What was pushed. `ref` is the branch or tag of the remote that stands for it now, None where it keeps none.

    `repository` is what the project is called there, as its asset. `blocks` and `bytes` are those that the remote
    lacked; `kept` says what became of them there.
    """

    remote: str
    repository: str
    commit: Cid
    ref: str | None
    before: Cid | None
    blocks: int
    bytes: int
    kept: str = field(metadata={"quiet": "kept"})


def push(ports: Ports, ref: str = "", name: str = "", *, force: bool = False, unencrypted: bool = False) -> Pushed:
    """Send a branch (the current one, if none is named), a tag, a commit or a manifest to a remote.

    Git's order, a remote and then a branch, is understood where it can mean nothing else. A branch of the remote moves
    forward only, unless `force`; a tag does not move; what another project of the same name has there stays. An asset
    whose access is not open is sent only where `unencrypted` says that everybody who reads the remote may have its
    files. Raises StateConflict when a branch would move otherwise, NotFound, UsageError, StorageError.
    """
    repo = ports.repo
    ref, name = _in_order(ports, ref, name)
    target = ports.remotes.open(name)
    cid, local = _chosen(repo, ref)
    if force and local is None:
        raise UsageError(
            f"--force moves a branch or a tag of the remote; {ref or 'HEAD'} is neither",
            hint="Push it without --force.",
        )
    named = local if target.about.names else None
    before = None
    repository = repository_name(repo)
    if named is not None:
        names = target.names(repository)
        before = names.get(named)
        if before != cid:
            _check_same_project(repo, target, repository, before or next(iter(names.values()), cid), cid)
            if before is not None and not force:
                _check_forward(repo, named, before, cid, target.about.name)
    if not unencrypted:
        _check_open(repo, cid)
    pins_only = target.about.kind == remote.PINNING
    sent = Sent(0, 0, 0) if pins_only else send(ports.objects, target, cid, ports.system)
    kept = target.pin(cid, f"{repository} {local or cid}")
    if named is not None:
        if before != cid:
            target.set_name(repository, named, cid, before)
        track(repo, target.about.name, named, cid)
    return Pushed(target.about.name, repository, cid, named, before, sent.new, sent.bytes, kept)


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


def _in_order(ports: Ports, ref: str, name: str) -> tuple[str, str]:
    """Ref and remote, which may have come as `git push REMOTE [REF]` has them."""
    known = {each.name for each in ports.remotes.all()}
    local = ports.repo.refs.all()
    is_ref = ref == "HEAD" or any(f"{kind}/{ref}" in local for kind in ("heads", "tags"))
    return (name, ref) if ref in known and name not in known and not is_ref else (ref, name)


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


def _check_open(repo: Repo, cid: Cid) -> None:
    """Raise UsageError for an asset that is not open, now or at a commit before: what is pushed is readable there.

    Whatever the remote names as its own: a sealed manifest tells everybody its commit, and a name there does not say
    that the files are.
    """
    get = repo.objects.get
    form = dagcbor.decode(get(cid))
    is_manifest = isinstance(form, dict) and str(form.get("format")).startswith("mlm/manifest/")
    named = Manifest.from_block(cid, get(cid)) if is_manifest else None
    manifests = [] if named is None else [cid]
    if (head := cid if named is None else named.commit) is not None:
        manifests += [commit.manifest for _, commit in history.log(get, (head,))]
    for each in dict.fromkeys(manifests):
        value = dagcbor.decode(get(each))
        if isinstance(value, dict) and (access := value.get("access")) != "open":
            raise UsageError(
                f"expected an asset of access open, {value.get('name')}@{value.get('version')} is {access}: nothing is "
                "encrypted, and whoever reads the remote would have its files",
                hint="--unencrypted pushes it nevertheless, with its history.",
            )


def _check_same_project(repo: Repo, target: Remote, repository: str, there: Cid, cid: Cid) -> None:
    """Raise StateConflict where nothing in the history of `there`, on the remote, is in that of `cid`."""

    def get(block: Cid) -> bytes:
        return repo.objects.get(block) if repo.objects.has(block) else target.get(block)

    try:
        ours = {found for found, _ in history.log(repo.objects.get, (cid,))}
        if there in ours:
            return
        for number, (found, _) in enumerate(history.log(get, (there,))):
            if found in ours or number == _MAX_WALK:  # too long to be sure
                return
    except NotFound:
        return  # a history that is not whole tells nothing
    raise StateConflict(
        f"{target.about.name} holds another project called {repository}: its commits and those of {cid} have "
        "nothing in common",
        hint="Set another asset.name in mlm.toml, `mlm add mlm.toml`, commit and push; or push to another remote.",
    )


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
