"""`mlm gateway run`: which blocks of this machine are offered, and to whom; a `compute-only` asset's never are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlm.core import dag, dagcbor
from mlm.core.cid import DAG_CBOR, RAW, Cid
from mlm.core.errors import InvalidData, NotFound, StorageError
from mlm.core.manifest import Manifest
from mlm.core.shelf import Shelf
from mlm.ports.blocks import Blocks
from mlm.ports.bundle import Ports
from mlm.ports.remote import Remote
from mlm.workflows import lookup
from mlm.workflows.sync import sync

MAX_VERSIONS = 10_000
OPEN, LICENSED = "open", "licensed"


@dataclass(frozen=True)
class Shelved:
    """One version: whether all of its blocks are here, and how many of them are for whom."""

    asset: str
    access: str
    open: int
    sealed: int
    here: bool


@dataclass(frozen=True)
class Offered:
    """What a gateway offers. `blocks` are different ones."""

    url: str
    origin: str
    versions: tuple[Shelved, ...]
    open_blocks: int
    sealed_blocks: int


def offered(url: str, origin: str, versions: tuple[Shelved, ...], shelf: Shelf) -> Offered:
    """What is told once the gateway answers."""
    return Offered(url, origin, versions, len(shelf.open), len(shelf.sealed.keys() - shelf.open))


class Stored:
    """The blocks of this machine: the project's own, then those of the folder that it shares with others."""

    def __init__(self, objects: Blocks | None, shared: Remote | None) -> None:
        self._objects, self._shared = objects, shared

    def get(self, cid: Cid) -> bytes:
        """A block, verified. Raises NotFound, InvalidData, StorageError."""
        if self._objects is not None:
            try:
                return self._objects.get(cid)
            except NotFound:
                if self._shared is None:
                    raise
        if self._shared is None:
            raise NotFound(f"no block {cid} is here")
        return self._shared.get(cid)

    def kept_back(self) -> set[Cid]:
        """What the project's own blocks hold of assets that are not open, and the shared folder does not."""
        kept = set[Cid]() if self._objects is None else _plain(self._objects)
        return kept if self._shared is None else set(self._shared.missing(list(kept)))


def stock(ports: Ports, store: Stored, names: tuple[str, ...]) -> tuple[Shelf, tuple[Shelved, ...]]:
    """Every version of the assets named, or of all that the account owns, as far as its blocks are here.

    Raises NotFound, UsageError; NotFound too where nothing at all is here.
    """
    shelf, found = Shelf(), []
    me, kept = ports.sender.address.lower(), store.kept_back()
    for token_id in _tokens(ports, names):
        for row in ports.state.query("versions", token_id=token_id, limit=MAX_VERSIONS):
            version = lookup.version_by_id(ports, row["version_id"])
            # Sealed manifests name their plain blocks. A stranger's open asset may name the same ones, and be given
            # to this account: what it names of them is offered only where others have it anyhow.
            closed = set[Cid]() if row["publisher"].lower() == me else kept
            found.append(_shelve(shelf, store, token_id, str(version.asset), version.manifest, closed))
    if not any(each.here for each in found):
        what = ", ".join(names) or f"the assets of {ports.sender.address}"
        raise NotFound(
            f"no blocks of {what} are here", hint="`mlm clone` brings an asset's; `mlm publish` keeps one's own."
        )
    return shelf, tuple(found)


def _tokens(ports: Ports, names: tuple[str, ...]) -> list[int]:
    if names:
        return list(dict.fromkeys(lookup.version(ports, name).token_id for name in names))
    sync(ports)
    return [
        int(row["token_id"], 16) for row in ports.state.query("assets", owner=ports.sender.address, limit=MAX_VERSIONS)
    ]


def _shelve(shelf: Shelf, store: Stored, token_id: int, asset: str, cid: Cid, kept: set[Cid]) -> Shelved:
    """The manifest is everybody's: it is what the chain names. What hangs below it depends on the access.

    A version of which a block is missing is left out whole: half of a file helps nobody.
    """
    try:
        manifest = Manifest.from_block(cid, store.get(cid))
        # Plain files may be named as a sealed one too, to have them by a licence.
        sealed = [each for each in _sealed_blocks(store, manifest) if each not in kept]
        closed = kept.union(sealed)
        below = [each for each in _open_blocks(store, cid, manifest) if each not in closed]
    except (NotFound, StorageError):
        return Shelved(asset, "", 0, 0, False)
    shelf.offer(below)
    shelf.seal(sealed, token_id)
    return Shelved(asset, manifest.access, len(below), len(sealed), True)


def _open_blocks(store: Stored, cid: Cid, manifest: Manifest) -> Iterator[Cid]:
    """A manifest with a sealed file links to that and to what everybody may have: its plain files are no links."""
    if manifest.access == OPEN or (manifest.access == LICENSED and manifest.sealed is not None):
        yield from _whole(store, cid)
    else:
        yield cid


def _sealed_blocks(store: Stored, manifest: Manifest) -> Iterator[Cid]:
    """Of a licensed asset whose files are not encrypted nothing is offered: whoever had one block could pass it on."""
    if manifest.access == LICENSED and manifest.sealed is not None:
        yield from _whole(store, manifest.sealed.file)


def _plain(objects: Blocks) -> set[Cid]:
    """The plain files of every manifest here that is not open, with their folders, and the commits that they name."""
    found = set[Cid]()
    for each in objects.cids():
        stack = [] if each.codec != DAG_CBOR else _roots(each, objects)
        while stack:
            cid = stack.pop()
            if cid in found:
                continue
            found.add(cid)
            if cid.codec not in (RAW, DAG_CBOR) and objects.has(cid):
                stack += dag.links(cid, objects.get(cid))
    return found


def _roots(cid: Cid, objects: Blocks) -> list[Cid]:
    block = objects.get(cid)
    value = dagcbor.decode(block)
    if not isinstance(value, dict) or not str(value.get("format")).startswith("mlm/manifest/"):
        return []
    try:
        manifest = Manifest.from_block(cid, block)
    except InvalidData:
        return []  # of a format to come, or nobody's
    if manifest.access == OPEN:
        return []
    draft = [] if manifest.sealed is not None else [cid]
    return [manifest.tree, *draft, *([] if manifest.commit is None else [manifest.commit])]


def _whole(store: Stored, root: Cid) -> Iterator[Cid]:
    """Everything below `root`, each block read once, so that what is offered is here."""
    for cid in dag.dag(store, root):
        if cid.codec != DAG_CBOR:
            store.get(cid)
        yield cid
