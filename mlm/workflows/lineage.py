"""`mlm asset lineage`: what an asset was made from, as a tree, and which share each parent has."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core import tree
from mlm.core.errors import UsageError
from mlm.core.plan import JSON_ONLY
from mlm.ports.bundle import Ports
from mlm.workflows import lookup

MAX_DEPTH = 32


@dataclass(frozen=True)
class Ancestor:
    """One edge of the lineage: `parent` has `bps` of what `child`'s owner is paid. Names without versions."""

    depth: int  # 1: a parent of the version asked about
    child: str
    parent: str
    owner: str
    bps: int


@dataclass(frozen=True)
class Lineage:
    """Where a version comes from. A job pays its owner and its direct parents; what lies above is history."""

    asset: str
    ancestors: tuple[Ancestor, ...] = field(metadata=JSON_ONLY)
    tree: tuple[str, ...]


def show(ports: Ports, text: str, *, depth: int) -> Lineage:
    """The lineage of a version up to `depth` generations; an ancestor's own parents are those of its newest version.

    Raises UsageError for a depth outside 1 to MAX_DEPTH.
    """
    if not 1 <= depth <= MAX_DEPTH:
        raise UsageError(f"--depth: expected 1 to {MAX_DEPTH}, found {depth}")
    version = lookup.version(ports, text)
    rows = ports.state.query("lineage", version_id=version.version_id, depth=depth)
    # An asset that this index does not know is named by its token: nobody is left out of the tree.
    names = {row["token_id"]: f"{row['handle']}/{row['name']}" if row["name"] else row["token_id"] for row in rows}
    names[f"0x{version.token_id:064x}"] = f"{version.asset.handle}/{version.asset.name}"
    found = tuple(
        Ancestor(row["depth"], names[row["child"]], names[row["token_id"]], row["owner"] or "", row["bps"])
        for row in rows
    )
    return Lineage(str(version.asset), found, _drawn(names[f"0x{version.token_id:064x}"], found))


def _drawn(root: str, ancestors: tuple[Ancestor, ...]) -> tuple[str, ...]:
    # An asset's parents are those that stand nearest to the root: of the version asked about, then of newest versions.
    nearest: dict[str, int] = {}
    for edge in ancestors:
        nearest.setdefault(edge.child, edge.depth)
    edges = {(edge.child, edge.parent): edge for edge in ancestors if edge.depth == nearest[edge.child]}
    parents: dict[str, list[str]] = {}
    for child, parent in edges:
        parents.setdefault(child, []).append(parent)

    def line(child: str, parent: str) -> str:
        edge = edges[child, parent]
        return f"{parent}  {edge.bps / 100:g} %" + (f"  {edge.owner}" if edge.owner else "")

    return (root, *tree.draw(root, lambda node: parents.get(node, []), line))
