"""Ctrl-C: a command that waits ends at once, with 130 and one line, whatever it waits for."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tests.command_line import MODEL, ROOT, Market, Person
from tests.fake_node import node

T = TypeVar("T")
PATIENCE = 60.0  # seconds; the waits themselves last ten times as long


@contextmanager
def started(person: Person, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own, which does not outlive the test. Its stderr is a file: stderr.txt."""
    with (person.folder / "stderr.txt").open("w") as errors:
        running = subprocess.Popen(
            [sys.executable, "-m", "mlm", *arguments],
            cwd=person.folder,
            env={**person.environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            yield running
        finally:
            running.kill()
            running.communicate()


def until(running: subprocess.Popen[str], ready: Callable[[], T]) -> T:
    """Wait for something that the command does."""
    end = time.monotonic() + PATIENCE
    while not (found := ready()):
        assert running.poll() is None, f"it ended with {running.returncode}: {running.communicate()[0]}"
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def interrupted(person: Person, running: subprocess.Popen[str]) -> tuple[str, str]:
    """Press Ctrl-C: what was printed; the exit code must be 130."""
    running.send_signal(signal.SIGINT)
    out = running.communicate(timeout=PATIENCE)[0]
    err = (person.folder / "stderr.txt").read_text()
    assert running.returncode == 130, (running.args, out, err)
    assert "Traceback" not in err
    return out, err


def test_a_wait_for_somebody_else(market: Market) -> None:
    """Following a job that nobody bids on."""
    consumer = market.consumer
    job = consumer.job()
    errors = consumer.folder / "stderr.txt"
    with started(consumer, "job", "watch", job, "--timeout", "600") as watching:
        until(watching, errors.read_text)  # the state it starts from: from now on it waits
        out, err = interrupted(consumer, watching)
    assert out == "" and "\nerror: interrupted\n" in err
    consumer.do("job", "cancel", job)


def test_a_node_that_never_answers(market: Market, tmp_path: Path) -> None:
    """The call has ten minutes, and is not waited for."""
    asked, over = threading.Event(), threading.Event()

    def silent(*_: object) -> None:
        asked.set()
        over.wait(PATIENCE)

    deployment = market.home / "devnet" / "deployment.json"
    entry = f'chain_id = 31337\ndeployment = "{deployment}"\n'
    (tmp_path / "home").mkdir()
    here = Person("", tmp_path, tmp_path / "home", {"MLM_CHAIN_TIMEOUT": "600"})
    with node(silent) as url:
        (tmp_path / "home" / "config.toml").write_text(f'[network.silent]\nrpc = "{url}"\n{entry}')
        with started(here, "search", MODEL, "--network", "silent", "--json") as asking:
            until(asking, asked.is_set)
            out, err = interrupted(here, asking)
            over.set()
    assert json.loads(out)["error"]["code"] == "interrupted" and err == ""


def test_a_proof_in_the_making(market: Market) -> None:
    """The prover's own processes end too."""
    consumer = market.consumer
    with started(consumer, "prove", MODEL, "samples/digit.npy", "-o", "interrupted.json") as proving:
        found = until(proving, lambda: children(proving.pid))
        interrupted(consumer, proving)
    assert not any(alive(pid) for pid in found)
    assert not (consumer.folder / "interrupted.json").exists()


def children(pid: int) -> list[int]:
    """Processes that this one started, by the kernel's list."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def alive(pid: int) -> bool:
    """Whether it still runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
