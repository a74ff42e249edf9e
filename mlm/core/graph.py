"""Commit graphs drawn in text, as `git log --graph` draws them: a lane for each commit that is waited for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mlm.core.cid import Cid


def draw(commits: Iterable[tuple[Cid, Sequence[Cid], str]]) -> Iterator[str]:
    """The lines of a graph: for each commit (name, parents, text; children first) one with its text, then those that
    lead to its parents.

    Lanes are two characters apart. A merge opens lanes to its right, one a line; lanes that wait for the same commit
    join to the left, at once.
    """
    lanes: list[Cid] = []
    for cid, parents, text in commits:
        if cid not in lanes:
            lanes.append(cid)
        at = lanes.index(cid)
        yield f"{_straight(['*' if lane == at else '|' for lane in range(len(lanes))])} {text}".rstrip()
        if not parents:
            yield from _close(lanes, at)
            continue
        lanes[at] = parents[0]
        for parent in reversed(parents[1:]):
            yield _open(len(lanes), at)
            lanes.insert(at + 1, parent)
        yield from _join(lanes)


def _straight(columns: Sequence[str]) -> str:
    return " ".join(columns)


def _open(count: int, at: int) -> str:
    """A second line leaves lane `at` to its right; what is right of it makes room."""
    return _straight(["|"] * (at + 1)) + "\\" + " \\" * (count - at - 1)


def _close(lanes: list[Cid], at: int) -> Iterator[str]:
    """Lane `at` ends; what is right of it moves over."""
    del lanes[at]
    if at < len(lanes):
        yield "| " * at + " /" * (len(lanes) - at)


def _join(lanes: list[Cid]) -> Iterator[str]:
    """Lanes that wait for the same commit become one, the leftmost."""
    while (pair := _twice(lanes)) is not None:
        left, right = pair
        # Under the lanes between the two, then into the left one; what is right of both moves over.
        under = ["|"] * (right + 1)
        gaps = [" "] * right
        gaps[right - 1] = "/"
        under[right] = " "
        for gap in range(left + 1, right - 1):
            gaps[gap] = "_"
        row = "".join(lane + gap for lane, gap in zip(under, [*gaps, ""], strict=True))
        del lanes[right]
        yield row.rstrip() + " /" * (len(lanes) - right)
        if right - left > 1:
            yield "| " * left + "|/" + _straight(["|"] * (len(lanes) - left - 1))


def _twice(lanes: list[Cid]) -> tuple[int, int] | None:
    seen: dict[Cid, int] = {}
    for at, cid in enumerate(lanes):
        if cid in seen:
            return seen[cid], at
        seen[cid] = at
    return None
