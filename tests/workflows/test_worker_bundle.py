"""Moves that share a transaction: each job is done once, and none waits for another that cannot be done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlm.core.errors import ChainError, MlmError, Reverted
from mlm.core.plan import Call, Plan, Store, Tx
from mlm.core.worker import Bid, Settle
from mlm.memory.sender import MemorySender
from mlm.ports.bundle import Ports
from mlm.ports.signer import Signed, Simulated
from mlm.workflows import op, worker_act, worker_bundle
from mlm.workflows.apply import Operation
from mlm.workflows.job_close import JobName
from mlm.workflows.worker_bundle import ALONE, Bundles
from tests.workflows.test_op import BLOCK, ME, ROOT, Death, Killed, World

EVENTS = 6  # begin, stored, signed, broadcast, included, close
GAS = 50_000


def _plan(ports: Ports, params: JobName) -> Plan[None]:
    if params.job.startswith("odd"):
        raise MlmError(f"{params.job} cannot be planned")
    call = Call("Elsewhere" if params.job.startswith("far") else "JobMarket", "settle", (params.job,))
    return Plan("job settle", (Store("push", ROOT, ((ROOT, BLOCK),)), Tx(f"settle {params.job}", call)), None)


TOY: Operation[JobName, None] = Operation("job settle", JobName, _plan, lambda *_: None, "")


class Sender(MemorySender):
    """Its simulations count what a multicall holds; `then` comes between the simulation and the signature."""

    then: Any = None
    broken = False

    def simulate(self, calls: tuple[Call, ...]) -> list[Simulated]:
        found = super().simulate(calls)
        counts = [len(call.args[0]) if call.function == "multicall" else 1 for call in calls]
        return [replace(each, gas=GAS * count) for each, count in zip(found, counts, strict=True)]

    def sign(self, call: Call, replaces: Signed | None = None) -> Signed:
        if self.broken:
            raise ChainError("no node")
        if self.then and call.function in ("multicall", ""):
            then, self.then = self.then, None
            then()
        return super().sign(call, replaces)


class Jobs(World):
    """A market in which a job settles once, and those in `bad` never."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: set[str] = set()
        self.sender: Any = Sender(self.chain, ME)
        self.chain.effects = {
            ("JobMarket", "settle"): self._settle,
            ("Elsewhere", "settle"): self._settle,
            ("JobMarket", "multicall"): lambda sender, calls: [self._settle(sender, *call.args) for call in calls][:0],
        }

    def _settle(self, sender: str, job: str) -> tuple[()]:
        if job in self.bad or job in self.settled:
            raise Reverted("JobNotFinal", {"job": job})
        return ()

    @property
    def transactions(self) -> list[tuple[list[str], bool]]:
        """The jobs of each, and whether it did what it was to do."""
        calls = [call for _, call in self.chain.sent]
        jobs = [[c.args[0] for c in call.args[0]] if call.function == "multicall" else [call.args[0]] for call in calls]
        return [(each, receipt.ok) for each, receipt in zip(jobs, self.chain.receipts.values(), strict=False)]

    @property
    def settled(self) -> list[str]:
        return [job for jobs, ok in self.transactions if ok for job in jobs]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Jobs:
    for module in (worker_act, worker_bundle):
        monkeypatch.setattr(module, "operation_of", lambda move: (TOY, JobName(move.job_id)))
    return Jobs()


def did(world: Jobs, *jobs: str, bundles: Bundles | None = None, death: Death | None = None) -> dict[str, Any]:
    moves = tuple(map(Settle, jobs))
    came = (bundles or Bundles()).do(world.ports(death), moves)
    return {move.job_id: word for move, word in came}  # type: ignore[union-attr]


def test_moves_of_a_kind_share_a_transaction(world: Jobs) -> None:
    came = did(world, "a", "b", "c")
    assert world.transactions == [(["a", "b", "c"], True)]
    (receipt,) = world.chain.receipts.values()
    assert set(came.values()) == {f"settled, one of 3 in transaction {receipt.tx_hash[:10]}; {GAS // 3} gas each"}
    assert [step.title for step in op.show(world.ports(), "000001").steps] == ["push", "job settle, 3 jobs: a, b, c"]


def test_one_that_cannot_be_done_is_found_before_and_hinders_nobody(world: Jobs) -> None:
    world.bad = {"b"}
    came = did(world, "a", "b", "c", "odd", "far")
    assert world.transactions == [(["far"], True), (["a", "c"], True)]
    assert [job for job, word in came.items() if isinstance(word, MlmError)] == ["odd", "b"]
    assert came["far"] == "settled"


@pytest.mark.parametrize("safe", [True, False])
@pytest.mark.parametrize("where", ["then", "include"])
def test_where_somebody_was_faster_each_goes_alone_for_a_while(world: Jobs, where: str, safe: bool) -> None:
    """Before the signature, and in the block itself; a block that is not safe yet keeps nobody waiting."""
    world.sender.safe = safe
    if where == "then":
        world.sender.then = lambda: world.bad.add("b")
    else:
        broadcast = world.sender.broadcast

        def late(signed: Signed) -> None:
            world.bad.add("b")
            broadcast(signed)

        world.sender.broadcast = late
    bundles = Bundles()
    came = did(world, "a", "b", "c", bundles=bundles)
    assert world.settled == ["a", "c"] and isinstance(came["b"], Reverted)
    before = len(world.transactions)
    assert did(world, "d", "e", bundles=bundles) == {"d": "settled", "e": "settled"}
    assert len(world.transactions) == before + 2, "what spoilt one may spoil the next"
    world.system.sleep(ALONE)
    did(world, "f", "g", bundles=bundles)
    assert world.transactions[-1] == (["f", "g"], True)
    states = [row.state for row in op.log(world.ports()).operations if row.outcome != "done"]
    assert states.count("superseded") == 1


def test_a_bundle_fits_into_a_transaction_and_half_a_block(world: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_bundle, "MOST_GAS", 2 * GAS)
    did(world, *"abcde")
    assert [jobs for jobs, _ in world.transactions] == [["a", "b"], ["c"], ["d", "e"]]
    monkeypatch.setattr(worker_bundle, "MOST_GAS", 100 * GAS)
    block = world.chain.block
    world.chain.block = lambda tag="latest": replace(block(tag), gas_limit=6 * GAS)  # type: ignore[method-assign]
    did(world, *"fghi")
    assert [jobs for jobs, _ in world.transactions[3:]] == [["f", "g"], ["h", "i"]]
    monkeypatch.setattr(worker_bundle, "MOST_BYTES", len(world.sender.encode(worker_bundle._call([]))) + 60)
    did(world, *"jk")
    assert [jobs for jobs, _ in world.transactions[5:]] == [["j"], ["k"]], "too many bytes for a node"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(1, EVENTS + 1))
def test_killed_at_any_instant_every_job_is_done_once(world: Jobs, at: int, when: str) -> None:
    with pytest.raises(Killed):
        did(world, "a", "b", death=Death(at, when))
    bundles = Bundles()
    for _ in range(2):  # the first may only go on with what was left
        if missing := [job for job in ("a", "b", "c") if job not in world.settled]:
            did(world, *missing, bundles=bundles)
    assert sorted(world.settled) == ["a", "b", "c"]
    assert all(ok for _, ok in world.transactions) and len(world.transactions) <= 2
    assert not [row for row in op.log(world.ports()).operations if row.state not in ("done", "superseded")]


def test_a_dead_node_stops_them_all_and_the_next_look_goes_on(world: Jobs) -> None:
    world.sender.broken = True
    with pytest.raises(ChainError):
        did(world, "a", "b")
    world.sender.broken = False
    did(world, "a", "b")
    assert world.transactions == [(["a", "b"], True)]


def test_an_offer_to_a_round_goes_by_itself() -> None:
    """It is no call of the market: nothing that it needs may lie in the same transaction."""
    part = worker_bundle._Part(Bid("a", 1, 2), Plan("bid", (Tx("offer", Call("BatchAuction", "offer", ())),), None))
    assert not part.fits
