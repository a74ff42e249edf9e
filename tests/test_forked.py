"""Forked commands (tests/forked.py) do what those do that Python is started for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forked
from tests.command_line import ROOT, Person, ended


@pytest.fixture
def person(tmp_path: Path) -> Person:
    (tmp_path / "work").mkdir()
    return Person("somebody", tmp_path / "work", tmp_path / "home")


def started(person: Person, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mlm", *words],
        cwd=person.folder,
        env={**person.environment, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("words", ["version --json", "nope", "--help", "wallet import a", "status", "hash /dev/null"])
def test_they_print_and_end_the_same(person: Person, words: str) -> None:
    mine, theirs = person.spawn(*words.split()), started(person, *words.split())
    assert (mine.code, mine.out, mine.err) == (theirs.returncode, theirs.stdout, theirs.stderr)


def test_what_python_reads_at_its_start_counts(person: Person) -> None:
    """An ASCII terminal, that is; and each has its own settings."""
    environment = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    theirs = started(person, "hash", "…", **environment)
    mine = forked.run(["hash", "…"], cwd=person.folder, env={**person.environment, **environment}, timeout=60)
    assert (mine.returncode, mine.stderr) == (theirs.returncode, theirs.stderr) and mine.returncode != 0
    assert "…" not in mine.stderr


def test_each_begins_where_it_is_told_and_leaves_nothing_to_the_next(person: Person) -> None:
    mask = os.umask(0o077)
    os.umask(mask)
    first, second = (
        forked.Popen(["init", name, "--json"], cwd=person.folder, env=person.environment) for name in ("a", "b")
    )
    assert len({first.pid, second.pid, os.getpid()}) == 3
    assert ended(second).code == ended(first).code == 0
    inside = Person("", person.folder / "a", person.home)
    assert inside.spawn("status").code == 0 and person.spawn("status").code == 12
    assert (person.folder / "b").stat().st_mode & 0o777 == 0o777 & ~mask


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_ends_one_and_is_told(person: Person, sent: signal.Signals) -> None:
    """It waits for the password of a keystore, on a pipe that says nothing."""
    process = forked.Popen(["wallet", "import", "a"], cwd=person.folder, env=person.environment, stdin=subprocess.PIPE)
    assert process.poll() is None
    process.send_signal(sent)
    assert process.wait(30) == -sent
    process.communicate()
