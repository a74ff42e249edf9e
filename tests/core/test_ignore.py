"""`.mlmignore` against the real Git: the same rules, the same verdict for every path."""

from __future__ import annotations

import shutil
import subprocess
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlm.core import ignore
from mlm.core.errors import InvalidData

NAMES = ["a", "b", "ab", "abc", "x.onnx", "y.bin", "[a]", "a b", "ü", "*", "a-c", "9", "#x", "!x", "foo "]


def ours(text: bytes, path: str) -> bool:
    """Verdict for a file, folder by folder from the root, as a scan does it."""
    stack = [ignore.parse(text)]
    names = path.split("/")
    for depth in range(1, len(names) + 1):
        if ignore.is_ignored(stack, "/".join(names[:depth]), depth < len(names)):
            return True
    return False


def git_verdicts(folder: Path, text: bytes, paths: list[str]) -> dict[str, bool]:
    """Which of `paths` Git ignores. The paths are made, so that Git knows folders from files."""
    (folder / ".gitignore").write_bytes(text)
    found = subprocess.run(
        ["git", "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=folder,
        input=b"\0".join(path.encode() for path in paths) + b"\0",
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert found.returncode in (0, 1), found.stderr
    ignored = set(found.stdout.decode().split("\0"))
    return {path: path in ignored for path in paths}


@pytest.fixture(scope="module")
def git_tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path_factory.mktemp("git")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True, timeout=30)
    paths = []
    for top in NAMES:
        paths.append(f"{top}f")
        for middle in NAMES[:10]:
            paths.append(f"{top}/{middle}f")
            paths.extend(f"{top}/{middle}/{leaf}" for leaf in NAMES[:8])
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder, paths


PIECES = [
    "a",
    "b",
    "ab",
    "*",
    "**",
    "?",
    "/",
    "/**/",
    "!",
    "\\",
    "[ab]",
    "[!a]",
    "[a-c]",
    "[]a]",
    "[[:alpha:]]",
    "[",
    "]",
]
PIECES += [
    "-",
    "#",
    " ",
    ".onnx",
    "f",
    "ü",
    "***",
    "\\*",
    "\\ ",
    "[^",
    "[[:nope:]]",
    "[\\]]",
    "[a-",
    ":]",
    "[[:digit:]x]",
]
LINES = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(LINES, min_size=1, max_size=4))
def test_agrees_with_git(git_tree: tuple[Path, list[str]], lines: list[str]) -> None:
    folder, paths = git_tree
    text = "\n".join(lines).encode()
    expected = git_verdicts(folder, text, paths)
    assert {path: ours(text, path) for path in paths} == expected


@pytest.mark.parametrize(
    "text",
    [
        "a/", "/a", "a/b", "**/b", "a/**", "a/**/b", "*.onnx", "!a", "a\n!a/b", "*\n!*/",
        "/*\n!/a\n/a/*\n!/a/b", "a/*/b",
        "\\#x", "#x", "\\!x", "a b", "foo\\ ", "foo ", "a\r\nb\r", "\ufeffa", "[!]a]*", "a[/x]b", "//a", "a//",
        "/", "**", "**/", "abc/***", "*/a", "?", "??", "[[:upper:]]", "a\\", "\\a", "*a*b*c*",
    ],
)  # fmt: skip
def test_chosen_patterns_agree_with_git(git_tree: tuple[Path, list[str]], text: str) -> None:
    folder, paths = git_tree
    expected = git_verdicts(folder, text.encode(), paths)
    assert {path: ours(text.encode(), path) for path in paths} == expected


def test_deeper_file_wins() -> None:
    stack = [ignore.parse(b"*.bin\n"), ignore.parse(b"!keep.bin\n", depth=1)]
    assert ignore.is_ignored(stack, "a/other.bin", False)
    assert not ignore.is_ignored(stack, "a/keep.bin", False)


def test_own_folders_are_always_ignored() -> None:
    assert ignore.is_ignored([ignore.parse(b"!.mlm\n")], "sub/.mlm", True)


def test_hostile_pattern_is_fast() -> None:
    rules = [ignore.parse(b"*a" * 40 + b"b\n" + b"/**/a" * 40 + b"/b\n")]
    started = time.perf_counter()
    assert not ignore.is_ignored(rules, "a/" * 60 + "a" * 250, False)
    assert time.perf_counter() - started < 1


def test_brackets_cost_little() -> None:
    """As many as a file may have, each line another one."""
    lines = [b"[!a]" * 1000 + b"%d" % number for number in range(8)]
    tracemalloc.start()
    ignore.parse(b"\n".join(lines))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 << 20, "a set of 255 members, each an object, took 2.7 KB a byte"


def test_names_without_wildcards_are_no_regular_expressions() -> None:
    (rule,) = ignore.parse(b"a.b/\\*\\[/c d\n").rules
    assert rule.segments == (b"a.b", b"*[", b"c d")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a\n" * (ignore.MAX_BYTES // 2) + b"b", "at most 1048576 bytes in .mlmignore, found more"),
        (b"ok\n" + b"a" * 4097, "at most 4096 bytes in line 2 of .mlmignore, found 4097"),
        (b"[a]\n" * 8193, "at most 8192 wildcards in .mlmignore, found 8193"),
    ],
)
def test_a_file_that_would_keep_others_waiting(text: bytes, expected: str) -> None:
    with pytest.raises(InvalidData, match=expected) as caught:
        ignore.parse(text)
    assert "Shorten" in caught.value.hint


def test_the_largest_file() -> None:
    """Few long lines: what tests hold in memory counts against the commands that others measure."""
    text = (b"a" * 4095 + b"\n") * (ignore.MAX_BYTES // 4096)
    assert len(text) == ignore.MAX_BYTES and len(ignore.parse(text).rules) == ignore.MAX_BYTES // 4096
