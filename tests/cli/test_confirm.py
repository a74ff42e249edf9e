"""A person at a terminal sees the plan and confirms once; a real pseudo-terminal stands for the person."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time

import pytest
import typer
from typer.testing import CliRunner

from mlm.cli.execute import _confirm
from tests.command_line import ROOT, TOKEN, Market, Person

QUESTION = b"Go on? [Y/n]"


def at_terminal(person: Person, answer: bytes | None, *arguments: str) -> tuple[int, str]:
    """Run a command on a terminal of its own; type `answer` when it asks. Its exit code and all that was shown."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mlm", *arguments],
        cwd=person.folder,
        env={**person.environment, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # its own terminal: Ctrl-C reaches it as a signal
    )
    os.close(theirs)
    shown, asked, deadline = b"", 0, time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            ready, _, _ = select.select([ours], [], [], 0.2)
            if ready:
                try:
                    read = os.read(ours, 65536)
                except OSError:  # the other side has closed
                    break
                if not read:
                    break
                shown += read
            if shown.count(QUESTION) > asked:
                asked += 1
                assert answer is not None, f"asked although it need not:\n{shown.decode()}"
                time.sleep(0.3)  # a person's; a signal just before the read begins would wait for the read's end
                os.write(ours, answer)
        code = process.wait(timeout=30)
    finally:
        os.close(ours)
        if process.poll() is None:
            process.kill()
            process.wait()
    assert asked == (answer is not None), f"asked {asked} times:\n{shown.decode()}"
    return code, shown.decode()


def free(person: Person) -> int:
    return int(person.stake["free"])


def test_yes_does_it_and_the_plan_was_shown(market: Market) -> None:
    person = market.person("watcher")
    before = free(person)
    code, shown = at_terminal(person, b"y\n", "stake", "deposit", "2")
    assert code == 0 and free(person) == before + 2 * TOKEN
    plan, _, result = shown.partition(QUESTION.decode())
    assert "worst loss" in plan and "2 MLM" in plan and "gas" in plan
    assert "free" in result


@pytest.mark.parametrize(
    ("answer", "code"), [(b"n\n", 1), (b"\x03", 130), (b"\x04", 130)], ids=["no", "Ctrl-C", "Ctrl-D"]
)
def test_anything_else_does_nothing(market: Market, answer: bytes, code: int) -> None:
    person = market.person("watcher")
    before = free(person)
    ended, shown = at_terminal(person, answer, "stake", "deposit", "2")
    assert ended == code and free(person) == before
    assert "Traceback" not in shown and shown.count("error:") == 1


def test_another_answer_is_asked_again() -> None:
    app = typer.Typer()
    app.command()(lambda: typer.echo(_confirm("the plan")))  # type: ignore[arg-type]  # printed as it is
    for typed, meant in (("maybe\nNo\n", "False"), ("Ja\n\n", "True")):
        shown = CliRunner().invoke(app, input=typed).output
        assert shown.count(QUESTION.decode()) == 2 and "answer y or n" in shown
        assert shown.rstrip().endswith(meant)


def test_with_yes_nobody_is_asked(market: Market) -> None:
    person = market.person("watcher")
    before = free(person)
    code, _ = at_terminal(person, None, "stake", "deposit", "2", "--yes")
    assert code == 0 and free(person) == before + 2 * TOKEN


def test_nothing_to_do_asks_nobody(market: Market) -> None:
    code, shown = at_terminal(market.provider, None, "handle", "claim", "alice")
    assert code == 0 and "alice" in shown
