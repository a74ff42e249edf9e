"""What a server asks the chain about the channels that have paid it, and when it may forget one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from mlm.adapters.serving.facts import Facts
from mlm.core.channel import ChannelState, SignedVoucher
from mlm.core.money import Amount
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.workflows import serve_channels, serve_claim
from mlm.workflows.serve_channels import Reader
from mlm.workflows.serve_claim import Claimer
from tests.serving.paying import TERMS, Channels, opened, pay

DAY = 86_400
START = 1_800_000_000


class World:
    """A chain of blocks at `block`, one channel, and a machine's clock that may be set to anything."""

    def __init__(self, monkeypatch: Any) -> None:
        self.channel, self.ended_at, self.block = opened(expires_at=START + 10 * DAY), None, START  # type: ignore[var-annotated]
        self.system, self.wrong, self.asked = MemorySystem(START), 0, 0
        clock = SimpleNamespace(now=lambda: self.system.now() + self.wrong, monotonic=self.system.monotonic)
        chain = SimpleNamespace(
            depth="included", block=lambda: SimpleNamespace(timestamp=self.block), call=lambda *args: self.called()
        )
        found = SimpleNamespace(head=9, safe=9, finalized=9)
        monkeypatch.setattr(serve_channels, "sync", lambda ports: found)
        monkeypatch.setattr(serve_channels, "terms_from_event", lambda terms: self.channel.terms)
        state = SimpleNamespace(query=lambda name, channel_id: [self.row()])
        self.ports = cast(Ports, SimpleNamespace(chain=chain, system=clock, state=state))

    def called(self) -> tuple[int, ...]:
        self.asked += 1
        ending = {None: 1, ChannelState.CLOSED: 3, ChannelState.REFUNDED: 4}[self.channel.ending]
        return self.channel.deposit, self.channel.claimed, 0, 0, self.channel.expires_at, ending

    def row(self) -> dict[str, Any]:
        terms = self.channel.terms
        found = {"block": 1, "terms": {}, "expires_at": self.channel.expires_at, "ended_at": self.ended_at}
        return found | {"payee": terms.payee, "version_id": terms.version_id}

    def end(self) -> None:
        self.ended_at, self.channel = self.block, replace(self.channel, ending=ChannelState.CLOSED)

    def advance(self, seconds: int) -> None:
        self.system.advance(seconds)
        self.block += seconds


def best(world: World) -> list[SignedVoucher]:
    return [pay(world.channel, b"x", 5)]


def test_a_channel_that_has_ended_is_forgotten_after_a_day_and_seldom_asked_about(monkeypatch: Any) -> None:
    world = World(monkeypatch)
    claimer = Claimer(world.ports, threshold=Amount(0), margin=60)
    claimer.look(best(world))
    world.end()
    claimer = Claimer(world.ports, threshold=Amount(0), margin=60)  # begun again
    before = world.asked
    for _ in range(30):
        assert claimer.look(best(world)) == ""
        world.advance(2)
    assert world.asked == before + 1 and not claimer.over(world.channel.id)
    world.advance(DAY)
    claimer.look(best(world))
    assert claimer.over(world.channel.id)
    before = world.asked
    world.advance(DAY)
    claimer.look(best(world))
    assert world.asked == before
    claimer.look([])  # the journal has forgotten it
    assert not claimer.over(world.channel.id)


def test_a_wrong_clock_forgets_no_voucher(monkeypatch: Any) -> None:
    world = World(monkeypatch)
    monkeypatch.setattr(serve_claim.Claimer, "_claim", lambda self, names: None)
    claimer = Claimer(world.ports, threshold=Amount(0), margin=60)
    world.wrong = 400 * DAY
    claimer.look(best(world))
    assert not claimer.over(world.channel.id)


def test_a_clock_that_was_behind_and_is_set_right_moves_the_chains_time_nowhere(monkeypatch: Any) -> None:
    """A machine that begins in 1970, until it has heard of the time: no channel may look as if it were over."""
    world = World(monkeypatch)
    world.wrong = -START
    reader = Reader(world.ports)
    assert reader.read([world.channel.id])[0] == START
    world.system.advance(100)  # no block meanwhile
    assert reader.read([world.channel.id])[0] == START + 100
    world.wrong = 0
    assert reader.read([world.channel.id])[0] == START + 100


def test_channels_to_others_cost_no_question(monkeypatch: Any) -> None:
    """Anybody can name all that there are on the chain."""
    world = World(monkeypatch)
    reader, name = Reader(world.ports, TERMS), world.channel.id
    assert reader.read([name])[1][name] is not None and world.asked == 1
    for stranger in (opened(payee="0x" + "99" * 20), opened(version_id="0x" + "cd" * 32)):
        world.channel = stranger
        assert reader.read([stranger.id])[1] == {stranger.id: None} and world.asked == 1


def test_the_index_is_synced_for_what_is_new_has_gone_or_has_ended(monkeypatch: Any) -> None:
    """An open channel costs a call of the contract, and sees at once what that says."""
    world = World(monkeypatch)
    syncs: list[Ports] = []
    found = serve_channels.sync(world.ports)
    monkeypatch.setattr(serve_channels, "sync", lambda ports: syncs.append(ports) or found)
    reader, name = Reader(world.ports), world.channel.id
    for claimed in (0, 5):
        world.channel = replace(world.channel, claimed=claimed)
        assert reader.read([name])[1][name] == replace(world.channel, terms=world.channel.terms)
    assert len(syncs) == 1
    opened_before = world.channel
    world.channel = replace(world.channel, deposit=0)  # a reorganisation took its opening
    assert reader.read([name])[1][name] is None and len(syncs) == 2
    world.channel = opened_before  # and another brought it back
    assert reader.read([name])[1][name] is not None and len(syncs) == 3
    world.end()
    assert reader.read([name])[1][name] == world.channel and len(syncs) == 4
    assert reader.read([name])[1][name] == world.channel and len(syncs) == 5


def test_a_channel_that_has_ended_takes_no_room_among_those_that_are_open(monkeypatch: Any) -> None:
    async def scene() -> None:
        ended = [replace(opened(number), ending=ChannelState.CLOSED) for number in range(20)]
        chain = Channels(opened(99), *ended)
        monkeypatch.setattr("mlm.adapters.serving.facts._UNKNOWN", 5)
        facts = Facts(chain.read)
        for channel in (opened(99), *ended):
            assert (await facts.of(channel.id)).channel == channel
        assert set(facts._known) == {opened(99).id} and len(facts._missing) == 5
        facts.close()

    asyncio.run(scene())
