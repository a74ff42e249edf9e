"""Paths that a tree may hold, and those that would climb, or reach what another program runs or believes."""

from __future__ import annotations

import pytest

from mlm.core.errors import InvalidData
from mlm.core.paths import check_path, check_paths

REFUSED = [
    *("", "/a", "a/", "a//b", "..", "../a", "a/..", "a/../b", ".", "a/./b", "a\\b", "a\nb", "a\x7f", "a\0b"),
    *("x" * 256, "ä" * 130, "/".join("a" * 65), "a/" * 2048 + "a", "\udc80"),
    *(".git", ".git/config", "a/.git/hooks/post-checkout", ".GIT/x", ".Git", "git~1", "a/GIT~1/config", "git~2"),
    *(".git ", ".git.", ".git. ./config", ".git:x", ".git::$INDEX_ALLOCATION/config"),
    *(".g\u200cit/config", "\ufeff.git", ".git\u200d/x", ".gi\u202at", "g\u206fit~1"),
    *(".mlm", ".mlm/HEAD", "a/.MLM/x", "mlm~1/HEAD", ".mlm. /HEAD", ".m\u200blm".replace("\u200b", "\u200c")),
]
TAKEN = [
    *("a", "a/b", ".gitignore", ".github/workflows/x", ".gitattributes", ".mlmignore", "mlm.toml", ".env", "é/ü"),
    *("git", "a.git", ".git-a", "git~x", "legit~1", "mlm", ".mlmx", "a~1", "...", "..a", "/".join("a" * 64), "x" * 255),
]


@pytest.mark.parametrize("path", REFUSED)
def test_refused(path: str) -> None:
    with pytest.raises(InvalidData):
        check_path(path)
    if "\0" not in path:
        for paths in ([path], ["a", path, "b"]):
            with pytest.raises(InvalidData):
                check_paths(paths)


@pytest.mark.parametrize("path", TAKEN)
def test_taken(path: str) -> None:
    assert check_path(path) == path


def test_many_are_taken_at_once() -> None:
    check_paths(TAKEN)
    check_paths([])
