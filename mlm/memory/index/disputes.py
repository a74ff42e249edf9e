"""Traces of the optimistic tier, and games about them."""

from __future__ import annotations

import json
from collections.abc import Iterable

from mlm.core.events.disputes import COLUMNS
from mlm.memory.index.facts import Facts, Record, matching


class DisputeQueries(Facts):
    """The named queries about traces and games."""

    def _query_traces(self, job_id: str) -> Iterable[Record]:
        for row in self._of("traces", job_id=job_id):
            told = {name: row[name] for name in COLUMNS["traces"]} | {"roots": json.loads(row["roots"])}
            yield told | self._place(row)

    def _query_convictions(self, job_id: str) -> Iterable[Record]:
        for row in self._of("convictions", job_id=job_id):
            yield {name: row[name] for name in COLUMNS["convictions"]} | self._place(row)

    def _query_games(self, job_id: str | None, challenger: str | None, game_id: str | None) -> Iterable[Record]:
        found = matching(self._tables["games"], job_id=job_id, challenger=challenger, game_id=game_id)
        for row in reversed(list(found)):
            yield {name: row[name] for name in COLUMNS["games"]} | self._place(row)

    def _query_game_prefix(self, prefix: str) -> Iterable[Record]:
        ids = sorted(row["game_id"] for row in self._tables["games"])
        return [{"game_id": found} for found in ids if found.startswith(prefix)]

    def _query_game_moves(self, game_id: str) -> Iterable[Record]:
        for row in self._of("game_moves", game_id=game_id):
            told = {name: row[name] for name in COLUMNS["game_moves"]} | {"shown": json.loads(row["shown"])}
            yield told | self._place(row)

    def _query_game_credits(self, account: str) -> Iterable[Record]:
        for row in self._of("game_credits", account=account):
            yield {name: row[name] for name in COLUMNS["game_credits"]} | self._place(row)
