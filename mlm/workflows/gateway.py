"""`mlm gateway run`: which blocks of this machine are offered, and to whom; a `compute-only` asset's never are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mlm.core import dag
from mlm.core.cid import DAG_CBOR, RAW, Cid
from mlm.core.errors import InvalidData, NotFound, StorageError
from mlm.core.manifest import Manifest
from mlm.core.shelf import Shelf
from mlm.ports.blocks import Blocks
from mlm.ports.bundle import Ports
from mlm.ports.remote import Remote
from mlm.workflows import lookup
from mlm.workflows.entitlement import Entitlement, entitled
from mlm.workflows.sync import sync

MAX_VERSIONS = 10_000
MAX_KNOWN = 10_000  # accounts whose standing is kept at once
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


class Standing:
    """Who is entitled, asked of the chain once for each of its heads. For one thread, with ports of its own."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._head = ""
        self._known: dict[tuple[int, str], Entitlement | None] = {}

    def entitled(self, token_id: int, account: str) -> bool:
        """Whether the account may use the asset now, by the chain's head and by the clock. Raises ChainError."""
        head = self._ports.chain.block()
        if head.hash != self._head or len(self._known) >= MAX_KNOWN:
            self._head, self._known = head.hash, {}
        if (token_id, account) not in self._known:
            self._known[token_id, account] = entitled(self._ports, token_id, account)
        found = self._known[token_id, account]
        now = max(head.timestamp, self._ports.system.now())
        return found is not None and (found.kind is None or now < found.expires_at)


def stock(ports: Ports, store: Stored, names: tuple[str, ...]) -> tuple[Shelf, tuple[Shelved, ...]]:
    """Every version of the assets named, or of all that the account owns, as far as its blocks are here.

    Raises NotFound, UsageError; NotFound too where nothing at all is here.
    """
    shelf, found = Shelf(), []
    tokens = _tokens(ports, names)
    kept = _kept_back(ports, store)
    for token_id in tokens:
        for row in ports.state.query("versions", token_id=token_id, limit=MAX_VERSIONS):
            version = lookup.version_by_id(ports, row["version_id"])
            others = _Others(kept, str(row["publisher"]))
            found.append(_shelve(shelf, store, token_id, str(version.asset), version.manifest, others))
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


def _kept_back(ports: Ports, store: Stored) -> dict[Cid, str]:
    """The plain blocks of every version that is not open and lies here, whosever it is, and who published them.

    Such a version's manifest shows the CIDs of its files: anybody can name them in an open asset, give that to whoever
    has the files, and have them served by who was to keep them. What was open before stays everybody's.
    """
    rows: list[Mapping[str, Any]] = []
    while page := ports.state.query("versions", limit=MAX_VERSIONS, offset=len(rows)):
        rows += page
    here = []
    for row in reversed(rows):  # the oldest first
        cid = Cid(DAG_CBOR, bytes.fromhex(row["manifest"][2:]))
        with suppress(NotFound, StorageError, InvalidData):
            here.append((Manifest.from_block(cid, store.get(cid)), str(row["publisher"])))
    found: dict[Cid, str] = {}
    public = set[Cid]()
    if all(manifest.access == OPEN for manifest, _ in here):
        return found
    for manifest, publisher in here:
        for cid in _plain_blocks(store, manifest):
            if manifest.access != OPEN:
                if cid not in public:
                    found.setdefault(cid, publisher)
            elif found.get(cid, publisher) == publisher:
                found.pop(cid, None)
                public.add(cid)
    return found


def _plain_blocks(store: Stored, manifest: Manifest) -> Iterator[Cid]:
    """A version's files and history, as far as they are here."""
    waiting, seen = [root for root in (manifest.tree, manifest.commit) if root is not None], set[Cid]()
    while waiting:
        cid = waiting.pop()
        if cid in seen:
            continue
        seen.add(cid)
        yield cid
        if cid.codec != RAW:
            with suppress(NotFound, StorageError, InvalidData):  # what is not here nobody can have from here
                waiting += dag.links(cid, store.get(cid))


class _Others:
    """The plain blocks that somebody else than `publisher` keeps back."""

    def __init__(self, kept: Mapping[Cid, str], publisher: str) -> None:
        self._kept, self._publisher = kept, publisher

    def __contains__(self, cid: Cid) -> bool:
        return self._kept.get(cid, self._publisher) != self._publisher


def _shelve(shelf: Shelf, store: Stored, token_id: int, asset: str, cid: Cid, others: _Others) -> Shelved:
    """The manifest is everybody's: it is what the chain names. What hangs below it depends on the access.

    A version of which a block is missing is left out whole: half of a file helps nobody. So is one with blocks that
    somebody else published before, and not for everybody.
    """
    try:
        manifest = Manifest.from_block(cid, store.get(cid))
        sealed = list(_sealed_blocks(store, manifest))
        closed = set(sealed)
        below = [each for each in _open_blocks(store, cid, manifest) if each not in closed]
    except (NotFound, StorageError):
        return Shelved(asset, "", 0, 0, False)
    if any(each in others for each in (*below, *sealed)):
        return Shelved(asset, manifest.access, 0, 0, False)
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


def _whole(store: Stored, root: Cid) -> Iterator[Cid]:
    """Everything below `root`, each block read once, so that what is offered is here."""
    for cid in dag.dag(store, root):
        if cid.codec != DAG_CBOR:
            store.get(cid)
        yield cid
