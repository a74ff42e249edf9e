"""A worker in a process of its own, on a devnet of its own: what the tests of workers share."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import ROOT, TOKEN, Market, Person, start, stop

WORK = ("worker", "run", "--strategy", "margin", "--collect", "0")
DELIVERY = 3600


def own_market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A module's own, with stake for its worker: it bids on whatever is open."""
    root = tmp_path_factory.mktemp("workers")
    try:
        made = start(root)
        made.first.do("stake", "deposit", "100")
        yield made
    finally:
        stop(root / "home")


@contextmanager
def working(person: Person, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A worker in a process of its own, which is dead afterwards."""
    with running(person, person.folder / "worker.log", *WORK, *options) as process:
        yield process


@contextmanager
def running(person: Person, log: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own, which is dead afterwards; all that it writes goes to the end of `log`."""
    with log.open("a") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlm", *command],
            cwd=person.folder,
            env={**person.environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            text=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(true: Callable[[], bool], market: Market, *, step: str = "", tries: int = 150, pause: float = 0.5) -> None:
    """Wait for it, letting time pass on the chain by `step` each time; a bounded number of times."""
    for _ in range(tries):
        if true():
            return
        if step:
            market.advance(step)
        time.sleep(pause)
    raise AssertionError((market.first.folder / "worker.log").read_text())


def shown(market: Market, job: str) -> dict[str, Any]:
    return market.consumer.do("job", "show", job)


def done(market: Market, job: str) -> bool:
    seen = shown(market, job)
    return bool(seen["settled"]) and seen["state"] == "accepted"


def free(person: Person) -> None:
    """No stake of the worker is locked, and it still has all that it deposited."""
    stake = person.stake
    assert (stake["locked"], stake["total"]) == ("0", str(100 * TOKEN)), stake
