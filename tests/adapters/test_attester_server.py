"""An attester's server: who may ask comes first, one provider cannot take all of it, nothing is checked twice."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import pytest
import uvicorn

from mlm.adapters.attester.app import KEPT, Attesting, application, limits_of
from mlm.adapters.attester.turns import Turns
from mlm.adapters.serving.guard import server
from mlm.core.attest_asking import HEADER, Asking
from mlm.core.attest_request import PATH, AttestRequest, Signed
from mlm.core.attestation import SGX, UP_TO_DATE
from mlm.core.attesting import Attestation
from mlm.core.errors import ChainError, StateConflict, VerificationFailed
from mlm.core.serving import Limits, Refusal
from tests.serving.clients import Reply, request

SELF, ALICE, BOB = ("0x" + each * 40 for each in "abc")
FOUND = Attestation("0x" + "01" * 32, b"\1" * 32, b"\2" * 32, b"\3" * 32, SGX, UP_TO_DATE, False, 7)
ASKED = AttestRequest(FOUND.job_id, b"m" * 32, (b"c" * 32,), b"r" * 32, 0, 0, 7, False, b"quote", b"{}")


@dataclass
class Scene:
    """An attester that checks when it is let to. A signature is its signer's address, filled up."""

    open: threading.Event = field(default_factory=threading.Event)
    began: list[tuple[str, int]] = field(default_factory=list)
    admitted: Callable[[Asking], None] = lambda asking: None
    fails: Exception | None = None
    url: str = ""

    def attest(self, asking: Asking, asked: AttestRequest) -> Signed:
        self.began.append((asking.provider, asked.checked_at))
        assert self.open.wait(30)
        if self.fails is not None:
            raise self.fails
        return Signed(replace(FOUND, checked_at=asked.checked_at), b"s" * 65)

    def ask(self, provider: str = ALICE, at: int = 7, signer: str = "", **headers: str) -> Reply:
        body = replace(ASKED, checked_at=at).to_json()
        signature = (signer or provider).encode().ljust(65, b" ")
        asking = Asking(ASKED.job_id, SELF, provider, sha256(body).digest(), signature)
        given = {"content-type": "application/json", HEADER: asking.to_header(), **headers}
        return request(self.url, "POST", PATH, body, given)


@contextmanager
def serving(scene: Scene, waiting: int = 16, share: int = 4) -> Iterator[None]:
    made = Attesting(
        attest=scene.attest,
        signer=lambda asking: asking.signature.decode().strip(),
        admit=lambda asking: scene.admitted(asking),
        about={"attester": SELF},
        limits=limits_of(Limits(seconds=2.0)),
        monotonic=time.monotonic,
        rate=0,
        tell=lambda line: None,
        waiting=waiting,
        share=share,
    )
    listening = socket.create_server(("127.0.0.1", 0))
    scene.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    hosted = server(uvicorn.Config(application(made), lifespan="off", log_config=None, access_log=False))
    thread = threading.Thread(target=hosted.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield
    finally:
        scene.open.set()
        hosted.should_exit = True
        thread.join(30)
        listening.close()
        assert not thread.is_alive()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as made:
        yield made


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def refused(asked: list[Future[Reply]]) -> int:
    """The status of the first of these to be answered, which goes."""
    wait_for(lambda: any(each.done() for each in asked))
    (found,) = (each for each in asked if each.done())
    asked.remove(found)
    return found.result().status


def test_one_provider_cannot_take_all_of_it(pool: ThreadPoolExecutor) -> None:
    scene = Scene()
    with serving(scene, share=3):
        mine = [pool.submit(scene.ask, ALICE, at) for at in range(4)]
        assert refused(mine) == 429
        theirs = pool.submit(scene.ask, BOB, 5)
        time.sleep(0.3)  # until it stands in its line
        assert [who for who, _ in scene.began] == [ALICE]
        scene.open.set()
        assert [each.result(30).status for each in (*mine, theirs)] == [200] * 4
    assert scene.began[1] == (BOB, 5), "who came last, and waits alone, is next"


def test_the_places_of_all_are_bounded(pool: ThreadPoolExecutor) -> None:
    scene = Scene()
    with serving(scene, waiting=2):
        held = [pool.submit(scene.ask, each) for each in (ALICE, BOB, SELF)]
        assert refused(held) == 503
        scene.open.set()
        assert [each.result(30).status for each in held] == [200, 200]
        assert scene.ask(SELF, 8).status == 200


def test_what_is_asked_twice_is_checked_once(pool: ThreadPoolExecutor) -> None:
    scene = Scene()
    with serving(scene):
        first, second = pool.submit(scene.ask), pool.submit(scene.ask)
        wait_for(lambda: bool(scene.began))
        time.sleep(0.3)  # both have come
        scene.open.set()
        assert first.result(30).json == second.result(30).json
        again = scene.ask(**{"content-length": "100000"})  # answered before a body comes
        assert again.status == 200 and again.json == first.result().json
    assert len(scene.began) == 1


def test_a_refusal_is_not_kept_and_of_answers_the_last(pool: ThreadPoolExecutor) -> None:
    scene = Scene(fails=StateConflict("not now"))
    scene.open.set()
    with serving(scene):
        assert scene.ask(at=0).status == 409
        scene.fails = None
        for at in range(KEPT + 1):
            assert scene.ask(at=at).status == 200
        assert scene.ask(at=KEPT).status == 200 and len(scene.began) == KEPT + 2
        assert scene.ask(at=0).status == 200 and len(scene.began) == KEPT + 3


def test_no_body_is_read_of_who_may_not_ask(pool: ThreadPoolExecutor) -> None:
    def refuses(asking: Asking) -> None:
        raise VerificationFailed("another holds the lease")

    def down(asking: Asking) -> None:
        raise ChainError("the node is down")

    scene = Scene()
    with serving(scene):
        unsent: dict[str, Any] = {"content-length": "100000"}
        assert scene.ask(signer=BOB, **unsent).status == 401
        scene.admitted = refuses
        reply = scene.ask(**unsent)
        assert (reply.status, reply.json["error"]) == (403, "another holds the lease")
        scene.admitted = down
        assert scene.ask(**unsent).status == 503
    assert not scene.began


def test_who_gives_up_waiting_is_passed_over_and_hands_its_turn_on() -> None:
    async def play() -> list[str]:
        turns, told, first = Turns(8, 8), [], asyncio.Event()

        async def works(who: str, then: Callable[[], object] = lambda: None) -> None:
            async with turns.turn(who):
                told.append(who)
                await first.wait()
            then()

        busy = asyncio.create_task(works("a", lambda: waiting[1].cancel()))  # once it is its turn
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(works(who)) for who in "bcd"]
        await asyncio.sleep(0)
        waiting[0].cancel()  # while it waits
        first.set()
        await asyncio.gather(busy, *waiting, return_exceptions=True)
        return told

    assert asyncio.run(play()) == ["a", "d"]


def test_a_place_is_given_back() -> None:
    turns = Turns(2, 1)
    for _ in range(3):
        with turns.place("a"), turns.place("b"):
            for who in "ac":
                with pytest.raises(Refusal), turns.place(who):
                    pass
