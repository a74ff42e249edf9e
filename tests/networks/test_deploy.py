"""`mlm network deploy` on two chains, and the market's spine on the second of them, with an encrypted key."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlm.adapters.chain import create, deployment, listing
from mlm.adapters.chain.abi import artifact
from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import Rpc
from tests.anvil import anvil
from tests.command_line import ROOT, Person
from tests.networks.conftest import DEPLOY, OTHER, OWNER, Both

NAMES = {entry.name for entry in listing.shipped()}
CREATED = 1 + len(NAMES)  # the Deployer too


def file_of(person: Person, network: str) -> deployment.Deployment:
    return deployment.load(person.home / "deployments" / f"{network}.json")


def test_a_killed_deployment_goes_on(both: Both) -> None:
    assert both.killed.code == -9 and 0 < both.begun < 7
    assert len(both.plan["steps"]) == CREATED - both.begun and both.done["steps"] == [], "the killed operation went on"
    assert [(row["outcome"], row["steps"], row["done"]) for row in both.log["operations"]] == [
        ("done", CREATED, CREATED)
    ] * 2
    assert both.done["result"]["guardian"] == OTHER
    assert both.sent == CREATED, "the Deployer and every contract were made once"
    again = both.owner.run(*DEPLOY, "--json").value
    assert again["steps"] == [] and again["result"] == both.done["result"]


def test_addresses_are_the_same_on_both_chains(both: Both) -> None:
    one, two = file_of(both.owner, "one"), file_of(both.owner, "two")
    assert (one.chain_id, two.chain_id) == (7001, 7002) and one.genesis_hash != two.genesis_hash
    assert set(one.contracts) == set(two.contracts) == NAMES
    for name in NAMES:
        assert one.address(name) == two.address(name) == create.named_address(OWNER, name)


def test_the_deployers_own_address_follows_from_its_bytecode(both: Both) -> None:
    """Changing Deployer.sol or its settings would move every contract on every chain."""
    code = artifact("Deployer").bytecode
    assert create.create2_address(create.FACTORY, create.SALT, code) == create.DEPLOYER
    chain = EthChain(Rpc(both.chains.first), file_of(both.owner, "one"))
    for account, name in ((OWNER, "JobMarket"), (OTHER, "a/JobMarket"), (OTHER, "x" * 70), (OTHER, "")):
        assert chain.call("Deployer", "addressOf", account, name) == create.named_address(account, name)


def test_a_lost_file_is_written_again_from_the_chain(both: Both) -> None:
    for name in ("one", "two"):
        path = both.owner.home / "deployments" / f"{name}.json"
        written = path.read_bytes()
        path.unlink()
        assert "network deploy" in both.owner.refused(3, "search", "--network", name)["hint"]
        assert both.owner.run("network", "deploy", name, "--insecure-srs", "--guardian", "other").code == 0
        assert path.read_bytes() == written


def test_other_arguments_are_not_taken_for_the_same(both: Both) -> None:
    error = both.owner.refused(12, "network", "deploy", "two", "--insecure-srs")
    assert "JobMarket" in error["message"] and "--label" in error["hint"]


def test_anothers_contracts_are_not_written_over(both: Both) -> None:
    written = (both.owner.home / "deployments" / "two.json").read_bytes()
    error = replace(both.owner, account="other").refused(12, *DEPLOY)
    assert "two.json says that" in error["message"] and "--deployment" in error["hint"]
    assert (both.owner.home / "deployments" / "two.json").read_bytes() == written


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((), 2, "either --srs FILE or --insecure-srs"),
        (("--insecure-srs", "--srs", "srs.json"), 2, "either --srs FILE or --insecure-srs"),
        (("--srs", "missing.json"), 3, "missing.json"),
        (("--srs", "srs.json"), 2, "these are the devnet's points"),
        (("--srs", "bad.json"), 4, "8 elements of BN254's base field"),
        (("--insecure-srs", "--token", "0x" + "11" * 20), 2, "found no code"),
        (("--insecure-srs", "--token", create.FACTORY), 2, "is no ERC-20 that says its decimals"),
        (("--insecure-srs", "--token", "0x12"), 9, "expected an address of 20 bytes"),
        (("--insecure-srs", "--guardian", "nobody"), 9, "no account is called 'nobody'"),
        (("--insecure-srs", "--label", "x" * 65), 2, "at most 64 printable"),
    ],
)
def test_choices_that_cannot_be(both: Both, options: tuple[str, ...], code: int, message: str) -> None:
    (both.owner.folder / "srs.json").write_bytes((ROOT / "circuits" / "srs.json").read_bytes())
    (both.owner.folder / "bad.json").write_text(json.dumps({"format": "mlm/srs/1", "points": ["0x1"] * 7}))
    file = ("--deployment", "new.json")
    assert message in both.owner.refused(code, "network", "deploy", "one", *file, *options)["message"]
    assert not (both.owner.folder / "new.json").exists()


def test_the_devnet_is_not_deployed_so(both: Both) -> None:
    assert "mlm devnet up" in both.owner.refused(2, "network", "deploy", "devnet", "--insecure-srs")["hint"]
    assert (
        "no network is called 'nowhere'"
        in both.owner.refused(2, "network", "deploy", "nowhere", "--insecure-srs")["message"]
    )


def test_an_existing_token_and_a_ceremonys_points(both: Both) -> None:
    """Of the second deployment of an account, which its label tells from the first."""
    (both.owner.folder / "own.json").write_text(
        json.dumps({"format": "mlm/srs/1", "points": [hex(i) for i in range(1, 9)]})
    )
    token = file_of(both.owner, "one").address("MarketToken")
    options = ("--token", token, "--srs", "own.json", "--label", "v2", "--deployment", "v2.json")
    both.owner.do("network", "add", "again", "--rpc", both.chains.first)
    made = both.owner.do("network", "deploy", "again", *options)
    placed = {entry["name"]: entry["address"] for entry in made["contracts"]}
    assert set(placed) == NAMES and placed["MarketToken"] == token and made["holder"] == ""
    assert placed["JobMarket"] == create.named_address(OWNER, "v2/JobMarket")
    chain = EthChain(Rpc(both.chains.first), deployment.load(both.owner.folder / "v2.json"))
    assert chain.call("JobMarket", "token") == token
    assert list(chain.call("ZkVerifier", "srsPoints")) == list(range(1, 9))
    assert both.owner.do("network", "show", "--network", "again")["problem"] == ""


def test_a_chain_without_the_factory(both: Both, tmp_path: Path) -> None:
    with anvil(tmp_path, "--chain-id", "7003", "--disable-default-create2-deployer") as url:
        both.owner.do("network", "add", "bare", "--rpc", url)
        error = both.owner.refused(6, "network", "deploy", "bare", "--insecure-srs")
        assert create.FACTORY in error["message"] and "deterministic-deployment-proxy" in error["hint"]
        rpc = Rpc(url)
        rpc.call("anvil_setCode", create.FACTORY, "0x600160005260206000f3")
        assert "something else" in both.owner.refused(6, "network", "deploy", "bare", "--insecure-srs")["message"]
        assert int(rpc.call("eth_getTransactionCount", OWNER, "latest"), 16) == 0
