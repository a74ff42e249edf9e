"""A project that came from somebody else, and what its owner adds to it: no trust by the way, and no key published."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from mlm.adapters.chain import deployment
from mlm.adapters.chain.endpoint import Endpoint
from mlm.core import project, urls
from mlm.core.errors import StorageError, UsageError
from tests.command_line import Person
from tests.networks.conftest import Chains
from tests.networks.proxy import proxy

ASSET = '[asset]\nname = "x"\nversion = "1.0.0"\nkind = "dataset"\n'
KEYED = [
    "https://h/v3/S3CRET",
    "https://h?key=S3CRET",
    "https://h/#S3CRET",
    "https://S3CRET@h",
    "https://alice:S3CRET@h:8545/",
    "https://alice:S3CRET/x@h",
    "https://h/v3/S3CRET ",
]
UNREADABLE = [
    "https://alice:S3CRET/x@h",  # the port would be S3CRET
    "https://alice:80/S3CRET@h",  # another host than was meant
    "https://alice:80#S3CRET@h",
    "https://h/v3/S3CRET ",
    "https://h/v3/S3CRET\n",
    "https://h/\u00e9/S3CRET",
    "https://h\u00e9.example/S3CRET",
    "https://h..example/S3CRET",
    f"https://{'h' * 64}.example/S3CRET",
    "https://h:99999/S3CRET",
    "https://h:0/S3CRET",
    "https://[::1/S3CRET",
    "https://h\\S3CRET",
    "S3CRET",
]


@pytest.fixture
def cloned(owner: Person) -> Person:
    """In a project that says nothing of networks yet."""
    folder = owner.folder / "cloned"
    folder.mkdir()
    person = replace(owner, folder=folder)
    person.do("init")
    (folder / "mlm.toml").write_text(ASSET)
    return person


def _written(person: Person) -> dict[Path, bytes]:
    return {
        path: path.read_bytes()
        for path in (person.folder / "mlm.toml", person.home / "config.toml", person.home / "trusted-networks")
        if path.exists()
    }


class TestAName:
    """One name is one network, whoever named it first."""

    @pytest.mark.parametrize("spelt", ["[network.sepolia]\n{}", "[network]\n[network.'sepolia']\n{}"])
    def test_that_the_project_took(self, spelt: str, cloned: Person, chains: Chains) -> None:
        """With its deployment file the user's own URL would be trusted with contracts of somebody else."""
        entry = 'rpc = "http://evil.example"\nchain_id = 7001\ndeployment = "evil.json"\n'
        evil = {"address": "0x" + "66" * 20}
        found = {"chainId": 7001, "genesisHash": "0x" + "11" * 32, "block": 0, "contracts": {"JobMarket": evil}}
        (cloned.folder / "evil.json").write_text(json.dumps(found))
        (cloned.folder / "mlm.toml").write_text(ASSET + spelt.format(entry))
        before = _written(cloned)
        error = cloned.refused(12, "network", "add", "sepolia", "--rpc", chains.first)
        assert str(cloned.folder / "mlm.toml") in error["message"] and "mlm network use sepolia" in error["hint"]
        assert _written(cloned) == before

    def test_that_the_user_took(self, cloned: Person, chains: Chains) -> None:
        outside = replace(cloned, folder=cloned.folder.parent)
        outside.do("network", "add", "mine", "--rpc", chains.first)
        before = _written(cloned)
        for person in (cloned, outside):
            error = person.refused(12, "network", "add", "mine", "--rpc", chains.second)
            assert str(cloned.home / "config.toml") in error["message"]
        assert _written(cloned) == before


class TestAKey:
    """A URL that may hold one stays with the user."""

    def test_it_is_not_written_into_a_project(self, cloned: Person, chains: Chains) -> None:
        before = (cloned.folder / "mlm.toml").read_bytes()
        with proxy(chains.first) as front:
            added = cloned.do("network", "add", "keyed", "--rpc", chains.first, "--rpc", f"{front.url}/v3/S3CRET")
            assert added["file"] == str(cloned.home / "config.toml")
            assert (added["chain_id"], added["problem"]) == (7001, "")
            assert (cloned.folder / "mlm.toml").read_bytes() == before
            assert "S3CRET" in (cloned.home / "config.toml").read_text()
            assert cloned.do("network", "show", "--network", "keyed")["problem"] == ""

    @pytest.mark.parametrize("url", KEYED)
    def test_it_is_not_committed(self, url: str) -> None:
        for rpc in (url, ["http://127.0.0.1:8545", url]):
            with pytest.raises(UsageError, match=r"rpc of \[network.theirs\]") as caught:
                project.check_public({"network": {"default": "theirs", "theirs": {"rpc": rpc, "chain_id": 1}}})
            assert "S3CRET" not in str(caught.value) + caught.value.hint

    def test_a_commit_goes_on_without_it(self, cloned: Person) -> None:
        file = cloned.folder / "mlm.toml"
        network = '[network]\ndefault = "theirs"\n[network.theirs]\nchain_id = 1\nrpc = '
        file.write_text(ASSET + network + '"https://h.example/v3/S3CRET"\n')
        cloned.do("add", ".")
        error = cloned.refused(2, "commit", "-m", "first")
        assert "[network.theirs]" in error["message"] and "S3CRET" not in str(error)
        assert cloned.do("status")["commit"] is None
        file.write_text(ASSET + network + '["https://h.example", "https://h.example:8545/"]\n')
        cloned.do("add", ".")
        assert cloned.do("commit", "-m", "first")["files"]

    @pytest.mark.parametrize("url", UNREADABLE)
    def test_an_error_does_not_quote_it(self, url: str) -> None:
        with pytest.raises(UsageError, match=r"expected an http\(s\) URL with a host, found") as caught:
            Endpoint(url)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None, "tracebacks show it"
        assert "s3cret" not in f"{caught.value} {caught.value.hint}".lower()
        assert urls.bare(url) == "" and urls.is_private(url)

    @pytest.mark.parametrize("url", ["https://alice:S3CRET/x@h", "https://h/v3/S3CRET ", "https://h/é/S3CRET"])
    def test_no_command_shows_it(self, url: str, owner: Person) -> None:
        added = owner.run("network", "add", "x", "--rpc", url, "--chain-id", "1")
        (owner.home / "config.toml").write_text(f"[network.x]\nrpc = {json.dumps(url)}\nchain_id = 1\n")
        shown, listed = owner.run("network", "show", "--network", "x"), owner.run("network", "list")
        assert (added.code, shown.code, listed.code) == (2, 0, 0) and "expected an http(s) URL" in shown.out
        for ran in (added, shown, listed):
            assert "S3CRET" not in ran.out + ran.err


def test_what_a_connection_needs_of_a_url() -> None:
    found = urls.parse("https://al%69ce:p%40ss@H.example:8545/v3/key?a=b")
    assert (found.secure, found.host, found.port, found.target) == (True, "h.example", 8545, "/v3/key?a=b")
    assert (found.user, found.shown, found.private) == ("alice:p@ss", "https://h.example:8545", True)
    plain = urls.parse("http://[::1]")
    assert (plain.secure, plain.host, plain.port, plain.target) == (False, "::1", 80, "/")
    assert (plain.user, plain.shown, plain.private) == (None, "http://[::1]", False)


@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_a_deployment_file_without_end(kind: str, cloned: Person, chains: Chains) -> None:
    """It is read when the user says yes to the network: for its fingerprint, and no further than a file is long."""
    file = "/dev/zero"
    if kind == "pipe":
        file = "pipe.json"
        os.mkfifo(cloned.folder / file)
    text = f'[network.theirs]\nrpc = "{chains.first}"\nchain_id = 7001\ndeployment = "{file}"\n'
    (cloned.folder / "mlm.toml").write_text(ASSET + text)
    assert cloned.do("network", "use", "theirs")["name"] == "theirs"
    assert "expected a regular file" in cloned.refused(4, "search")["message"]


def test_a_deployment_file_that_cannot_be_written(tmp_path: Path) -> None:
    """All gas is paid by then: it is said which file, and that its disk is at fault."""
    (tmp_path / "file").write_text("")
    made = deployment.Deployment(1, "0x" + "11" * 32, 0, {})
    with pytest.raises(StorageError, match="cannot write the deployment file: .*/file"):
        deployment.save(tmp_path / "file" / "below" / "one.json", made)
