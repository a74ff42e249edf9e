"""Real processes killed by SIGKILL around every journal write and broadcast, on the real devnet, and resumed."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlm.adapters.chain.rpc import quantity
from tests.command_line import Person

if TYPE_CHECKING:
    from tests.devnet_fixture import RunningDevnet

EVENTS = 8  # begin, 2 x (signed, broadcast, included), close


@pytest.fixture
def claimer(devnet: RunningDevnet, tmp_path: Path) -> Person:
    """The watcher, with a journal of its own."""
    folder = tmp_path / "claimer"
    (folder / ".mlm").mkdir(parents=True)
    return Person("watcher", folder, devnet.mlm_home)


def nonce(devnet: RunningDevnet, account: str) -> int:
    """Transactions that an account has sent."""
    found = devnet.chain().rpc.call("eth_getTransactionCount", devnet.accounts[account], "latest")
    return quantity(found, "a nonce")


def test_an_unharmed_claim_has_these_events(claimer: Person) -> None:
    ran = claimer.killed(10**6, "before", "handle", "claim", "unharmed", "--json")
    assert ran.code == 0 and ran.err.strip().endswith(f"events: {EVENTS}"), ran


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(1, EVENTS + 1))
def test_a_claim_killed_anywhere_sends_two_transactions_in_all(
    claimer: Person, devnet: RunningDevnet, at: int, when: str
) -> None:
    handle, before = f"killed-{at}-{when}", nonce(devnet, "watcher")
    ran = claimer.killed(at, when, "handle", "claim", handle, "--json")
    assert ran.code == -signal.SIGKILL, ran
    operations = claimer.do("op", "log")["operations"]
    if not operations:
        assert (at, when) == (1, "before") and nonce(devnet, "watcher") == before
        return
    if operations[0]["outcome"] != "done":
        claimer.do("op", "resume", operations[0]["op"])
    assert nonce(devnet, "watcher") == before + 2
    assert claimer.do("handle", "show", handle)["owner"].lower() == devnet.accounts["watcher"].lower()
    assert claimer.do("op", "show", operations[0]["op"])["outcome"] == "done"


def test_a_deposit_killed_after_its_broadcast_is_made_once(claimer: Person, devnet: RunningDevnet) -> None:
    before = claimer.do("stake", "show")["total"]
    ran = claimer.killed(3, "after", "stake", "deposit", "11", "--json")
    assert ran.code == -signal.SIGKILL, ran
    (operation,) = claimer.do("op", "log")["operations"]
    assert operation["outcome"] is None and operation["done"] == 0
    resumed = json.loads(claimer.run("op", "resume", operation["op"], "--json").out)
    assert [step["kind"] for step in resumed["steps"]] == ["transaction"]
    assert int(claimer.do("stake", "show")["total"]) == int(before) + 11 * 10**18
    assert claimer.refused(12, "op", "resume", operation["op"])["code"] == "state_conflict"
