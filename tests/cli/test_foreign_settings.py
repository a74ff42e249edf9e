"""Settings that came with somebody else's project, or from a file that is none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mlm.cli.context import Session
from mlm.config import load
from mlm.core.errors import UsageError
from mlm.core.project import read_toml

MINE = {"rpc": "https://mine.example", "chain_id": 1, "deployment": "mine.json"}


def _project(tmp_path: Path, text: str = "") -> Path:
    (tmp_path / "p" / ".mlm").mkdir(parents=True)
    (tmp_path / "p" / "mlm.toml").write_text(text)
    (tmp_path / "p" / "below").mkdir()
    return tmp_path / "p"


def _session(tmp_path: Path, cwd: Path, **env: str) -> Session:
    return Session(env={"MLM_HOME": str(tmp_path / "home"), **env}, cwd=cwd)


def test_a_project_that_another_user_left_above_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _project(tmp_path)
    owner = folder.stat().st_uid
    for name in (".mlm", "mlm.toml"):
        if os.geteuid() == 0:
            os.chown(folder / name, 4711, -1)
            owner = 4711
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(UsageError, match="belongs to another user"):
        assert _session(tmp_path, folder / "below").project
    assert _session(tmp_path, folder / "below", MLM_TRUSTED=f"/x{os.pathsep}{folder}").project == folder
    monkeypatch.setattr(os, "geteuid", lambda: owner)
    assert _session(tmp_path, folder / "below").project == folder
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert _session(tmp_path, folder, SUDO_UID=str(owner)).project == folder


def test_a_project_cannot_re_aim_a_network_of_the_user() -> None:
    theirs = {**MINE, "rpc": "https://evil.example"}
    with pytest.raises(UsageError, match=r"\[network.main\] is set otherwise already"):
        load({"home/config.toml": {"network": {"main": MINE}}, "p/mlm.toml": {"network": {"main": theirs}}}, {})
    both = load({"config.toml": {"network": {"main": MINE}}, "mlm.toml": {"network": {"main": dict(MINE)}}}, {})
    assert both.networks["main"].rpc == (MINE["rpc"],)


@pytest.mark.parametrize("key", ["remote.default", "prover.srs"])
def test_a_path_is_found_from_the_file_that_names_it(key: str, tmp_path: Path) -> None:
    """Not from whatever folder the command runs in: somebody else may have put such a file there."""
    table, _, name = key.rpartition(".")
    text = f"[{table}]\n{name} = 'x'" if table else f"{name} = 'x'"
    folder = _project(tmp_path, text)
    assert _session(tmp_path, folder / "below").config.get(key) == str(folder / "x")


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e300"])
@pytest.mark.parametrize("variable", ["MLM_CHAIN_TIMEOUT", "MLM_MAX_FEE_GWEI", "MLM_PROVER_TIMEOUT"])
def test_waits_and_fees_without_end(variable: str, value: str) -> None:
    with pytest.raises(UsageError, match="must be a number from 0"):
        load({}, {variable: value})


def test_a_negative_window() -> None:
    with pytest.raises(UsageError, match=r"job\.bidding must be a number from 0"):
        load({"mlm.toml": {"job": {"bidding": -5}}}, {})


@pytest.mark.parametrize(
    "data", [b"\xff", b"a = " + b"[" * 5000, b"a = " + b"9" * 5000, b"[" + b"a." * 5000 + b"a]", b"a = 1\na = 2"]
)
def test_toml_that_breaks_parsers(data: bytes) -> None:
    with pytest.raises(UsageError, match=r"mlm\.toml: not valid TOML"):
        read_toml(data, "mlm.toml")


def test_a_folder_in_place_of_the_settings(tmp_path: Path) -> None:
    folder = _project(tmp_path)
    (folder / "mlm.toml").unlink()
    (folder / "mlm.toml").mkdir()
    config: Any = None
    with pytest.raises(UsageError, match="cannot read the settings"):
        config = _session(tmp_path, folder).config
    assert config is None
