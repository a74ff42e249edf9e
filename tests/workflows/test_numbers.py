"""Numbers and addresses on the command line that once ended in a bug, or in a wait without end."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlm.adapters.repo import open_repo
from mlm.adapters.settings import TomlSettings
from mlm.core.cid import DAG_CBOR, DAG_PB, Cid
from mlm.core.errors import UsageError
from mlm.core.history import Commit
from mlm.ports.bundle import Ports
from mlm.workflows import job_show, network
from mlm.workflows.log import log


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://h:99999", "ftp://h", "h", "", "http://", "http:///x", "file:///etc"]
)
def test_an_address_that_is_no_url(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--rpc: expected"):
        wanted = network.Proposal("x", (url,), 1, "d.json", None)
        network.add(TomlSettings(tmp_path / "config.toml"), wanted, {}, lambda url: (1, "0x"))
    assert not (tmp_path / "config.toml").exists()


@pytest.mark.parametrize("timeout", [float("nan"), float("inf"), -1.0, 1e300])
def test_a_watch_without_end(timeout: float) -> None:
    with pytest.raises(UsageError, match="--timeout"):
        job_show.watch(Ports(), "0xabcd", until=frozenset(), timeout=timeout, tell=lambda seen: None)


def test_a_log_of_more_commits_than_a_machine_counts(tmp_path: Path) -> None:
    repo = open_repo(tmp_path)
    repo.refs.create("main")
    commit = Commit(Cid.of(DAG_PB, b"tree"), Cid.of(DAG_CBOR, b"manifest"), (), "ann", 1, "first").to_block()
    repo.objects.put([commit])
    repo.refs.set("heads/main", commit[0], None)
    assert len(log(repo, limit=10**20).commits) == 1
