"""Settings: one table, four sources, later ones win, and a mistake names its place and the nearest key."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from mlm.config import SETTINGS, example, load
from mlm.core.errors import UsageError

NETWORK = {"rpc": "http://127.0.0.1:8545", "chain_id": 1, "deployment": "d.json"}


def test_defaults() -> None:
    config = load({}, {})
    assert all(config.get(item.key) == item.default for item in SETTINGS)
    assert all(type(item.default) is item.type for item in SETTINGS)
    assert len({item.key for item in SETTINGS}) == len({item.env for item in SETTINGS}) == len(SETTINGS)


def test_later_sources_win_and_are_named() -> None:
    files = {"home": {"account": "one", "job": {"bidding": 60}}, "project": {"account": "two"}}
    config = load(files, {"MLM_BIDDING": "90"})
    assert (config.get("account"), config.source["account"]) == ("two", "project")
    assert (config.get("job.bidding"), config.source["job.bidding"]) == (90, "MLM_BIDDING")
    assert config.get("job.delivery") == 3600 and "job.delivery" not in config.source


def test_an_empty_variable_is_none() -> None:
    assert load({"home": {"account": "one"}}, {"MLM_ACCOUNT": ""}).get("account") == "one"


@pytest.mark.parametrize("item", SETTINGS, ids=lambda item: item.key)
def test_every_setting_is_read_from_its_variable(item: Any) -> None:
    word = item.choices[-1] if item.choices else "x"
    text, value = {str: (word, word), int: ("7", 7), float: ("7.5", 7.5), bool: ("yes", True)}[item.type]
    assert load({}, {item.env: text}).get(item.key) == value
    if item.choices:
        with pytest.raises(UsageError, match=f"{item.env}: {item.key} must be one of .*, found 'neither'"):
            load({}, {item.env: "neither"})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"job": {"biding": 60}}, "unknown key 'job.biding'"),
        ({"acount": "x"}, "unknown key 'acount'"),
        ({"job": {"bidding": "60"}}, "job.bidding must be int, found '60'"),
        ({"job": {"bidding": True}}, "job.bidding must be int, found True"),
        ({"job": {"bidding": 1.5}}, "job.bidding must be int"),
        ({"account": 5}, "account must be str"),
        ({"chain": {"timeout": "fast"}}, "chain.timeout must be float"),
        ({"network": {"sepolia": {**NETWORK, "chain_id": "1"}}}, "chain_id must be int"),
        ({"network": {"sepolia": {"rpc": "x"}}}, "chain_id must be int, found None"),
        ({"network": {"sepolia": {**NETWORK, "rcp": "x"}}}, "unknown key 'rcp'"),
        ({"network": {"sepolia": {**NETWORK, "rpc": []}}}, "rpc must be str, found []"),
        ({"network": {"sepolia": {**NETWORK, "rpc": ["http://x", 5]}}}, "rpc must be str, found 5"),
        ({"network": {"sepolia": {**NETWORK, "deployment": 5}}}, "deployment must be str, found 5"),
        ({"network": {"sepolia": {**NETWORK, "chain_id": True}}}, "chain_id must be int, found True"),
        ({"network": {"devnet": NETWORK}}, "cannot be set"),
        ({"network": {"Bad Name": NETWORK}}, "name"),
    ],
)
def test_mistakes(table: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        load({"mlm.toml": table}, {})
    assert "mlm.toml" in str(caught.value)


def test_the_nearest_key_is_offered() -> None:
    with pytest.raises(UsageError) as caught:
        load({"mlm.toml": {"job": {"biding": 60}}}, {})
    assert caught.value.hint == "Did you mean 'job.bidding'?"
    with pytest.raises(UsageError, match="unknown key"):
        load({}, {}).get("no.such.key")


@pytest.mark.parametrize("text", ["x", "", "1.5", "1e3", "0x10"])
def test_a_variable_of_the_wrong_type(text: str) -> None:
    if text:
        with pytest.raises(UsageError, match="MLM_BIDDING: job.bidding must be int"):
            load({}, {"MLM_BIDDING": text})


def test_an_integer_serves_where_a_float_is_wanted() -> None:
    found = load({"mlm.toml": {"chain": {"timeout": 5}}}, {}).get("chain.timeout")
    assert found == 5.0 and isinstance(found, float)


# Setting -> the user's value, one that a project may choose then, and one that it may not.
STRICTER: dict[str, tuple[Any, Any, Any]] = {
    "password_file": ("/home/me/password", "/home/me/password", "password"),
    "chain.max_fee_gwei": (50.0, 49.0, 51.0),
    "chain.max_tip_gwei": (2.0, 2.0, 3.0),
    "chain.finality": ("safe", "finalized", "included"),
    "runner.provider": ("cuda", "cpu", "auto"),
    "runner.threads": (2, 2, 0),
    "tee.status": ("UpToDate,OutOfDate", "UpToDate,OutOfDate", "UpToDate"),
    "tee.enclave": ("hardware", "hardware", "simulated"),
    "tee.collateral": ("/srv/tdx.json", "/srv/tdx.json", "tdx.json"),
    "tee.timeout": (30.0, 29.0, 31.0),
    "tee.rate": (2.0, 2.0, 0.0),
    "tee.private_urls": (False, False, True),
    "tee.reports": ("/sys/a", "/sys/a", "/tmp/a"),
    "runner.memory_mb": (1000, 999, 1001),
    "runner.timeout": (10.0, 9.0, 10.5),
    "runner.fuel": (100, 99, 101),
    "runner.sandbox": ("landlock", "bubblewrap", "auto"),
    "runner.engine": ("ray", "ray", "local"),
    "runner.ray_address": ("10.0.0.1:6379", "10.0.0.1:6379", "192.0.2.1:6379"),
    "runner.ray_cpus": (2.0, 2.0, 0.1),
    "runner.ray_folder": ("/srv/mlm", "/srv/mlm", "/etc"),
    "prover.memory_mb": (1000, 1, 100_000),
    "prover.timeout": (10.0, 10.0, 11.0),
    "prover.disk_mb": (100, 100, 101),
    "job.verification": (7200, 7201, 7199),
    "remote.max_gb": (10.0, 9.5, 11.0),
    "beacon.secrets": (2, 1, 3),
    "worker.jobs": (2, 2, 3),
    "worker.strategy": ("market", "market", "evil.py:Cheap"),
    "worker.cost": ("1", "1", "0"),
    "worker.hourly": ("2", "2", "0"),
    "worker.margin": (20.0, 20.0, 0.0),
    "worker.collect": ("5", "5", "0"),
    "worker.disk_mb": (100, 100, 101),
    "serve.body_mb": (4, 4, 64),
    "serve.seconds": (5.0, 5.0, 60.0),
    "serve.connections": (100, 100, 10_000),
    "serve.queue": (10, 10, 10_000),
    "serve.batch": (8, 8, 64),
    "serve.children": (1, 1, 64),
    "serve.payer_calls": (8, 8, 1000),
    "serve.payer_rate": (5.0, 5.0, 0.0),
    "gateway.rate": (5.0, 5.0, 0.0),
    "serve.drain": (5.0, 5.0, 600.0),
    "serve.margin": (900, 900, 1),
    "serve.claim": ("5", "5", "0"),
    "serve.contract_signers": (False, False, True),
}


def _table(key: str, value: Any) -> dict[str, Any]:
    section, _, name = key.rpartition(".")
    return {section: {name: value}} if section else {name: value}


@pytest.mark.parametrize("item", [item for item in SETTINGS if item.project], ids=lambda item: item.key)
def test_a_project_may_only_be_stricter_than_its_user(item: Any) -> None:
    own, stricter, laxer = STRICTER[item.key]
    home, env = {"home": _table(item.key, own)}, {item.env: str(laxer)}
    strict, lax = ({"project": _table(item.key, value)} for value in (stricter, laxer))
    assert load({**home, **strict}, {}, "project").get(item.key) == stricter
    message = f"project: {item.key}: expected .*{own!r}.*, found {laxer!r}: a project "
    with pytest.raises(UsageError, match=message) as caught:
        load({**home, **lax}, {}, "project")
    assert item.env in caught.value.hint and "config.toml" in caught.value.hint
    # The user's own words hold: in the environment, and in a file of their own.
    assert load({**home, **lax}, env, "project").get(item.key) == laxer
    assert str(load({"home": _table(item.key, laxer)}, {}).get(item.key)) == str(laxer)


@pytest.mark.parametrize(
    ("key", "value"),
    [("chain.max_fee_gwei", 201), ("runner.threads", 1), ("runner.memory_mb", 4097), ("job.verification", 3599)],
)
def test_nor_than_the_default(key: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"project: {key}: expected"):
        load({"project": _table(key, value)}, {}, "project")


def test_the_example_is_a_project_file() -> None:
    files = {"home": {}, "project": tomllib.loads(example())}
    assert load(files, {}, "project").get("runner.timeout") == 120.0


def test_networks() -> None:
    config = load({"home": {"network": {"default": "sepolia", "sepolia": NETWORK}}}, {})
    assert config.get("network.default") == "sepolia"
    assert (config.networks["sepolia"].chain_id, config.networks["sepolia"].name) == (1, "sepolia")
    assert config.networks["sepolia"].rpc == (NETWORK["rpc"],)
    several = {"rpc": ["http://a", "http://b"], "chain_id": 1}
    found = load({"home": {"network": {"two": several}}}, {}).networks["two"]
    assert (found.rpc, found.deployment) == (("http://a", "http://b"), "")


def test_the_assets_sections_are_not_ours() -> None:
    assert load({"mlm.toml": {"asset": {"name": "x"}, "metrics": {"any": 1.0}, "parents": []}}, {}).values == {}
