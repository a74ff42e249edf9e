"""Standard streams that are closed, full, or read by nobody, and text that would command a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mlm.cli.render import print_value


def _shell(line: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = f'mlm() {{ "{sys.executable}" -m mlm "$@"; }}; {line}'
    env = {**os.environ, "MLM_HOME": str(tmp_path / "home"), **environment}
    return subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("arguments", ["version", "version --json", "devnet --help"])
def test_a_full_disk_behind_stdout_is_a_storage_error(arguments: str, tmp_path: Path) -> None:
    done = _shell(f"mlm {arguments} > /dev/full", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (5, 1), done.stderr
    assert "No space left" in done.stderr


@pytest.mark.parametrize("arguments", ["version", "version --json", "devnet --help"])
def test_a_reader_that_is_gone_ends_in_141_without_a_word(arguments: str, tmp_path: Path) -> None:
    done = _shell(f"(sleep 0.3; mlm {arguments}; echo $? > code) | true; cat code", tmp_path)
    assert (done.stdout.strip(), done.stderr) == ("141", "")


@pytest.mark.parametrize(
    ("line", "code"), [("wallet new a <&-", 9), ("wallet import a <&-", 9), ("nope 2>&-", 2), ("version >&-", 0)]
)
def test_a_closed_stream_is_no_bug(line: str, code: int, tmp_path: Path) -> None:
    done = _shell(f"mlm {line}", tmp_path)
    assert done.returncode == code
    assert "bug" not in done.stderr


def test_a_working_folder_that_is_gone(tmp_path: Path) -> None:
    done = _shell("mkdir gone; cd gone; rmdir ../gone; PYTHONSAFEPATH=1 mlm status --json", tmp_path)
    assert done.returncode == 12, done.stderr
    assert json.loads(done.stdout)["error"]["code"] == "state_conflict"


def test_an_ascii_terminal_and_a_name_that_would_command_it(tmp_path: Path) -> None:
    done = _shell("mlm prove $'a\\e[31m.onnx' x --calibration x", tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 3
    assert done.stderr == "error: no such file: a\\x1b[31m.onnx\n"


@dataclass(frozen=True)
class _Row:
    licence: str


@dataclass(frozen=True)
class _Shown:
    description: str
    metrics: dict[str, str]
    lines: tuple[str, ...]
    rows: tuple[_Row, ...]


def test_text_of_others_cannot_move_the_cursor(capsys: Any) -> None:
    evil = "a\x1b[2J\x9b1A\r\u202eb\x07[red]:x:"
    value = _Shown(evil, {evil: evil}, (evil, evil), (_Row(evil), _Row("MIT")))
    print_value(Console(highlight=False, emoji=False, width=400), value)
    shown = capsys.readouterr().out
    assert not set("\x1b\x9b\r\x07\u202e") & set(shown)
    assert shown.count("[red]:x:") == 6
