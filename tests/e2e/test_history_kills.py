"""Processes killed by SIGKILL at random instants, hundreds of times, and before every change of a name in the folders.

After each kill every ref leads somewhere, fsck finds nothing, status works; and the same command, run again, ends with
the repository and the files that it leaves when it is not killed. `MLM_KILL_SEED` repeats a run's delays.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from mlm.adapters.journal import FileJournal
from mlm.adapters.repo import open_repo
from mlm.ports.bundle import Ports
from mlm.ports.repo import FILE
from mlm.workflows.fsck import fsck
from mlm.workflows.status import status
from tests.command_line import ROOT

SEED = int(os.environ.get("MLM_KILL_SEED") or random.SystemRandom().randrange(1 << 32))
RANDOM_KILLS = 15  # of each command, that met it alive
PROJECT = '[asset]\nname = "thing"\nversion = "1.0.0"\nkind = "dataset"\n'
# What happens before a command, in words of mlm, or as files to write ("" removes); then the command itself.
Before = tuple[tuple[str, ...] | dict[str, str], ...]
MORE = {f"more/{number}/file": f"{number} " * 3000 for number in range(6)}
DIVERGED: Before = (("checkout", "main"), {"same": "ours", "e/f/1": ""}, ("add", "."), ("commit", "-m", "ours"))
COMMANDS: dict[str, tuple[Before, tuple[str, ...]]] = {
    "add": (({**MORE, "a": "changed", "d/c": ""},), ("add", ".")),
    "add what is stored": ((MORE, ("add", "."), ("restore", "--staged", ".")), ("add", ".")),
    "commit": (({**MORE, "a": "changed"}, ("add", ".")), ("commit", "-m", "third")),
    "commit on no branch": ((("checkout", "v1"), {"a": "changed"}, ("add", ".")), ("commit", "-m", "third")),
    "checkout": ((), ("checkout", "main")),
    "checkout where a folder becomes a file": ((("checkout", "main"),), ("checkout", "exp")),
    "checkout with changes": (({"same": "mine", "new": "mine"}, ("add", "new")), ("checkout", "main")),
    "checkout of a tag": ((), ("checkout", "v1")),
    "checkout -b": ((), ("checkout", "main", "-b", "third")),
    "branch": ((), ("branch", "topic/third", "main")),
    "branch --delete": ((), ("branch", "--delete", "--force", "side/lost")),
    "branch --rename": ((), ("branch", "--rename", "exp", "better/name")),
    "tag": ((), ("tag", "v2")),
    "tag --force": ((), ("tag", "v1", "--force")),
    "tag --delete": ((), ("tag", "--delete", "v1")),
    "merge": (DIVERGED, ("merge", "exp")),
    "merge on no branch": ((*DIVERGED, ("checkout", "HEAD~0")), ("merge", "exp")),
    "merge that moves forward": ((("checkout", "main"),), ("merge", "exp")),
    "rm": ((), ("rm", "-r", "d", "a")),
    "rm --cached": ((), ("rm", "--cached", "-r", "d", "a")),
    "restore": (({"a": "mine", "d/c": "", "e/f/1": "mine"},), ("restore", ".")),
    "restore --staged": (({"a": "mine", "new": "mine"}, ("add", "."), ("rm", "same")), ("restore", "--staged", ".")),
    "restore --source": ((), ("restore", "--source", "main", ".")),
    "gc": ((("branch", "--delete", "--force", "side/lost"),), ("gc", "--prune", "now")),
    "gc of what is all needed": ((), ("gc",)),
}


class Driver:
    """Runs commands in forked processes (history_driver.py)."""

    def __init__(self, home: Path) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "MLM_HOME": str(home),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        script = ROOT / "tests" / "e2e" / "history_driver.py"
        self.process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=home.parent.parent,
        )

    def run(self, cwd: Path, *args: str, after: float | None = None, step: int | None = None) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        order = {"args": args, "cwd": str(cwd), "after": after, "step": step}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def do(self, cwd: Path, *args: str) -> dict[str, Any]:
        """The JSON of a command that must end well."""
        ran = self.run(cwd, *args, "--json")
        assert ran["code"] == 0, f"mlm {' '.join(args)}: {ran}"
        value: dict[str, Any] = json.loads(ran["out"])
        return value

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


@dataclass(frozen=True)
class Place:
    """A project and MLM_HOME, and the copies from which each kill starts."""

    driver: Driver
    work: Path  # project and home in it
    start: Path

    @property
    def project(self) -> Path:
        return self.work / "project"

    @property
    def journal(self) -> str:
        """The folder of the project's journal, below MLM_HOME/journal (mlm/cli/wiring.py)."""
        return sha256(os.fsencode(self.project.resolve())).hexdigest()[:16]

    def reset(self, source: Path) -> None:
        """As it was in `source`, at the same path: the journal of a project is found by its path."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(source, self.work, symlinks=True)

    def prepared(self, before: Before, name: str) -> Path:
        """A copy in which all this was done."""
        self.reset(self.start)
        for act in before:
            if isinstance(act, dict):
                write(self.project, act)
            else:
                self.driver.do(self.project, *act)
        made = self.start.parent / name.replace("/", "-")
        shutil.copytree(self.work, made, symlinks=True)
        return made


def write(project: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        if not content:
            (project / name).unlink()
            continue
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(content)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """main (v1): first; exp, checked out: second, which changes, adds and removes; side/lost: a third line."""
    # A kill is no power failure: what was written is there, synced or not. In memory hundreds of them take a minute.
    memory = Path("/dev/shm")
    root = Path(mkdtemp(dir=memory)) if os.access(memory, os.W_OK) else tmp_path_factory.mktemp("kills")
    driver = Driver(root / "work" / "home")
    try:
        place = Place(driver, root / "work", root / "start")
        (root / "work" / "home").mkdir(parents=True)
        driver.do(root / "work", "init", "project")
        first = {"mlm.toml": PROJECT, "a": "one", "d/b": "b", "same": "same", "e/f/1": "x" * 5000, "old/1": "1"}
        for message, files, branch in (
            ("first", first, "main"),
            ("lost", {"lost/big": "lost " * 100_000, "a": "lost"}, "side/lost"),
            ("second", {"a": "two", "d/b": "", "d/c": "c", "old/1": "", "old": "a file", "e/f/2": "y" * 5000}, "exp"),
        ):
            if branch != "main":
                driver.do(place.project, "checkout", "main", "-b", branch)
            write(place.project, {name: content for name, content in files.items() if name != "old"})
            if "old" in files:
                shutil.rmtree(place.project / "old")
                write(place.project, {"old": files["old"]})
            driver.do(place.project, "add", ".")
            driver.do(place.project, "commit", "-m", message)
            if message == "first":
                driver.do(place.project, "tag", "v1")
        shutil.copytree(place.work, place.start, symlinks=True)
        yield place
    finally:
        driver.close()
        shutil.rmtree(root, ignore_errors=True)


def state(project: Path) -> dict[str, Any]:
    """Everything that a user sees or relies on: refs, index, files, blocks."""
    repo = open_repo(project)
    head = repo.refs.head()
    return {
        "refs": repo.refs.all(),
        "head": head,
        "index": {path: entry.cid for path, entry in repo.index.load().items()},
        "files": {stat.path: b"".join(repo.tree.read(stat)) for stat in repo.tree.scan() if stat.kind == FILE},
        "blocks": set(repo.objects.cids()),
    }


def check(place: Place, what: str) -> None:
    """What must hold after any kill: status works, every ref leads somewhere, no block is missing or damaged."""
    repo = open_repo(place.project)
    journal = FileJournal(place.work / "home" / "journal" / place.journal)
    found = fsck(Ports(repo=lambda: repo, journal=lambda: journal))
    assert found.sound, f"{what}: {found.faults}"
    assert found.commits >= 2 and found.refs >= 2, what
    assert status(repo).commit is not None, what


def again(place: Place, command: tuple[str, ...], after: dict[str, Any], what: str) -> None:
    """The same command once more: it ends well, or has nothing left to do; the end is that of an unharmed run."""
    before = state(place.project)
    ran = place.driver.run(place.project, *command, "--json")
    assert ran["code"] == 0 or before == after, f"{what}, then again: {ran}"
    found = state(place.project)
    assert found == after, f"{what}, then again: {[key for key in after if found[key] != after[key]]} differ"


@pytest.mark.parametrize("name", list(COMMANDS))
def test_killed_at_any_instant(place: Place, name: str) -> None:
    before, command = COMMANDS[name]
    prepared = place.prepared(before, name)
    start = state(place.project)
    unharmed = [place.driver.run(place.project, *command, "--json")]
    after = state(place.project)
    assert unharmed[0]["code"] == 0 and (start != after or name.startswith("gc")), unharmed
    for _ in range(2):
        place.reset(prepared)
        unharmed.append(place.driver.run(place.project, *command, "--json"))
        assert state(place.project) == after, "two runs that are not killed differ"
    longest, first = max(ran["seconds"] for ran in unharmed[1:]), min(ran["first"] for ran in unharmed[1:])
    # At random instants.
    generator = random.Random(f"{SEED} {name}")
    met = between = 0
    for _ in range(20 * RANDOM_KILLS):
        place.reset(prepared)
        # Mostly from shortly before its first step on: before that it has only read.
        delay = generator.uniform(first * generator.choice([0, 0.9, 0.9, 0.9]), longest)
        killed = place.driver.run(place.project, *command, after=delay)
        if killed["code"] != -9:
            continue  # it had ended
        met += 1
        what = f"mlm {' '.join(command)} killed after {delay * 1000:.2f} ms (MLM_KILL_SEED={SEED})"
        between += 0 < killed["steps"] < unharmed[0]["steps"]
        check(place, what)
        again(place, command, after, what)
        if met == RANDOM_KILLS:
            break
    assert met == RANDOM_KILLS, "the command ends before it can be killed"
    assert name != "commit" or (place.work / "home" / "journal" / place.journal).is_dir(), "no journal was looked at"
    # Before each name that comes, goes or changes.
    steps = unharmed[0]["steps"]
    assert steps >= 1
    for step in range(1, steps + 1):
        place.reset(prepared)
        killed = place.driver.run(place.project, *command, step=step)
        if killed["code"] != -9:
            break  # fewer than the first time
        what = f"mlm {' '.join(command)} killed before step {step} of {steps}"
        check(place, what)
        again(place, command, after, what)
    print(f"{name}: {met} kills at random, {between} of them in the middle, {steps} at steps; seed {SEED}")
