"""Assets, their versions and lineage."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlm.memory.index.facts import Facts, Record, matching


class AssetQueries(Facts):
    """The named queries about assets."""

    def _asset(self, row: Record) -> Record:
        owner = next((t["recipient"] for t in reversed(self._of("asset_transfers", token_id=row["token_id"]))), None)
        chosen = {name: row[name] for name in ("token_id", "handle", "name", "kind")}
        return chosen | {"owner": owner or row["owner"], "creator": row["owner"]} | self._place(row)

    def _asset_of(self, token_id: str) -> Record:
        row = next(iter(self._of("assets", token_id=token_id)), None)
        return self._asset(row) if row else dict.fromkeys(("handle", "name", "kind", "owner"))

    def _version(self, row: Record) -> Record:
        asset = self._asset_of(row["token_id"])
        price: Record = next(reversed(self._of("prices", version_id=row["version_id"])), {})
        names = ("token_id", "version_id", "version", "manifest", "licence", "publisher")
        return (
            {name: row[name] for name in names}
            | {name: asset[name] for name in ("handle", "name", "kind", "owner")}
            | {"use_price": price.get("use_price"), "owner_bps": price.get("owner_bps")}
            | self._place(row)
        )

    def _query_assets(self, handle: Any, name: Any, token_id: Any, owner: Any) -> Iterable[Record]:
        rows = [self._asset(row) for row in reversed(self._tables["assets"])]
        return matching(rows, handle=handle, name=name, token_id=token_id, owner=owner)

    def _query_asset_transfers(self, **wanted: Any) -> Iterable[Record]:
        for row in reversed(self._of("asset_transfers", **wanted)):
            yield {name: row[name] for name in ("token_id", "sender", "recipient")} | self._place(row)

    def _query_asset_prefix(self, prefix: str) -> Iterable[Record]:
        ids = sorted(row["token_id"] for row in self._tables["assets"])
        return [{"token_id": token_id} for token_id in ids if token_id.startswith(prefix)]

    def _query_versions(self, token_id: Any, version_id: Any, version: Any, manifest: Any) -> Iterable[Record]:
        rows = [self._version(row) for row in reversed(self._tables["versions"])]
        return matching(rows, token_id=token_id, version_id=version_id, version=version, manifest=manifest)

    def _newest(self) -> dict[str, Record]:
        return {row["token_id"]: row for row in self._tables["versions"]}

    def _query_search(self, text: str, kind: int | None) -> Iterable[Record]:
        newest = sorted(self._newest().values(), key=lambda row: (row["block"], row["log_index"]), reverse=True)
        for row in matching([self._version(row) for row in newest], kind=kind):
            name = f"{row['handle']}/{row['name']}" if row["handle"] is not None else ""
            if text.lower() in name.lower() or text.lower() in row["licence"].lower():
                yield row

    def _query_handle(self, handle: str) -> Iterable[Record]:
        rows = self._of("handles", handle=handle)
        return [{"handle": row["handle"], "owner": row["owner"]} | self._place(row) for row in rows]

    def _query_keys(self, version_id: str) -> Iterable[Record]:
        rows = [
            {"tier": row["tier"], "key": row["key"]} | self._place(row)
            for row in self._of("keys", version_id=version_id)
        ]
        return sorted(rows, key=lambda row: row["tier"])

    def _parent(self, token_id: str) -> Record:
        asset = self._asset_of(token_id)
        return {name: asset[name] for name in ("handle", "name", "owner")}

    def _query_parents(self, version_id: str) -> Iterable[Record]:
        for row in self._of("parents", version_id=version_id):
            yield {name: row[name] for name in ("position", "token_id", "bps")} | self._parent(row["token_id"])

    def _query_lineage(self, version_id: str, depth: int) -> Iterable[Record]:
        newest = {token: row["version_id"] for token, row in self._newest().items()}
        start = next((row["token_id"] for row in self._of("versions", version_id=version_id)), None)
        level, found = {(start, version_id)} if start else set(), []
        for step in range(1, depth + 1):
            edges = {(c, p["token_id"], p["bps"]) for c, v in level for p in self._of("parents", version_id=v)}
            found += [(step, *edge) for edge in sorted(edges)]
            level = {(token, newest[token]) for _, token, _ in edges if token in newest}
        for row in found:
            yield dict(zip(("depth", "child", "token_id", "bps"), row, strict=True)) | self._parent(row[2])
