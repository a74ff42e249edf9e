"""kill -9 in the middle of a clone, a pull and a push: what arrived stays, and the next run fetches the rest alone."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlm.adapters.blocks.packs import PackStore
from mlm.core import dag
from mlm.core.cid import Cid
from tests.command_line import ROOT, Person
from tests.exchange import servers
from tests.exchange.test_commands import TOML, commit, content

MEGABYTES = 40
SLOW = 0.12  # seconds for each block, one after the other


@pytest.fixture
def ann(tmp_path: Path) -> Person:
    """Somebody who has pushed a project of MEGABYTES to the folder `origin`."""
    (tmp_path / "ann").mkdir()
    person = Person("", tmp_path / "ann", tmp_path / "home-ann")
    person.do("init", ".")
    (person.folder / "mlm.toml").write_text(TOML)
    commit(person, "first", {"big.bin": random.Random(3).randbytes(MEGABYTES << 20)})
    person.do("remote", "add", "origin", "../origin")
    return person


def killed(person: Person, *words: str, when: Callable[[], bool]) -> None:
    """Start a command and SIGKILL it as soon as `when` says so."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mlm", *words],
        cwd=person.folder,
        env={**person.environment, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while process.poll() is None and not when():
            time.sleep(0.02)
        assert process.poll() is None, "it ended before it was killed"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


def held(folder: Path) -> int:
    """Bytes of whole packs in a folder."""
    return sum(path.stat().st_size for path in folder.glob("pack-*.car"))


def settle(server: servers.Server) -> None:
    """Count from 0, when what was under way to the killed process has been given up."""
    asked = -1
    while asked != server.sent:
        asked = server.sent
        time.sleep(1.0)
    server.sent = 0


def slowly(answer: servers.Answer) -> servers.Answer:
    """A server that serves large answers one at a time, each after a while."""

    def late(handler: servers.Handler) -> None:
        if handler.headers.get("Range"):
            with handler.state.lock:
                time.sleep(SLOW)
        answer(handler)

    return late


def test_a_clone_and_a_pull_that_are_killed(ann: Person, tmp_path: Path) -> None:
    ann.do("push")
    (tmp_path / "eve").mkdir()
    eve = Person("", tmp_path / "eve", tmp_path / "home-eve")
    work = Person("", eve.folder / "work", eve.home)
    objects = work.folder / ".mlm" / "objects"
    with servers.serve(slowly(servers.files(tmp_path / "origin"))) as server:
        eve.do("remote", "add", "origin", server.url)
        words = ("clone", "data", "work", "--from", "origin")
        killed(eve, *words, when=lambda: held(objects) > 5 << 20)
        assert not (work.folder / ".mlm" / "HEAD").exists() and not (work.folder / "big.bin").exists()
        first = held(objects)
        settle(server)
        assert eve.spawn(*words).code == 0
        # Every byte that had been stored was kept; nothing but the rest travelled, and the small lists.
        assert server.sent < (MEGABYTES << 20) - first + 200_000
        assert content(work) == content(ann) and work.do("status")["clean"]

        commit(ann, "second", {"big.bin": random.Random(4).randbytes(MEGABYTES << 20)})
        ann.do("push")
        before = held(objects)
        killed(work, "pull", when=lambda: held(objects) > before + (5 << 20))
        assert [row["message"] for row in work.do("log")["commits"]] == ["first"] and work.do("status")["clean"]
        came = held(objects) - before
        settle(server)
        assert work.spawn("pull").code == 0
        assert server.sent < (MEGABYTES << 20) - came + 200_000
    assert content(work) == content(ann) and work.do("status")["clean"]


@pytest.mark.parametrize("seed", range(4))
def test_a_push_that_is_killed(seed: int, ann: Person, tmp_path: Path) -> None:
    """At a random instant. The remote is whole, its branch leads only to what is there, and a rerun ends the push."""
    packs = tmp_path / "origin" / "packs"
    wait = random.Random(seed).uniform(0, 0.4)
    due: list[float] = []

    def when() -> bool:
        if not due and packs.exists():
            due.append(time.monotonic() + wait)
        return bool(due) and time.monotonic() > due[0]

    process = subprocess.Popen(
        [sys.executable, "-m", "mlm", "push"],
        cwd=ann.folder,
        env={**ann.environment, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not when():
        time.sleep(0.005)
    process.kill()
    process.wait()
    head = Cid.parse(ann.do("log")["commits"][0]["commit"])
    names = tmp_path / "origin" / "names" / "data"
    store = PackStore(packs)
    if names.exists():
        assert str(head) in names.read_text()
        for cid in dag.dag(store, head):
            store.get(cid)
    had = sum(1 for cid in store.cids() if store.get(cid) is not None)
    pushed = ann.do("push")
    everything = list(dag.dag(PackStore(packs), head))
    assert pushed["blocks"] == len(everything) - had and pushed["ref"] == "heads/main"
