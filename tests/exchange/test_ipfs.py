"""Both ways with a real IPFS implementation, js-ipfs: what mlm pushes it has, pins, exports and serves; what it adds
mlm reads, by its RPC and by a gateway."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from mlm.adapters.http import Client
from mlm.adapters.remotes import kubo as kubo_module
from mlm.adapters.remotes.gateway import Gateway
from mlm.adapters.remotes.kubo import Kubo
from mlm.adapters.remotes.pinning import PinningService
from mlm.core import car, unixfs
from mlm.core.cid import DAG_PB, RAW, Cid
from mlm.core.errors import InvalidData, NotFound, StorageError
from mlm.memory.blocks import MemoryBlocks
from mlm.ports.remote import About
from mlm.workflows.transfer import receive, send
from tests.exchange import servers
from tests.exchange.conftest import Node
from tests.exchange.trees import tree


def kubo(url: str) -> Kubo:
    return Kubo(Client(url, 20.0, name="node"), About("node", "kubo", url, True, False))


def gateway(url: str) -> Gateway:
    return Gateway(Client(url, 20.0, name="gw"), About("gw", "gateway", url, False, False))


def rpc(node: Node, command: str, body: bytes = b"", kind: str = "", **query: object) -> bytes:
    """The node's RPC by another client than mlm's."""
    parts = urlsplit(node.api)
    connection = http.client.HTTPConnection(str(parts.hostname), int(parts.port or 0), timeout=30)
    headers = {"Content-Type": kind} if kind else {}
    connection.request("POST", f"/api/v0/{command}?{urlencode({**query, 'cid-base': 'base32'})}", body, headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    assert answer.status == 200, data
    return data


def add(node: Node, name: str, data: bytes, **query: object) -> Cid:
    """Have the node add a file by itself, in its own profile; the CID of the directory that wraps it."""
    border = "xxxxxxxx"
    part = f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'.encode()
    part += b"Content-Type: application/octet-stream\r\n\r\n"
    body = part + data + f"\r\n--{border}--\r\n".encode()
    options = {"cid-version": "1", "raw-leaves": "true", "wrap-with-directory": "true", **query}
    lines = rpc(node, "add", body, f"multipart/form-data; boundary={border}", **options).splitlines()
    found: dict[str, Any] = json.loads(lines[-1])
    return Cid.parse(found["Hash"])


def content(blocks: MemoryBlocks, root: Cid) -> dict[str, bytes]:
    return {path: b"".join(unixfs.read(blocks.get, cid)) for path, cid in unixfs.walk(blocks.get, root)}


@pytest.fixture(scope="module")
def pushed(ipfs: Node) -> Iterator[tuple[MemoryBlocks, Cid]]:
    """A tree that mlm has pushed and pinned."""
    blocks, root = tree(seed=7)
    node = kubo(ipfs.api)
    assert len(node.missing(list(blocks.blocks))) == len(blocks.blocks)
    sent = send(blocks, node, root)
    assert sent.new == sent.blocks == len(blocks.blocks)
    assert node.pin(root, "a tree") == "pinned"
    yield blocks, root


def test_the_node_has_and_pins_what_was_pushed(ipfs: Node, pushed: tuple[MemoryBlocks, Cid]) -> None:
    blocks, root = pushed
    assert json.loads(rpc(ipfs, "pin/ls", arg=root, type="recursive"))["Keys"] == {str(root): {"Type": "recursive"}}
    for cid, data in blocks.blocks.items():
        assert rpc(ipfs, "block/get", arg=cid) == data
    node = kubo(ipfs.api)
    assert node.missing([root, *blocks.blocks]) == [] and send(blocks, node, root).new == 0
    assert node.pin(root, "again") == "pinned"


def test_the_node_exports_what_was_pushed(ipfs: Node, pushed: tuple[MemoryBlocks, Cid]) -> None:
    """Its own CAR, read by our reader, holds every block; by the remote it comes back in one stream."""
    blocks, root = pushed
    reader = car.Reader(BytesIO(rpc(ipfs, "dag/export", arg=root)).read)
    assert reader.root == root and {cid: data for _, cid, data in reader} == blocks.blocks
    here = MemoryBlocks()
    receive(kubo(ipfs.api), here, root)
    assert here.blocks == blocks.blocks


def test_a_gateway_serves_what_was_pushed(ipfs: Node, pushed: tuple[MemoryBlocks, Cid]) -> None:
    blocks, root = pushed
    whole, part = MemoryBlocks(), MemoryBlocks()
    receive(gateway(ipfs.gateway), whole, root)  # by CAR
    part.put([(root, blocks.get(root))])
    receive(gateway(ipfs.gateway), part, root)  # block by block, as something is here
    assert whole.blocks == part.blocks == blocks.blocks


@pytest.mark.parametrize("chunk", ["size-262144", "size-1048576"])
def test_what_the_node_adds_is_read(ipfs: Node, chunk: str) -> None:
    """Its own chunks and trees: by RPC and by gateway mlm gets the same blocks, and the bytes that were added."""
    data = bytes(range(256)) * 12_000
    root = add(ipfs, "theirs.bin", data, chunker=chunk)
    by_rpc, by_gateway = MemoryBlocks(), MemoryBlocks()
    receive(kubo(ipfs.api), by_rpc, root)
    receive(gateway(ipfs.gateway), by_gateway, root)
    assert by_rpc.blocks == by_gateway.blocks
    assert content(by_rpc, root) == {"theirs.bin": data}


def test_the_same_file_has_the_same_cid(ipfs: Node) -> None:
    """Profile unixfs-v1-2025: 1 MiB chunks, raw leaves; the node's CID of the directory is ours."""
    data = bytes(range(251)) * 10_000
    emitted = MemoryBlocks()
    pieces = [data[at : at + unixfs.CHUNK] for at in range(0, len(data), unixfs.CHUNK)]
    entry = unixfs.file(pieces, lambda cid, block: emitted.blocks.__setitem__(cid, block))
    ours = unixfs.directory({"same.bin": entry}, lambda cid, block: emitted.blocks.__setitem__(cid, block))
    theirs = add(ipfs, "same.bin", data, chunker="size-1048576")
    assert ours.cid == theirs
    # And it can be pushed over what is there already: nothing travels.
    assert send(emitted, kubo(ipfs.api), ours.cid).new == 0


def test_only_what_is_missing_is_sent(ipfs: Node) -> None:
    """A push that was cut: some blocks are there, unpinned; the rest is sent."""
    blocks, root = tree(seed=11)
    node = kubo(ipfs.api)
    some = [pair for number, pair in enumerate(blocks.blocks.items()) if number % 2 and pair[0] != root]
    node.put(some)
    sent = send(blocks, node, root)
    assert sent.new == len(blocks.blocks) - len(some)
    assert node.pin(root, "whole") == "pinned"


def test_what_the_node_has_not(ipfs: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubo_module, "_LOOKS", 1)
    absent = Cid.of(RAW, b"nobody has this")
    with pytest.raises(NotFound, match="node"):
        kubo(ipfs.api).get(absent)
    with pytest.raises(NotFound, match="gw"):
        gateway(ipfs.gateway).get(absent)
    with pytest.raises(NotFound):
        receive(kubo(ipfs.api), MemoryBlocks(), absent)
    with pytest.raises(StorageError, match="keeps no branches"):
        kubo(ipfs.api).names("digits")


def test_the_node_refuses_a_false_block(ipfs: Node) -> None:
    """What reaches it is checked there too: a CAR whose bytes are not its CID's brings an error, and is not kept."""
    cid = Cid.of(DAG_PB, b"true")
    with pytest.raises(StorageError, match="node"):
        kubo(ipfs.api).put([(cid, b"false")])
        kubo(ipfs.api).pin(cid, "false")


def _answers(**commands: bytes) -> servers.Answer:
    """An RPC that says these words."""

    def answer(handler: servers.Handler) -> None:
        handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        command = handler.path.partition("?")[0].removeprefix("/api/v0/").replace("/", "_")
        handler.whole(commands.get(command, b'{"Message":"not found"}'), 200 if command in commands else 500)

    return answer


def test_an_rpc_that_lies() -> None:
    cid = Cid.of(RAW, b"true")
    with servers.serve(_answers(block_get=b"false", block_stat=b"{}", dag_export=b"no CAR")) as server:
        node = kubo(server.url)
        with pytest.raises(InvalidData, match=r"node \(http.* lies"):
            node.get(cid)
        stream = node.stream(cid)
        assert stream is not None
        with pytest.raises(InvalidData, match="bad CAR"):
            list(stream)
    said = b'{"Stats":{"BlockCount":0,"BlockBytesCount":0}}\n'
    with servers.serve(_answers(dag_import=said, pin_add=b'{"Pins":[]}')) as server:
        with pytest.raises(StorageError, match="took 0 blocks, expected 1"):
            kubo(server.url).put([(cid, b"true")])
        # It says that it pinned, and lists no pin.
        with pytest.raises(StorageError, match="did not pin"):
            kubo(server.url).pin(cid, "x")
    full = _answers(dag_import=b'{"Message":"disk full","Code":0,"Type":"error"}')
    with servers.serve(full) as server, pytest.raises(StorageError, match="refused 1 blocks: disk full"):
        kubo(server.url).put([(cid, b"true")])
    with servers.serve(_answers(pin_ls=b"<html>")) as server, pytest.raises(StorageError, match="nonsense"):
        kubo(server.url).missing([cid])


@pytest.mark.parametrize("depth", [10_000, 500_000])
def test_json_that_nests_too_deep(depth: int) -> None:
    deep = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
    with servers.serve(_answers(pin_ls=deep)) as server, pytest.raises(StorageError, match="nonsense"):
        kubo(server.url).missing([Cid.of(RAW, b"true")])
    with servers.serve(lambda handler: handler.whole(deep)) as server, pytest.raises(StorageError, match="nonsense"):
        client = Client(server.url, 20.0, name="pins")
        PinningService(client, About("pins", "pinning", server.url, False, False)).pin(Cid.of(RAW, b"true"), "x")


def test_a_block_that_holds_a_boundary() -> None:
    """Blocks are others': none can end the part that carries them, for nobody knows what would."""
    bodies: list[tuple[bytes, bytes]] = []

    def answer(handler: servers.Handler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        bodies.append((handler.headers["Content-Type"].partition("boundary=")[2].encode(), body))
        handler.whole(b'{"Stats":{"BlockCount":1}}')

    with servers.serve(answer) as server:
        kubo(server.url).put([(Cid.of(RAW, b"true"), b"true")])
        before = b"--" + bodies[0][0] + b"--"
        kubo(server.url).put([(Cid.of(RAW, before), before)])
    (first, _), (second, body) = bodies
    assert first != second and body.count(b"--" + second) == 2 and before in body


def test_a_server_that_repeats_what_it_was_sent() -> None:
    """Its words are shown, and our keys in them are not."""
    token, key = "s3cr3t-token-" + "x" * 30, "/ipfs-key-123456"

    def answer(handler: servers.Handler) -> None:
        handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        handler.whole(f"{'.' * 180}{handler.headers['Authorization']} {handler.path} refused".encode(), 500)

    with servers.serve(answer) as server:
        basic = server.url.replace("://", "://me:pass-word@")
        for client in (Client(server.url + key, 5.0, lambda: token), Client(basic, 5.0)):
            with pytest.raises(StorageError, match="HTTP status 500") as caught:
                Kubo(client, About("node", "kubo", "", True, False)).missing([Cid.of(RAW, b"true")])
            said = str(caught.value)
            assert token[:8] not in said and key not in said and "bWU6" not in said, said
