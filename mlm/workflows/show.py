"""`mlm show`: a commit with its manifest, or a manifest by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlm.core import dagcbor
from mlm.core.cid import Cid
from mlm.core.clock import iso_time
from mlm.core.errors import InvalidData
from mlm.core.history import FORMAT as COMMIT_FORMAT
from mlm.core.history import Commit
from mlm.core.manifest import Parent, Tensor
from mlm.core.money import Amount, parse_units
from mlm.ports.repo import Repo
from mlm.workflows.repository import read_manifest, resolve, tree_files
from mlm.workflows.status import Change, compare_trees


@dataclass(frozen=True)
class File:
    """A file of the asset, by path."""

    path: str
    size: int
    cid: Cid


@dataclass(frozen=True)
class Shown:
    """A manifest, and the commit that it was shown for: its fields are None for a manifest by itself.

    `size` is in bytes; `zk_key` is set in a published manifest with the zk tier;
    `changes` are those against the commit's first parent.
    """

    commit: Cid | None
    parents: tuple[Cid, ...]
    author: str | None
    time: str | None
    message: str | None
    manifest: Cid
    kind: str
    name: str
    version: str
    description: str
    licence: str
    access: str
    use_price: Amount
    royalty_bps: int
    tree: Cid
    count: int
    size: int
    opset: int | None
    parameters: int | None
    zk_key: bytes | None
    metrics: Mapping[str, float | int]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    lineage: tuple[Parent, ...]
    changes: tuple[Change, ...]
    files: tuple[File, ...]


def show(repo: Repo, ref: str = "HEAD") -> Shown:
    """What `ref` names; raises NotFound, or InvalidData for a block that is neither commit nor manifest."""
    cid = resolve(repo, ref)
    value = dagcbor.decode(repo.objects.get(cid))
    form = value.get("format") if isinstance(value, dict) else None
    if form == COMMIT_FORMAT:
        commit = Commit.from_block(cid, repo.objects.get(cid))
        return _shown(repo, commit.manifest, cid, commit)
    if not isinstance(form, str) or not form.startswith("mlm/manifest/"):
        raise InvalidData(f"expected a commit or a manifest, {cid} is neither")
    return _shown(repo, cid, None, None)


def _changes(repo: Repo, commit: Commit) -> tuple[Change, ...]:
    before: dict[str, Cid] = {}
    if commit.parents:
        parent = Commit.from_block(commit.parents[0], repo.objects.get(commit.parents[0]))
        before = tree_files(repo, parent.tree)
    return compare_trees(before, tree_files(repo, commit.tree))


def _shown(repo: Repo, manifest_cid: Cid, cid: Cid | None, commit: Commit | None) -> Shown:
    manifest = read_manifest(repo, manifest_cid)
    signature = manifest.signature
    return Shown(
        commit=cid,
        parents=commit.parents if commit else (),
        author=commit.author if commit else None,
        time=iso_time(commit.time) if commit else None,
        message=commit.message if commit else None,
        manifest=manifest_cid,
        kind=manifest.kind,
        name=manifest.name,
        version=manifest.version,
        description=manifest.description,
        licence=manifest.licence,
        access=manifest.access,
        use_price=parse_units(manifest.price.use),
        royalty_bps=manifest.price.royalty_bps,
        tree=manifest.tree,
        count=manifest.count,
        size=manifest.size,
        opset=signature.opset if signature else None,
        parameters=signature.parameters if signature else None,
        zk_key=manifest.zk.key if manifest.zk else None,
        metrics=manifest.metrics,
        inputs=signature.inputs if signature else (),
        outputs=signature.outputs if signature else (),
        lineage=manifest.parents,
        changes=_changes(repo, commit) if commit else (),
        files=tuple(File(path, file.size, file.cid) for path, file in sorted(manifest.files.items())),
    )
