"""`mlm clone`: a project from a published asset, a CID or a remote's branch, with its history; and `mlm download`.

The order makes a clone that was killed one that the same command continues: blocks come first, then where they come
from, then the files, then refs, and HEAD last. A folder with an origin and without a HEAD holds nothing of anybody's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mlm.core import urls
from mlm.core.cid import Cid
from mlm.core.errors import NotFound, StateConflict, UsageError
from mlm.core.refs import AssetRef, parse_target
from mlm.core.remote import check_repository
from mlm.ports.blocks import Blocks
from mlm.ports.bundle import Ports
from mlm.ports.origin import Origin
from mlm.ports.remote import Remote
from mlm.ports.repo import Repo
from mlm.workflows import lookup, using
from mlm.workflows.checkout import staged_as_written, write_tree
from mlm.workflows.fetch import LINK, REMOTE, dropped
from mlm.workflows.init import BRANCH
from mlm.workflows.push import track
from mlm.workflows.repository import commit_files, read_commit
from mlm.workflows.sealing import unseal, version_of
from mlm.workflows.version import Version, bring


@dataclass(frozen=True)
class Cloned:
    """A new project. `blocks` and `received` bytes travelled; `dropped` names remotes that lied, were slow or dead."""

    folder: str
    asset: str
    commit: Cid
    branch: str
    tags: tuple[str, ...]
    files: int
    bytes: int
    blocks: int
    received: int
    dropped: tuple[str, ...]


@dataclass(frozen=True)
class Downloaded:
    """Files of an asset. `blocks` and `received` bytes travelled."""

    folder: str
    asset: str
    manifest: Cid
    files: int
    bytes: int
    blocks: int
    received: int
    dropped: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """What a name leads to: the CID to begin with, and what is remembered of it."""

    cid: Cid
    origin: str
    folder: str  # what the folder is called if nobody says otherwise
    source: Remote
    asset: AssetRef | None = None
    names: dict[str, Cid] = field(default_factory=dict)


def find(ports: Ports, text: str, remote: str = "") -> Found:
    """A published asset or a CID, read from all remotes; or, with `remote`, a repository that is there by name.

    Raises NotFound, UsageError, StateConflict, ChainError.
    """
    if not remote and ("://" in text.removeprefix(LINK) or text.startswith((".", "/", "~"))):
        raise UsageError(
            f"expected an asset, a CID or an mlm:// link, found the place {urls.bare(text) if '://' in text else text}",
            hint="Name it a remote, `mlm remote add origin PLACE`; then `mlm clone NAME --from origin`.",
        )
    if remote:
        target = ports.remotes.open(remote)
        plain = text.partition("@")[0]
        if plain != text:
            raise UsageError(
                f"expected the name of a repository on {remote}, found {text[:80]!r} with a version",
                hint=f"`mlm clone {plain} --from {remote}`; then `mlm fetch` there brings its tags for `mlm checkout`.",
            )
        names = target.names(check_repository(text))
        head = names.get(f"heads/{BRANCH}")
        if head is None:
            raise NotFound(
                f"{remote} has no repository {text} with a branch {BRANCH}", hint="`mlm push` in the project makes it."
            )
        return Found(head, f"{REMOTE}{remote}", text, target, names=names)
    target_ = parse_target(text)
    if isinstance(target_, Cid):
        # What names itself needs no chain.
        return Found(target_, str(target_), str(target_)[:14], ports.remote)
    version = lookup.version(ports, text)
    origin = f"{LINK}{ports.chain.chain_id()}/{version.asset.handle}/{version.asset.name}"
    return Found(version.manifest, origin, version.asset.name, ports.remote, version.asset)


def clone(
    ports: Ports, found: Found, repo: Repo, origin: Origin, folder: str, *, max_bytes: int, redeem: bool = False
) -> Cloned:
    """Make a project in an empty folder; a clone that was cut is continued. `redeem` as `using.need` has it.

    Raises StateConflict for a folder that holds anything else, NotFound, InvalidData, StorageError.
    """
    check_empty(found, repo, origin, folder)
    opened = partial(unseal, ports, max_bytes=max_bytes)
    options = {"max_bytes": max_bytes, "system": ports.system, "unseal": opened}
    came = bring(found.source, repo.objects, found.cid, found.asset, **options)  # type: ignore[arg-type]
    assert came.commit is not None
    _use(ports, came, redeem)
    origin.write(found.origin)
    written = write_tree(repo.objects, came.manifest.tree, repo.tree, came.manifest.executable)
    files = commit_files(repo, read_commit(repo, came.commit))
    with repo.index.edit() as index:
        index.clear()
        index.update(staged_as_written(repo, written.stats, files))
    tags = {f"tags/{found.asset.version}": came.commit} if found.asset else {}
    for name, cid in {**tags, f"heads/{BRANCH}": came.commit}.items():
        if (before := repo.refs.all().get(name)) != cid:
            repo.refs.set(name, cid, before)
    if found.asset is not None:
        track(repo, found.asset.handle, f"heads/{found.asset.name}", came.commit)
    elif found.names:
        track(repo, found.source.about.name, f"heads/{BRANCH}", came.commit)
    repo.refs.create(BRANCH)
    return Cloned(
        folder=folder,
        asset=_asset(found, came.manifest.name, came.manifest.version),
        commit=came.commit,
        branch=BRANCH,
        tags=tuple(name.removeprefix("tags/") for name in tags),
        files=written.files,
        bytes=written.bytes,
        blocks=came.blocks,
        received=came.bytes,
        dropped=dropped(found.source),
    )


def download(
    ports: Ports, found: Found, objects: Blocks, output: Path, *, max_bytes: int, redeem: bool = False
) -> Downloaded:
    """Write the files of an asset into a new or empty folder, whole or not at all, by way of blocks in `objects`.

    What is in `objects` already does not travel again; `redeem` as `using.need` has it. Raises StateConflict for a
    folder that holds anything, NotFound, InvalidData, StorageError.
    """
    opened = partial(unseal, ports, max_bytes=max_bytes)
    options = {"max_bytes": max_bytes, "system": ports.system, "with_history": False, "unseal": opened}
    with ports.files.new_folder(output) as folder:
        came = bring(found.source, objects, found.cid, found.asset, **options)  # type: ignore[arg-type]
        _use(ports, came, redeem)
        written = write_tree(objects, came.manifest.tree, folder, came.manifest.executable)
    return Downloaded(
        folder=str(output),
        asset=_asset(found, came.manifest.name, came.manifest.version),
        manifest=came.cid,
        files=written.files,
        bytes=written.bytes,
        blocks=came.blocks,
        received=came.bytes,
        dropped=dropped(found.source),
    )


def _use(ports: Ports, came: Version, redeem: bool) -> None:
    """Once all has come and was checked: a use that could not be is not used up. Raises NotLicensed, NotRedeemed."""
    if came.manifest.sealed is not None:
        using.files(ports, version_of(ports, came.cid, came.manifest), came.manifest, redeem=redeem)


def check_empty(found: Found, repo: Repo, origin: Origin, folder: str) -> None:
    """Raise StateConflict for a folder that holds anything but what this very command has begun."""
    try:
        repo.refs.head()
    except StateConflict:
        exists = False
    else:
        exists = True
    begun = origin.read()
    if exists or (begun and begun != found.origin) or (not begun and next(iter(repo.tree.scan()), None) is not None):
        what = "a project" if exists else f"a clone of {begun} that was begun" if begun else "files"
        raise StateConflict(f"expected an empty folder, {folder} holds {what}", hint="Name another folder.")


def _asset(found: Found, name: str, version: str) -> str:
    return str(found.asset) if found.asset else f"{name}@{version}"
