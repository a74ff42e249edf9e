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

# What stands beside a tree's files in a checkout and is never part of one: their tool is told to pass it over.
IGNORED = (".git", ".mlm")
# What the format's own tool leaves out of a folder unless it is told otherwise.
GIT_PATHS = (".git", ".gitattributes", ".github", ".gitignore")
ALL_PATHS = "--no-ignore-git-paths"  # which is how it is told


@dataclass(frozen=True)
class Signed:
    """A signature that was written. `check` is how OpenSSF's own tool verifies it, in a checkout of the commit."""

    signature: str
    asset: str
    commit: Cid
    tree: Cid
    files: int
    check: str


def sign(ports: Ports, ref: str, key: Path, output: Path, password: Callable[[], str]) -> Signed:
    """Sign the files of the commit that `ref` names and write the signature to `output`.

    Raises NotFound, InvalidData for a `ref` that is no commit, UsageError for a key that cannot sign, ToolMissing.
    """
    repo = ports.repo
    cid = resolve(repo, ref)
    commit = Commit.from_block(cid, repo.objects.get(cid))
    manifest = read_manifest(repo, commit.manifest)
    files = digests(repo.objects.get, commit.tree)
    if not files:
        raise InvalidData(f"expected files to sign in {ref}, found none")
    name = f"{manifest.name}@{manifest.version}"
    data = ports.signatures.sign(manifest.name, SignedFiles(files, IGNORED), key, password)
    ports.files.write(output, data)
    return Signed(str(output), name, cid, commit.tree, len(files), _check(output, files))


def _check(output: Path, files: Mapping[str, bytes]) -> str:
    words = f"model_signing verify key FOLDER --signature {output} --public_key KEY.pub"
    return f"{words} {ALL_PATHS}" if any(map(is_git_path, files)) else words


def digests(get: unixfs.Get, tree: Cid) -> Mapping[str, bytes]:
    """The sha256 of every file's content, by path. A file of one leaf has it in its CID; others are read."""
    return {path: _digest(get, cid) for path, cid in unixfs.walk(get, tree)}


def is_git_path(path: str) -> bool:
    """Whether the format's own tool leaves a path out unless it is told not to."""
    return path.split("/")[0] in GIT_PATHS


def _digest(get: unixfs.Get, cid: Cid) -> bytes:
    if cid.codec == RAW:
        return cid.digest
    running = sha256()
    for piece in unixfs.read(get, cid):
        running.update(piece)
    return running.digest()
