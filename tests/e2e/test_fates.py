"""What can become of a signed transaction on a real node: stuck, replaced, displaced, reorganised away, forgotten.

Real anvil, real journal: the operation is resumed, and in the end exactly one payment was made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.chain import send
from mlm.adapters.chain.fate import settled
from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import Rpc
from mlm.adapters.chain.send import GWEI, EthSender
from mlm.adapters.journal import FileJournal
from mlm.adapters.wallet import devnet as accounts
from mlm.core.digest import keccak256
from mlm.core.errors import ChainError, StateConflict
from mlm.core.plan import Call, Plan, Tx
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.workflows import op
from mlm.workflows.apply import apply
from mlm.workflows.op_undo import undo
from tests.anvil import anvil, with_token

PAYEE, PAYMENT = accounts.address("watcher"), 7
PAY = Tx("pay", Call("MarketToken", "transfer", (PAYEE, PAYMENT)))


@dataclass
class World:
    """A chain, and processes on it which share a journal."""

    rpc: Rpc
    chain: EthChain
    folder: Path

    def ports(self, **options: Any) -> Ports:
        """A process: it gives up waiting after half a second unless told otherwise."""
        sender = EthSender(self.chain, accounts.key("deployer"), **{"patience": 0.5, **options})
        system = MemorySystem()
        journal = FileJournal(self.folder / "journal", system)
        return Ports(chain=lambda: self.chain, sender=lambda: sender, journal=lambda: journal, system=lambda: system)

    @property
    def paid(self) -> int:
        return int(self.chain.call("MarketToken", "balanceOf", PAYEE))

    def mine(self, blocks: int = 1) -> None:
        self.rpc.call("anvil_mine", hex(blocks))

    def stop_mining(self) -> None:
        self.rpc.call("evm_setAutomine", False)

    def go_on_mining(self) -> None:
        self.rpc.call("evm_setAutomine", True)
        self.mine()

    def stuck(self) -> str:
        """Begin the payment while nobody mines; the operation's number."""
        self.stop_mining()
        with pytest.raises(ChainError, match="was not included within 0.5 s") as caught:
            apply(self.ports(), Plan("pay", (PAY,), None))
        assert "`mlm op resume 000001` continues" in caught.value.hint
        return "000001"

    def elsewhere(self, **fields: Any) -> None:
        """Another program sends with the account's key and the stuck transaction's nonce, paying more for gas."""
        sender = EthSender(self.chain, accounts.key("deployer"))
        (line,) = FileJournal(self.folder / "journal", MemorySystem()).entries("000001")
        nonce = line["entry"]["signed"]["nonce"]
        transaction = send.Transaction(
            self.chain.chain_id(), nonce, 50 * GWEI, 100 * GWEI, 100_000, fields["to"], 0, fields["data"]
        )
        sender.broadcast(transaction.sign(accounts.key("deployer")))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with anvil(tmp_path, "--slots-in-an-epoch", "1") as url:
        chain = with_token(url)
        yield World(chain.rpc, chain, tmp_path)
        chain.rpc.close()


def entries(world: World) -> list[str]:
    """What the journal holds of the payment, in order."""
    return [next(iter(line["entry"])) for line in FileJournal(world.folder / "journal").entries("000001")]


def test_a_stuck_transaction_is_waited_on_by_a_resumption(world: World) -> None:
    number = world.stuck()
    with pytest.raises(ChainError, match="not included"):
        op.resume(world.ports(), number)
    world.go_on_mining()
    op.resume(world.ports(), number)
    assert world.paid == PAYMENT and entries(world) == ["signed", "included"]


def test_a_fee_that_became_too_low_is_named_and_replaced(world: World) -> None:
    number = world.stuck()
    world.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(40 * GWEI))
    world.mine()
    assert world.paid == 0
    with pytest.raises(ChainError, match=r"offers 3 gwei for gas, (gas costs 40|the node takes more)"):
        op.resume(world.ports(), number)
    world.rpc.call("evm_setAutomine", True)
    op.resume(world.ports(), number, faster=True)
    world.mine(3)
    assert world.paid == PAYMENT and entries(world) == ["signed", "signed", "included"]


def test_a_replacement_passes_no_cap(world: World) -> None:
    number = world.stuck()
    with pytest.raises(ChainError, match="a replacement must offer a fee of .* gwei, expected at most 2"):
        op.resume(world.ports(max_fee=2 * GWEI), number, faster=True)
    world.go_on_mining()
    assert world.paid == PAYMENT


def test_a_nonce_used_by_another_program_is_taken_anew_when_that_is_safe(world: World) -> None:
    number = world.stuck()
    other = (
        bytes.fromhex("a9059cbb") + bytes(12) + bytes.fromhex(accounts.address("consumer")[2:]) + bytes(31) + b"\x01"
    )
    world.elsewhere(to=world.chain.address_of("MarketToken"), data=other)
    world.mine()
    with pytest.raises(StateConflict, match="taken by another transaction"):  # in the newest block: not safe yet
        op.resume(world.ports(), number)
    world.mine(3)
    world.go_on_mining()
    op.resume(world.ports(), number)
    assert world.paid == PAYMENT
    assert world.chain.call("MarketToken", "balanceOf", accounts.address("consumer")) == 1
    assert entries(world) == ["signed", "displaced", "signed", "included"]


def test_the_same_call_sped_up_by_a_wallet_counts_as_ours(world: World) -> None:
    number = world.stuck()
    ours = bytes.fromhex("a9059cbb") + bytes(12) + bytes.fromhex(PAYEE[2:]) + bytes(31) + bytes([PAYMENT])
    world.elsewhere(to=world.chain.address_of("MarketToken"), data=ours)
    world.go_on_mining()
    world.mine(3)
    op.resume(world.ports(), number)
    assert world.paid == PAYMENT and entries(world) == ["signed", "signed", "included"]


def test_a_reorganisation_is_noticed_and_the_same_bytes_are_sent_again(world: World) -> None:
    before = world.rpc.call("evm_snapshot")
    (done,) = apply(world.ports(), Plan("pay", (PAY,), None))
    with pytest.raises(StateConflict, match="is done"):
        op.resume(world.ports(), "000001")
    world.rpc.call("evm_revert", before)
    assert world.paid == 0
    (again,) = op.resume(world.ports(), "000001").steps
    assert world.paid == PAYMENT and again.reference == done.reference


def test_a_node_that_forgets_is_told_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.stuck()
    (line,) = FileJournal(world.folder / "journal").entries("000001")
    world.rpc.call("anvil_dropTransaction", line["entry"]["signed"]["tx_hash"])
    world.go_on_mining()
    assert world.paid == 0
    op.resume(world.ports(), "000001")
    assert world.paid == PAYMENT

    # And one that forgets while it is waited for.
    monkeypatch.setattr(send, "_REBROADCAST", 0.1)
    world.stop_mining()
    ports = world.ports(patience=20)
    signed = ports.sender.sign(PAY.call)
    ports.sender.broadcast(signed)
    world.rpc.call("anvil_dropTransaction", signed.tx_hash)
    world.rpc.call("evm_setAutomine", True)
    assert ports.sender.wait(signed).tx_hash == signed.tx_hash and world.paid == 2 * PAYMENT


def test_a_wait_can_ask_for_a_block_that_is_safe(world: World) -> None:
    with pytest.raises(ChainError, match="which was not safe within 0.5 s"):
        apply(world.ports(depth="safe"), Plan("pay", (PAY,), None))
    world.mine(2)
    op.resume(world.ports(depth="safe"), "000001")
    assert world.paid == PAYMENT


def test_a_stuck_transaction_is_cancelled_by_undo(world: World) -> None:
    number = world.stuck()
    world.rpc.call("evm_setIntervalMining", 1)
    first = undo(world.ports(patience=20), number, {"pay": "make up"})
    assert (first.outcome, first.next) == ("settling", "mlm op undo 000001")  # its block could still be reorganised
    world.mine(3)
    found = undo(world.ports(patience=20), number, {"pay": "make up"})
    assert ([step.state for step in found.steps], found.outcome, found.next) == (["cancelled"], "undone", None)
    assert world.paid == 0 and entries(world) == ["signed", "cancelling", "cancelled"]
    with pytest.raises(StateConflict, match="is undone"):
        op.resume(world.ports(), number)


def test_what_was_included_meanwhile_is_not_cancelled(world: World) -> None:
    number = world.stuck()
    world.go_on_mining()
    found = undo(world.ports(), number, {"pay": "make up"})
    assert [step.state for step in found.steps] == ["stands"] and found.next == "make up" and world.paid == PAYMENT


def test_what_failed_is_signed_anew_only_when_its_block_is_safe(world: World) -> None:
    """The simulation passes, and the money is gone when the block is made."""
    payer, token = accounts.address("deployer"), world.chain.address_of("MarketToken")
    slot = "0x" + keccak256(bytes(12) + bytes.fromhex(payer[2:]) + bytes(32)).hex()  # _balances[payer], in slot 0
    held = world.rpc.call("eth_getStorageAt", token, slot, "latest")
    number = world.stuck()
    world.rpc.call("anvil_setStorageAt", token, slot, "0x" + "0" * 64)
    world.mine()
    world.rpc.call("anvil_setStorageAt", token, slot, held)
    world.rpc.call("evm_setAutomine", True)
    with pytest.raises(StateConflict, match="failed in a block that is not safe yet"):
        op.resume(world.ports(), number)
    with pytest.raises(StateConflict, match="failed in a block that is not safe yet"):
        undo(world.ports(), number, {})
    world.mine(3)
    op.resume(world.ports(), number)
    assert world.paid == PAYMENT and entries(world) == ["signed", "failed", "signed", "included"]


def test_a_settled_number_of_another_fork_settles_nothing(world: World) -> None:
    """The receipt comes from a block that the chain has left meanwhile; its number is safe, its hash is not there."""
    before = world.rpc.call("evm_snapshot")
    ports = world.ports()
    signed = ports.sender.sign(PAY.call)
    ports.sender.broadcast(signed)
    receipt = ports.sender.wait(signed)
    world.rpc.call("evm_revert", before)
    world.mine(5)
    assert world.chain.heads().safe >= receipt.block_number
    assert not settled(world.chain, receipt, "safe") and settled(world.chain, receipt, "included")


def test_a_node_cannot_send_the_nonce_far_ahead(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction behind nonces that nobody uses would wait for ever, and be valid for as long."""
    batch = world.rpc.batch

    def lying(calls: Any) -> list[Any]:
        answers = batch(calls)
        return [
            hex(1000) if tuple(call[1][1:]) == ("pending",) else answer
            for call, answer in zip(calls, answers, strict=True)
        ]

    monkeypatch.setattr(world.rpc, "batch", lying)
    with pytest.raises(ChainError, match="says that 999 transactions of .* wait, expected at most 64"):
        world.ports().sender.sign(PAY.call)


def test_a_replacement_passes_no_cap_of_tips(world: World) -> None:
    number = world.stuck()
    with pytest.raises(ChainError, match="a replacement must offer a tip of 1.125 gwei, expected at most 1"):
        op.resume(world.ports(max_tip=GWEI), number, faster=True)


def test_from_the_nonce_to_the_broadcast_an_account_has_one_turn(world: World) -> None:
    """Two processes with two commands: the second signs with the next nonce, or not at all."""
    turn = world.folder / "turn.lock"
    first, second = world.ports(turn=turn), world.ports(turn=turn)
    with first.sender.turn():
        signed = first.sender.sign(PAY.call)
        with pytest.raises(StateConflict, match="another mlm has held"), second.sender.turn():
            pass
        first.sender.broadcast(signed)
    with second.sender.turn():
        assert second.sender.sign(PAY.call).nonce == signed.nonce + 1


def test_two_processes_do_not_work_on_one_operation(world: World) -> None:
    number = world.stuck()
    first, second = world.ports(), world.ports()
    with (
        first.journal.hold(number),
        pytest.raises(StateConflict, match="another process is working on operation 000001"),
    ):
        op.resume(second, number)
    world.go_on_mining()
    op.resume(second, number)
    assert world.paid == PAYMENT
