"""From the chain alone and any one remote: clone, download, and later versions by fetch and pull."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.remotes.folder import FolderRemote
from mlm.memory.blocks import MemoryBlocks
from tests.command_line import MODEL, Market, Person
from tests.exchange import servers
from tests.exchange.conftest import Node
from tests.exchange.test_commands import commit, content, log
from tests.exchange.test_pinning import TOKEN
from tests.exchange.test_pinning import service as service

TOML = '[asset]\nname = "{name}"\nversion = "{version}"\nkind = "dataset"\nlicence = "MIT"\n'


def stranger(market: Market, folder: Path, **env: str) -> Person:
    """Somebody who knows the chain, and no folder of anybody's: reading goes to what `env` or a remote says."""
    folder.mkdir()
    home = folder / "home"
    home.mkdir()
    (home / "devnet").symlink_to(market.home / "devnet")
    return Person("", folder, home, {"MLM_REMOTE": str(folder / "empty"), **env})


def sizes(person: Person) -> dict[str, int]:
    """The files of a folder; that their bytes are right, `mlm status` says, which reads them."""
    return {path: len(data) for path, data in content(person).items()}


def listed(asset: dict[str, Any]) -> dict[str, int]:
    """The files of a version, as its manifest has them: the owner's folder may hold others by now."""
    return {file["path"]: file["size"] for file in asset["files"]}


@pytest.fixture
def gateway(market: Market) -> Iterator[servers.Server]:
    """A gateway with everything that was published, which learns of more when it is asked."""
    folder = FolderRemote(market.home / "devnet" / "remote")

    def answer(handler: servers.Handler) -> None:
        blocks = MemoryBlocks()
        blocks.blocks = {cid: folder.get(cid) for cid in folder.cids()}
        servers.gateway(blocks)(handler)

    with servers.serve(answer) as server:
        yield server


@pytest.fixture
def published(market: Market, tmp_path: Path) -> Person:
    """The owner of `alice/PATH`, an asset of this test, with one version on the chain."""
    name = tmp_path.name.replace("_", "-").lower()[-40:].strip("-")
    folder = tmp_path / "owner"
    folder.mkdir()
    owner = Person("model-provider", folder, market.home, {"ASSET": name})
    owner.do("init", ".")
    publish(owner, "1.0.0", {"data.bin": b"1" * 1_500_000})
    return owner


def publish(owner: Person, version: str, files: dict[str, bytes]) -> None:
    text = TOML.format(name=owner.env["ASSET"], version=version)
    commit(owner, f"version {version}", {"mlm.toml": text.encode(), **files})
    owner.do("publish", "--handle", "alice")


def test_clone_by_every_name(market: Market, gateway: servers.Server, tmp_path: Path) -> None:
    eve = stranger(market, tmp_path / "eve")
    shown = eve.do("asset", "versions", MODEL)["versions"][0]
    token = eve.do("price", "show", MODEL)  # any reading command works with the same remotes
    assert token
    eve.do("remote", "add", "gw", gateway.url, "--kind", "gateway")
    asset = eve.do("asset", "show", MODEL)
    for number, name in enumerate((MODEL, asset["asset"], asset["link"], f"asset/{asset['token'][:12]}")):
        cloned = eve.do("clone", name, f"by-{number}")
        assert (cloned["asset"], cloned["commit"]) == (asset["asset"], asset["commit"])
        work = Person("", eve.folder / f"by-{number}", eve.home, eve.env)
        assert sizes(work) == listed(asset) and work.do("status")["clean"]
        assert log(work) == log(work, shown["version"]) == log(work, MODEL)
    by_cid = eve.do("download", asset["manifest"], "-o", "files")
    assert by_cid["manifest"] == asset["manifest"]
    assert sizes(Person("", eve.folder / "files", eve.home)) == listed(asset)


def test_later_versions_come_by_pull(
    published: Person, market: Market, gateway: servers.Server, tmp_path: Path
) -> None:
    eve = stranger(market, tmp_path / "eve")
    eve.do("remote", "add", "gw", gateway.url, "--kind", "gateway")
    asset = f"alice/{published.env['ASSET']}"
    eve.do("clone", asset, "work")
    work = Person("", eve.folder / "work", eve.home, eve.env)
    publish(published, "1.1.0", {"data.bin": b"2" * 100})
    publish(published, "2.0.0", {"more.bin": b"3" * 100})
    fetched = work.do("fetch")
    assert [moved["ref"] for moved in fetched["refs"]] == [asset, "2.0.0", "1.1.0"]
    assert log(work) == ["version 1.0.0"] and log(work, asset)[0] == "version 2.0.0" and not fetched["problems"]
    pulled = work.do("pull")
    assert pulled["files"] == ["data.bin", "mlm.toml", "more.bin"] and pulled["source"] == asset
    assert content(work) == content(published) and work.do("status")["clean"]
    assert log(work, "1.1.0") == ["version 1.1.0", "version 1.0.0"]
    # An earlier version by its name.
    eve.do("clone", f"{asset}@1.0.0", "old")
    old = Person("", eve.folder / "old", eve.home, eve.env)
    assert content(old)["data.bin"] == b"1" * 1_500_000 and "more.bin" not in content(old)
    # A tag that says otherwise than the chain stays, and is named.
    first = old.do("log")["commits"][0]["commit"]
    old.do("tag", "1.1.0")
    again = old.do("pull")
    assert again["files"] == pulled["files"]
    (problem,) = again["fetched"]["problems"]
    assert f"the tag 1.1.0 here is at {first}, the chain's version is" in problem


def test_a_lying_gateway_first(market: Market, gateway: servers.Server, tmp_path: Path) -> None:
    """It is named in the result, and nothing that it said is anywhere."""
    eve = stranger(market, tmp_path / "eve")
    with servers.serve(servers.lying) as liar:
        eve.do("remote", "add", "liar", liar.url, "--kind", "gateway")
        eve.do("remote", "add", "true", gateway.url, "--kind", "gateway")
        cloned = eve.do("clone", MODEL, "work")
    assert len(cloned["dropped"]) == 1 and cloned["dropped"][0].startswith("liar: the remote liar (")
    asset = eve.do("asset", "show", MODEL)
    assert sizes(Person("", eve.folder / "work", eve.home)) == listed(asset)


def test_without_any_remote_that_has_it(market: Market, tmp_path: Path) -> None:
    eve = stranger(market, tmp_path / "eve")
    error = eve.refused(3, "clone", MODEL, "work")
    assert "holds no block" in error["message"] and "push" in error["hint"]
    assert not (eve.folder / "work" / ".mlm" / "HEAD").exists()


def test_publishing_pins_on_a_kubo_node_and_at_a_service(
    ipfs: Node,
    service: object,
    market: Market,
    tmp_path: Path,
) -> None:
    """The default remote is the node: it has the blocks and the pin. Somebody else clones from it alone."""
    folder = tmp_path / "owner"
    folder.mkdir()
    home = tmp_path / "home"
    home.mkdir()
    (home / "devnet").symlink_to(market.home / "devnet")
    owner = Person("model-provider", folder, home, {"ASSET": "on-a-node", "PINS": TOKEN})
    owner.do("init", ".")
    owner.do("remote", "add", "origin", ipfs.api, "--kind", "kubo")
    owner.do("remote", "add", "pins", service.url, "--kind", "pinning", "--token-env", "PINS")  # type: ignore[attr-defined]
    publish(owner, "1.0.0", {"data.bin": b"pinned" * 300_000})
    manifest = owner.do("asset", "versions", "alice/on-a-node")["versions"][0]["manifest"]
    assert len(service.pins) == 1  # type: ignore[attr-defined]
    assert not list((home / "journal").rglob("*")) or TOKEN not in "".join(
        path.read_text() for path in (home / "journal").rglob("*") if path.is_file()
    )
    eve = stranger(market, tmp_path / "eve", MLM_REMOTE="origin")
    eve.do("remote", "add", "origin", ipfs.api, "--kind", "kubo")
    cloned = eve.do("clone", "alice/on-a-node", "work")
    assert content(Person("", eve.folder / "work", eve.home)) == content(owner) and cloned["files"] == 3
    assert manifest
    # A push by hand to a node keeps no branch, and pins the commit.
    pushed = owner.do("push")
    assert pushed["ref"] is None and pushed["kept"] == "pinned"
    assert owner.do("push", pushed["commit"], "pins")["kept"] == "queued"
