"""Plan, preview, confirm, apply: what is journalled and when, and how far an error lets it come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.files import DiskFiles
from mlm.core import dagcbor
from mlm.core.cid import DAG_CBOR, RAW, Cid
from mlm.core.errors import ChainError, MlmError, Reverted, StateConflict
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Step, Store, Tx
from mlm.memory.blocks import MemoryBlocks
from mlm.memory.chain import GAS, MemoryChain
from mlm.memory.journal import MemoryJournal
from mlm.memory.remote import MemoryRemote
from mlm.memory.sender import MemorySender
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.ports.signer import Signed
from mlm.workflows.apply import Applied, DoneStep, Operation, Preview, apply, execute, preview
from mlm.workflows.rerun import request_of

ME = "0x" + "a1" * 20
LEAF = b"some bytes"
LEAF_CID = Cid.of(RAW, LEAF)
BLOCK = dagcbor.encode({"file": LEAF_CID})
ROOT = Cid.of(DAG_CBOR, BLOCK)

PAY = Tx("pay", Call("JobMarket", "post", (1,)), payment=Amount(7))
BOND = Tx("bond", Call("JobMarket", "bid", (2,)), bond=Amount(5))
PUSH = Store("push", ROOT, ((LEAF_CID, LEAF), (ROOT, BLOCK)))


class Watched(MemorySender):
    """Tells what the journal held at each broadcast."""

    def __init__(self, chain: MemoryChain, journal: MemoryJournal) -> None:
        super().__init__(chain, ME)
        self.journal = journal
        self.before: list[list[dict[str, Any]]] = []
        self.fail: Callable[[Signed], None] = lambda signed: None

    def broadcast(self, signed: Signed) -> None:
        self.before.append(self.journal.entries(self.journal.operations()[-1]["op"]))
        self.fail(signed)
        super().broadcast(signed)


@dataclass
class World:
    """Ports over memory, with their insides at hand."""

    ports: Ports
    chain: MemoryChain
    sender: Watched
    journal: MemoryJournal
    objects: MemoryBlocks
    remote: MemoryRemote
    system: MemorySystem


@pytest.fixture
def world() -> World:
    system, chain = MemorySystem(), MemoryChain()
    chain.effects = {("JobMarket", "post"): lambda *_: (), ("JobMarket", "bid"): lambda *_: ()}
    journal, objects, remote = MemoryJournal(system), MemoryBlocks(), MemoryRemote()
    sender = Watched(chain, journal)
    ports = Ports(
        chain=lambda: chain,
        sender=lambda: sender,
        journal=lambda: journal,
        objects=lambda: objects,
        remote=lambda: remote,
        system=lambda: system,
    )
    return World(ports, chain, sender, journal, objects, remote, system)


def plan(*steps: Step) -> Plan[str]:
    return Plan("test", steps, "facts")


def refuse(*_: object) -> tuple[()]:
    raise Reverted("PriceNotLower", {"best": 1})


def test_preview_tells_costs_and_changes_nothing(world: World) -> None:
    shown = preview(world.ports, plan(PUSH, PAY, BOND))
    assert [(step.kind, step.gas, step.fee, step.payment, step.bond) for step in shown.steps] == [
        ("store", None, None, 0, 0),
        ("transaction", GAS, GAS, 7, 0),
        ("transaction", GAS, GAS, 0, 5),
    ]
    assert (shown.payment, shown.bond, shown.worst_loss, shown.fee) == (7, 5, 12, 2 * GAS)
    assert (shown.operation, shown.account, shown.block) == ("test", ME, 0)
    assert not world.chain.sent and not world.journal.operations() and not list(world.objects.cids())


def test_preview_of_a_plan_that_would_fail_raises_the_contracts_error(world: World) -> None:
    world.chain.effects["JobMarket", "bid"] = refuse
    with pytest.raises(Reverted, match=r"PriceNotLower\(best=1\)"):
        preview(world.ports, plan(PAY, BOND))


def test_a_plan_without_transactions_asks_no_account(world: World) -> None:
    del world.ports._factories["sender"]
    shown = preview(world.ports, plan(PUSH))
    assert shown.account == "" and shown.block is None


def test_apply_does_the_steps_in_order(world: World) -> None:
    done = apply(world.ports, plan(PUSH, PAY, BOND))
    assert [step.title for step in done] == ["push", "pay", "bond"]
    assert [call for _, call in world.chain.sent] == [PAY.call, BOND.call]
    assert done[0].reference == str(ROOT) and done[0].gas is None
    assert done[1].reference == world.chain.receipts[done[1].reference].tx_hash
    assert all(store.has(cid) for store in (world.objects, world.remote) for cid in (ROOT, LEAF_CID))
    assert world.journal.operations()[0]["outcome"] == "done"
    assert world.system.reports[-1] == (3, 3, "")


def test_local_store_pushes_nothing(world: World) -> None:
    apply(world.ports, plan(Store("keep", ROOT, PUSH.blocks, push=False)))
    assert world.objects.has(ROOT) and not list(world.remote.cids())


def test_signed_bytes_are_journalled_before_the_broadcast(world: World) -> None:
    apply(world.ports, plan(PUSH, PAY, BOND))
    first, second = world.sender.before
    assert [(line["step"], list(line["entry"])) for line in first] == [(0, ["stored"]), (1, ["signed"])]
    assert [(line["step"], list(line["entry"])) for line in second][2:] == [(1, ["included"]), (2, ["signed"])]
    signed = second[-1]["entry"]["signed"]
    assert signed["tx_hash"] in world.chain.receipts and signed["nonce"] == 1 and bytes.fromhex(signed["raw"])


def test_error_in_the_middle_closes_the_journal_and_leaves_the_rest_undone(world: World) -> None:
    world.chain.effects["JobMarket", "bid"] = refuse
    with pytest.raises(Reverted):
        apply(world.ports, plan(PAY, BOND, PUSH))
    assert [call for _, call in world.chain.sent] == [PAY.call]
    assert not list(world.remote.cids())
    (operation,) = world.journal.operations()
    assert operation["outcome"].startswith("stopped: Reverted: the contract refused: PriceNotLower")
    kinds = [(line["step"], *line["entry"]) for line in world.journal.entries(operation["op"])]
    assert kinds == [(0, "signed"), (0, "included")]


@pytest.mark.parametrize("error", [ChainError("the node is dead"), KeyboardInterrupt()])
def test_killed_at_the_broadcast_the_signed_bytes_are_there(world: World, error: BaseException) -> None:
    """What resuming needs, also after Ctrl-C: the very bytes, and no sign of inclusion."""

    def fail(signed: Signed) -> None:
        raise error

    world.sender.fail = fail
    with pytest.raises(type(error)):
        apply(world.ports, plan(PAY))
    (operation,) = world.journal.operations()
    assert operation["outcome"].startswith(f"stopped: {type(error).__name__}")
    (line,) = world.journal.entries(operation["op"])
    assert list(line["entry"]) == ["signed"] and not world.chain.sent
    assert world.system.reports[-1] == (1, 1, "")  # the progress bar is taken away


def test_an_empty_plan_leaves_no_trace(world: World) -> None:
    assert apply(world.ports, plan()) == ()
    assert not world.journal.operations()


@dataclass(frozen=True)
class Params:
    steps: tuple[Step, ...]


def after(ports: Ports, params: Params, made: Plan[Any], done: tuple[DoneStep, ...]) -> str:
    return f"{made.facts}, {len(done)} done"


OPERATION = Operation("test", Params, lambda ports, params: plan(*params.steps), after, "nothing")


@pytest.mark.parametrize("answer", [True, False])
def test_execute_asks_once_with_the_preview(world: World, answer: bool) -> None:
    asked: list[Preview] = []

    def confirm(shown: Preview) -> bool:
        asked.append(shown)
        assert not world.chain.sent
        return answer

    if answer:
        assert execute(world.ports, OPERATION, Params((PAY,)), confirm).result == "facts, 1 done"
    else:
        with pytest.raises(MlmError, match="nothing was sent"):
            execute(world.ports, OPERATION, Params((PAY,)), confirm)
    assert len(asked) == 1 and len(world.chain.sent) == answer
    assert len(world.journal.operations()) == answer


def test_execute_asks_nothing_when_nothing_is_left_to_do(world: World) -> None:
    def confirm(shown: Preview) -> bool:
        raise AssertionError("nobody is to be asked")

    assert execute(world.ports, OPERATION, Params(()), confirm) == Applied("facts, 0 done", ())


def test_execute_simulates_before_anything_is_done(world: World) -> None:
    """Also the steps before the one that would fail stay undone."""
    world.chain.effects["JobMarket", "bid"] = refuse
    with pytest.raises(Reverted):
        execute(world.ports, OPERATION, Params((PUSH, PAY, BOND)))
    assert not world.chain.sent and not list(world.objects.cids()) and not world.journal.operations()


def test_the_same_command_is_not_begun_twice_beside_an_unfinished_one(world: World) -> None:
    """Killed after the signature: only the person can say whether it is to be done once or twice."""

    def fail(signed: Signed) -> None:
        raise ChainError("the node is dead")

    world.sender.fail = fail
    with pytest.raises(ChainError, match="the node is dead") as caught:
        execute(world.ports, OPERATION, Params((PAY,)))
    assert "`mlm op resume 000001` continues" in caught.value.hint
    with pytest.raises(StateConflict, match="operation 000001 is this very command"):
        execute(world.ports, OPERATION, Params((PAY,)))
    world.sender.fail = lambda signed: None
    # Another command is another command, and whoever asks for it gets the same one twice.
    assert execute(world.ports, OPERATION, Params((PAY, BOND))).result == "facts, 2 done"
    assert execute(world.ports, OPERATION, Params((PAY,)), again=True).result == "facts, 1 done"
    assert [row["outcome"] for row in world.journal.operations()][1:] == ["done", "done"]


def test_what_was_begun_and_sent_nothing_is_superseded(world: World) -> None:
    world.chain.effects["JobMarket", "post"] = refuse
    with pytest.raises(Reverted) as caught:
        apply(world.ports, plan(PAY), request_of(world.ports, "test", Params((PAY,))))
    assert "op resume" not in caught.value.hint
    world.chain.effects["JobMarket", "post"] = lambda *_: ()
    assert execute(world.ports, OPERATION, Params((PAY,))).result == "facts, 1 done"
    assert [row["outcome"] for row in world.journal.operations()] == ["superseded", "done"]


def test_a_run_that_lives_is_not_joined_by_another(world: World) -> None:
    request = request_of(world.ports, "test", Params((PAY,)))
    op = world.journal.begin("test", {"request": request, "account": "", "chain": 0, "steps": []})
    with pytest.raises(StateConflict, match=f"operation {op} is this very command"):
        execute(world.ports, OPERATION, Params((PAY,)))
    assert execute(world.ports, OPERATION, Params((PAY,)), again=True).result == "facts, 1 done"


@dataclass(frozen=True)
class FileParams:
    input: Path


def test_the_same_path_with_another_content_is_another_command(world: World, tmp_path: Path) -> None:
    ports = Ports(files=lambda: DiskFiles(tmp_path))
    (tmp_path / "x").write_bytes(b"one")
    first = request_of(ports, "test", FileParams(Path("x")))
    assert first == request_of(ports, "test", FileParams(Path("x")))
    (tmp_path / "x").write_bytes(b"two")
    assert first != request_of(ports, "test", FileParams(Path("x")))
    assert request_of(ports, "test", FileParams(Path("missing")))
