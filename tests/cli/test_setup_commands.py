"""`mlm devnet`, `network`, `wallet` and `whoami` as commands: one JSON object, or one line and its exit code."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.wallet import devnet as accounts
from mlm.adapters.wallet import keystore
from mlm.cli.app import main
from tests.devnet_fixture import RunningDevnet

Mlm = Callable[..., tuple[int, Any]]


@pytest.fixture
def mlm(
    devnet: RunningDevnet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Mlm:
    """Run a command with --json on the session's devnet; its exit code and its one object."""
    monkeypatch.setenv("MLM_HOME", str(devnet.mlm_home))
    monkeypatch.setattr(keystore, "SCRYPT_N", 1 << 10)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def run(*words: str) -> tuple[int, Any]:
        with pytest.raises(SystemExit) as ended:
            main([*words, "--json"])
        return int(ended.value.code or 0), json.loads(capsys.readouterr().out)

    return run


def fails(found: tuple[int, Any], code: int, name: str, text: str) -> None:
    assert found[0] == code and found[1]["error"]["code"] == name and text in found[1]["error"]["message"], found


def test_devnet(mlm: Mlm, devnet: RunningDevnet) -> None:
    code, up = mlm("devnet", "up")
    assert code == 0 and up["url"] == devnet.url and not up["deployed_now"]
    assert {entry["name"] for entry in up["accounts"]} == set(accounts.NAMES)
    before = mlm("devnet", "status")[1]
    after = mlm("devnet", "advance", "15m")[1]
    assert after["running"] and after["time"] >= before["time"] + 900 and after["block"] > before["block"]
    assert mlm("devnet", "logs", "-n", "2")[1]["lines"]
    fails(mlm("devnet", "advance", "1x"), 2, "usage", "expected a duration")
    fails(mlm("devnet", "restore", "nothing"), 3, "not_found", "no snapshot is called 'nothing'")
    fails(mlm("devnet", "reset"), 2, "usage", "forgotten")
    assert mlm("devnet", "status")[1]["running"]


def test_devnet_that_is_down(mlm: Mlm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLM_HOME", str(tmp_path / "fresh"))
    assert mlm("devnet", "status")[1]["running"] is False
    assert mlm("devnet", "down") == (0, {"was_running": False})
    assert mlm("devnet", "reset", "--yes") == (0, {"was_running": False})
    fails(mlm("devnet", "advance", "5"), 6, "chain", "not running")
    fails(mlm("devnet", "logs"), 3, "not_found", "never ran")
    assert mlm("wallet", "list")[0] in (0, 3)
    code, shown = mlm("network", "show")
    assert code == 0 and "down" in shown["problem"]


def test_whoami_and_faucet(mlm: Mlm) -> None:
    code, who = mlm("whoami", "--account", "consumer")
    assert code == 0 and who["address"] == accounts.address("consumer") and who["chain_id"] == 31337
    _, given = mlm("wallet", "faucet", "consumer", "--amount", "2.5", "--coins", "0.5")
    assert given["tokens"] == str(25 * 10**17) and len(given["transactions"]) == 2
    after = mlm("wallet", "show", "consumer")[1]
    assert int(after["tokens"]) == int(who["tokens"]) + 25 * 10**17
    assert int(after["coins"]) == int(who["coins"]) + 5 * 10**17
    fails(mlm("wallet", "faucet", "consumer", "--amount", "0", "--coins", "0"), 2, "usage", "above zero")
    fails(mlm("whoami"), 9, "wallet", "no account is chosen")
    fails(mlm("whoami", "-a", "nobody"), 9, "wallet", "no account is called 'nobody'")
    fails(mlm("wallet", "withdraw", "-a", "watcher"), 8, "insufficient_funds", "nothing is credited")


def test_keystore_accounts(mlm: Mlm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "word").write_text("a long password\n")
    (tmp_path / "key").write_text("0x" + "42" * 32 + "\n")
    (tmp_path / "nokey").write_text("s3cret-but-no-key")
    password = ("--password-file", str(tmp_path / "word"))
    code, made = mlm("wallet", "new", "setup-alice", *password)
    assert code == 0 and made["source"] == "keystore"
    code, brought = mlm("wallet", "import", "setup-bob", "--key-file", "key", *password)
    assert code == 0
    names = [account["name"] for account in mlm("wallet", "list")[1]["accounts"]]
    assert names[: len(accounts.NAMES)] == list(accounts.NAMES) and {"setup-alice", "setup-bob"} <= set(names)
    fails(mlm("wallet", "new", "setup-alice", *password), 9, "wallet", "exists already")
    fails(mlm("wallet", "new", "consumer", *password), 9, "wallet", "name of a devnet account")
    found = mlm("wallet", "import", "setup-carol", "--key-file", "nokey", *password)
    fails(found, 9, "wallet", "expected a key of 64 hex digits")
    assert "s3cret" not in json.dumps(found[1])
    fails(mlm("wallet", "new", "setup-dave"), 9, "wallet", "nobody can be asked")
    assert mlm("wallet", "faucet", "setup-alice", "--amount", "3")[0] == 0
    # A keystore account signs for real.
    code, staked = mlm("stake", "deposit", "1", "--account", "setup-alice", *password)
    assert code == 0, staked
    (tmp_path / "wrong").write_text("other\n")
    wrong = mlm("stake", "deposit", "1", "--account", "setup-alice", "--password-file", str(tmp_path / "wrong"))
    fails(wrong, 9, "wallet", "wrong password for 'setup-alice'")


def test_networks(mlm: Mlm, devnet: RunningDevnet, tmp_path: Path) -> None:
    shown = mlm("network", "show")[1]
    assert shown["name"] == "devnet" and shown["problem"] == "" and shown["finalized"] >= shown["block"]
    (tmp_path / ".mlm").mkdir()
    options = ("--rpc", "http://127.0.0.1:1", "--chain-id", "5", "--deployment", "x.json")
    code, saved = mlm("network", "add", "sep", *options)
    assert code == 0 and saved["file"] == str(tmp_path / "mlm.toml") and "cannot be reached" in saved["problem"]
    listed = mlm("network", "list")[1]["networks"]
    assert [entry["name"] for entry in listed] == ["devnet", "sep"]
    assert mlm("network", "use", "sep")[0] == 0
    assert [entry["chosen"] for entry in mlm("network", "list")[1]["networks"]] == [False, True]
    assert "x.json" in mlm("network", "show")[1]["problem"]
    fails(mlm("wallet", "faucet", "0x" + "11" * 20), 2, "usage", "only the devnet has a faucet")
    fails(mlm("network", "use", "nowhere"), 3, "not_found", "there are devnet, sep")
    fails(mlm("network", "add", "devnet", *options), 2, "usage", "other than devnet")
    fails(mlm("network", "add", "x", "--rpc", "ftp://x", *options[2:]), 2, "usage", "http(s)")
    # A devnet account on a network that only pretends to be the devnet.
    rpc = ("--rpc", devnet.url, "--chain-id", "31337", "--deployment", "x.json")
    (tmp_path / "x.json").write_text(json.dumps(devnet.deployment.to_json()))
    assert mlm("network", "add", "fake", *rpc)[0] == 0
    (tmp_path / "x.json").write_text(json.dumps({**devnet.deployment.to_json(), "genesisHash": "0x" + "12" * 32}))
    fails(mlm("network", "add", "other", *rpc), 6, "chain", "expected chain id 31337 with genesis 0x1212")
    fails(mlm("stake", "deposit", "1", "-a", "consumer", "--network", "fake"), 9, "wallet", "recorded devnet only")
