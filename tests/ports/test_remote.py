"""One suite over every implementation of ports.Remote; a real IPFS node is in tests/exchange/test_ipfs.py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mlm.adapters.http import Client
from mlm.adapters.remotes.folder import FolderRemote
from mlm.adapters.remotes.gateway import Gateway
from mlm.adapters.remotes.pinning import PinningService
from mlm.adapters.remotes.several import Several
from mlm.adapters.remotes.web import WebRemote
from mlm.core.cid import DAG_CBOR, RAW, Cid
from mlm.core.errors import InvalidData, MlmError, NotFound, StateConflict, StorageError, UsageError
from mlm.memory.remote import MemoryRemote
from mlm.ports.remote import About, Remote
from mlm.workflows.transfer import receive, send
from tests.exchange import servers
from tests.exchange.trees import tree

ONE, TWO = (Cid.of(DAG_CBOR, bytes([0xA0, number])) for number in range(2))
WRITABLE = ["memory", "folder", "several"]
READABLE = [*WRITABLE, "web", "gateway"]
ALL = [*READABLE, "pinning"]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def make(kind: str, folder: Path, stack: ExitStack) -> tuple[Remote, Remote]:
    """A remote, and the one that puts blocks where it finds them."""
    backing = MemoryRemote() if kind in ("memory", "gateway", "pinning") else FolderRemote(folder / "remote")
    about = About(kind, kind, "somewhere", kind in WRITABLE, kind not in ("gateway", "pinning"))
    if kind in ("memory", "folder"):
        return backing, backing
    if kind == "several":
        return Several([backing, MemoryRemote("other")]), backing
    if kind == "web":
        server = stack.enter_context(servers.serve(servers.files(folder / "remote")))
        backing.put([])
        return WebRemote(Client(server.url, 5.0, name=kind), about), backing
    assert isinstance(backing, MemoryRemote)
    server = stack.enter_context(servers.serve(servers.gateway(backing)))
    client = Client(server.url, 5.0, name=kind)
    return (Gateway(client, about) if kind == "gateway" else PinningService(client, about)), backing


def test_a_pack_that_was_never_listed_is_listed_by_the_next_push(tmp_path: Path, stack: ExitStack) -> None:
    """Killed between pack and list: readers by HTTP see it after the next push, though nothing is missing any more."""
    remote, backing = make("web", tmp_path, stack)
    blocks, root = tree(1)
    listed = tmp_path / "remote" / "packs" / "list"
    before = listed.read_bytes()
    send(blocks, backing, root)
    listed.write_bytes(before)
    assert send(blocks, backing, root).new == 0
    assert remote.get(root) == blocks.get(root)


@pytest.mark.parametrize("name", ["packs", "names"])
def test_a_folder_that_leads_elsewhere_is_not_written_to(name: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "tmp-mine").write_bytes(b"mine")
    os.utime(elsewhere / "tmp-mine", (0, 0))
    remote = FolderRemote(tmp_path / "remote")
    blocks, root = tree(1)
    (tmp_path / "remote").mkdir()
    (tmp_path / "remote" / "mlm-remote").write_bytes(b"mlm/remote/1\n")
    (tmp_path / "remote" / name).symlink_to(elsewhere)
    with pytest.raises(InvalidData, match="is a link"):
        send(blocks, remote, root)
    with pytest.raises(InvalidData, match="is a link"):
        remote.set_name("digits", "heads/main", ONE, None)
    assert [path.name for path in elsewhere.iterdir()] == ["tmp-mine"]


@pytest.mark.parametrize("kind", READABLE)
def test_blocks_come_back(kind: str, tmp_path: Path, stack: ExitStack) -> None:
    remote, backing = make(kind, tmp_path, stack)
    blocks, root = tree(1)
    send(blocks, backing, root)
    here = MemoryRemote()
    receive(remote, here, root)
    assert here.blocks == blocks.blocks
    empty = Cid.of(RAW, b"")
    backing.put([(empty, b"")])
    assert Several([remote]).get(root) == blocks.get(root)


@pytest.mark.parametrize("kind", ALL)
def test_what_is_not_there(kind: str, tmp_path: Path, stack: ExitStack) -> None:
    remote, _ = make(kind, tmp_path, stack)
    with pytest.raises(NotFound):
        remote.get(ONE)


@pytest.mark.parametrize("kind", WRITABLE)
def test_only_what_is_missing_is_sent(kind: str, tmp_path: Path, stack: ExitStack) -> None:
    remote, _ = make(kind, tmp_path, stack)
    blocks, root = tree(1)
    some = list(blocks.blocks.items())[::2]
    assert remote.put(some) == len(some)
    assert remote.missing([cid for cid, _ in some]) == []
    assert send(blocks, remote, root).new == len(blocks.blocks) - len(some)
    assert send(blocks, remote, root).new == 0 and remote.missing(list(blocks.blocks)) == []
    assert remote.pin(root, "a tree") == "kept"


@pytest.mark.parametrize("kind", WRITABLE)
def test_names_are_compared_and_swapped(kind: str, tmp_path: Path, stack: ExitStack) -> None:
    remote, _ = make(kind, tmp_path, stack)
    assert remote.names("digits") == {}
    remote.set_name("digits", "heads/main", ONE, None)
    remote.set_name("digits", "tags/1.0.0", ONE, None)
    remote.set_name("other", "heads/main", TWO, None)
    with pytest.raises(StateConflict, match="heads/main"):
        remote.set_name("digits", "heads/main", TWO, None)
    with pytest.raises(StateConflict):
        remote.set_name("digits", "heads/main", TWO, TWO)
    remote.set_name("digits", "heads/main", TWO, ONE)
    assert remote.names("digits") == {"heads/main": TWO, "tags/1.0.0": ONE}
    remote.set_name("digits", "tags/1.0.0", None, ONE)
    assert remote.names("digits") == {"heads/main": TWO} and remote.names("other") == {"heads/main": TWO}
    for repository, name in (("..", "heads/main"), (".x", "heads/main"), ("digits", "heads/../x"), ("a/b", "tags/1")):
        with pytest.raises(UsageError):
            remote.set_name(repository, name, ONE, None)


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind not in WRITABLE])
def test_what_can_only_be_read(kind: str, tmp_path: Path, stack: ExitStack) -> None:
    remote, _ = make(kind, tmp_path, stack)
    for act in (
        lambda: remote.put([(ONE, b"")]),
        lambda: remote.missing([ONE]),
        lambda: remote.set_name("digits", "heads/main", ONE, None),
    ):
        with pytest.raises(StorageError, match=kind):
            act()


@pytest.mark.parametrize("kind", ["folder", "web", "several"])
def test_damage_is_found(kind: str, tmp_path: Path, stack: ExitStack) -> None:
    remote, backing = make(kind, tmp_path, stack)
    data = b"some block that will be damaged"
    backing.put([(Cid.of(RAW, data), data)])
    for path in (tmp_path / "remote" / "packs").glob("*.car"):
        path.write_bytes(path.read_bytes().replace(data, data[:-1] + b"!"))
    with pytest.raises((InvalidData, MlmError), match="damaged"):
        remote.get(Cid.of(RAW, data))
