"""The market's spine on a chain that is no devnet: its own id and genesis, blocks at intervals, encrypted keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from mlm.adapters.chain import deployment
from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import Rpc
from mlm.adapters.chain.send import EthSender
from mlm.adapters.wallet import devnet as accounts
from mlm.core.plan import Call
from tests.command_line import INPUT, ROOT, TOKEN, Person
from tests.networks.conftest import OTHER, Both
from tests.networks.proxy import Proxy, proxy

POST = ("job", "post", "alice/digits-mlp", "-i", INPUT, "--max-price", "5")


@dataclass(frozen=True)
class Trade:
    """`provider` has published alice/digits-mlp on the second chain; `consumer` reaches it through `front` first."""

    provider: Person
    consumer: Person
    rpc: Rpc
    front: Proxy


@pytest.fixture(scope="module")
def trade(both: Both, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trade]:
    root = tmp_path_factory.mktemp("trade")
    env = {**both.owner.env, "MLM_REMOTE": str(root / "remote"), "MLM_NETWORK": "two"}
    outside = replace(both.owner, folder=root, env=env)
    outside.do("init", "digits-mlp", "--template", "digits-mlp")
    provider = replace(outside, folder=root / "digits-mlp")
    for command in (("add", "."), ("commit", "-m", "first model"), ("publish", "--handle", "alice")):
        provider.do(*command)
    (root / "consumer" / "samples").mkdir(parents=True)
    (root / "consumer" / INPUT).write_bytes((ROOT / "templates" / "digits-mlp" / INPUT).read_bytes())
    rpc = Rpc(both.chains.second)
    chain = EthChain(rpc, deployment.load(both.owner.home / "deployments" / "two.json"))
    sender = EthSender(chain, accounts.derive(accounts.MNEMONIC, 7))
    signed = sender.sign(Call("MarketToken", "transfer", (OTHER, 100 * TOKEN)))
    sender.broadcast(signed)
    sender.wait(signed)
    with proxy(both.chains.second) as front:
        urls = ("--rpc", front.url, "--rpc", both.chains.second)
        both.owner.do("network", "add", "relayed", *urls, "--deployment", "home/deployments/two.json")
        consumer = Person("other", root / "consumer", both.owner.home, {**env, "MLM_NETWORK": "relayed"})
        yield Trade(provider, consumer, rpc, front)


def test_a_job_is_posted_while_the_first_endpoint_dies(trade: Trade) -> None:
    """Wherever in the command it dies, the job is posted once; what was asked before is not asked again."""
    sent = int(trade.rpc.call("eth_getTransactionCount", OTHER, "latest"), 16)
    asked = len(trade.front.asked)
    jobs = [trade.consumer.do(*POST, "--bidding", "7200")["job"]]
    requests = len(trade.front.asked) - asked
    assert requests > 10, "the first endpoint serves while it lives"
    for number, mood in ((1, "dead"), (requests // 2, "cut"), (requests - 4, "nonsense")):
        trade.front.mood, trade.front.after = mood, number
        jobs.append(trade.consumer.do(*POST, "--bidding", str(3600 + number))["job"])
        trade.front.mood = "honest"
    assert len(set(jobs)) == 4
    assert int(trade.rpc.call("eth_getTransactionCount", OTHER, "latest"), 16) == sent + 4
    assert {row["job"] for row in trade.consumer.do("job", "list")["jobs"]} >= set(jobs)


def test_a_broadcast_whose_answer_is_lost_is_not_paid_for_twice(trade: Trade) -> None:
    """The first endpoint passes the transaction on and dies: the second knows it already, or has it in a block."""
    before = int(trade.consumer.do("wallet", "show", "other")["tokens"])
    sent = int(trade.rpc.call("eth_getTransactionCount", OTHER, "latest"), 16)
    trade.front.asked.clear()
    trade.front.loses = "eth_sendRawTransaction"
    job = trade.consumer.do(*POST, "--bidding", "4000")["job"]
    assert trade.front.mood == "dead", "it came so far"
    trade.front.mood = "honest"
    assert int(trade.rpc.call("eth_getTransactionCount", OTHER, "latest"), 16) == sent + 1
    assert int(trade.consumer.do("wallet", "show", "other")["tokens"]) == before - 5 * TOKEN
    assert trade.consumer.do("job", "show", job)["state"] == "open"


def test_without_a_shared_remote_nothing_is_published(trade: Trade) -> None:
    env = {name: value for name, value in trade.provider.env.items() if name != "MLM_REMOTE"}
    error = replace(trade.provider, env=env).refused(2, "publish", "--handle", "alice")
    assert "no remote is set" in error["message"] and "MLM_REMOTE" in error["hint"]


def test_a_job_is_done_and_paid(trade: Trade) -> None:
    before = int(trade.consumer.do("wallet", "show", "other")["tokens"])
    job = trade.consumer.do(*POST, "--bidding", "1800")["job"]
    assert trade.provider.do("bid", job, "--price", "3", "--stake")["best"] is True
    trade.rpc.call("evm_increaseTime", 1801)
    trade.rpc.call("evm_mine")
    done = trade.provider.do("lease", "fulfil", job)
    assert done["state"] == "accepted"
    assert trade.consumer.do("job", "result", job)["job"] == job
    assert trade.consumer.do("wallet", "show", "other")["tokens"] == str(before - 5 * TOKEN)
    assert trade.consumer.do("wallet", "show", "other")["credit"] == str(2 * TOKEN)
