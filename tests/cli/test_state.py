"""`mlm sync` and `mlm sql`, as a shell calls them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlm.cli.app import main
from tests.devnet_fixture import RunningDevnet


@pytest.fixture
def mlm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def test_sql_on_an_empty_index(mlm: Any) -> None:
    code, out, err = mlm("sql", "select count(*) as jobs from job_view", "--json")
    assert (code, json.loads(out), err) == (0, {"truncated": False, "limit": 1000, "rows": [{"jobs": 0}]}, "")
    code, out, _ = mlm("sql", "select 1 as one, 'a[b]' as text")
    assert code == 0 and "a[b]" in out


def test_sql_limit(mlm: Any) -> None:
    found = json.loads(mlm("sql", "from range(5) t(n)", "--limit", "2", "--json")[1])
    assert found == {"truncated": True, "limit": 2, "rows": [{"n": 0}, {"n": 1}]}
    assert mlm("sql", "select 1", "--limit", "0")[0] == 2


@pytest.mark.parametrize("query", ["select", "drop table events", "select * from read_text('/etc/passwd')", "nonsense"])
def test_sql_that_is_refused(mlm: Any, query: str) -> None:
    code, out, _ = mlm("sql", query, "--json")
    assert code == 2 and json.loads(out)["error"]["code"] == "usage"
    code, out, err = mlm("sql", query)
    assert code == 2 and out == "" and "error:" in err


def test_sync_without_a_chain(mlm: Any) -> None:
    code, out, _ = mlm("sync", "--json")
    error = json.loads(out)["error"]
    assert code == 6 and "devnet" in error["message"] and "mlm devnet up" in error["hint"]


def test_sync_with_the_devnet(mlm: Any, devnet: RunningDevnet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLM_HOME", str(devnet.mlm_home))
    (tmp_path / ".mlm").mkdir()  # an index of its own
    code, out, err = mlm("sync", "--json")
    first = json.loads(out)
    assert code == 0 and err == "" and first["head"] > 0 and first["events"] > 0 and first["rewound"] == 0
    again = json.loads(mlm("sync", "--json")[1])
    assert again["events"] == 0
    rebuilt = json.loads(mlm("sync", "--rebuild", "--json")[1])
    assert rebuilt["events"] >= first["events"] and rebuilt["blocks"] == rebuilt["head"] - devnet.deployment.block + 1
    rows = json.loads(mlm("sql", "select count(*) as n from transfers", "--json")[1])["rows"]
    assert rows[0]["n"] > 0 and (tmp_path / ".mlm" / "state.duckdb").exists()
    (tmp_path / ".mlm" / "state.duckdb").write_bytes(b"not an index" * 1000)
    code, out, _ = mlm("sync", "--json")
    assert code == 5 and "--rebuild" in json.loads(out)["error"]["hint"]
    assert mlm("sync", "--rebuild")[0] == 0
