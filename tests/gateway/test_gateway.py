"""`mlm gateway run` as readers meet it: a real gateway, real licences on a real devnet, and clients that mean ill."""

from __future__ import annotations

import http.client
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mlm.adapters.chain import typed
from mlm.adapters.http import Client
from mlm.adapters.remotes.folder import FolderRemote
from mlm.adapters.remotes.gateway import Gateway, Sign
from mlm.adapters.wallet import devnet as accounts
from mlm.core import access, car
from mlm.core.access import HEADER, Access, Challenge
from mlm.core.cid import Cid
from mlm.core.errors import NotFound
from mlm.core.manifest import Manifest
from mlm.ports.remote import About
from tests import licensed
from tests.command_line import MODEL, Market, Person

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Gate:
    """A running gateway, and what it offers of the sealed asset."""

    url: str
    process: subprocess.Popen[str]
    scene: licensed.Licensing
    manifest: Cid
    sealed: Cid
    plain: Cid
    open: Cid
    token: int
    chain_id: int
    licences: str

    def ask(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> tuple[int, Any, bytes]:
        """Status, headers and body."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        try:
            connection.request(method, path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def statement(self, account: str, **change: Any) -> dict[str, str]:
        """The header of a devnet account's statement, changed before it is signed; `signer` signs in its place."""
        signer = change.pop("signer", account)
        facts = {
            "account": accounts.address(account).lower(),
            "licence": 0,
            "token_id": self.token,
            "audience": access.audience(self.url),
            "expires_at": int(time.time()) + 60,
        }
        domain = access.domain(change.pop("chain_id", self.chain_id), self.licences)
        found = Access(**(facts | change))
        signature = typed.sign(accounts.key(signer), domain, access.TYPES, found.message())
        return {HEADER: access.to_header(found, signature)}

    @property
    def block(self) -> str:
        """The path of the sealed file's root."""
        return f"/ipfs/{self.sealed}?format=raw"


@pytest.fixture(scope="module")
def gate(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    project = Person("model-provider", tmp_path_factory.mktemp("gateway") / "gated", market.home)
    project.folder.mkdir()
    scene = licensed.publish(market, project, "gated")
    scene.offered("--delivery", "0", "--notice", "60")
    folder = FolderRemote(market.home / "devnet" / "remote", About("", "folder", "", True, True))
    shown = {name: market.consumer.do("asset", "show", name) for name in (scene.asset, MODEL)}
    manifest, opened = (Cid.parse(shown[name]["manifest"]) for name in (scene.asset, MODEL))
    found = Manifest.from_block(manifest, folder.get(manifest))
    assert found.sealed is not None
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "mlm", "gateway", "run", "--json"],
        cwd=market.root,
        env={
            **kept,
            "MLM_HOME": str(market.home),
            "PYTHONPATH": str(ROOT),
            "MLM_ACCOUNT": "model-provider",
            "MLM_CHAIN_TIMEOUT": "1",
            "MLM_GATEWAY_RATE": "0",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        told = json.loads(line)
        assert {row["asset"].partition("@")[0] for row in told["versions"] if row["here"]} >= {scene.asset, MODEL}
        _, _, body = _once(told["url"], f"/ipfs/{found.sealed.file}?format=raw")
        asked = json.loads(body)["mlm"]
        token = int(asked["tokenId"], 16)
        where = (manifest, found.sealed.file, found.tree, opened, token, asked["chainId"], asked["licences"])
        yield Gate(told["url"], process, scene, *where)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.stdout.close()
            process.stderr.close()


def _once(url: str, path: str) -> tuple[int, Any, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


def code(answer: tuple[int, Any, bytes]) -> tuple[int, str]:
    return answer[0], json.loads(answer[2])["code"]


def test_what_is_everybodys(gate: Gate) -> None:
    for cid in (gate.manifest, gate.open):
        status, headers, body = gate.ask(f"/ipfs/{cid}?format=raw")
        assert status == 200 and "immutable" in headers["Cache-Control"]
        cid.verify(body)
        assert gate.ask(f"/ipfs/{cid}", {"Accept": "application/vnd.ipld.raw"})[2] == body
    status, headers, body = gate.ask(f"/ipfs/{gate.open}?format=car")
    assert status == 200 and headers["Content-Type"].startswith("application/vnd.ipld.car")
    found = [cid for _, cid, data in car.Reader(io.BytesIO(body).read)]  # each is checked as it is read
    assert found[0] == gate.open and len(found) == len(set(found)) > 5
    status, headers, body = gate.ask(f"/ipfs/{gate.open}?format=car", method="HEAD")
    assert (status, body) == (200, b"")
    assert gate.ask("/health")[0] == 200


def test_requests_that_are_none(gate: Gate) -> None:
    for path, expected in (
        ("/ipfs/nonsense?format=raw", (400, "malformed")),
        (f"/ipfs/{gate.open}", (400, "malformed")),
        (f"/ipfs/{gate.open}?format=tar", (400, "malformed")),
        (f"/ipfs/{gate.open}?format=raw&format=car", (400, "malformed")),
        (f"/ipfs/{gate.open}?format=car&dag-scope=entity", (400, "malformed")),
        (f"/ipfs/{gate.open}/model.onnx?format=raw", (404, "not_found")),
        (f"/ipfs/{gate.plain}?format=raw", (404, "not_found")),  # the plain files of a sealed version
        ("/", (404, "not_found")),
    ):
        assert code(gate.ask(path)) == expected, path
    assert gate.ask(f"/ipfs/{gate.open}?format=raw", method="POST")[0] == 405


def test_statements_that_open_nothing(gate: Gate) -> None:
    """Each is refused by its own status, and none asks for more than it should."""
    owner = "model-provider"
    status, headers, body = gate.ask(gate.block)
    assert (status, json.loads(body)["code"]) == (401, "access_required")
    assert headers["WWW-Authenticate"] == "Mlm-Access" and headers["Cache-Control"] == "no-store"
    assert code(gate.ask(f"/ipfs/{gate.sealed}?format=car")) == (401, "access_required")
    assert code(gate.ask(f"/ipfs/{gate.manifest}?format=car")) == (401, "access_required")
    invalid = (401, "access_invalid")
    now = int(time.time())
    for headers_sent, expected in (
        ({HEADER: "nonsense"}, invalid),
        ({HEADER: "x" * 3_000}, invalid),
        (gate.statement(owner, audience=access.audience("http://127.0.0.1:1")), invalid),  # replayed from elsewhere
        (gate.statement(owner, expires_at=now - 1), invalid),
        (gate.statement(owner, expires_at=now + 10_000), invalid),
        (gate.statement(owner, signer="compute-1"), invalid),
        (gate.statement(owner, chain_id=1), invalid),
        (gate.statement("watcher"), (403, "not_entitled")),
        (gate.statement(owner, token_id=gate.token ^ 1), (403, "access_of_another_asset")),
    ):
        assert code(gate.ask(gate.block, headers_sent)) == expected
    status, headers, body = gate.ask(gate.block, gate.statement(owner))
    assert status == 200 and headers["Cache-Control"] == "private, no-store"
    gate.sealed.verify(body)


def test_a_licence_opens_until_it_is_taken_back(gate: Gate, market: Market) -> None:
    scene = gate.scene
    assert code(gate.ask(gate.block, gate.statement("consumer"))) == (403, "not_entitled")
    licence = scene.held("--notice", "60")
    assert gate.ask(gate.block, gate.statement("consumer"))[0] == 200
    assert gate.ask(f"/ipfs/{gate.manifest}?format=car", gate.statement("consumer"))[0] == 200
    # Revoked: it holds for its notice, and from then on nothing is given, without the gateway being told.
    scene.owner.do("licence", "revoke", licence, "--holder", licensed.address(scene.buyer))
    assert gate.ask(gate.block, gate.statement("consumer"))[0] == 200
    market.advance("61s")
    assert code(gate.ask(gate.block, gate.statement("consumer"))) == (403, "not_entitled")


def test_our_own_remote_signs_when_it_is_asked(gate: Gate) -> None:
    """One statement for all blocks; without one, or for another's account, it is told who may have them."""
    about, asked = About("gate", "gateway", gate.url, False, False), []

    def signing(account: str) -> Sign:
        def sign(url: str, challenge: Challenge) -> str:
            asked.append((url, challenge))
            return gate.statement(account)[HEADER]

        return sign

    remote = Gateway(Client(gate.url, 30.0), about, url=gate.url, access=signing("model-provider"))
    gate.sealed.verify(remote.get(gate.sealed))
    assert [cid for cid, _ in remote.stream(gate.sealed)][0] == gate.sealed
    assert asked == [(gate.url, Challenge(gate.chain_id, gate.licences, gate.token))]
    remote = Gateway(Client(gate.url, 30.0), about, url=gate.url, access=signing("watcher"))
    with pytest.raises(NotFound, match="to licence holders only"):
        remote.get(gate.sealed)
    with pytest.raises(NotFound, match="gives no CAR"):
        list(remote.stream(gate.sealed))
    with pytest.raises(NotFound, match="without a licence"):
        list(Gateway(Client(gate.url, 30.0), about).stream(gate.sealed))


def test_a_reader_that_knows_the_gateway_only(gate: Gate, market: Market, tmp_path: Path) -> None:
    """As people type it: open files come to anybody, a sealed version to its owner, who holds nothing but the key."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text(
        f'[remote]\ndefault = "gate"\n[remote.gate]\nurl = "{gate.url}"\nkind = "gateway"\n'
    )
    (tmp_path / "home" / "devnet").symlink_to(market.home / "devnet")
    Person("compute-2", tmp_path, tmp_path / "home").do("download", MODEL, "-o", "open")
    assert (tmp_path / "open" / "model.onnx").is_file()
    Person("model-provider", tmp_path, tmp_path / "home").do("download", gate.scene.asset, "-o", "sealed")
    assert (tmp_path / "sealed" / "data.txt").read_text() == "1, 2\n"


def test_the_chain_is_away(gate: Gate, market: Market) -> None:
    """Sealed blocks wait for it; open ones are served."""
    pid = int(market.consumer.do("devnet", "status")["node_pid"])
    headers = gate.statement("compute-1")
    os.kill(pid, signal.SIGSTOP)
    try:
        answer = gate.ask(gate.block, headers)
        assert code(answer) == (503, "chain_unavailable") and answer[1]["Retry-After"]
        assert gate.ask(f"/ipfs/{gate.open}?format=raw")[0] == 200
    finally:
        os.kill(pid, signal.SIGCONT)
    assert code(gate.ask(gate.block, gate.statement("compute-1"))) == (403, "not_entitled")
