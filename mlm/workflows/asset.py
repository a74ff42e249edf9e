"""`mlm search` and `mlm asset`: what is published, from the local index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlm.core.job import Kind
from mlm.core.manifest import FileRef, Manifest, Signature
from mlm.core.money import Amount
from mlm.core.plan import FIRST_PAGE, NO_MORE
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, model
from mlm.workflows.price import Payee
from mlm.workflows.price import show as show_price
from mlm.workflows.sale_show import newest_of
from mlm.workflows.sync import sync

PAGE = 50


@dataclass(frozen=True)
class AssetRow:
    """An asset in a list, by its newest version."""

    asset: str
    kind: Kind
    licence: str
    use_price: Amount
    royalty_bps: int
    owner: str
    token: str


@dataclass(frozen=True)
class AssetList:
    """One page of assets; `more` says that another page follows."""

    assets: tuple[AssetRow, ...]
    page: int = field(metadata=FIRST_PAGE)
    more: bool = field(metadata=NO_MORE)


@dataclass(frozen=True)
class VersionRow:
    """One version of an asset."""

    version: str
    version_id: str
    manifest: str
    block: int


@dataclass(frozen=True)
class Versions:
    """All versions of an asset, newest first."""

    asset: str
    versions: tuple[VersionRow, ...]


@dataclass(frozen=True)
class FileRow:
    """A file of a version."""

    path: str
    cid: str
    size: int


@dataclass(frozen=True)
class Asset:
    """A version with everything its manifest and the chain say of it."""

    asset: str
    link: str
    kind: str
    description: str
    licence: str
    token: str
    version_id: str
    manifest: str
    commit: str | None
    use_price: Amount
    royalty_bps: int
    sale: str | None  # the sale that holds the asset now
    tiers: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: int | None
    metrics: Mapping[str, float | int]
    parents: tuple[str, ...]
    payees: tuple[Payee, ...]
    files: tuple[FileRow, ...]


def search(ports: Ports, text: str = "", *, kind: Kind | None = None, page: int = 1) -> AssetList:
    """Assets whose handle/name or licence contains `text`, newest first, PAGE to a page."""
    sync(ports)
    rows = ports.state.query(
        "search", text=text, kind=None if kind is None else int(kind), limit=PAGE + 1, offset=(page - 1) * PAGE
    )
    return AssetList(tuple(_row(row) for row in rows[:PAGE]), page, len(rows) > PAGE)


def _row(row: Mapping[str, Any]) -> AssetRow:
    return AssetRow(
        asset=f"{row['handle']}/{row['name']}@{row['version']}",
        kind=Kind(row["kind"]),
        licence=row["licence"],
        use_price=Amount(row["use_price"]),
        royalty_bps=row["owner_bps"],
        owner=row["owner"],
        token=row["token_id"],
    )


def versions(ports: Ports, text: str) -> Versions:
    """All versions of an asset."""
    version = lookup.version(ports, text)
    rows = ports.state.query("versions", token_id=version.token_id)
    listed = tuple(VersionRow(row["version"], row["version_id"], row["manifest"], row["block"]) for row in rows)
    return Versions(f"{version.asset.handle}/{version.asset.name}", listed)


def show(ports: Ports, text: str) -> Asset:
    """A version: chain and manifest together. Fetches the manifest when it is not here."""
    version = lookup.version(ports, text)
    manifest = model.manifest(ports, version.manifest)
    price = show_price(ports, text)
    signature = manifest.signature
    sold = newest_of(ports, version.token_id)
    return Asset(
        asset=str(version.asset),
        link=f"mlm://{ports.chain.chain_id()}/{version.asset}",
        kind=manifest.kind,
        description=manifest.description,
        licence=manifest.licence,
        token=f"0x{version.token_id:064x}",
        version_id=version.version_id,
        manifest=str(version.manifest),
        commit=str(manifest.commit) if manifest.commit else None,
        use_price=price.use_price,
        royalty_bps=price.royalty_bps,
        sale=None if sold is None or sold["closed_at"] is not None else sold["sale_id"],
        tiers=tiers(manifest),
        inputs=_tensors(signature, "inputs"),
        outputs=_tensors(signature, "outputs"),
        parameters=signature.parameters if signature else None,
        metrics=manifest.metrics,
        parents=tuple(f"{parent.asset} ({parent.relation}, {parent.bps} bps)" for parent in manifest.parents),
        payees=price.payees,
        files=tuple(_file(path, file) for path, file in sorted(manifest.files.items())),
    )


def tiers(manifest: Manifest) -> tuple[str, ...]:
    """The tiers in which a job on this version can be posted today."""
    offered = {"zk": manifest.zk, "optimistic": manifest.exact, "tee": manifest.tee}
    return tuple(tier for tier, by in offered.items() if by is not None)


def _tensors(signature: Signature | None, side: str) -> tuple[str, ...]:
    if signature is None:
        return ()
    return tuple(f"{spec.name}: {spec.dtype} {list(spec.shape)}" for spec in getattr(signature, side))


def _file(path: str, file: FileRef) -> FileRow:
    return FileRow(path, str(file.cid), file.size)
