"""A published version, brought here whole: from the digest on the chain to the commit and its history.

Whoever published it may have meant harm: nothing is taken on trust but the digest that the chain holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlm.core import dagcbor, history
from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.errors import InvalidData, StateConflict
from mlm.core.history import Commit
from mlm.core.manifest import Manifest
from mlm.core.refs import AssetRef
from mlm.ports.blocks import Blocks
from mlm.ports.remote import Remote
from mlm.ports.system import System
from mlm.workflows.objects import blocks_of
from mlm.workflows.transfer import receive

Unseal = Callable[[Remote, Blocks, Cid, Manifest], None]  # puts all that is sealed under a manifest into the blocks


@dataclass(frozen=True)
class Version:
    """What was brought: the manifest that describes it, its commit where it names one, and what travelled."""

    cid: Cid
    manifest: Manifest
    commit: Cid | None
    blocks: int
    bytes: int


def bring(
    source: Remote,
    objects: Blocks,
    cid: Cid,
    asset: AssetRef | None,
    *,
    max_bytes: int,
    system: System | None = None,
    with_history: bool = True,
    seen: set[Cid] | None = None,
    unseal: Unseal | None = None,
) -> Version:
    """Bring what a CID names, a manifest or a commit, and check it.

    1. The block is what its CID says, and a manifest or a commit.
    2. A manifest is that of the asset and version under which the chain lists it.
    3. What is sealed is opened, by `unseal`. Its tree takes no more than its own sizes say, and at most `max_bytes`;
       list, count and sizes are the tree's.
    4. It names a commit, whose tree is the manifest's.
    5. All that hangs below the commit takes at most `max_bytes`, and what it comes from are commits.
    Raises NotFound, InvalidData, StorageError; StateConflict for a manifest without a commit whose history is wanted.
    """
    # (1) One block, so that its claims are known before anything large travels.
    block = objects.get(cid) if objects.has(cid) else source.get(cid)
    commit, manifest_cid = _read(cid, block)
    above = [(cid, block)]
    if manifest_cid != cid:
        block = objects.get(manifest_cid) if objects.has(manifest_cid) else source.get(manifest_cid)
    manifest = Manifest.from_block(manifest_cid, block)
    # (2) Under one name one may not be given another.
    if asset is not None and (manifest.name, manifest.version) != (asset.name, asset.version):
        raise InvalidData(f"the manifest of {asset} is of {manifest.name}@{manifest.version}: expected the same asset")
    # (3) The tree first: it is what the manifest's sizes are about.
    if manifest.size > max_bytes:
        raise InvalidData(
            f"expected at most {max_bytes} bytes, {manifest.name}@{manifest.version} has {manifest.size}",
            hint="Raise remote.max_gb if you want it.",
        )
    if manifest.sealed is not None:
        if unseal is None:
            raise StateConflict(
                f"{manifest.name}@{manifest.version} is sealed", hint="`mlm clone` and `mlm download` open it."
            )
        unseal(source, objects, manifest_cid, manifest)
    seen = set() if seen is None else seen
    limit = min(max_bytes, blocks_of(manifest.size, manifest.count))
    tree = receive(source, objects, manifest.tree, max_bytes=limit, system=system, expected=manifest.size, seen=seen)
    manifest.check_tree(objects.get, objects.size)
    # (4) A commit of other files would be checked out in their place.
    if commit is None and manifest.commit is not None and with_history:
        commit = manifest.commit
        above.append((commit, objects.get(commit) if objects.has(commit) else source.get(commit)))
    objects.put(above)
    if commit is None and with_history:
        raise StateConflict(
            f"{manifest.name}@{manifest.version} names no commit, expected one to clone",
            hint="`mlm download` brings its files.",
        )
    if commit is not None and (found := Commit.from_block(commit, objects.get(commit)).tree) != manifest.tree:
        raise InvalidData(f"the commit {commit} has the tree {found}, expected the manifest's {manifest.tree}")
    objects.put([(manifest_cid, block)])
    if not with_history or commit is None:
        return Version(manifest_cid, manifest, commit, tree.new, tree.bytes)
    # (5) What came before it.
    past = receive(source, objects, manifest_cid, max_bytes=max_bytes, system=system, seen=seen)
    more = receive(source, objects, commit, max_bytes=max_bytes, system=system, seen=seen)
    check_history(objects, commit)
    new, size = tree.new + past.new + more.new, tree.bytes + past.bytes + more.bytes
    return Version(manifest_cid, manifest, commit, new, size)


def check_history(objects: Blocks, *commits: Cid) -> None:
    """Raise InvalidData unless these, and everything that they come from, are commits."""
    for _ in history.log(objects.get, commits):
        pass


def _read(cid: Cid, block: bytes) -> tuple[Cid | None, Cid]:
    """The commit, if it is one, and the manifest that a block is or names."""
    cid.verify(block)
    value = dagcbor.decode(block) if cid.codec == DAG_CBOR else None
    form = str(value.get("format")) if isinstance(value, dict) else ""
    if form == history.FORMAT:
        return cid, Commit.from_block(cid, block).manifest
    if not form.startswith("mlm/manifest/"):
        raise InvalidData(f"expected a commit or a manifest, {cid} is neither")
    return None, cid
