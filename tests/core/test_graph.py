"""The drawn commit graph: known pictures, and random histories whose lines are followed by eye."""

from __future__ import annotations

import random

import pytest

from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.graph import draw

History = list[tuple[int, list[int]]]  # commits, children first, with their parents


def picture(history: History) -> list[str]:
    name = {number: Cid.of(DAG_CBOR, b"%d" % number) for number, _ in history}
    return list(draw((name[n], [name[p] for p in parents], str(n)) for n, parents in history))


def test_a_line() -> None:
    assert picture([(3, [2]), (2, [1]), (1, [])]) == ["* 3", "* 2", "* 1"]


def test_a_merge() -> None:
    assert picture([(4, [3, 2]), (3, [1]), (2, [1]), (1, [])]) == [
        "* 4",
        "|\\",
        "* | 3",
        "| * 2",
        "|/",
        "* 1",
    ]


def test_an_octopus() -> None:
    assert picture([(5, [4, 3, 2]), (4, [1]), (3, [1]), (2, [1]), (1, [])]) == [
        "* 5",
        "|\\",
        "|\\ \\",
        "* | | 4",
        "| * | 3",
        "|/ /",
        "| * 2",
        "|/",
        "* 1",
    ]


def test_a_line_passes_under_another() -> None:
    assert picture([(9, [8, 7]), (7, [6, 5]), (5, [8]), (6, [4]), (8, [4]), (4, [])]) == [
        "* 9",
        "|\\",
        "| * 7",
        "| |\\",
        "| | * 5",
        "| |/",
        "|/|",
        "| * 6",
        "* | 8",
        "|/",
        "* 4",
    ]


def test_histories_without_a_common_beginning() -> None:
    assert picture([(4, [3, 2, 1]), (3, []), (2, []), (1, [])]) == [
        "* 4", "|\\", "|\\ \\", "* | | 3", " / /", "* | 2", " /", "* 1",
    ]  # fmt: skip


def followed(lines: list[str]) -> dict[int, set[int]]:
    """Parents of each commit as the eye reads them: from its star along the strokes down to the next stars.

    `|` leads straight down, `\\` one lane to the right, `/` one to the left, under the lanes that `_` passes. Where a
    lane has both `|` and `/`, who came straight goes straight, and who came by `/` goes on by it: it passes under.
    """
    rows, stars = [], {}
    for line in lines:
        if "*" in line:
            number = line.split()[-1]
            stars[len(rows), line.index("*")] = int(number)
            line = line[: -len(number)]
        rows.append(line.ljust(100))

    def onward(row: int, column: int, slanting: bool) -> list[tuple[int, bool]]:
        """Lanes below a row to which a line leads that comes to it in lane `column`, and whether by `/`."""
        line, found = rows[row], []
        left = line[column - 1] == "/" if column else False
        if line[column] in "|*" and not (left and slanting):
            found.append((column, False))
        if line[column + 1] == "\\":
            found.append((column + 2, False))
        if left and (line[column] == " " or slanting):
            column -= 2
            while column and line[column - 1] == "_":
                column -= 2
            found.append((column, True))
        assert found, f"a line ends in the air in row {row}, column {column}"
        return found

    parents: dict[int, set[int]] = {number: set() for number in stars.values()}
    for (row, column), number in stars.items():
        todo = [(row + 1, column, False)]
        if column + 1 < 100 and not _leads_on(rows, row + 1, column):
            continue
        while todo:
            r, c, slanting = todo.pop()
            if (r, c) in stars:
                parents[number].add(stars[r, c])
                continue
            todo += [(r + 1, lane, how) for lane, how in onward(r, c, slanting)]
    return parents


def _leads_on(rows: list[str], row: int, column: int) -> bool:
    """Whether anything leads down from a star above `row`: a first commit has nothing below."""
    if row == len(rows):
        return False
    line = rows[row]
    return line[column] in "|*" or line[column + 1] == "\\" or (column > 0 and line[column - 1] == "/")


@pytest.mark.parametrize("seed", range(200))
def test_lines_lead_from_every_commit_to_its_parents_and_no_others(seed: int) -> None:
    generator = random.Random(seed)
    count = generator.randrange(2, 25)
    most = generator.choice([1, 2, 3, 16])
    history: History = []
    for number in range(count, 0, -1):
        older = list(range(1, number))
        wanted = min(len(older), generator.randrange(0 if number < count else 1, most + 1))
        history.append((number, generator.sample(older, wanted)))
    reached = {count}
    for number, parents in history:
        reached.update(parents if number in reached else ())
    history = [(number, parents) for number, parents in history if number in reached]
    lines = picture(history)
    assert followed(lines) == {number: set(parents) for number, parents in history}, "\n".join(lines)
