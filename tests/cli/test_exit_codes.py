"""No command ends with 0 after a failure, whether parsing, validation, a lookup or a contract failed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.cli.test_json import COMMANDS, documented, example
from tests.command_line import MODEL, Market, Person

JOB = "0x" + "f" * 64

# A thing that does not exist, or a value that is none, for every command that takes one.
LOOKUPS = [
    *(f"job {verb} {JOB}" for verb in ("show", "bids", "watch", "result", "cancel", "settle")),
    *(f"job {verb} {JOB}" for verb in ("award", "reveal", "withdraw-bid", "reopen")),
    f"bid {JOB} --price 1",
    *(f"lease {verb} {JOB}" for verb in ("show", "accept", "fulfil")),
    f"verify {JOB}",
    *(f"asset {verb} nobody/nothing" for verb in ("show", "versions")),
    f"asset show {MODEL}@9.9.9",
    "price show nobody/nothing",
    "price set nobody/nothing --use 1",
    "handle show no_handle!",
    "wallet show nobody",
    "wallet use nobody",
    "wallet faucet nobody",
    "network use nowhere",
    "network show --network nowhere",
    "op show 999",
    "op resume 999",
    "op undo 999",
    "devnet restore no-such-snapshot",
    "run no-such.onnx samples/digit.npy",
    f"run {MODEL} no-such.npy",
    "prove no-such.onnx samples/digit.npy -o nothing.json",
    "verify no-such.json",
    "sql 'select * from no_such_table'",
    "init here --template no-such-template",
    "completion no-such-shell",
    "stake deposit 0",
    "stake deposit 1e400",
    "stake deposit 999999999",
    "stake withdraw 999999999",
    f"job post {MODEL} -i samples/digit.npy --max-price nothing",
    f"job post {MODEL} -i no-such.npy --max-price 1",
    "devnet advance yesterday",
    "whoami --account nobody",
    "search digits --network nowhere",
    "log -C nowhere",
]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_can_fail(name: str, tmp_path: Path) -> None:
    """The same failure for all: the folder to work in is not there."""
    ran = Person("", tmp_path, tmp_path / "home").run(*example(name), "-C", str(tmp_path / "nowhere"), "--json")
    assert ran.code != 0
    documented(ran)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("line", LOOKUPS)
def test_what_does_not_exist_is_a_failure(line: str, market: Market) -> None:
    ran = market.consumer.run(*shlex.split(line), "--json")
    assert ran.code != 0, ran
    documented(ran)
    assert not ran.error["message"].startswith(("No such option", "Got unexpected", "Missing")), ran


@pytest.mark.parametrize(
    "line", ["stake deposit 999999999", f"job post {MODEL} -i samples/digit.npy --max-price 999999999"]
)
def test_too_little_money_is_told(line: str, market: Market) -> None:
    """What is needed and what is held; nothing was sent."""
    before = market.consumer.money
    error = market.consumer.refused(8, *shlex.split(line))
    assert "needs 999999999 MLM" in error["message"] and "holds" in error["message"] and error["hint"], error
    assert market.consumer.money == before
