"""Following a chain: batches, refusals, reorganisations, kills, and two processes at once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.state import DuckState, attached
from mlm.adapters.state.duckdb import UnusableIndex
from mlm.core.errors import ChainError, InvalidData, StorageError
from mlm.memory.script import Emitted, ScriptedChain
from mlm.memory.state import MemoryState
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.ports.chain import Block, Chain, Log
from mlm.ports.state import State
from mlm.workflows import sync as module
from mlm.workflows.sync import sync

ANN, BOB = "0x" + "a" * 40, "0x" + "b" * 40


def ports(chain: Chain, state: State) -> Ports:
    system = MemorySystem()
    return Ports(chain=lambda: chain, state=lambda: state, system=lambda: system)


def word(number: int) -> str:
    return f"0x{number:064x}"


def transfer(value: int, to: str = ANN) -> list[Emitted]:
    return [("MarketToken", "Transfer", {"from": BOB, "to": to, "value": value})]


def asset(token: int, name: str) -> list[Emitted]:
    """One publishing transaction."""
    version = word(1000 + token)
    return [
        ("AssetRegistry", "AssetCreated", {"tokenId": token, "owner": ANN, "handle": "ann", "name": name, "kind": 0}),
        (
            "AssetRegistry",
            "VersionPublished",
            {
                "tokenId": token,
                "versionId": version,
                "publisher": ANN,
                "version": "1.0.0",
                "manifest": word(2000 + token),
                "licence": "MIT",
                "parents": [{"tokenId": 1, "bps": 100}],
            },
        ),
        ("AssetRegistry", "PriceSet", {"versionId": version, "usePrice": 5, "ownerBps": 100}),
    ]


def content(state: State) -> dict[str, Any]:
    """Everything derived from events; not which blocks without events were kept."""
    return {name: state.query(name) for name in ("events", "assets", "versions", "search", "stakes", "jobs")} | {
        "history": [state.query("account_history", account=account) for account in (ANN, BOB)]
    }


@pytest.fixture
def chain() -> ScriptedChain:
    chain = ScriptedChain()
    for number in range(30):
        chain.mine(*([transfer(number), asset(number, f"m{number}")] if number % 3 == 0 else []))
    return chain


@pytest.fixture(params=["duckdb", "memory"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> State:
    return DuckState(tmp_path / "state.duckdb") if request.param == "duckdb" else MemoryState()


def test_first_sync_and_nothing_new(chain: ScriptedChain, state: State) -> None:
    chain.finality = {"safe": 20, "finalized": 10}
    done = sync(ports(chain, state))
    assert (done.blocks, done.events, done.rewound, done.head, done.safe, done.finalized) == (31, 40, 0, 30, 20, 10)
    assert state.head() == chain.block()
    assert len(state.query("assets")) == 10
    assert [row["finality"] for row in state.query("assets", name="m3")] == ["finalized"]
    again = sync(ports(chain, state))
    assert (again.blocks, again.events, again.rewound) == (0, 0, 0)
    assert len(chain.asked) == 1  # nothing was fetched again


def test_it_continues_where_it_stood(chain: ScriptedChain, state: State) -> None:
    sync(ports(chain, state))
    chain.mine()
    chain.mine(transfer(7))
    done = sync(ports(chain, state))
    assert (done.blocks, done.events, chain.asked[-1]) == (2, 1, (31, 32))


def test_the_deployments_block_can_be_the_start(chain: ScriptedChain, state: State) -> None:
    chain.first_block = 10
    assert sync(ports(chain, state)).blocks == 21
    assert chain.asked == [(10, 30)]


@pytest.mark.parametrize(("limits", "most"), [({"max_range": 4}, 16), ({"max_logs": 4}, 40), ({"max_range": 1}, 40)])
def test_a_node_that_refuses_is_asked_for_less(
    state: State, chain: ScriptedChain, limits: dict[str, int], most: int
) -> None:
    for name, value in limits.items():
        setattr(chain, name, value)
    assert sync(ports(chain, state)).events == 40
    assert len(chain.asked) <= most
    plain = MemoryState()
    chain.max_range = chain.max_logs = None
    sync(ports(chain, plain))
    assert content(plain) == content(state)


def test_a_dead_node_fails_at_once(chain: ScriptedChain, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def dead(*args: Any) -> Any:
        calls.append(args)
        raise ChainError("the node is dead")

    monkeypatch.setattr(chain, "logs", dead)
    with pytest.raises(ChainError, match="dead"):  # the head still answers: every size down to one block is tried
        sync(ports(chain, state))
    assert 2 <= len(calls) <= 12
    monkeypatch.setattr(chain, "block", dead)
    calls.clear()
    with pytest.raises(ChainError, match="dead"):
        sync(ports(chain, state))
    assert len(calls) == 1


def test_a_reorganisation_rewinds_to_the_fork(chain: ScriptedChain, state: State) -> None:
    sync(ports(chain, state))
    chain.reorganise(25)  # blocks 25 to 30 are gone, with the assets of blocks 25 and 28
    chain.mine(asset(99, "other"))
    done = sync(ports(chain, state))
    # 22 is the last block with events, so the last that the index kept, below the fork.
    assert (done.rewound, done.blocks, done.events, done.head) == (8, 3, 3, 25)
    names = [row["name"] for row in state.query("assets")]
    assert names == ["other", "m21", "m18", "m15", "m12", "m9", "m6", "m3", "m0"]
    fresh = MemoryState()
    sync(ports(chain, fresh))
    assert content(state) == content(fresh)


def test_a_shorter_chain_and_a_reset_chain(chain: ScriptedChain, state: State) -> None:
    sync(ports(chain, state))
    chain.reorganise(5)
    assert sync(ports(chain, state)).head == 4
    assert len(state.query("assets")) == 2
    chain.reorganise(0)
    chain.mine(transfer(1))
    done = sync(ports(chain, state))
    assert (done.rewound, done.events, done.head) == (5, 1, 0)
    assert state.query("assets") == []


def test_another_deployment_on_the_same_chain_starts_anew(chain: ScriptedChain, state: State) -> None:
    sync(ports(chain, state))

    class Redeployed(ScriptedChain):
        def address_of(self, contract: str) -> str:
            return "0x99" + super().address_of(contract)[4:]

    other = Redeployed()
    other._blocks, other._logs = chain._blocks, chain._logs
    assert sync(ports(other, state)).events == 0
    assert state.query("events") == []


@pytest.mark.parametrize("seed", range(3))
def test_any_history_of_reorganisations_equals_a_rebuild(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    chain, duck, memory = ScriptedChain(), DuckState(tmp_path / "state.duckdb"), MemoryState()
    token = 0
    for _ in range(8):
        for _ in range(rng.randrange(3)):
            token += 1
            chain.mine(*rng.choice([[], [transfer(token)], [asset(token, f"m{token}"), transfer(token)]]))
        head = chain.block().number
        chain.finality = {"safe": max(0, head - 5), "finalized": max(0, head - 10)}
        for index in (duck, memory):
            if rng.random() < 0.8:
                sync(ports(chain, index))
        if rng.random() < 0.5:
            chain.reorganise(rng.randrange(1, head + 1) if head else 1)
            chain.finality = {"safe": 0, "finalized": 0}
            chain.mine(transfer(token + 1000))
    for index in (duck, memory):
        sync(ports(chain, index))
    fresh = MemoryState()
    sync(ports(chain, fresh))
    assert content(duck) == content(memory) == content(fresh)
    before = content(duck)
    sync(ports(chain, duck), rebuild=True)
    assert content(duck) == before


class MovingChain(ScriptedChain):
    """Reorganises itself while logs are being fetched."""

    def __init__(self, times: int, depth: int = 3) -> None:
        self.left = 0
        super().__init__()
        self.left, self.depth = times, depth

    def logs(self, from_block: int, to_block: int) -> list[Log]:
        found = super().logs(from_block, to_block)
        if self.left:
            self.left -= 1
            height = len(self._blocks)
            self.reorganise(max(1, height - self.depth))
            while len(self._blocks) < height:
                self.mine(transfer(1))
        return found


@pytest.mark.parametrize("times", [1, 5])
def test_a_chain_that_moves_meanwhile(state: State, times: int) -> None:
    chain = MovingChain(times)
    for number in range(10):
        chain.mine(asset(number, f"m{number}"))
    sync(ports(chain, state))
    chain.left = 1
    chain.mine(transfer(5))
    sync(ports(chain, state))
    fresh = MemoryState()
    sync(ports(chain, fresh))
    assert content(state) == content(fresh) and state.head() == chain.block()


def test_a_chain_that_never_holds_still(state: State) -> None:
    chain = MovingChain(10**6)
    for number in range(10):
        chain.mine(transfer(number))
    with pytest.raises(ChainError, match="moved"):
        sync(ports(chain, state))


@pytest.mark.parametrize(
    "damage",
    [
        lambda log: Log(
            log.address, log.topics, log.data + b"x", log.block_number, log.block_hash, log.tx_hash, log.log_index
        ),
        lambda log: Log(
            log.address, log.topics[:-1], log.data, log.block_number, log.block_hash, log.tx_hash, log.log_index
        ),
        lambda log: Log(log.address, log.topics, log.data, 999, log.block_hash, log.tx_hash, log.log_index),
    ],
    ids=["trailing byte", "topic missing", "outside the range"],
)
def test_a_lying_node_changes_nothing(
    chain: ScriptedChain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Log], Log]
) -> None:
    state = DuckState(tmp_path / "state.duckdb")
    sync(ports(chain, state))
    before, logs = content(state), chain.logs
    chain.mine(transfer(1), transfer(2))
    monkeypatch.setattr(chain, "logs", lambda low, high: [damage(log) for log in logs(low, high)])
    with pytest.raises(InvalidData):
        sync(ports(chain, state))
    assert content(state) == before
    monkeypatch.undo()
    assert sync(ports(chain, state)).events == 2


def test_progress_is_told_for_long_work_only(chain: ScriptedChain, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = ports(chain, MemoryState())
    sync(bundle)
    assert bundle.system.reports == []  # type: ignore[attr-defined]
    monkeypatch.setattr(module, "FIRST_SPAN", 10)
    monkeypatch.setattr(module, "MAX_SPAN", 10)
    bundle = ports(chain, MemoryState())
    sync(bundle)
    assert bundle.system.reports == [(10, 31, "sync"), (20, 31, "sync"), (30, 31, "sync"), (31, 31, "sync")]  # type: ignore[attr-defined]


# --- the file ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["text", "truncated", "middle", "empty", "foreign", "other schema"])
def test_an_unusable_file_says_so_and_can_be_rebuilt(chain: ScriptedChain, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "state.duckdb"
    state = DuckState(path)
    sync(ports(chain, state))
    before, raw = content(state), path.read_bytes()
    if damage in ("foreign", "other schema"):
        import duckdb

        if damage == "foreign":
            path.unlink()
        attached.forget(path)  # one instance of a process has a file
        con = duckdb.connect(str(path))
        con.execute(
            "create table mine (x int)" if damage == "foreign" else "update meta set value = '0' where name = 'schema'"
        )
        con.close()
    else:
        path.write_bytes(
            {
                "text": b"my notes" * 100,
                "truncated": raw[:5000],
                "middle": raw[:4096] + bytes(8192) + raw[12288:],
                "empty": b"",
            }[damage]
        )
    if damage != "empty":  # an empty file is a new one
        with pytest.raises(UnusableIndex) as caught:
            sync(ports(chain, state))
        assert "mlm sync --rebuild" in caught.value.hint and str(path) in str(caught.value)
    sync(ports(chain, state), rebuild=True)
    assert content(state) == before
    if damage == "foreign":
        assert (tmp_path / "state.duckdb.bad").exists()  # somebody's table is not thrown away


def run(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, text=True)


HOLD = """
import sys, time, duckdb
con = duckdb.connect(sys.argv[1])
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def test_a_locked_file_is_waited_for_and_then_reported(chain: ScriptedChain, tmp_path: Path) -> None:
    path = tmp_path / "state.duckdb"
    sync(ports(chain, DuckState(path)))
    holder = run(HOLD, str(path), "1.0")
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        started = time.monotonic()
        with pytest.raises(StorageError, match="locked") as caught:
            DuckState(path, lock_timeout=0.2).head()
        assert not isinstance(caught.value, UnusableIndex) and time.monotonic() - started < 5
        with pytest.raises(StorageError, match="locked"):
            DuckState(path, lock_timeout=0.2).rewind(0)  # a locked file is no damaged one
        assert DuckState(path, lock_timeout=30).head() == chain.block()
    finally:
        holder.kill()
        holder.wait(timeout=10)


SCRIPT = """
import sys
from pathlib import Path
from mlm.adapters.state import DuckState
from mlm.memory.script import ScriptedChain
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.workflows import sync as module
module.FIRST_SPAN = module.MAX_SPAN = int(sys.argv[2])
chain = ScriptedChain()
for number in range(int(sys.argv[3])):
    event = {"from": "0x" + "a" * 40, "to": "0x" + "b" * 40, "value": number}
    chain.mine(*[[("MarketToken", "Transfer", event)]] * 3)
state, system = DuckState(Path(sys.argv[1]), lock_timeout=60), MemorySystem()
print("start", flush=True)
done = module.sync(Ports(chain=lambda: chain, state=lambda: state, system=lambda: system))
print(done.events, flush=True)
"""


def scripted(length: int) -> ScriptedChain:
    chain = ScriptedChain()
    for number in range(length):
        chain.mine(*[transfer(number, BOB)] * 3)
    return chain


def counted(path: Path) -> tuple[int, int]:
    """Head, and events: three for each block after the first."""
    state = DuckState(path)
    head = state.head()
    return (head.number if head else -1), len(state.query("events", limit=10**6))


def test_two_processes_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.duckdb"
    both = [run(SCRIPT, str(path), "5", "60") for _ in range(2)]
    added = []
    for process in both:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        added.append(int(out.split()[-1]))
    assert counted(path) == (60, 180)
    assert sum(added) == 180  # every batch was added by one of them


def test_killed_at_any_instant(tmp_path: Path) -> None:
    """Five kills in a row on one file: what was committed stays, whole batches only, and a last sync completes it."""
    path, rng, reached = tmp_path / "state.duckdb", random.Random(1), []
    for _ in range(5):
        process = run(SCRIPT, str(path), "4", "300")
        assert process.stdout is not None and process.stdout.readline() == "start\n"
        time.sleep(rng.uniform(0.05, 0.6))
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
        process.stdout.close()
        head, events = counted(path)
        assert events == 3 * max(head, 0)
        reached.append(head)
    assert reached == sorted(reached)
    process = run(SCRIPT, str(path), "1000", "300")
    process.communicate(timeout=120)
    assert process.returncode == 0 and counted(path) == (300, 900)


MAKER = """
import os, signal, sys
from pathlib import Path
from mlm.adapters.state import duckdb
duckdb._create = lambda con: os.kill(os.getpid(), signal.SIGKILL)
duckdb.DuckState(Path(sys.argv[1])).head()
"""


def test_killed_while_the_file_is_made(tmp_path: Path) -> None:
    """An index appears whole or not at all."""
    path = tmp_path / "state.duckdb"
    process = run(MAKER, str(path))
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL and not path.exists()
    (left,) = tmp_path.iterdir()
    os.utime(left, (0, 0))
    assert counted(path) == (-1, 0)
    assert list(tmp_path.iterdir()) == [path]  # what was left long ago is gone


def test_blocks_survive_json(chain: ScriptedChain) -> None:
    """What the script's chain makes is deterministic: two processes see one chain."""
    again = ScriptedChain()
    again.mine()
    one, two = chain.block(0), again.block(0)
    assert json.dumps(vars(one)) == json.dumps(vars(two)) and isinstance(one, Block)
    assert scripted(5).block().hash == scripted(5).block().hash
