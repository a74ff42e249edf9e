"""What format 3 of a manifest adds: the sealed file of a licensed version. Pure.

A manifest of format 3 links to what everybody may have and to nothing else: the CIDs of its plain files are bytes
there, not links, so that no tool that follows links, ours or another's, copies or pins a plain file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlm.core import age, dagcbor
from mlm.core.cid import DAG_PB, RAW, Cid
from mlm.core.errors import InvalidData
from mlm.core.fields import Fields

FORMAT = "mlm/sealed/1"  # an age v1 file with one X25519 recipient, of a CARv1 whose root is the version's commit
MAX_BYTES = 1 << 44


@dataclass(frozen=True)
class Sealed:
    """The encrypted file: its CID, its bytes, and those of the archive in it."""

    file: Cid
    size: int
    plain: int

    def value(self) -> dagcbor.Value:
        return {"format": FORMAT, "file": self.file, "size": self.size, "plain": self.plain}

    @classmethod
    def read(cls, fields: Fields) -> Sealed:
        """The manifest's `sealed`; raises InvalidData, also where the sizes cannot both be true."""
        fields.choice("format", (FORMAT,))
        found = cls(
            fields.cid("file", RAW, DAG_PB),
            fields.integer("size", 1, MAX_BYTES),
            fields.integer("plain", 1, MAX_BYTES),
        )
        fields.finish()
        age.check_size(found.plain, found.size)
        return found


def without_links(value: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest's value with the CIDs of its plain files as bytes."""
    return _respelt(value, bytes)


def with_links(value: dagcbor.Value) -> dagcbor.Value:
    """The inverse; raises InvalidData where a plain file is linked, or no CID."""
    return _respelt(value, _cid) if isinstance(value, dict) else value


def _cid(raw: Any) -> Cid:
    if not isinstance(raw, bytes):
        raise InvalidData(f"expected the CID of a plain file as bytes in a sealed manifest, found {type(raw).__name__}")
    return Cid.from_bytes(raw)


def _respelt(value: Mapping[str, Any], spell: Callable[[Any], Any]) -> dict[str, Any]:
    """`files.root`, `files.list` and `commit`; what is not of their shape stays, and is refused where it is read."""
    found = dict(value)
    if "commit" in found:
        found["commit"] = spell(found["commit"])
    files = found.get("files")
    if isinstance(files, dict):
        found["files"] = files = dict(files)
        if "root" in files:
            files["root"] = spell(files["root"])
        if isinstance(files.get("list"), dict):
            files["list"] = {path: _entry(entry, spell) for path, entry in files["list"].items()}
    return found


def _entry(entry: Any, spell: Callable[[Any], Any]) -> Any:
    return [spell(entry[0]), *entry[1:]] if isinstance(entry, list) and entry else entry
