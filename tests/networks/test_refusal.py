"""Another chain is refused before anything is read or signed for it: by its id, by its genesis, on every path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mlm.adapters.chain import create
from tests.command_line import Person
from tests.networks.conftest import OWNER, Both, Chains
from tests.networks.proxy import Proxy, closed_port, proxy

LIES: dict[str, dict[str, Any]] = {
    "chain-id": {"eth_chainId": hex(1)},
    "genesis": {"eth_getBlockByNumber": lambda params, block: {**block, "hash": "0x" + "77" * 32}},
}
IDENTITY = {"eth_chainId", "eth_getBlockByNumber"}


@pytest.fixture
def front(both: Both, owner: Person) -> Iterator[Proxy]:
    """In front of the first chain; the network `fronted` has it as its endpoint, and the first chain's deployment."""
    with proxy(both.chains.first) as made:
        file = str(both.owner.home / "deployments" / "one.json")
        owner.do("network", "add", "fronted", "--rpc", made.url, "--deployment", file)
        yield made


@pytest.mark.parametrize("lie", list(LIES))
@pytest.mark.parametrize(
    "command",
    [("search",), ("sync",), ("wallet", "show", OWNER), ("stake", "deposit", "1"), ("handle", "claim", "somebody")],
    ids=" ".join,
)
def test_a_node_that_lies_about_its_chain(command: tuple[str, ...], lie: str, owner: Person, front: Proxy) -> None:
    front.asked.clear()
    front.answers = LIES[lie]
    error = owner.refused(6, *command, "--network", "fronted")
    assert error["code"] == "wrong_chain" and front.url in error["message"] and "expected" in error["message"]
    assert set(front.asked) <= IDENTITY, "nothing else was asked of it"


@pytest.mark.parametrize("lie", list(LIES))
def test_nothing_is_deployed_on_it(lie: str, owner: Person, front: Proxy) -> None:
    front.asked.clear()
    front.answers = LIES[lie]
    options = ("--insecure-srs", "--guardian", "other", "--label", "elsewhere")
    error = owner.refused(6, "network", "deploy", "fronted", *options)
    assert error["code"] == "wrong_chain" and set(front.asked) <= IDENTITY


def test_a_node_that_changes_chains_between_two_commands(owner: Person, front: Proxy) -> None:
    assert owner.do("network", "show", "--network", "fronted")["problem"] == ""
    front.answers = LIES["genesis"]
    assert "another chain: expected genesis" in owner.do("network", "show", "--network", "fronted")["problem"]


class TestAdd:
    """What `network add` asks, writes and refuses."""

    def test_the_chain_says_its_id(self, owner: Person, chains: Chains) -> None:
        added = owner.do("network", "add", "one", "--rpc", chains.first)
        assert (added["chain_id"], added["problem"], added["deployment"]) == (7001, "", "")
        assert owner.do("network", "show", "--network", "one")["problem"] == ""
        assert "no contracts yet" in owner.refused(3, "search", "--network", "one")["message"]

    def test_another_id_than_was_given(self, owner: Person, chains: Chains) -> None:
        error = owner.refused(6, "network", "add", "one", "--rpc", chains.first, "--chain-id", "1")
        assert "expected chain id 1, found 7001" in error["message"] and chains.first in error["message"]
        assert not (owner.home / "config.toml").exists()

    def test_endpoints_of_two_chains(self, owner: Person, chains: Chains) -> None:
        error = owner.refused(6, "network", "add", "both", "--rpc", chains.first, "--rpc", chains.second)
        assert f"{chains.second} is another chain: expected chain id 7001" in error["message"]
        assert not (owner.home / "config.toml").exists()

    def test_a_deployment_of_another_chain(self, both: Both, owner: Person, chains: Chains) -> None:
        file = str(both.owner.home / "deployments" / "two.json")
        error = owner.refused(6, "network", "add", "one", "--rpc", chains.first, "--deployment", file)
        assert "expected chain id 7002 with genesis" in error["message"] and "found chain id 7001" in error["message"]

    def test_nobody_answers(self, owner: Person) -> None:
        dead = closed_port()
        error = owner.refused(6, "network", "add", "far", "--rpc", dead)
        assert "no endpoint says which chain it is" in error["message"] and "--chain-id" in error["hint"]
        added = owner.do("network", "add", "far", "--rpc", dead, "--chain-id", "5")
        assert f"{dead} cannot be reached" in added["problem"] and added["chain_id"] == 5

    def test_one_of_two_answers(self, owner: Person, chains: Chains) -> None:
        dead = closed_port()
        added = owner.do("network", "add", "half", "--rpc", dead, "--rpc", chains.first)
        assert added["chain_id"] == 7001 and added["problem"].startswith(dead)
        shown = owner.do("network", "show", "--network", "half")
        assert shown["problem"] == "" and shown["rpc"] == [dead, chains.first]
        assert [entry["block"] for entry in shown["endpoints"]] == [None, shown["block"]]
        assert "cannot be reached" in shown["endpoints"][0]["problem"] and shown["endpoints"][1]["problem"] == ""
        assert 'rpc = ["' in (owner.home / "config.toml").read_text()

    def test_keys_in_a_url_are_kept_and_not_shown(self, owner: Person, chains: Chains) -> None:
        with proxy(chains.first) as front:
            url = front.url.replace("//", "//user:s3cret@") + "/v3/apikey"
            added = owner.run("network", "add", "keyed", "--rpc", url, "--rpc", closed_port() + "/hidden", "--json")
            assert added.code == 0 and url in (owner.home / "config.toml").read_text()
            shown = owner.run("network", "show", "--network", "keyed")
            assert shown.code == 0 and front.url in shown.out
            for ran in (added, shown, owner.run("network", "list")):
                assert not any(word in ran.out + ran.err for word in ("s3cret", "apikey", "hidden"))


def test_a_projects_network_is_not_deployed_on_before_it_is_trusted(owner: Person, chains: Chains) -> None:
    """A project that came from somebody else names it; the key is the user's own."""
    project = owner.folder / "project"
    (project / ".mlm").mkdir(parents=True)
    (project / "mlm.toml").write_text(f'[network.theirs]\nrpc = ["{chains.first}"]\nchain_id = 7001\n')
    person = replace(owner, folder=project)
    assert "theirs" in person.refused(9, "network", "deploy", "theirs", "--insecure-srs")["message"]


def test_a_whole_project_may_name_its_network(both: Both, owner: Person, chains: Chains) -> None:
    """Added and deployed within a project: the file lies in it, is named from it, and is trusted as it is written."""
    project = owner.folder / "project"
    (project / ".mlm").mkdir(parents=True)
    (project / "mlm.toml").write_text('[asset]\nname = "x"\nversion = "1.0.0"\nkind = "dataset"\n')
    person = replace(owner, folder=project)
    person.do("network", "add", "mine", "--rpc", chains.first)
    made = person.do("network", "deploy", "mine", "--insecure-srs", "--guardian", "other")
    assert made["file"] == str(project / "deployments" / "mine.json")
    assert 'deployment = "deployments/mine.json"' in (project / "mlm.toml").read_text()
    written = json.loads((project / "deployments" / "mine.json").read_text())
    assert written["contracts"]["JobMarket"]["address"] == create.named_address(OWNER, "JobMarket")
    assert person.do("stake", "deposit", "1", "--network", "mine")["total"], "no question of trust is left"
