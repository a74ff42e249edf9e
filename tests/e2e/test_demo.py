"""`mlm demo` in processes of its own: once, again, and with the devnet killed in its middle."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mlm.adapters.devnet.home import is_held
from tests.command_line import ROOT, Home, Person, Ran, kill, stop

ACTORS = {"model-provider", "consumer", "compute-1", "compute-2", "treasury", "stakers", "burned"}
MAX_K = 13  # 2^13 rows
SECONDS = 180  # what a demo may take on two cores


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """A newcomer: nothing in MLM_HOME, an empty folder, no account chosen."""
    root = tmp_path_factory.mktemp("demo")
    (root / "work").mkdir()
    try:
        yield Person("", root / "work", root / "home")
    finally:
        (root / "home").mkdir(exist_ok=True)
        stop(root / "home")


@pytest.fixture(scope="module")
def first(person: Person) -> Ran:
    return person.spawn_afresh("demo", "--json")


def check(ran: Ran) -> dict[str, Any]:
    """What every demo has to show."""
    assert ran.code == 0, ran
    demo = ran.value
    assert demo["passed"] is True and demo["verified"] is True
    assert len(demo["checks"]) == 3 and all(check["passed"] for check in demo["checks"]), demo["checks"]
    assert {row["account"] for row in demo["balances"]} == ACTORS
    tokens = sum(int(row["tokens_after"]) - int(row["tokens_before"]) for row in demo["balances"])
    assert tokens == 0
    for row in demo["balances"]:
        moved = [change for change in demo["changes"] if change["account"] == row["account"]]
        for unit in ("tokens", "coin"):
            assert sum(int(change[unit]) for change in moved) == int(row[f"{unit}_after"]) - int(row[f"{unit}_before"])
    assert sum(step["seconds"] for step in demo["steps"]) < SECONDS
    return demo


def whats(demo: dict[str, Any]) -> list[str]:
    return [step["what"] for step in demo["steps"]]


def test_passes_in_an_empty_home(first: Ran, person: Person) -> None:
    demo = check(first)
    assert demo["prediction"] == demo["label"]
    for wanted in ("init", "add", "commit", "push", "publish", "post", "bid", "award", "accept", "submit", "verify"):
        assert any(what.startswith(wanted) for what in whats(demo)), f"no step {wanted}"
    assert sum(what.startswith("bid ") for what in whats(demo)) == 2
    proofs = [check["found"] for check in person.do("verify", "demo/digits-mlp")["checks"]]
    rows = [int(found[1]) for text in proofs if (found := re.fullmatch(r"2\^(\d+) rows", text))]
    assert rows and max(rows) <= MAX_K


def test_what_it_says_to_try_next_works(first: Ran, person: Person) -> None:
    for line in check(first)["next"]:
        command = re.split(r"\s{2,}|#", line)[0].strip()
        if "devnet down" in command:
            continue  # the fixture does that
        ran = person.shell(command)
        assert ran.code == 0, ran


def test_again_is_a_new_job_and_publishes_nothing_twice(first: Ran, person: Person) -> None:
    before, again = check(first), check(person.spawn_afresh("demo", "--json"))
    assert again["job"] != before["job"]
    assert not any(what.startswith(("init", "commit", "push demo/", "publish", "register")) for what in whats(again))
    assert not any(what.startswith("deposit") for what in whats(again))
    assert len(person.do("search")["assets"]) == 1


def test_killed_in_its_middle_it_fails_clearly_and_the_next_run_passes(first: Ran, person: Person) -> None:
    """Supervisor and node get SIGKILL at the moment that the demo tells its first bid."""
    check(first)
    pids = [person.do("devnet", "status")[name] for name in ("supervisor_pid", "node_pid")]
    told = kill_after(person, "bid", pids)
    assert told.code != 0 and "Traceback" not in told.err
    problems = [line for line in told.err.splitlines() if line.startswith("error:")]
    assert len(problems) == 1 and "bug" not in problems[0], told
    assert not is_held(Home(person.home / "devnet").supervisor_lock)
    check(person.spawn_afresh("demo", "--json"))
    now = person.do("devnet", "status")
    assert now["supervisor_pid"] not in pids and now["running"]


def kill_after(person: Person, step: str, pids: list[int]) -> Ran:
    """Run the demo; kill `pids` when its stderr tells `step`; what it ended with."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mlm", "demo"],
        cwd=person.folder,
        env={**person.environment, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    deadline = time.monotonic() + SECONDS
    try:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line)
            if pids and re.search(rf"\s\s{step}\b", line):
                for pid in pids:
                    kill(pid)
                pids = []
            assert time.monotonic() < deadline, "".join(lines)
        code = process.wait(timeout=60)
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        if process.stderr is not None:
            process.stderr.close()
    assert not pids, f"the demo never told {step!r}:\n{''.join(lines)}"
    return Ran(("demo",), code, "", "".join(lines))


def test_the_readme_shows_these_transactions(first: Ran) -> None:
    """Their names, and their gas but for what salts and addresses change in the price of calldata."""
    block = (ROOT / "README.md").read_text().partition("<!-- demo -->")[2].partition("<!-- /demo -->")[0]
    shown = re.findall(r"^ [a-z0-9-]+ +(\S.*?) {2,}0x\w+… +(\d{5,}) ", block, re.MULTILINE)
    made = [(step["what"], step["gas"]) for step in check(first)["steps"] if step["gas"]]

    def nameless(what: str) -> str:
        return re.sub(r"0x[0-9a-fA-F…]+", "0x", what)

    assert [nameless(what) for what, _ in shown] == [nameless(what) for what, _ in made]
    for (what, before), (_, now) in zip(shown, made, strict=True):
        assert abs(int(before) - now) <= 500, f"{what}: {now} gas, the README says {before}: paste a new `mlm demo`"
