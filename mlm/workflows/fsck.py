"""`mlm fsck`: read everything that the repository holds, and name all that is damaged or missing, and what needs it.

1. Every block of every pack has the hash of its CID; packs and their indexes say the same.
2. HEAD, every branch and tag can be read, and names a commit.
3. Every commit that they lead to is one, and so is its manifest; those of (2) list what their trees hold.
4. Every directory can be listed; every block of every file is here, and has the size that the file's nodes say.
5. So are the blocks of every staged file, and of operations that have not ended. The index holds the files of the
   commit that it names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mlm.core import dag, dagpb, hamt, unixfs
from mlm.core.cid import DAG_PB, RAW, Cid
from mlm.core.errors import MlmError, NotFound
from mlm.core.history import Commit
from mlm.core.manifest import Manifest
from mlm.core.plan import JSON_ONLY
from mlm.ports.bundle import Ports
from mlm.ports.repo import HEAD
from mlm.workflows.gc import promised
from mlm.workflows.journalled import ended, find

DAMAGED, MISSING, INVALID = "damaged", "missing", "invalid"
_NOTHING = "nothing"


@dataclass(frozen=True)
class Fault:
    """One defect. `name` is a block's CID, a ref or a file of .mlm; `needed_by` is a commit, a ref, the index or an
    operation, and `path` the file or folder of its tree that cannot be read without it."""

    what: str
    name: str
    needed_by: str
    path: str
    why: str


@dataclass(frozen=True)
class Checked:
    """What was read, and every fault. `dropped` blocks were taken out of the packs, so that they can come again."""

    sound: bool
    refs: int
    commits: int
    blocks: int
    bytes: int
    dropped: int = field(metadata={"quiet": 0})
    faults: tuple[Fault, ...]
    advice: tuple[str, ...] = field(metadata=JSON_ONLY)


class _Check:
    """The facts of one run, gathered step by step."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.faults: list[Fault] = []
        self.sound: dict[Cid, int] = {}  # with their sizes
        self.nodes: dict[Cid, bytes] = {}  # of sound blocks with links
        self.damaged: dict[Cid, str] = {}
        self.seen: set[Cid] = set()
        self.commits: dict[Cid, str] = {}  # and what leads to each
        self.tips: frozenset[Cid] = frozenset()
        self.refs = self.bytes = 0

    def get(self, cid: Cid) -> bytes:
        """A sound block, for those who read trees and manifests: of a leaf only its size is known here."""
        if cid in self.nodes:
            return self.nodes[cid]
        if cid in self.sound:
            return bytes(self.sound[cid])
        raise NotFound(f"no sound block {cid}")

    def size(self, cid: Cid) -> int:
        """The bytes of a sound block."""
        if cid not in self.sound:
            raise NotFound(f"no sound block {cid}")
        return self.sound[cid]

    def fault(self, what: str, name: object, needed_by: str = "", path: str = "", why: str = "") -> None:
        self.faults.append(Fault(what, str(name), needed_by, path, why))

    def present(self, cid: Cid, needed_by: str, path: str) -> bool:
        """Whether a block is here and sound, which is told once if it is not."""
        if cid in self.sound:
            return True
        if cid not in self.seen:
            self.seen.add(cid)
            why = self.damaged.pop(cid, "")
            self.fault(DAMAGED if why else MISSING, cid, needed_by, path, why)
        return False


def fsck(ports: Ports, *, repair: bool = False) -> Checked:
    """Check everything; never stops at the first fault. With `repair`, damaged blocks are taken out of their packs."""
    check = _Check(ports)
    _blocks(check)
    _refs(check)
    for cid, by in _commits(check):
        _commit(check, cid, by)
    _index(check)
    _operations(check)
    for cid, why in check.damaged.items():
        check.fault(DAMAGED, cid, _NOTHING, "", f"{why}; another copy is sound" if cid in check.sound else why)
    dropped = ports.repo.objects.drop_damaged() if repair else 0
    return Checked(
        sound=not check.faults,
        refs=check.refs,
        commits=len(check.commits),
        blocks=len(check.sound),
        bytes=check.bytes,
        dropped=dropped,
        faults=tuple(check.faults),
        advice=_advice(check.faults, dropped),
    )


def _blocks(check: _Check) -> None:
    """(1)"""
    for found in check.ports.repo.objects.examine():
        if found.cid is None:
            check.fault(DAMAGED, found.place, "", "", found.fault)
        elif found.fault:
            check.damaged[found.cid] = f"{found.fault} (in {found.place})"
        elif found.cid not in check.sound:
            check.sound[found.cid] = found.size
            check.bytes += found.size
            if found.cid.codec != RAW:
                check.nodes[found.cid] = found.data


def _refs(check: _Check) -> None:
    """(2)"""
    refs, damaged = check.ports.repo.refs, dict[str, str]()
    names = refs.all(damaged)
    try:
        head = refs.head()
        if head.branch is None and head.commit is not None:
            names = {HEAD: head.commit, **names}
    except MlmError as error:
        damaged.setdefault(HEAD, str(error))
    for name, why in damaged.items():
        check.fault(DAMAGED, name, "", "", why)
    check.refs = len(names)
    for name, cid in names.items():
        check.commits.setdefault(cid, name)
    check.tips = frozenset(check.commits)


def _commits(check: _Check) -> Iterator[tuple[Cid, str]]:
    """(3) Every commit that is reached and can be read, and what leads to it; parents are added on the way."""
    todo = list(check.commits)
    while todo:
        cid = todo.pop()
        by = check.commits[cid]
        if not check.present(cid, by, ""):
            continue
        try:
            commit = Commit.from_block(cid, check.get(cid))
        except MlmError as error:
            check.fault(INVALID, cid, by, "", str(error))
            continue
        yield cid, by
        for parent in commit.parents:
            if parent not in check.commits:
                check.commits[parent] = str(cid)
                todo.append(parent)


def _commit(check: _Check, cid: Cid, by: str) -> None:
    """(3) and (4) for one commit: its tree, then its manifest, then whatever else the manifest names."""
    commit, name = Commit.from_block(cid, check.get(cid)), str(cid)
    before = len(check.faults)
    _tree(check, commit.tree, name)
    if not check.present(commit.manifest, name, "manifest"):
        return
    try:
        manifest = Manifest.from_block(commit.manifest, check.get(commit.manifest))
        if manifest.tree != commit.tree:
            check.fault(INVALID, commit.manifest, name, "manifest", f"it is of the tree {manifest.tree}")
        elif len(check.faults) == before and cid in check.tips:  # of older ones, it would be read again and again
            manifest.check_tree(check.get, check.size)
    except MlmError as error:
        check.fault(INVALID, commit.manifest, name, "manifest", str(error))
    _below(check, commit.manifest, name, "manifest")


def _tree(check: _Check, root: Cid, by: str) -> None:
    """(4) A directory and all below it, by path; shards of large directories have their directory's path."""
    stack = [(root, "", False)]
    while stack:
        cid, path, is_shard = stack.pop()
        if cid in check.seen or not check.present(cid, by, path):
            continue
        if cid.codec != DAG_PB or not _is_directory(check, cid):
            before = len(check.faults)
            _below(check, cid, by, path)
            if len(check.faults) == before:
                _file(check, cid, by, path)
            continue
        check.seen.add(cid)
        node = dagpb.decode(check.nodes[cid])
        sharded = _kind(node.data) == hamt.TYPE
        if not is_shard:
            try:
                unixfs.listing(check.get, cid)
            except NotFound:
                pass  # a shard, which is told below
            except MlmError as error:
                check.fault(INVALID, cid, by, path, str(error))
        for link in node.links:
            name = link.name[2:] if sharded else link.name
            below = path if not name else f"{path}/{name}" if path else name
            stack.append((link.cid, below, sharded and not name))


def _file(check: _Check, cid: Cid, by: str, path: str) -> None:
    """(4) The sizes that a file's nodes claim are those of its leaves: else it cannot be written."""
    try:
        unixfs.check_file(check.get, check.size, cid)
    except NotFound:
        pass  # told already, by another file
    except MlmError as error:
        check.fault(INVALID, cid, by, path, str(error))


def _below(check: _Check, root: Cid, by: str, path: str) -> None:
    """(4) Every block below one, whatever it is of."""
    stack = [root]
    while stack:
        cid = stack.pop()
        if cid in check.seen or not check.present(cid, by, path):
            continue
        check.seen.add(cid)
        try:
            stack += dag.links(cid, check.nodes.get(cid, b""))
        except MlmError as error:
            check.fault(INVALID, cid, by, path, str(error))


def _index(check: _Check) -> None:
    """(5)"""
    try:
        entries = check.ports.repo.index.load()
    except MlmError as error:
        check.fault(DAMAGED, "index", "", "", str(error))
        return
    for path, entry in entries.items():
        _below(check, entry.cid, "index", path)
    if entries.commit is None:
        return
    try:
        commit = Commit.from_block(entries.commit, check.get(entries.commit))
        executable = Manifest.from_block(commit.manifest, check.get(commit.manifest)).executable
        held = {path: (cid, path in executable) for path, cid in unixfs.walk(check.get, commit.tree)}
    except MlmError:
        return  # told above, or nothing leads to it any more
    if held != {path: (entry.cid, entry.stat.executable) for path, entry in entries.items()}:
        check.fault(DAMAGED, "index", "", "", f"it says that it holds the files of {entries.commit}, and does not")


def _operations(check: _Check) -> None:
    """(5)"""
    try:
        for op, root in promised(check.ports.journal):
            if not ended(find(check.ports.journal, op)["outcome"]):
                _below(check, root, f"operation {op}", "")
    except MlmError as error:
        check.fault(DAMAGED, "journal", "", "", str(error))


def _is_directory(check: _Check, cid: Cid) -> bool:
    try:
        return unixfs.is_directory(check.get, cid)
    except MlmError:
        return False


def _kind(data: bytes) -> object:
    return dict(dagpb.fields(data)).get(1)


def _advice(faults: list[Fault], dropped: int) -> tuple[str, ...]:
    """What to do, in the order in which to do it."""
    lost = [fault for fault in faults if fault.name.startswith("baf") and fault.what != INVALID]
    found = []
    if dropped:
        found.append(f"Took {dropped} damaged block{'s'[: dropped > 1]} out: run `mlm fsck` again to see what is left.")
    packs = any(fault.name.startswith("pack-") for fault in faults)
    if (packs or any(fault.what == DAMAGED for fault in lost)) and not dropped:
        found.append("`mlm fsck --repair` takes damaged blocks out, so that they can come again; what is intact stays.")
    if any(fault.needed_by != _NOTHING for fault in lost):
        found.append(
            "A remote that has them brings blocks back (`mlm fetch`); `mlm add PATH` stores what is a file here."
        )
    if any(not fault.name.startswith(("baf", "pack-")) for fault in faults):
        found.append("A damaged index: delete .mlm/index, then `mlm add .`; a damaged branch: `mlm branch`, `mlm log`.")
    if any(fault.what == INVALID for fault in faults):
        found.append("What is invalid was written so: go back to a sound commit with `mlm checkout`.")
    return tuple(found)
