"""`mlm sign`: a detached OpenSSF model signature over a commit's files, which any tool of that format verifies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from mlm.core import unixfs
from mlm.core.cid import RAW, Cid
from mlm.core.errors import InvalidData
from mlm.core.history import Commit
from mlm.ports.bundle import Ports
from mlm.ports.signatures import SignedFiles
from mlm.workflows.repository import read_manifest, resolve

# What the format's own tools leave out of a folder unless they are told otherwise; and what is never part of a tree.
IGNORED = (".git", ".gitattributes", ".github", ".gitignore", ".mlm")


@dataclass(frozen=True)
class Signed:
    """A signature that was written. `left_out` are files of the commit that it does not cover."""

    signature: str
    asset: str
    commit: Cid
    tree: Cid
    files: int
    left_out: tuple[str, ...]


def sign(ports: Ports, ref: str, key: Path, output: Path, password: Callable[[], str]) -> Signed:
    """Sign the files of the commit that `ref` names and write the signature to `output`.

    Raises NotFound, InvalidData for a `ref` that is no commit, UsageError for a key that cannot sign, ToolMissing.
    """
    repo = ports.repo
    cid = resolve(repo, ref)
    commit = Commit.from_block(cid, repo.objects.get(cid))
    manifest = read_manifest(repo, commit.manifest)
    every = digests(repo.objects.get, commit.tree)
    covered = {path: digest for path, digest in every.items() if not is_ignored(path, IGNORED)}
    if not covered:
        raise InvalidData(f"expected files to sign in {ref}, found none but those that signatures leave out")
    name = f"{manifest.name}@{manifest.version}"
    data = ports.signatures.sign(manifest.name, SignedFiles(covered, IGNORED), key, password)
    ports.files.write(output, data)
    return Signed(str(output), name, cid, commit.tree, len(covered), tuple(sorted(every.keys() - covered.keys())))


def digests(get: unixfs.Get, tree: Cid) -> Mapping[str, bytes]:
    """The sha256 of every file's content, by path. A file of one leaf has it in its CID; others are read."""
    return {path: _digest(get, cid) for path, cid in unixfs.walk(get, tree)}


def is_ignored(path: str, ignored: tuple[str, ...]) -> bool:
    """Whether a path is one of `ignored`, or lies in such a folder."""
    return any(path == entry or path.startswith(entry.rstrip("/") + "/") for entry in ignored)


def _digest(get: unixfs.Get, cid: Cid) -> bytes:
    if cid.codec == RAW:
        return cid.digest
    running = sha256()
    for piece in unixfs.read(get, cid):
        running.update(piece)
    return running.digest()
