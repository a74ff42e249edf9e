"""The lines in which two small text files differ."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff

from mlm.core.content import Content
from mlm.workflows.repository import shown_path

MAX_TEXT = 1 << 20  # bytes of a file that is compared line by line
MAX_LINES = 5_000  # where two files differ: what takes a moment at worst
_CONTEXT = 3  # lines


def text_of(content: Content) -> list[str] | None:
    """A small text file's lines with their ends; None for any other file."""
    if content.size > MAX_TEXT:
        return None
    data = content.read(0, content.size)
    if b"\0" in data:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    parts = text.split("\n")  # a line ends with nothing else
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def unified(path: str, old: list[str], new: list[str]) -> list[str] | None:
    """The unified diff, as Git prints it; None where too many lines differ."""
    # What both begin and end with needs no search for what fits best.
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    if max(len(old), len(new)) - start - end > MAX_LINES:
        return None
    shown = shown_path(path)
    before, after = max(0, start - _CONTEXT), max(0, end - _CONTEXT)
    parts = (old[before : len(old) - after], new[before : len(new) - after])
    found = list(unified_diff(*parts, f"a/{shown}", f"b/{shown}", lineterm="\n", n=_CONTEXT))
    return list(_shifted(found, before))


def _common(old: list[str], new: list[str]) -> int:
    for at, (one, other) in enumerate(zip(old, new, strict=False)):
        if one != other:
            return at
    return min(len(old), len(new))


def _shifted(lines: list[str], by: int) -> Iterator[str]:
    """Lines without their ends, and the places of hunks counted from the start of the file."""
    for at, line in enumerate(lines):
        if at > 1 and line.startswith("@@"):
            yield " ".join(_place(word, by) for word in line.split())
        elif line.endswith("\n"):
            yield line[:-1]
        else:
            yield line
            yield "\\ No newline at end of file"


def _place(word: str, by: int) -> str:
    if word == "@@":
        return word
    start, comma, count = word[1:].partition(",")
    return f"{word[0]}{int(start) + by}{comma}{count}"
