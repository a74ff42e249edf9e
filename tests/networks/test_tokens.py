"""Markets over tokens that were there before: their units, payments with and without permits, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.chain import deployment
from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import Rpc
from mlm.adapters.chain.send import EthSender
from mlm.adapters.wallet import devnet as accounts
from mlm.core.digest import keccak256
from mlm.core.money import MLM, Unit
from mlm.core.plan import Call
from tests.anvil import anvil
from tests.command_line import INPUT, ROOT, Person
from tests.foreign_tokens import put
from tests.networks.conftest import OTHER, OWNER
from tests.networks.proxy import proxy

SUPPLY = 10**30
USDT = 10**6  # base units
POST = ("job", "post", "alice/digits-mlp", "-i", INPUT, "--max-price", "2.5")
DEPLOY = ("network", "deploy", "--insecure-srs", "--token")


@dataclass(frozen=True)
class World:
    """A chain with a market paid in a token like USDT, whose model `provider` has published."""

    url: str
    rpc: Rpc
    provider: Person
    consumer: Person
    made: dict[str, Any]
    plan: dict[str, Any]
    chain: EthChain

    def send(self, index: int, call: Call) -> None:
        """A call by an account of the test phrase."""
        sender = EthSender(self.chain, accounts.derive(accounts.MNEMONIC, index))
        signed = sender.sign(call)
        sender.broadcast(signed)
        sender.wait(signed)

    def market(self, name: str, token: str) -> Person:
        """The owner, in a network of its own over this token on the same chain."""
        owner = replace(self.provider, env={**self.provider.env, "MLM_NETWORK": name})
        owner.do("network", "add", name, "--rpc", self.url)
        owner.do(*DEPLOY[:2], name, *DEPLOY[2:], token, "--label", name)
        return owner


@pytest.fixture(scope="module")
def world(keyring: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("tokens")
    home = root / "home"
    home.mkdir()
    (home / "keystore").symlink_to(keyring / "home" / "keystore")
    remote = str(root / "remote")
    env = {"MLM_PASSWORD_FILE": str(keyring / "password"), "MLM_REMOTE": remote, "MLM_NETWORK": "usdt"}
    outside = Person("owner", root, home, env)
    with anvil(root, "--chain-id", "7005", "--hardfork", "cancun") as url:
        token = put(url, "SilentToken", OWNER, "USDT", 6, SUPPLY)
        outside.do("network", "add", "usdt", "--rpc", url)
        plan = outside.run("network", "deploy", "usdt", *DEPLOY[2:], token, "--dry-run", "--json").value
        made = outside.do("network", "deploy", "usdt", *DEPLOY[2:], token)
        outside.do("init", "digits-mlp", "--template", "digits-mlp")
        provider = replace(outside, folder=root / "digits-mlp")
        for command in (("add", "."), ("commit", "-m", "first model"), ("publish", "--handle", "alice")):
            provider.do(*command)
        (root / "consumer" / "samples").mkdir(parents=True)
        (root / "consumer" / INPUT).write_bytes((ROOT / "templates" / "digits-mlp" / INPUT).read_bytes())
        consumer = replace(outside, account="other", folder=root / "consumer")
        rpc = Rpc(url)
        chain = EthChain(rpc, deployment.load(home / "deployments" / "usdt.json"))
        found = World(url, rpc, provider, consumer, made, plan, chain)
        found.send(7, Call("MarketToken", "transfer", (OTHER, 1_000 * USDT)))
        yield found


def steps(person: Person, *command: str) -> list[str]:
    """The titles of an operation's steps, once it is done."""
    return [step["title"] for step in person.run(*command, "--json").value["steps"] if step["kind"] == "transaction"]


def paid_in(plan: Any) -> str:
    """What a plan says of the market that it deploys."""
    return next(str(step["title"]) for step in plan["steps"] if "paid in" in step["title"])


def test_the_deployment_knows_the_unit(world: World) -> None:
    assert (world.made["symbol"], world.made["decimals"]) == ("USDT", 6)
    assert world.chain.deployment.unit == Unit("USDT", 6)
    title = paid_in(world.plan)
    assert "paid in USDT of 6 decimals" in title and "transfers were tried with 1 of its holders" in title
    params = world.chain.call("JobMarket", "params")
    assert tuple(value for value in params if value in (10 * USDT, USDT)) == (10 * USDT, USDT, USDT)
    price = world.consumer.do("price", "show", "alice/digits-mlp")
    assert price["use_price"] == str(USDT // 10)


def test_a_price_is_typed_and_shown_in_the_tokens_unit(world: World) -> None:
    """Without permits: approve, then post; a person reads USDT everywhere."""
    before = int(world.consumer.do("wallet", "show")["tokens"])
    plan = world.consumer.run(*POST, "--dry-run")
    assert "2.5 USDT" in plan.out and "MLM" not in plan.out, plan
    ran = world.consumer.run(*POST, "--bidding", "7200")
    assert ran.code == 0 and "allow JobMarket to take 2.5 USDT" in ran.out and "escrow 2.5 USDT" in ran.out, ran
    assert world.chain.call("MarketToken", "allowance", OTHER, world.chain.address_of("JobMarket")) == 0
    assert int(world.consumer.do("wallet", "show")["tokens"]) == before - 2_500_000
    assert f"{(before - 2_500_000) / USDT:.10g} USDT" in world.consumer.run("wallet", "show").out
    job = world.consumer.do("job", "list")["jobs"][0]["job"]
    assert world.consumer.do("job", "show", job)["max_price"] == "2500000"
    assert "2.5 USDT" in world.consumer.run("job", "show", job).out
    world.consumer.do("job", "cancel", job)
    assert "2.5 USDT" in world.consumer.run("wallet", "withdraw").out
    assert int(world.consumer.do("wallet", "show")["tokens"]) == before


def test_an_allowance_that_stands_is_taken_back_first(world: World) -> None:
    """USDT changes an allowance from or to 0 only; one that is large enough is used as it is."""
    market = world.chain.address_of("JobMarket")
    world.send(8, Call("MarketToken", "approve", (market, 7)))
    assert steps(world.consumer, *POST, "--bidding", "4000") == [
        "take back what JobMarket may take, 0.000007 USDT",
        "allow JobMarket to take 2.5 USDT",
        "post the job, escrow 2.5 USDT",
    ]
    world.send(8, Call("MarketToken", "approve", (market, 3 * USDT)))
    assert steps(world.consumer, *POST, "--bidding", "4001") == ["post the job, escrow 2.5 USDT"]
    world.send(8, Call("MarketToken", "approve", (market, 0)))


def test_the_index_reads_no_transfers_of_strangers(world: World) -> None:
    """Of a token that the world uses, only what the market's contracts take and give; once, from one to the other."""
    stranger = "0x" + "5a" * 20
    before = world.chain.block().number
    world.send(7, Call("MarketToken", "transfer", (stranger, 1)))
    job = world.consumer.do(*POST, "--bidding", "5000")["job"]
    world.consumer.do("job", "cancel", job)
    world.consumer.do("wallet", "withdraw")
    logs = world.chain.logs(before + 1, world.chain.block().number)
    token, market = (world.chain.address_of(name) for name in ("MarketToken", "JobMarket"))
    moved = [log for log in logs if log.address == token]
    assert [int(log.topics[2], 16) for log in moved] == [int(market, 16), int(OTHER, 16)]
    assert len(logs) > 2 and logs == sorted(logs, key=lambda log: (log.block_number, log.log_index))


def test_too_many_digits_are_refused_and_not_rounded(world: World) -> None:
    error = world.consumer.refused(2, *POST[:-1], "2.1234567")
    assert "at most 6 digits after the point, as USDT has" in error["message"]
    assert "2.123456 or 2.123457" in error["hint"]
    assert "expected an amount" in world.consumer.refused(2, *POST[:-1], "2.5 MLM")["message"]


def test_a_job_from_the_bid_to_the_withdrawal(world: World) -> None:
    """The bid stakes what its lock needs, 10 USDT; the provider never accepts, so both lose the undelivered fee."""
    job = world.consumer.do(*POST, "--bidding", "600", "--delivery", "600")["job"]
    assert "free stake is 0 USDT" in world.provider.refused(8, "bid", job, "--price", "2.25")["message"]
    assert steps(world.provider, "bid", job, "--price", "2.25", "--stake") == [
        "allow StakeVault to take 10 USDT",
        "deposit 10 USDT as provider stake",
        f"bid 2.25 USDT on {job[:10]}",
    ]
    assert "2.25 USDT" in world.consumer.run("job", "bids", job).out
    world.rpc.call("evm_increaseTime", 1_201)
    world.rpc.call("evm_mine")
    world.consumer.do("job", "settle", job)
    fee = 25_000  # a hundredth of the maximum price
    shown = world.consumer.run("job", "show", job).out
    assert "0.025 USDT" in shown and "2.475 USDT" in shown, shown
    assert world.consumer.do("wallet", "show")["credit"] == str(2_500_000 - fee)
    assert "2.475 USDT" in world.consumer.run("wallet", "withdraw").out
    assert world.provider.do("stake", "show")["total"] == str(10 * USDT - fee)
    assert "9.975 USDT" in world.provider.run("stake", "show").out
    assert world.provider.do("stake", "withdraw", "9.975")["unbonding"] == str(10 * USDT - fee)


def test_a_token_whose_permits_are_of_another_version(world: World) -> None:
    """USDC: one transaction, signed for the domain version "2" that its separator shows."""
    owner = world.market("usdc", put(world.url, "SecondVersionToken", OWNER, SUPPLY))
    assert steps(owner, "stake", "deposit", "1.5") == ["deposit 1.5 USDC as provider stake"]
    assert owner.do("stake", "show")["total"] == "1500000"


def test_permits_that_are_not_eip_2612s(world: World) -> None:
    """DAI says a domain and nonces too: its permit is tried, fails, and an approval takes its place."""
    owner = world.market("dai", put(world.url, "OtherPermitToken", OWNER, SUPPLY))
    assert steps(owner, "stake", "deposit", "1.5") == [
        "allow StakeVault to take 1.5 DAI",
        "deposit 1.5 DAI as provider stake",
    ]


def test_eight_decimals_with_permits_and_a_symbol_that_could_mislead(world: World) -> None:
    """The token says how it moves the cursor and that everything is free; its address stands in the symbol's place."""
    token = put(world.url, "PlainToken", OWNER, "\x1b[2J0\u202e", 8, SUPPLY)
    owner = world.market("wbtc", token)
    assert json.loads((owner.folder / "deployments" / "wbtc.json").read_text())["token"] == {
        "symbol": token[:10],
        "decimals": 8,
    }
    assert steps(owner, "stake", "deposit", "0.00000001") == [f"deposit 0.00000001 {token[:10]} as provider stake"]


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("FeeToken", (SUPPLY, 100), "to arrive, found"),
        ("FeeToken", (SUPPLY, 1), "to arrive, found"),
        ("RebasingToken", (SUPPLY, SUPPLY // 10_000), "30 days later"),
        ("FalseToken", (SUPPLY,), "says by its return value that transferFrom failed"),
        ("SilentToken", ("MANY", 37, SUPPLY), "expected 0 to 36 decimals, found 37"),
    ],
)
def test_tokens_that_are_refused(world: World, name: str, arguments: tuple[Any, ...], words: str) -> None:
    _refused(world, put(world.url, name, OWNER, *arguments), words)


def test_shares_that_round_are_refused(world: World) -> None:
    """stETH: a pool of half as much again as there are shares."""
    token = put(world.url, "RebasingToken", OWNER, SUPPLY, 0)
    data = keccak256(b"rebase(uint256)")[:4] + (SUPPLY * 3 // 2).to_bytes(32, "big")
    world.rpc.call("anvil_impersonateAccount", OWNER)
    world.rpc.call("eth_sendTransaction", {"from": OWNER, "to": token, "data": "0x" + data.hex()})
    world.rpc.call("anvil_stopImpersonatingAccount", OWNER)
    _refused(world, token, "to arrive, found")


def test_a_fee_that_spares_the_deployer_is_found_with_another_holder(world: World) -> None:
    """The deployer holds none: whoever received some lately is asked."""
    _refused(world, put(world.url, "FeeToken", OTHER, SUPPLY, 100), "to arrive, found")


def test_a_node_that_cannot_simulate_is_told(world: World) -> None:
    """Nothing is known then, and the plan says so; the market's own check at each deposit stays."""
    token = put(world.url, "PlainToken", OWNER, "USDX", 6, SUPPLY)
    with proxy(world.url) as front:
        front.lacks.add("eth_simulateV1")
        owner = replace(world.provider, env={**world.provider.env, "MLM_NETWORK": "old"})
        owner.do("network", "add", "old", "--rpc", front.url)
        arguments = (*DEPLOY[2:], token, "--label", "old", "--dry-run", "--json")
        plan = owner.run("network", "deploy", "old", *arguments).value
    assert "no transfer was tried: the node has no eth_simulateV1" in paid_in(plan)


def test_a_token_that_nobody_holds_is_told(world: World) -> None:
    token = put(world.url, "PlainToken", OWNER, "NEW", 6, 0)
    arguments = (*DEPLOY[2:], token, "--label", "new", "--deployment", "new.json", "--dry-run", "--json")
    plan = world.provider.run("network", "deploy", "usdt", *arguments).value
    assert "no transfer was tried: no holder was found" in paid_in(plan)


def test_a_file_that_says_other_decimals_than_the_token(world: World) -> None:
    """Every amount that is typed would be another one on the chain: nothing is paid."""
    file = world.consumer.folder / "wrong.json"
    value = json.loads((world.consumer.home / "deployments" / "usdt.json").read_text())
    file.write_text(json.dumps({**value, "token": {"symbol": "USDT", "decimals": 5}}))
    world.consumer.do("network", "add", "wrong", "--rpc", world.url, "--deployment", "wrong.json")
    consumer = replace(world.consumer, env={**world.consumer.env, "MLM_NETWORK": "wrong"})
    error = consumer.refused(4, "stake", "deposit", "1")
    assert "expected a token of 5 decimals" in error["message"] and "found 6" in error["message"]


def test_a_file_of_before_means_mlm(world: World) -> None:
    value = json.loads((world.consumer.home / "deployments" / "usdt.json").read_text())
    del value["token"]
    assert deployment.parse(value, "old.json").unit == MLM


def _refused(world: World, token: str, words: str) -> None:
    """Before anything is deployed."""
    owner = world.provider
    sent = world.rpc.call("eth_getTransactionCount", OWNER, "latest")
    arguments = ("--deployment", "refused.json", "--label", "refused")
    error = owner.refused(2, "network", "deploy", "usdt", *DEPLOY[2:], token, *arguments)
    assert words in error["message"], error
    assert world.rpc.call("eth_getTransactionCount", OWNER, "latest") == sent
    assert not (owner.folder / "refused.json").exists()


def test_an_asset_is_sold_for_a_token_without_permits(world: World) -> None:
    """The last here: the asset has a bid then, and stays in its sale."""
    world.provider.do("sale", "start", "alice/digits-mlp", "--reserve", "2", "--hours", "1")
    sale = world.consumer.do("sale", "list", "--open")["sales"][0]["sale"]
    before = int(world.consumer.do("wallet", "show")["tokens"])
    assert steps(world.consumer, "sale", "bid", sale, "--price", "2.5") == [
        "allow AssetSale to take 2.5 USDT",
        "bid 2.5 USDT for alice/digits-mlp",
    ]
    assert int(world.consumer.do("wallet", "show")["tokens"]) == before - 2_500_000
    assert world.consumer.do("sale", "show", sale)["price"] == "2500000"
