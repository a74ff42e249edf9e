"""Paths inside a tree: relative, "/" between names, safe to create below any folder."""

from __future__ import annotations

import re

from mlm.core.errors import InvalidData

MAX_NAME = 255  # bytes of one name, as common file systems allow
MAX_PATH = 4096  # bytes of a whole path
MAX_DEPTH = 64  # folders
_UNSAFE = re.compile("[/\\\\\x00-\x1f\x7f\ud800-\udfff]")
PRIVATE = ".mlm"  # a repository's own folder: never part of a tree


def check_name(name: str) -> str:
    """Return one path component; raises InvalidData when it could climb, hide a separator or break a terminal."""
    if name in ("", ".", ".."):
        raise InvalidData(f"expected a file name, found {name!r}")
    if found := _UNSAFE.search(name):
        raise InvalidData(f"the file name {name!r} holds {found[0]!r}: a separator, control character or broken UTF-8")
    if len(name) * 4 > MAX_NAME and len(name.encode("utf-8")) > MAX_NAME:
        raise InvalidData(f"a file name has at most {MAX_NAME} bytes, {name[:40]!r}… has more")
    return name


def check_path(path: str) -> str:
    """Return a relative path of checked names; raises InvalidData when it climbs, is absolute, or enters `.mlm`."""
    if len(path) > MAX_PATH:
        raise InvalidData(f"a path has at most {MAX_PATH} characters, {path[:40]!r}… has {len(path)}")
    names = path.split("/")
    if len(names) > MAX_DEPTH:
        raise InvalidData(f"a path has at most {MAX_DEPTH} names, {path[:40]!r}… has {len(names)}")
    for name in names:
        try:
            check_name(name)
        except InvalidData as error:
            raise InvalidData(f"unsafe path {path[:200]!r}: {error}") from error
        if name.casefold() == PRIVATE:
            raise InvalidData(f"unsafe path {path[:200]!r}: {PRIVATE} belongs to the repository")
    return path
