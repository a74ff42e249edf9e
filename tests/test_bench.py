"""The benchmarks' mechanism: rows, merging, the page. Nothing here asserts a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import replay, run, verifying
from bench.benchmark import Benchmark, Figure
from mlm.workflows import tiers

FIELDS = {"name": str, "value": (int, float), "unit": str, "peer": str, "target": str, "commit": str}
NAMES = [benchmark.name for benchmark in run.benchmarks()]


def row(name: str, value: float = 1) -> run.Row:
    return Benchmark(name, "s", lambda: Figure.exact(value), most=2).row(Figure.exact(value), "abc")


def test_names_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_the_recorded_rows_are_those_of_the_benchmarks() -> None:
    rows = run.read()
    assert [entry["name"] for entry in rows] == NAMES, "run `make bench`"
    for entry in rows:
        assert list(entry) == ["name", "value", "unit", "peer", "target", "holds", "commit"]
        assert all(isinstance(entry[field], kind) for field, kind in FIELDS.items()), entry
        assert entry["holds"] in (True, False, None)
    known = {benchmark.name: benchmark for benchmark in run.benchmarks()}
    assert all(entry["holds"] is known[entry["name"]].holds(entry["value"]) for entry in rows)


def test_the_page_shows_the_recorded_rows(root: Path) -> None:
    text = run.PAGE.read_text(encoding="utf-8")
    assert run.page(text, run.read()) == text, "run `make bench ONLY=size`"


def test_the_page_says_of_each_row_that_does_not_hold_why() -> None:
    text = run.PAGE.read_text(encoding="utf-8").split("## What does not hold")[1]
    assert [entry["name"] for entry in run.read() if entry["holds"] is False and f"`{entry['name']}`" not in text] == []


def test_new_rows_replace_old_ones_and_only_those() -> None:
    old = [row("a", 1), row("gone", 1), row("b", 1)]
    assert run.merged(old, [row("b", 3), row("c", 2)], ["c", "a", "b", "never measured"]) == [
        row("c", 2),
        row("a", 1),
        row("b", 3),
    ]


def test_rows_survive_the_file(tmp_path: Path) -> None:
    rows = [row("a"), row("ü")]
    run.write(rows, tmp_path / "latest.json")
    assert run.read(tmp_path / "latest.json") == rows
    assert len((tmp_path / "latest.json").read_text().splitlines()) == len(rows) + 2
    assert run.read(tmp_path / "none.json") == []


@pytest.mark.parametrize(
    ("most", "least", "value", "target", "holds"),
    [(2, None, 2, "<= 2", True), (2, None, 2.1, "<= 2", False), (None, 20, 20, ">= 20", True),
     (None, 20, 19.9, ">= 20", False), (None, None, 5, "", None), (1_001_243, None, 1_001_243, "<= 1,001,243", True)],
)  # fmt: skip
def test_a_target_is_met_or_not(
    most: float | None, least: float | None, value: float, target: str, holds: bool | None
) -> None:
    benchmark = Benchmark("x", "x", lambda: Figure.exact(value), most=most, least=least)
    found = benchmark.row(benchmark.measure(), "abc")
    assert (found["target"], found["holds"], found["value"]) == (target, holds, value)


def test_every_tier_that_a_job_can_have_is_verified_beside_the_others() -> None:
    names = [benchmark.name for benchmark in verifying.BENCHMARKS]
    assert set(verifying.TIERS) == {str(tier) for tier in tiers.RULES} and len(set(names)) == len(names)
    assert all(f"verify: {tier}, gas of the job" in names for tier in verifying.TIERS)


def test_figures() -> None:
    assert Figure.of([3, 1, 2]) == Figure(2, 1, 3) and Figure.best([3, 1, 2]) == Figure(1, 1, 3)
    assert Benchmark("x", "s", lambda: Figure.of([1])).row(Figure(1.23456, 1, 2), "abc")["value"] == 1.23


def test_one_name_measures_and_merges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command itself, on the one benchmark that takes no time."""
    latest, page = tmp_path / "latest.json", tmp_path / "page.md"
    run.write([row(name, -1) for name in NAMES], latest)
    page.write_text("before\n<!-- table -->\nold\n<!-- /table -->\nafter\n")
    monkeypatch.setattr(run, "LATEST", latest)
    monkeypatch.setattr(run, "PAGE", page)
    assert run.main(["--only", "size"]) == 0 and "mlm[cpu,zk]" in capsys.readouterr().out
    values = {entry["name"]: entry["value"] for entry in run.read(latest)}
    assert list(values) == NAMES and values.pop("size: mlm[cpu,zk]") > 0 and set(values.values()) == {-1}
    assert page.read_text() == f"before\n<!-- table -->\n{run.markdown(run.read(latest))}\n<!-- /table -->\nafter\n"
    assert run.main(["--only", "nothing"]) == 1


def test_the_replayed_history_is_what_both_sides_can_read() -> None:
    """Every log decodes by our decoder: the peer and we index real events, not noise."""
    from mlm.adapters.chain.read import log_from
    from mlm.core.events import decode

    names = {address: name for name, address in replay.addresses().items()}
    jobs = set()
    for number, entry in replay.logs(7):
        log = log_from(entry)
        decoded = decode(names[log.address], log.topics, log.data)
        assert decoded is not None and log.block_number == number
        jobs.add(decoded[1].get("jobId"))
    assert len(jobs - {None}) == 7
