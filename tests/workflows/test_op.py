"""Operations that are stopped at every single event, and resumed: the chain sees what an unharmed run sends, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from mlm.core import dagcbor
from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.errors import InvalidData, NotFound, Reverted, StateConflict, WalletError
from mlm.core.money import Amount
from mlm.core.plan import NOTHING, Call, Plan, Store, Tx, frozen, thawed
from mlm.memory.blocks import MemoryBlocks
from mlm.memory.chain import MemoryChain
from mlm.memory.journal import MemoryJournal
from mlm.memory.remote import MemoryRemote
from mlm.memory.sender import MemorySender
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.ports.signer import Fate, Outcome
from mlm.workflows import op
from mlm.workflows.apply import apply
from mlm.workflows.op_undo import undo

ME = "0x" + "a1" * 20
BLOCK = dagcbor.encode({"a": 1})
ROOT = Cid.of(DAG_CBOR, BLOCK)
PAY = Tx("pay", Call("JobMarket", "post", (1,)), payment=Amount(7))
BOND = Tx("bond", Call("JobMarket", "bid", (2,)), bond=Amount(5))
PLAN = Plan("test", (PAY, Store("push", ROOT, ((ROOT, BLOCK),)), BOND), None)
EVENTS = 9  # begin, signed, broadcast, included, stored, signed, broadcast, included, close


class Killed(BaseException):
    """The process is gone: nothing after this line runs."""


@dataclass
class Death:
    """Ends the process before or after the event that is due."""

    at: int
    when: str
    seen: int = 0

    def around(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any) -> Any:
            self.seen += 1
            if self.seen == self.at and self.when == "before":
                raise Killed
            if self.seen > self.at:
                raise Killed  # a dead process writes no more, not even the journal's last word
            value = act(*args)
            if self.seen == self.at:
                raise Killed
            return value

        return wrapped


class World:
    """One chain and one disk, which outlive the processes that `ports` stands for."""

    def __init__(self) -> None:
        self.system, self.chain = MemorySystem(), MemoryChain()
        self.chain.effects = {("JobMarket", "post"): lambda *_: (), ("JobMarket", "bid"): lambda *_: ()}
        self.sender = MemorySender(self.chain, ME)
        self.journal, self.objects, self.remote = MemoryJournal(self.system), MemoryBlocks(), MemoryRemote()

    def ports(self, death: Death | None = None, account: str = ME) -> Ports:
        self.journal.end_process()
        journal: Any = self.journal
        sender: Any = self.sender if account == ME else MemorySender(self.chain, account)
        if death is not None:
            journal, sender = Mortal(journal, death, "begin", "record", "close"), Mortal(sender, death, "broadcast")
        return Ports(
            chain=lambda: self.chain,
            sender=lambda: sender,
            journal=lambda: journal,
            objects=lambda: self.objects,
            remote=lambda: self.remote,
            system=lambda: self.system,
        )


class Mortal:
    """Another object, some of whose methods may be the process's last."""

    def __init__(self, inner: Any, death: Death, *methods: str) -> None:
        self._inner = inner
        for name in methods:
            setattr(self, name, death.around(getattr(inner, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def test_an_unharmed_run_has_these_events() -> None:
    world, death = World(), Death(10**9, "before")
    apply(world.ports(death), PLAN)
    assert death.seen == EVENTS


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(1, EVENTS + 1))
def test_killed_anywhere_it_is_resumed_and_sends_nothing_twice(at: int, when: str) -> None:
    unharmed = World()
    apply(unharmed.ports(), PLAN)
    world = World()
    with pytest.raises(Killed):
        apply(world.ports(Death(at, when)), PLAN)
    operations = world.journal.operations()
    if not operations:  # killed before the journal's first line: nothing was done, and the command is simply run again
        assert at == 1 and when == "before" and not world.chain.sent
        return
    if operations[0]["outcome"] != "done":
        op.resume(world.ports(), operations[0]["op"])
    assert [call for _, call in world.chain.sent] == [call for _, call in unharmed.chain.sent]
    assert world.remote.has(ROOT)
    assert op.log(world.ports()).operations[0].outcome == "done"


def test_killed_twice_it_still_ends_well() -> None:
    world = World()
    with pytest.raises(Killed):
        apply(world.ports(Death(3, "before")), PLAN)
    with pytest.raises(Killed):
        op.resume(world.ports(Death(3, "after")), "000001")
    op.resume(world.ports(), "000001")
    assert [call for _, call in world.chain.sent] == [PAY.call, BOND.call]


def test_log_and_show_tell_how_far_it_came() -> None:
    world = World()
    with pytest.raises(Killed):
        apply(world.ports(Death(3, "before")), PLAN)
    (row,) = op.log(world.ports()).operations
    assert (row.op, row.operation, row.outcome, row.steps, row.done, row.account) == ("000001", "test", None, 3, 0, ME)
    assert row.state == "unfinished"
    shown = op.show(world.ports(), "000001")
    assert [(step.kind, step.state) for step in shown.steps] == [
        ("transaction", "signed"),
        ("store", "planned"),
        ("transaction", "planned"),
    ]
    assert shown.next == "mlm op resume 000001" and shown.steps[0].reference.startswith("0x")
    op.resume(world.ports(), "000001")
    done = op.show(world.ports(), "000001")
    assert {step.state for step in done.steps} == {"done"} and done.next is None


def test_the_newest_unfinished_operation_is_found() -> None:
    world = World()
    with pytest.raises(NotFound, match="no operation is unfinished"):
        op.newest_unfinished(world.ports())
    with pytest.raises(Killed):
        apply(world.ports(Death(3, "before")), PLAN)
    apply(world.ports(), Plan("test", (BOND,), None))
    assert op.newest_unfinished(world.ports()) == "000001"
    op.resume(world.ports(), "000001")
    with pytest.raises(NotFound):
        op.newest_unfinished(world.ports())


def test_what_cannot_be_resumed_says_why() -> None:
    world = World()
    with pytest.raises(NotFound, match="no operation 000009"):
        op.resume(world.ports(), "000009")
    with pytest.raises(Killed):
        apply(world.ports(Death(3, "before")), PLAN)
    with pytest.raises(WalletError, match="belongs to 0xa1"):
        op.resume(world.ports(account="0x" + "b2" * 20), "000001")
    op.resume(world.ports(), "000001")
    with pytest.raises(StateConflict, match="is done"):
        op.resume(world.ports(), "000001")


def test_a_step_survives_the_journal() -> None:
    for step in PLAN.steps:
        again = thawed(frozen(step, lambda call: repr(call).encode(), lambda name: ME))
        assert (type(again), again.title) == (type(step), step.title)
    pay = thawed(frozen(PAY, lambda call: b"data", lambda name: ME))
    assert isinstance(pay, Tx) and pay.payment == 7 and pay.call == Call("JobMarket", "", (b"data",))


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"kind": "store"},
        {"kind": "transaction", "title": "x", "data": 5},
        {"kind": "store", "title": "", "root": "x", "push": True},
    ],
)
def test_a_foreign_step_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(InvalidData):
        thawed(record)


# --- what the chain does with a signed transaction meanwhile ----------------------------------------------------------


def stopped(at: int, when: str) -> World:
    """A world in which the plan's run was killed around an event."""
    world = World()
    with pytest.raises(Killed):
        apply(world.ports(Death(at, when)), PLAN)
    return world


def displace(world: World) -> None:
    """Another program sends with the account: the nonce is gone."""
    other = MemorySender(world.chain, ME)
    signed = other.sign(Call("JobMarket", "bid", (99,)))
    other.broadcast(signed)
    world.sender._nonce = max(world.sender._nonce, signed.nonce + 1)


def test_a_displaced_transaction_is_signed_anew_once_that_is_safe() -> None:
    world = stopped(3, "before")
    displace(world)
    op.resume(world.ports(), "000001")
    assert [call for _, call in world.chain.sent] == [Call("JobMarket", "bid", (99,)), PAY.call, BOND.call]
    entries = [next(iter(line["entry"])) for line in world.journal.entries("000001") if line["step"] == 0]
    assert entries == ["signed", "displaced", "signed", "included"]


def test_a_contested_nonce_is_not_signed_for_again() -> None:
    world = stopped(3, "before")
    world.sender.fate = lambda *_: Outcome(Fate.CONTESTED)  # type: ignore[method-assign]
    for act in (lambda: op.resume(world.ports(), "000001"), lambda: undo(world.ports(), "000001", {})):
        with pytest.raises(StateConflict, match="nonce 0 was taken by another transaction"):
            act()
    assert not world.chain.sent


def test_faster_replaces_what_waits_and_pays_once() -> None:
    world = stopped(3, "before")
    op.resume(world.ports(), "000001", faster=True)
    assert [call for _, call in world.chain.sent] == [PAY.call, BOND.call]
    signed = [line["entry"]["signed"] for line in world.journal.entries("000001") if "signed" in line["entry"]]
    assert [entry["nonce"] for entry in signed] == [0, 0, 1] and signed[1]["max_fee"] > signed[0]["max_fee"]


def test_a_reorganisation_reopens_a_step_that_was_done() -> None:
    world = World()
    apply(world.ports(), PLAN)
    with pytest.raises(StateConflict, match="is done"):
        op.resume(world.ports(), "000001")
    world.chain.receipts.clear()
    world.chain.sent.clear()
    world.sender._nonce, world.sender._known = 0, set()
    op.resume(world.ports(), "000001")
    assert [call for _, call in world.chain.sent] == [PAY.call, BOND.call]
    assert op.show(world.ports(), "000001").outcome == "done"


def test_a_node_that_cannot_tell_reopens_nothing() -> None:
    """It has lost the receipts and the old states: what the journal holds as done stays done, and is not in the way."""
    world = World()
    apply(world.ports(), PLAN)
    world.sender.fate = lambda *_: Outcome(Fate.CONTESTED)  # type: ignore[method-assign]
    with pytest.raises(StateConflict, match="is done"):
        op.resume(world.ports(), "000001")
    assert op.show(world.ports(), "000001").outcome == "done" and len(world.chain.sent) == 2


def test_what_failed_in_its_block_is_signed_anew() -> None:
    world = World()
    refusals = [True]

    def refuse_once(*_: Any) -> tuple[Any, ...]:
        if world.sender._signed and refusals:
            refusals.pop()
            raise Reverted("JobInState", {})
        return ()

    world.chain.effects["JobMarket", "post"] = refuse_once
    with pytest.raises(Reverted):
        apply(world.ports(), PLAN)
    assert op.show(world.ports(), "000001").steps[0].state == "signed"
    world.sender.safe = False
    with pytest.raises(StateConflict, match="failed in a block that is not safe yet"):
        op.resume(world.ports(), "000001")
    world.sender.safe = True
    op.resume(world.ports(), "000001")
    assert [call for _, call in world.chain.sent] == [PAY.call, PAY.call, BOND.call]


def test_while_its_process_lives_nobody_else_may_touch_it() -> None:
    world = stopped(3, "before")
    ports = world.ports()
    world.journal.elsewhere.add("000001")
    for act in (lambda: op.resume(ports, "000001"), lambda: undo(ports, "000001", {})):
        with pytest.raises(StateConflict, match="another process is working on operation 000001"):
            act()


def test_calldata_never_reaches_the_contracts_of_another_deployment() -> None:
    world = stopped(3, "before")
    ports = world.ports()
    world.chain.address_of = lambda name: "0x" + "77" * 20  # type: ignore[method-assign]
    for act in (lambda: op.resume(ports, "000001"), lambda: undo(ports, "000001", {})):
        with pytest.raises(StateConflict, match="is for JobMarket at .*, this network has it at 0x7777"):
            act()
    assert not world.chain.sent


def test_what_was_decided_before_the_lock_is_decided_again_under_it() -> None:
    """While a resumption asks for its password, another process gives the operation up."""
    world = stopped(3, "before")
    ports = world.ports()
    hold = world.journal.hold

    @contextmanager
    def late(name: str) -> Iterator[None]:
        world.journal.hold = hold  # type: ignore[method-assign]
        undo(world.ports(), name, {})
        with hold(name):
            yield

    world.journal.hold = late  # type: ignore[method-assign]
    with pytest.raises(StateConflict, match="is undone"):
        op.resume(ports, "000001")
    assert [call for _, call in world.chain.sent] == [NOTHING]


def test_an_inclusion_whose_receipt_is_lost_counts() -> None:
    world = stopped(4, "before")  # broadcast, and not yet recorded
    fate = world.sender.fate
    world.sender.fate = lambda *signed: replace(fate(*signed), receipt=None)  # type: ignore[method-assign]
    op.resume(world.ports(), "000001")
    assert [call for _, call in world.chain.sent] == [PAY.call, BOND.call]
    assert op.show(world.ports(), "000001").outcome == "done"


# --- giving up --------------------------------------------------------------------------------------------------------


def test_undo_cancels_what_waits_and_names_what_stands() -> None:
    world = stopped(7, "before")  # paid, pushed, and the bond signed but not broadcast
    found = undo(world.ports(), "000001", {"test": "`mlm make up`"})
    assert [step.state for step in found.steps] == ["stands", "stays stored", "cancelled"]
    assert (found.outcome, found.next) == ("undone", "`mlm make up`")
    assert [call for _, call in world.chain.sent] == [PAY.call, NOTHING]
    assert [step.state for step in op.show(world.ports(), "000001").steps] == ["done", "done", "cancelled"]
    for act in (lambda: op.resume(world.ports(), "000001"), lambda: undo(world.ports(), "000001", {})):
        with pytest.raises(StateConflict, match="is undone"):
            act()


def test_undo_is_not_finished_before_the_cancellation_is_safe() -> None:
    world = stopped(3, "before")
    world.sender.safe = False
    found = undo(world.ports(), "000001", {"test": "make up"})
    assert (found.outcome, found.steps[0].state) == ("settling", "cancelled, not settled yet")
    assert found.next == "mlm op undo 000001" and op.show(world.ports(), "000001").outcome is None
    with pytest.raises(StateConflict, match="is being given up"):
        op.resume(world.ports(), "000001")
    world.sender.safe = True
    assert undo(world.ports(), "000001", {}).outcome == "undone" and len(world.chain.sent) == 1


def test_undo_of_what_failed_says_that_it_never_came_about() -> None:
    world = World()
    world.chain.effects["JobMarket", "post"] = lambda *_: ()
    world.chain.include = _failing(world)  # type: ignore[method-assign]
    with pytest.raises(Reverted):
        apply(world.ports(), PLAN)
    found = undo(world.ports(), "000001", {"test": "make up"})
    assert [step.state for step in found.steps] == ["never sent", "stays stored", "never sent"] and found.next is None


def _failing(world: World) -> Callable[..., None]:
    include = world.chain.include

    def failing(sender: str, call: Call, tx_hash: str, data: bytes) -> None:
        include(sender, call, tx_hash, data)
        world.chain.receipts[tx_hash] = replace(world.chain.receipts[tx_hash], ok=False)

    return failing


def test_undo_of_what_was_never_sent_sends_nothing() -> None:
    world = stopped(1, "after")
    found = undo(world.ports(), "000001", {"test": "make up"})
    assert [step.state for step in found.steps] == ["never sent", "stays stored", "never sent"] and found.next is None
    assert not world.chain.sent


def test_undo_of_what_is_done_says_how_to_make_up_for_it() -> None:
    world = World()
    apply(world.ports(), PLAN)
    found = undo(world.ports(), "000001", {"test": "make up"})
    assert (found.outcome, found.next) == ("done", "make up") and len(world.chain.sent) == 2


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(1, 4))  # cancelling, broadcast, cancelled
def test_an_undo_that_is_killed_is_finished_never_resumed(at: int, when: str) -> None:
    world = stopped(3, "before")
    with pytest.raises(Killed):
        undo(world.ports(Death(at, when)), "000001", {})
    if (at, when) != (1, "before"):  # from the first line of its journal on
        assert op.show(world.ports(), "000001").next == "mlm op undo 000001"
        with pytest.raises(StateConflict, match="is being given up"):
            op.resume(world.ports(), "000001")
        with pytest.raises(NotFound):
            op.newest_unfinished(world.ports())
    assert undo(world.ports(), "000001", {}).outcome == "undone"
    assert {call for _, call in world.chain.sent} == {NOTHING}
