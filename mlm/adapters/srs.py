"""The listing beside a folder of SRS files (`srs.json`): which file holds which size, and its hash."""

from __future__ import annotations

import json
import re
from pathlib import Path

from mlm.core.errors import InvalidData

_FILE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def listed(listing: Path, folder: Path) -> dict[Path, str]:
    """Path in `folder` -> SHA-256 (hex) of every file that a listing names; raises InvalidData for anything else."""
    try:
        value = json.loads(listing.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidData(f"{listing}: expected a JSON listing of SRS files, found {error}") from error
    entries = value.get("files") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        raise InvalidData(f"{listing}: expected an object with a list of files, found {str(value)[:60]!r}")
    found = {}
    for entry in entries:
        name, digest = (entry.get("file"), entry.get("sha256")) if isinstance(entry, dict) else (None, None)
        if not (isinstance(name, str) and _FILE.fullmatch(name) and name.strip(".")):
            raise InvalidData(f"{listing}: expected the plain name of a file, found {str(name)[:60]!r}")
        if not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
            raise InvalidData(f"{listing}: expected a SHA-256 for {name}, found {str(digest)[:60]!r}")
        found[folder / name] = digest
    return found
