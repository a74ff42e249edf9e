"""The auctions' rules on the shared vectors; devnet/test/auctions/Vectors.t.sol runs the same on the real market."""

from __future__ import annotations

import json

import pytest

from mlm.core.job import State
from tests.auctions.cases import DEPOSIT, ERRORS, LOOK, SLOTS, START, VECTORS, Case, World, step, vectors
from tests.vectors import make_auctions

CASES = vectors()


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[name for name, _ in CASES])
def test_vectors(case: Case) -> None:
    world = World(json.loads(VECTORS.read_text())["stakes"])
    auction = world.open(case.posted)
    for row in case.moves:
        if row.what == LOOK:
            assert auction.state(START + row.at) == row.price, row
            continue
        auction, refused = step(auction, row)
        assert ERRORS[refused] == ERRORS[row.refused], row
    assert world.after(auction, case.after.at) == case.after
    end = case.end
    assert world.close(auction, case.posted, State(end.state), end.accepted_at, end.at) == end


def test_the_vectors_cover_what_they_should() -> None:
    rows = [row for _, case in CASES for row in case.moves]
    assert {row.refused for row in rows} == set(range(len(ERRORS))), "an error that no case meets"
    assert {row.what for row in rows} == set(range(1, LOOK + 1)) - {DEPOSIT}
    ends = {(case.posted.kind, case.end.state) for _, case in CASES}
    assert {state for _, state in ends} == {7, 9, 10, 11, 12}
    assert len(CASES) >= 60 and max(len(case.moves) for _, case in CASES) <= SLOTS


def test_the_file_is_what_the_script_writes(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    before = VECTORS.read_text()
    monkeypatch.setattr(make_auctions, "HERE", tmp_path)
    make_auctions.main()
    assert (make_auctions.HERE / "auctions.json").read_text() == before
