"""The Chain and Sender ports: one suite over the memory chain and the real devnet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from mlm.adapters.chain import read
from mlm.adapters.chain.rpc import TooLarge
from mlm.core.digest import word
from mlm.core.eip712 import Signable
from mlm.core.errors import ChainError, NotFound, Reverted
from mlm.memory.chain import MemoryChain
from mlm.memory.sender import MemorySender
from mlm.ports.chain import Chain
from mlm.ports.signer import Call, Sender
from tests.devnet_fixture import RunningDevnet

TOKEN = "MarketToken"
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
ALICE, BOB = "consumer", "watcher"


@dataclass
class World:
    """A chain with a token, two funded accounts, and a way to let time pass."""

    chain: Chain
    senders: dict[str, Sender]
    mine: Callable[[], Any]

    def balance(self, name: str) -> int:
        return int(self.chain.call(TOKEN, "balanceOf", self.senders[name].address))

    def transfer(self, to: str, amount: int) -> Call:
        return Call(TOKEN, "transfer", (self.senders[to].address, amount))


def memory_world() -> World:
    addresses = {ALICE: "0x" + "a1" * 20, BOB: "0x" + "b0" * 20}
    balances = dict.fromkeys(addresses.values(), 1000)

    def transfer(sender: str, to: str, amount: int) -> Sequence[Any]:
        if balances[sender] < amount:
            raise Reverted("ERC20InsufficientBalance", {"balance": balances[sender], "needed": amount})
        moving[0] = (sender, to, amount)
        return [(TOKEN, "Transfer", {"from": sender, "to": to, "value": amount})]

    moving: list[Any] = [None]
    chain = MemoryChain({(TOKEN, "balanceOf"): balances.__getitem__}, {(TOKEN, "transfer"): transfer})
    include = chain.include

    def move(*args: Any) -> None:
        moving[0] = None
        include(*args)
        if moving[0] is not None:
            sender, to, amount = moving[0]
            balances[sender] -= amount
            balances[to] += amount

    chain.include = move  # type: ignore[method-assign]
    chain.balances = dict.fromkeys(addresses.values(), 10**18)
    return World(chain, {name: MemorySender(chain, address) for name, address in addresses.items()}, chain.mine)


def devnet_world(devnet: RunningDevnet) -> World:
    senders = {name: devnet.sender(name) for name in (ALICE, BOB)}
    return World(devnet.chain(), dict(senders), lambda: devnet.advance(1))


@pytest.fixture(params=["memory", "devnet"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        return memory_world()
    return devnet_world(request.getfixturevalue("devnet"))


def send(world: World, name: str, call: Call) -> Any:
    signed = world.senders[name].sign(call)
    world.senders[name].broadcast(signed)
    return world.senders[name].wait(signed)


def test_blocks_are_linked_and_named(world: World) -> None:
    world.mine()
    head = world.chain.block("latest")
    assert world.chain.block(head.number) == head
    parent = world.chain.block(head.number - 1)
    assert head.parent_hash == parent.hash and head.timestamp >= parent.timestamp
    assert world.chain.block("finalized").number <= world.chain.block("safe").number <= world.chain.block().number
    assert world.chain.chain_id() == 31337
    with pytest.raises(NotFound):
        world.chain.block(head.number + 1000)


def test_a_transfer_is_read_back(world: World) -> None:
    before = world.balance(ALICE), world.balance(BOB)
    receipt = send(world, ALICE, world.transfer(BOB, 7))
    assert receipt.ok and receipt.gas_used > 0
    assert (world.balance(ALICE), world.balance(BOB)) == (before[0] - 7, before[1] + 7)
    (log,) = receipt.logs
    assert log.address == world.chain.address_of(TOKEN) == log.address.lower()
    assert log.topics[0] == TRANSFER and int.from_bytes(log.data, "big") == 7
    assert world.chain.logs(receipt.block_number, receipt.block_number) == [log]
    assert world.chain.block(receipt.block_number).hash == receipt.block_hash == log.block_hash
    data = world.senders[ALICE].encode(world.transfer(BOB, 7))
    assert world.chain.transaction_input(receipt.tx_hash) == data


def test_a_call_is_answered_at_the_block_that_is_named(world: World) -> None:
    address = world.senders[BOB].address
    head = world.chain.block()
    assert world.chain.call(TOKEN, "balanceOf", address, block=head.number) == world.balance(BOB)
    with pytest.raises((ChainError, NotFound)):
        world.chain.call(TOKEN, "balanceOf", address, block=head.number + 1000)


def test_an_older_block_has_the_older_answer(devnet: RunningDevnet) -> None:
    world = devnet_world(devnet)
    before, then = world.chain.block(), world.balance(BOB)
    send(world, ALICE, world.transfer(BOB, 3))
    address = world.senders[BOB].address
    assert world.chain.call(TOKEN, "balanceOf", address, block=before.number) == then == world.balance(BOB) - 3


def test_logs_of_many_answers_are_bounded_by_their_bytes(
    devnet: RunningDevnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer has a bound; so have all together, or whoever fills blocks takes the memory of whoever syncs."""
    world = devnet_world(devnet)
    first, *_, last = [send(world, ALICE, world.transfer(BOB, 1)).block_number for _ in range(4)]
    whole = world.chain.logs(first, last)
    monkeypatch.setattr(read, "_RANGE", 1)
    assert world.chain.logs(first, last) == whole
    monkeypatch.setattr(read, "MOST_DATA", sum(len(log.data) for log in whole[:2]))
    with pytest.raises(TooLarge, match=f"the logs of blocks {first} to {first + 2} hold"):
        world.chain.logs(first, last)
    assert [log for at in (first, first + 2) for log in world.chain.logs(at, min(at + 1, last))] == whole


def test_logs_come_in_chain_order(world: World) -> None:
    first = send(world, ALICE, world.transfer(BOB, 1))
    second = send(world, BOB, world.transfer(ALICE, 1))
    found = world.chain.logs(first.block_number, second.block_number)
    places = [(log.block_number, log.log_index) for log in found]
    assert places == sorted(places) and len(places) == 2
    assert world.chain.logs(second.block_number + 1, second.block_number) == []


def test_a_broadcast_can_be_repeated(world: World) -> None:
    sender = world.senders[ALICE]
    before = world.balance(BOB)
    signed = sender.sign(world.transfer(BOB, 3))
    for _ in range(3):
        sender.broadcast(signed)
    receipt = sender.wait(signed)
    sender.broadcast(signed)
    assert sender.wait(signed) == receipt and world.balance(BOB) == before + 3


def test_nonces_follow_each_other_before_anything_is_waited_for(world: World) -> None:
    sender = world.senders[ALICE]
    signed = []
    for _ in range(4):
        signed.append(sender.sign(world.transfer(BOB, 1)))
        sender.broadcast(signed[-1])
    assert [entry.nonce for entry in signed] == list(range(signed[0].nonce, signed[0].nonce + 4))
    assert len({sender.wait(entry).tx_hash for entry in reversed(signed)}) == 4


def test_signing_alone_takes_no_nonce(world: World) -> None:
    sender = world.senders[ALICE]
    assert sender.sign(world.transfer(BOB, 1)).nonce == sender.sign(world.transfer(BOB, 2)).nonce


def test_what_would_fail_is_refused_before_it_is_signed(world: World) -> None:
    bad = world.transfer(BOB, world.balance(ALICE) + 1)
    for attempt in (lambda: world.senders[ALICE].sign(bad), lambda: world.senders[ALICE].simulate((bad,))):
        with pytest.raises(Reverted) as caught:
            attempt()
        assert caught.value.name == "ERC20InsufficientBalance"
        assert caught.value.values["needed"] == bad.args[1]


def test_simulation_costs_nothing_and_changes_nothing(world: World) -> None:
    before = world.balance(BOB)
    calls = (world.transfer(BOB, 1), world.transfer(BOB, 2))
    found = world.senders[ALICE].simulate(calls)
    assert len(found) == 2 and all((entry.gas or 0) > 0 and (entry.fee or 0) > 0 for entry in found)
    assert world.balance(BOB) == before and world.senders[ALICE].simulate(()) == []


def test_a_transaction_nobody_sent_is_waited_for_only_so_long(world: World) -> None:
    signed = world.senders[ALICE].sign(world.transfer(BOB, 1))
    with pytest.raises(ChainError, match="not included within"):
        world.senders[ALICE].wait(signed, timeout=0.1)


def test_unknown_things_are_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        world.chain.address_of("NoSuchContract")
    with pytest.raises(NotFound):
        world.chain.call("NoSuchContract", "f")
    with pytest.raises(NotFound):
        world.chain.transaction_input("0x" + "12" * 32)
    assert world.chain.balance(world.senders[ALICE].address) > 0


def test_many_blocks_are_those_asked_for_one_by_one(world: World) -> None:
    head = world.chain.block().number
    numbers = [head, 0, head]
    assert world.chain.blocks(numbers) == [world.chain.block(number) for number in numbers]
    assert world.chain.blocks([]) == []
    with pytest.raises(NotFound):
        world.chain.blocks([0, head + 1000])


def test_typed_signatures_depend_on_the_message(world: World) -> None:
    domain = {"name": "x", "version": "1", "chainId": 31337, "verifyingContract": "0x" + "11" * 20}
    types = {"Note": [{"name": "value", "type": "uint256"}]}
    first, second = (world.senders[ALICE].sign_typed(domain, types, {"value": value}) for value in (1, 2))
    assert len(first) == 65 and first != second
    assert first != world.senders[ALICE].sign_typed(replace_chain(domain), types, {"value": 1})


def test_signatures_of_members_depend_on_members_and_domain(world: World) -> None:
    domain = {"name": "x", "version": "1", "chainId": 31337, "verifyingContract": "0x" + "11" * 20}
    types = {"Note": [{"name": "value", "type": "uint256"}]}
    sender, here, there = world.senders[ALICE], Signable(domain, types), Signable(replace_chain(domain), types)
    cases = [(here, 1), (here, 2), (there, 1)]
    made = {sender.sign_members(where, word(value)) for where, value in cases}
    assert {len(each) for each in made} == {65} and len(made) == 3
    assert sender.sign_members(here, word(1)) in made


def replace_chain(domain: dict[str, Any]) -> dict[str, Any]:
    return {**domain, "chainId": 1}


def test_the_devnet_signs_what_eth_account_recovers(devnet: RunningDevnet) -> None:
    from eth_account import Account
    from eth_account.messages import encode_typed_data

    domain = {"name": "x", "version": "1", "chainId": 31337, "verifyingContract": "0x" + "11" * 20}
    types = {"Note": [{"name": "value", "type": "uint256"}]}
    sender = devnet.sender(ALICE)
    signature = sender.sign_typed(domain, types, {"value": 5})
    message = encode_typed_data(domain, types, {"value": 5})
    assert Account.recover_message(message, signature=signature) == sender.address
    assert sender.sign_members(Signable(domain, types), word(5)) == signature


def test_a_reader_refuses_another_chain(devnet: RunningDevnet) -> None:
    chain = devnet.chain()
    chain.deployment = replace(chain.deployment, genesis_hash="0x" + "77" * 32)
    with pytest.raises(ChainError, match="another chain: expected genesis 0x7777"):
        chain.call(TOKEN, "totalSupply")
    other = devnet.chain()
    other.deployment = replace(other.deployment, chain_id=1)
    with pytest.raises(ChainError, match="expected chain id 1, found 31337"):
        other.block()
