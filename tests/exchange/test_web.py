"""A folder remote behind a web server, with ranges and without; and what a hostile one could put into its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlm.adapters.http import Client
from mlm.adapters.remotes import web as web_module
from mlm.adapters.remotes.folder import FolderRemote
from mlm.adapters.remotes.several import Several
from mlm.adapters.remotes.web import WebRemote
from mlm.core import remote
from mlm.core.cid import DAG_CBOR, RAW, Cid
from mlm.core.errors import InvalidData, MlmError, NotFound, StorageError
from mlm.memory.blocks import MemoryBlocks
from mlm.ports.remote import About
from mlm.workflows.transfer import receive, send
from tests.exchange import servers
from tests.exchange.trees import tree

COMMIT = Cid.of(DAG_CBOR, b"\xa0")


def web(url: str, timeout: float = 5.0) -> WebRemote:
    return WebRemote(Client(url, timeout, name="web"), About("web", remote.HTTP, url, False, True))


def pushed(folder: Path) -> tuple[MemoryBlocks, Cid]:
    """A folder remote with a tree and a branch."""
    blocks, root = tree()
    there = FolderRemote(folder)
    send(blocks, there, root)
    there.set_name("digits", "heads/main", COMMIT, None)
    return blocks, root


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_everything_comes_over(ranges: bool, tmp_path: Path) -> None:
    blocks, root = pushed(tmp_path / "remote")
    size = sum(map(len, blocks.blocks.values()))
    here = MemoryBlocks()
    with servers.serve(servers.files(tmp_path / "remote", ranges=ranges)) as server:
        source = web(server.url)
        receive(source, here, root)
        assert here.blocks == blocks.blocks
        assert source.names("digits") == {"heads/main": COMMIT} and source.names("other") == {}
        # Each byte once; without ranges the packs, whole.
        assert size <= server.sent < size + 20_000
        with pytest.raises(NotFound, match="holds no block"):
            source.get(Cid.of(RAW, b"none"))
        for act in (lambda: source.put([]), lambda: source.set_name("digits", "heads/main", None, COMMIT)):
            with pytest.raises(StorageError, match="web"):
                act()


def test_only_what_is_missing_travels(tmp_path: Path) -> None:
    blocks, root = pushed(tmp_path / "remote")
    here = MemoryBlocks()
    kept = [pair for number, pair in enumerate(blocks.blocks.items()) if number % 2]
    here.put(kept)
    missing = sum(len(data) for cid, data in blocks.blocks.items() if not here.has(cid))
    with servers.serve(servers.files(tmp_path / "remote")) as server:
        assert receive(web(server.url), here, root).bytes == missing
        assert server.sent < missing + 20_000


def test_a_server_that_dies_in_the_middle(tmp_path: Path) -> None:
    blocks, root = pushed(tmp_path / "remote")
    here = MemoryBlocks()
    with servers.serve(servers.files(tmp_path / "remote")) as server:
        server.budget = 4 << 20
        with pytest.raises(StorageError, match="broke off"):
            receive(Several([web(server.url)]), here, root)
        held = sum(map(len, here.blocks.values()))
        assert held > 2 << 20
        server.budget, server.sent = None, 0
        receive(web(server.url), here, root)
        assert server.sent < sum(map(len, blocks.blocks.values())) - held + 20_000
    assert here.blocks == blocks.blocks


def _edit(name: str, content: bytes) -> object:
    def act(folder: Path) -> None:
        (next(folder.glob(name)) if "*" in name else folder / name).write_bytes(content)

    return act


LIES = {
    "no mark": (lambda folder: (folder / "mlm-remote").unlink(), "no remote at"),
    "another format": (_edit("mlm-remote", b"mlm/remote/9\n"), "expected mlm/remote/1"),
    "a list of noise": (_edit("packs/list", b"\xff\x00"), "packs/list .* damaged: expected text"),
    "a list of another format": (_edit("packs/list", b"mlm/packs/9\n"), "mlm/packs/1"),
    "a list that climbs": (_edit("packs/list", b"mlm/packs/1\n../../etc/passwd 10\n"), "another pack and its size"),
    "a list of nothing there": (_edit("packs/list", b"mlm/packs/1\npack-" + b"0" * 40 + b" 1\n"), "expected its index"),
    "an index of noise": (_edit("packs/*.idx", b"noise" * 100), "found a damaged one"),
    "a pack of noise": (_edit("packs/*.car", b"\xff" * 20_000_000), "lies|sends more"),
    "a pack cut short": (_edit("packs/*.car", b"\xff" * 100), "lies|HTTP status"),
}


@pytest.mark.parametrize("lie", list(LIES))
@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_files_that_lie(lie: str, ranges: bool, tmp_path: Path) -> None:
    blocks, root = pushed(tmp_path / "remote")
    act, words = LIES[lie]
    act(tmp_path / "remote")  # type: ignore[operator]
    here = MemoryBlocks()
    answer = servers.files(tmp_path / "remote", ranges=ranges)
    with servers.serve(answer) as server, pytest.raises(MlmError, match=words):
        receive(web(server.url), here, root)
    assert not here.blocks and blocks.blocks


@pytest.mark.parametrize(
    "line",
    [b"x heads/main", str(COMMIT).encode() + b" heads/../../HEAD", str(COMMIT).encode() + b" remotes/a/b"]
    + [str(Cid.of(RAW, b"")).encode() + b" heads/main", str(COMMIT).encode(), b"\xff", b" "],
)
def test_names_that_lie(line: bytes, tmp_path: Path) -> None:
    pushed(tmp_path / "remote")
    (tmp_path / "remote" / "names" / "digits").write_bytes(b"mlm/names/1\n" + line + b"\n")
    with servers.serve(servers.files(tmp_path / "remote")) as server:
        for there in (web(server.url), FolderRemote(tmp_path / "remote")):
            with pytest.raises(InvalidData, match="damaged"):
                there.names("digits")


@pytest.mark.parametrize("how", list(servers.BAD))
def test_a_bad_server(how: str) -> None:
    """Whatever it does, the answer is an error that names it, in bounded time and memory."""
    answer, _ = servers.BAD[how]
    if answer is servers.lying:
        return
    with servers.serve(answer) as server, pytest.raises((InvalidData, StorageError)) as caught:
        web(server.url, 1.0).get(COMMIT)
    assert server.url in str(caught.value) and "key=1" not in str(caught.value)


def test_no_more_than_bounds_allow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Indexes are bounded together, and whole packs by what may be received, however often each is fetched."""
    folder = FolderRemote(tmp_path / "remote")
    cids = [Cid.of(RAW, bytes([number])) for number in range(8)]
    for number, cid in enumerate(cids):
        folder.put([(cid, bytes([number]))])
    with servers.serve(servers.files(tmp_path / "remote", ranges=False)) as server:
        about = About("web", "http", server.url, False, True)
        remote = WebRemote(Client(server.url, 5.0, name="web"), about, max_bytes=600)
        with pytest.raises(StorageError, match="expected at most .* bytes more in whole packs"):
            for cid in cids * 9:
                remote.get(cid)
        monkeypatch.setattr(web_module, "_MAX_INDEXES", 100)
        with pytest.raises(StorageError, match="lists 8 packs: expected their indexes in 100 bytes and 100 s"):
            web(server.url).get(Cid.of(RAW, b"absent"))
        monkeypatch.setattr(web_module, "_MAX_INDEXES", 1 << 29)
        monkeypatch.setattr(web_module, "_SEARCH", 0)
        with pytest.raises(StorageError, match="and 0 s, found more after 1 of them"):
            web(server.url).get(Cid.of(RAW, b"absent"))
