"""`mlm fetch`: what others have pushed or published, into the local history. No branch and no file of yours changes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from mlm.core.cid import Cid
from mlm.core.errors import InvalidData, MlmError, UsageError
from mlm.core.refs import AssetRef, parse_asset
from mlm.ports.bundle import Ports
from mlm.ports.remote import Remote
from mlm.ports.repo import Repo
from mlm.workflows import lookup, using
from mlm.workflows.push import repository_name, track
from mlm.workflows.repository import read_manifest
from mlm.workflows.sealing import unseal
from mlm.workflows.transfer import receive
from mlm.workflows.version import bring, check_history

LINK, REMOTE = "mlm://", "remote:"  # what an origin begins with


@dataclass(frozen=True)
class Moved:
    """A ref that stands for another commit than before."""

    ref: str
    before: Cid | None
    after: Cid


@dataclass(frozen=True)
class Fetched:
    """What came from where. `dropped` names remotes that lied, were slow or dead; `problems` what could not be had, and
    tags that stand for something else there."""

    source: str
    refs: tuple[Moved, ...]
    blocks: int
    bytes: int
    dropped: tuple[str, ...]
    problems: tuple[str, ...]


def fetch(ports: Ports, name: str = "", *, max_bytes: int) -> Fetched:
    """Bring branches and tags of a remote, or, where the project was cloned from the chain, the asset's versions.

    Branches go to `remotes/REMOTE/BRANCH`, versions to tags and the newest to `remotes/HANDLE/NAME`. Tags that are
    here stay as they are. Raises NotFound, InvalidData, StorageError, UsageError.
    """
    origin = ports.origin.read()
    if not name and origin.startswith(LINK):
        return _published(ports, origin, max_bytes)
    target = ports.remotes.open(name or (origin.removeprefix(REMOTE) if origin.startswith(REMOTE) else ""))
    if not target.about.names:
        raise UsageError(
            f"{target.about.name} is a {target.about.kind} remote, which keeps no branches and tags",
            hint="`mlm clone CID` and `mlm download CID` read from it.",
        )
    return _branches(ports, target, max_bytes)


def asset_of(origin: str) -> AssetRef:
    """handle/name of an origin such as mlm://CHAIN-ID/handle/name; raises InvalidData."""
    try:
        asset = parse_asset(origin.removeprefix(LINK).partition("/")[2])
    except UsageError as error:
        raise InvalidData(f".mlm/origin is damaged: {error}") from error
    return AssetRef(asset.handle, asset.name)


def dropped(*remotes: Remote) -> tuple[str, ...]:
    """What became of remotes that are asked no more."""
    return tuple(f"{name}: {why}" for each in remotes for name, why in each.dropped.items())


def _branches(ports: Ports, target: Remote, max_bytes: int) -> Fetched:
    repo = ports.repo
    moved, problems, blocks, size, seen = [], list[str](), 0, 0, set[Cid]()
    names = sorted(target.names(repository_name(repo)).items())
    # Also of what stands there already: a gap below it is filled. What refs have in common is walked once.
    for _, cid in names:
        came = receive(target, repo.objects, cid, max_bytes=max_bytes - size, system=ports.system, seen=seen)
        blocks, size = blocks + came.new, size + came.bytes
    check_history(repo.objects, *(cid for _, cid in names))
    for name, cid in names:
        if name.startswith("heads/"):
            before = track(repo, target.about.name, name, cid)
            if before != cid:
                moved.append(Moved(f"{target.about.name}/{name.removeprefix('heads/')}", before, cid))
        elif name not in repo.refs.all():
            repo.refs.set(name, cid, None)
            moved.append(Moved(name.removeprefix("tags/"), None, cid))
        elif (here := repo.refs.all()[name]) != cid:
            tag = name.removeprefix("tags/")
            problems.append(
                f"the tag {tag} stands for {cid} on {target.about.name}, and stays at {here} here: "
                f"`mlm tag --force {tag} {cid}` moves it"
            )
    return Fetched(target.about.name, tuple(moved), blocks, size, dropped(target), tuple(problems))


def _published(ports: Ports, origin: str, max_bytes: int) -> Fetched:
    """The versions of an asset, the newest first; one that cannot be had does not stop the others.

    Of the chain that it was cloned from alone: on another one the same name is somebody else's.
    """
    repo, source, asset = ports.repo, ports.remote, asset_of(origin)
    newest = lookup.version(ports, origin)
    rows = ports.state.query("versions", token_id=newest.token_id)
    moved, problems, blocks, size, seen = [], [], 0, 0, set[Cid]()
    for row in rows:
        version = newest if row["version_id"] == newest.version_id else lookup.version_by_id(ports, row["version_id"])
        tag, known = f"tags/{version.asset.version}", repo.refs.all()
        if tag in known and version is not newest and _commit_of(repo, version.manifest) == known[tag]:
            continue
        opened = partial(unseal, ports, max_bytes=max_bytes - size)
        options = {"max_bytes": max_bytes - size, "system": ports.system, "seen": seen, "unseal": opened}
        try:
            came = bring(source, repo.objects, version.manifest, version.asset, **options)  # type: ignore[arg-type]
            using.files(ports, version, came.manifest)
        except MlmError as error:
            if version is newest:
                raise
            problems.append(f"{version.asset}: {error}")
            seen = set()  # which may name what has not come
            continue
        assert came.commit is not None
        blocks, size = blocks + came.blocks, size + came.bytes
        if version is newest:
            before = track(repo, asset.handle, f"heads/{asset.name}", came.commit)
            if before != came.commit:
                moved.append(Moved(str(asset), before, came.commit))
        if tag not in known:
            repo.refs.set(tag, came.commit, None)
            moved.append(Moved(str(version.asset.version), None, came.commit))
        elif known[tag] != came.commit:
            here = f"the tag {version.asset.version} here is at {known[tag]}"
            problems.append(f"{version.asset}: {here}, the chain's version is {came.commit}")
    return Fetched(str(asset), tuple(moved), blocks, size, dropped(source), tuple(problems))


def _commit_of(repo: Repo, manifest: Cid) -> Cid | None:
    """The commit that a manifest names, if it is here."""
    return read_manifest(repo, manifest).commit if repo.objects.has(manifest) else None
