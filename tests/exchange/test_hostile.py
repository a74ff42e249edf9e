"""Gateways that lie, cut, drip, die or never end: each is dropped for the next, named, and nothing false is stored."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from mlm.adapters.http import Client
from mlm.adapters.remotes.gateway import Gateway
from mlm.adapters.remotes.several import Several
from mlm.core import car
from mlm.core.cid import RAW, Cid
from mlm.core.errors import InvalidData, MlmError, NotFound, StorageError
from mlm.memory.blocks import MemoryBlocks
from mlm.ports.remote import About
from mlm.workflows.transfer import receive
from tests.exchange import servers
from tests.exchange.servers import BAD, Handler, Server
from tests.exchange.trees import tree

TIMEOUT = 1.0  # seconds: of servers that answer within milliseconds


@pytest.fixture(scope="module")
def honest() -> Iterator[tuple[Server, MemoryBlocks, Cid]]:
    blocks, root = tree()
    with servers.serve(servers.gateway(blocks)) as server:
        yield server, blocks, root


def gateway(server: Server, name: str = "gw", timeout: float = TIMEOUT) -> Gateway:
    return Gateway(Client(server.url, timeout, name=name), About(name, "gateway", server.url, False, False))


@pytest.mark.parametrize("how", list(BAD))
def test_a_bad_gateway_alone_is_named(how: str, honest: tuple[Server, MemoryBlocks, Cid]) -> None:
    answer, words = BAD[how]
    _, _, root = honest
    here = MemoryBlocks()
    with servers.serve(answer) as server:
        started = time.monotonic()
        with pytest.raises((InvalidData, StorageError), match=words) as alone:
            gateway(server, "bad").get(root)
        with pytest.raises((InvalidData, StorageError)) as all_at_once:
            receive(Several([gateway(server, "bad")]), here, root)
        assert time.monotonic() - started < 10
    for message in map(str, (alone.value, all_at_once.value)):
        assert "bad (" in message and server.url in message and "key=1" not in message
        assert "\x1b" not in message and len(message) < 500 and not here.blocks


@pytest.mark.parametrize("how", list(BAD))
def test_a_bad_gateway_is_dropped_for_the_next(how: str, honest: tuple[Server, MemoryBlocks, Cid]) -> None:
    answer, _ = BAD[how]
    good, blocks, root = honest
    here = MemoryBlocks()
    with servers.serve(answer) as server:
        several = Several([gateway(server, "bad"), gateway(good, "good")])
        receive(several, here, root)
        asked = len(server.asked)
        receive(several, MemoryBlocks(), root)
        assert len(server.asked) == asked, "a gateway that was dropped is asked again"
    assert here.blocks == blocks.blocks
    assert list(several.dropped) == ["bad"] and "the remote bad (" in several.dropped["bad"]


def test_a_dead_gateway_and_one_that_has_nothing(honest: tuple[Server, MemoryBlocks, Cid]) -> None:
    good, blocks, root = honest
    with servers.serve(servers.gateway(MemoryBlocks())) as empty, servers.serve(servers.lying) as gone:
        pass
    with servers.serve(servers.gateway(MemoryBlocks())) as empty:
        several = Several([gateway(gone, "gone"), gateway(empty, "empty"), gateway(good, "good")])
        here = MemoryBlocks()
        receive(several, here, root)
        assert here.blocks == blocks.blocks and list(several.dropped) == ["gone"]
        with pytest.raises(MlmError, match=r"gone .* cannot be reached.*empty .* has no block"):
            Several([gateway(gone, "gone"), gateway(empty, "empty")]).get(root)
        with pytest.raises(NotFound):
            Several([gateway(empty, "empty")]).get(root)


def test_a_gateway_that_dies_in_the_middle(honest: tuple[Server, MemoryBlocks, Cid]) -> None:
    """What arrived stays, whether it came in a CAR or block by block; the next gateway is asked for the rest alone."""
    _, blocks, root = honest
    total = sum(map(len, blocks.blocks.values()))
    for cars in (True, False):
        here = MemoryBlocks()
        with (
            servers.serve(servers.gateway(blocks, cars=cars)) as first,
            servers.serve(servers.gateway(blocks, cars=False)) as second,
        ):
            first.budget = 4 << 20
            several = Several([gateway(first, "first"), gateway(second, "second")])
            receive(several, here, root)
            assert here.blocks == blocks.blocks and list(several.dropped) == ["first"]
            # Of what the first sent in vain there is at most what was under way: one block in a CAR, eight otherwise.
            lost = (1 if cars else 8) << 20
            assert total - (4 << 20) <= second.sent <= total - (4 << 20) + lost


def test_a_cut_transfer_goes_on_where_it_was(honest: tuple[Server, MemoryBlocks, Cid]) -> None:
    """The only gateway dies; the same command later asks it for what is missing, and for nothing twice."""
    _, blocks, root = honest
    here = MemoryBlocks()
    with servers.serve(servers.gateway(blocks)) as server:
        server.budget = 5 << 20
        with pytest.raises(StorageError):
            receive(Several([gateway(server)]), here, root)
        held = sum(map(len, here.blocks.values()))
        assert 3 << 20 < held < 5 << 20
        server.budget, server.sent = None, 0
        receive(Several([gateway(server)]), here, root)
        assert server.sent == sum(map(len, blocks.blocks.values())) - held
    assert here.blocks == blocks.blocks


def test_a_car_with_what_nobody_asked_for(honest: tuple[Server, MemoryBlocks, Cid]) -> None:
    """A true block that hangs below nothing is not stored; the walk by blocks takes over."""
    _, blocks, root = honest
    junk = b"junk" * 1000

    def padded(handler: Handler) -> None:
        cid, form = servers.asked(handler)
        assert cid is not None
        data = blocks.get(cid)
        padding = car.record(Cid.of(RAW, junk), junk) + junk
        handler.whole(data if form == "raw" else car.header(cid) + car.record(cid, data) + data + padding)

    here = MemoryBlocks()
    with servers.serve(padded) as server:
        receive(Several([gateway(server)]), here, root)
    assert here.blocks == blocks.blocks and not here.has(Cid.of(RAW, junk))


def test_a_car_that_repeats_itself_for_ever() -> None:
    data = bytes(1 << 20)
    cid = Cid.of(RAW, data)

    def repeating(handler: Handler) -> None:
        handler.head(200, Connection="close")
        handler.close_connection = True
        handler.body(car.header(cid) + (car.record(cid, data) + data) * 64)

    here = MemoryBlocks()
    with servers.serve(repeating) as server:
        several = Several([gateway(server, "parrot", 10.0)])
        receive(several, here, cid)
    assert here.blocks == {cid: data} and "repeats itself" in several.dropped["parrot"]


def test_only_what_is_missing_travels(honest: tuple[Server, MemoryBlocks, Cid]) -> None:
    """A later version shares blocks with what is here: no CAR of the whole is asked for."""
    _, blocks, root = honest
    here = MemoryBlocks()
    here.put([pair for number, pair in enumerate(blocks.blocks.items()) if number % 2 and pair[0] != root])
    missing = sum(len(data) for cid, data in blocks.blocks.items() if not here.has(cid))
    with servers.serve(servers.gateway(blocks)) as server:
        assert receive(Several([gateway(server)]), here, root).bytes == missing == server.sent
    assert here.blocks == blocks.blocks


def test_no_more_than_allowed_is_received(honest: tuple[Server, MemoryBlocks, Cid]) -> None:
    good, _, root = honest
    with pytest.raises(InvalidData, match="at most 3000000 bytes"):
        receive(Several([gateway(good)]), MemoryBlocks(), root, max_bytes=3_000_000)


def test_several_blocks_are_in_flight(honest: tuple[Server, MemoryBlocks, Cid]) -> None:
    """Eight requests wait together where one after the other would take eight times as long."""
    _, blocks, root = honest
    at_once, most = [0], [0]
    serve_block = servers.gateway(blocks, cars=False)

    def slow(handler: Handler) -> None:
        with handler.state.lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.1)
        serve_block(handler)
        with handler.state.lock:
            at_once[0] -= 1

    with servers.serve(slow) as server:
        receive(Several([gateway(server)]), MemoryBlocks(), root)
    assert 3 <= most[0] <= 8
