"""A pinning service, by its API: https://ipfs.github.io/pinning-services-api-spec/ ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mlm.adapters.http import Client
from mlm.adapters.remotes.configured import Configured
from mlm.adapters.remotes.pinning import PinningService
from mlm.core.cid import RAW, Cid
from mlm.core.errors import StorageError, UsageError
from mlm.core.plan import Store
from mlm.core.remote_settings import Remote
from mlm.memory.blocks import MemoryBlocks
from mlm.memory.remote import MemoryRemote, MemoryRemotes
from mlm.ports.bundle import Ports
from mlm.ports.remote import About
from mlm.workflows.objects import store
from tests.exchange import servers
from tests.exchange.servers import Handler

CID, TOKEN = Cid.of(RAW, b"pin me"), "s3cret-token"


@dataclass
class Service:
    """What it was told, and what it answers."""

    url: str = ""
    pins: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: str = "queued"
    answer: bytes | None = None


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()

    def answer(handler: Handler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        parts = urlsplit(handler.path)
        if handler.headers.get("Authorization") != f"Bearer {TOKEN}":
            handler.whole(b'{"error":{"reason":"UNAUTHORIZED"}}', 401)
        elif made.answer is not None:
            handler.whole(made.answer)
        elif parts.path != "/psa/pins":
            handler.whole(b"{}", 404)
        elif handler.command == "GET":
            wanted = parse_qs(parts.query)["cid"][0].split(",")
            found = [pin for cid, pin in made.pins.items() if cid in wanted]
            handler.whole(json.dumps({"count": len(found), "results": found}).encode())
        else:
            pin = json.loads(body)
            made.pins[pin["cid"]] = {"requestid": "1", "status": made.status, "pin": pin, "delegates": [], "info": {}}
            handler.whole(json.dumps(made.pins[pin["cid"]]).encode(), 202)

    with servers.serve(answer) as server:
        made.url = f"{server.url}/psa"
        yield made


def client(service: Service, token: str = TOKEN) -> PinningService:
    about = About("pins", "pinning", "", False, False)
    return PinningService(Client(service.url, 5.0, lambda: token, "pins"), about)


def test_a_pin_is_asked_for_once(service: Service) -> None:
    assert client(service).pin(CID, "a name") == "queued"
    assert service.pins[str(CID)]["pin"] == {"cid": str(CID), "name": "a name"}
    service.pins[str(CID)]["status"] = "pinned"
    service.status = "failed"  # what a second request would get
    assert client(service).pin(CID, "a name") == "pinned"


def test_a_service_that_fails(service: Service) -> None:
    service.status = "failed"
    with pytest.raises(StorageError, match="failed to pin"):
        client(service).pin(CID, "x")
    with pytest.raises(StorageError, match="HTTP status 401") as caught:
        client(service, "wrong").pin(CID, "x")
    assert "--token-file" in caught.value.hint and "wrong" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [b"<html>", b"[]", b'{"results":[{"status":"pinned","pin":{"cid":"bafy"}}]}', b'{"results":[{"status":"sold"}]}'],
)
def test_a_service_that_talks_nonsense(answer: bytes, service: Service) -> None:
    service.answer = answer
    with pytest.raises(StorageError, match="nonsense"):
        client(service).pin(CID, "x")


def test_publishing_pins_and_other_storing_does_not(service: Service) -> None:
    ports = Ports(
        objects=MemoryBlocks,
        remote=MemoryRemote,
        remotes=lambda: MemoryRemotes(services={"pins": client(service)}),
    )
    store(ports, Store("an input", CID, ((CID, b"pin me"),)))
    assert not service.pins
    store(ports, Store("a version", CID, ((CID, b"pin me"),), pin=True))
    assert list(service.pins) == [str(CID)]


def configured(*known: Remote, **env: str) -> Configured:
    by_name = {each.name: each for each in known}
    return Configured(
        by_name, None, timeout=5.0, max_bytes=10**9, env=env, trusts=lambda _: True, advice=UsageError("none")
    )


def test_the_token_comes_from_a_file_or_a_variable(service: Service, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    by_file = Remote("pins", service.url, "pinning", token_file=str(tmp_path / "token"))
    assert configured(by_file).open("pins").pin(CID, "x") == "queued"
    by_env = Remote("pins", service.url, "pinning", token_env="PINS_TOKEN")
    assert configured(by_env, PINS_TOKEN=TOKEN).open("pins").pin(CID, "x") == "queued"
    for remote, env, words in (
        (by_env, {}, "found nothing"),
        (by_env, {"PINS_TOKEN": "a\r\nX: y"}, "found other characters"),
        (Remote("pins", service.url, "pinning", token_file=str(tmp_path / "none")), {}, "cannot read the token"),
        (Remote("pins", "http://pins.example", "pinning", token_env="T"), {"T": TOKEN}, "anybody on the way"),
    ):
        with pytest.raises(UsageError, match=words) as caught:
            configured(remote, **env).open("pins")
        assert TOKEN not in str(caught.value)
