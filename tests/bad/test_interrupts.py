"""Ctrl-C at every step of an operation: one line, exit 130, and nothing that cannot be resumed or is half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import pytest

from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.send import EthSender
from mlm.adapters.journal import FileJournal
from mlm.adapters.wallet import devnet as accounts
from tests.bad.harness import Scene
from tests.command_line import ROOT, Ran

ACTS = (
    *((FileJournal, name) for name in ("begin", "record", "close")),
    *((EthSender, name) for name in ("simulate", "sign", "broadcast", "wait")),
    *((EthChain, name) for name in ("call", "logs", "block")),
)


class Presser:
    """Somebody who presses Ctrl-C before or after the `due`-th act."""

    def __init__(self, due: int, when: str) -> None:
        self.seen, self.act = 0, ""
        self._due, self._when = due, when
        self._journals: set[FileJournal] = set()

    def end(self) -> None:
        """Let go of the locks that the end of a process lets go of; this one lives on."""
        for journal in self._journals:
            for handle in journal._held.values():
                os.close(handle)
            journal._held.clear()

    def around(self, owner: type, name: str) -> Any:
        """The method, counted."""
        act = getattr(owner, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.seen += 1
            if owner is FileJournal:
                self._journals.add(args[0])
            mine = self.seen == self._due
            if mine:
                self.act = f"{owner.__name__}.{name}"
            if mine and self._when == "before":
                signal.raise_signal(signal.SIGINT)
            value = act(*args, **kwargs)
            if mine and self._when == "after":
                signal.raise_signal(signal.SIGINT)
            return value

        return counted


@contextmanager
def pressed(due: int, when: str) -> Iterator[Presser]:
    """Ctrl-C in this process, in the midst of whatever runs in the block."""
    presser = Presser(due, when)
    with ExitStack() as stack:
        for owner, name in ACTS:
            stack.enter_context(mock.patch.object(owner, name, presser.around(owner, name)))
        yield presser


def interrupted(scene: Scene, due: int, when: str, *arguments: str) -> Presser | None:
    """Run a command that is interrupted so; None when it ended before."""
    with pressed(due, when) as presser:
        try:
            ran = scene.person.run(*arguments)
        except KeyboardInterrupt:
            pytest.fail(f"Ctrl-C {when} {presser.act} came through")
        finally:
            presser.end()
    if not presser.act:
        assert ran.code == 0, ran
        return None
    _check_line(ran, f"{when} {presser.act}")
    return presser


def _check_line(ran: Ran, where: str) -> None:
    assert ran.code == 130, (where, ran)
    lines = ran.err.splitlines()
    assert len(lines) == 2 and lines[0] == "error: interrupted" and "mlm op resume" in lines[1], (where, ran)
    assert ran.out == "", (where, ran)


def _settle(scene: Scene, where: str) -> str | None:
    """Resume what was begun; how far it had come, or None when nothing was begun."""
    leftovers = [path for path in scene.home.rglob("tmp-*") if not path.is_relative_to(scene.home / "devnet")]
    assert not leftovers, (where, leftovers)
    operations = scene.person.do("op", "log")["operations"]
    open_ones = [row for row in operations if row["outcome"] != "done"]
    assert len(open_ones) <= 1, (where, operations)
    for row in open_ones:
        scene.person.do("op", "resume", row["op"])
    return str(operations[0]["op"]) if operations else None


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_claim_interrupted_anywhere_sends_two_transactions_in_all(scene: Scene, when: str) -> None:
    scene.account, acts, due, begun = "watcher", set(), 0, None
    while True:
        due += 1
        handle = f"pressed-{when}-{due}"
        sent = _sent(scene)
        presser = interrupted(scene, due, when, "handle", "claim", handle)
        if presser is None:
            break
        acts.add(presser.act)
        where = f"{when} {presser.act} ({due})"
        newest = _settle(scene, where)
        if newest == begun:  # it had not been begun: then nothing was sent
            assert _sent(scene) == sent, where
        else:
            assert _sent(scene) == sent + 2, where
            owner = scene.person.do("handle", "show", handle)["owner"]
            assert owner.lower() == accounts.address("watcher").lower(), where
        begun = newest
    assert acts >= {f"{owner.__name__}.{name}" for owner, name in ACTS if owner is not EthChain}


def _sent(scene: Scene) -> int:
    return int(scene.state()["watcher on chain"][0], 16)  # type: ignore[index]


TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


def test_at_the_question_nothing_has_begun(scene: Scene) -> None:
    """At a real terminal, whose line discipline makes the signal of the key."""
    before = scene.state()
    running = subprocess.Popen(
        [sys.executable, "-c", TERMINAL, sys.executable, "-m", "mlm", "handle", "claim", "asked"],
        cwd=scene.folder,
        env={**scene.person.environment, "PYTHONPATH": str(ROOT), "TERM": "dumb"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    watchdog = threading.Timer(60, running.kill)
    watchdog.start()
    with running:
        assert running.stdin is not None
        assert running.stdout is not None
        shown = b""
        while b"Go on?" not in shown and (piece := running.stdout.read(4096)):
            shown += piece
        running.stdin.write(b"\x03")
        while piece := running.stdout.read(4096):
            shown += piece
    watchdog.cancel()
    assert running.returncode == 130, shown
    assert b"error: interrupted" in shown
    assert b"Traceback" not in shown
    assert scene.state() == before
