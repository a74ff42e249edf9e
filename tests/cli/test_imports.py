"""Which libraries a command loads: those that read or send load no web3 and nothing of its family that is slow."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.command_line import HANDLE, MODEL, ROOT, Person
from tests.test_layers import LOADED

if TYPE_CHECKING:
    from tests.command_line import Market

SLOW = {"web3", "eth_account", "eth_abi", "eth_keyfile", "eth_keys", "onnx", "onnxruntime", "ezkl"}

READING = [
    ["job", "list"], ["asset", "list"], ["asset", "show", MODEL], ["asset", "versions", MODEL],
    ["price", "show", MODEL],
    ["search", "digits"], ["handle", "show", HANDLE], ["wallet", "list"], ["wallet", "show"], ["stake", "show"],
    ["whoami"], ["network", "show"], ["network", "list"], ["op", "log"], ["devnet", "status"], ["sync"],
    ["sql", "select 1"],
]  # fmt: skip


def loads(person: Person, arguments: list[str], heavy: set[str]) -> None:
    """Run the command in a process of its own; it ends well, and none of `heavy` is loaded then."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(heavy=heavy), *arguments],
        cwd=person.folder,
        env={**person.environment, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"mlm {' '.join(arguments)}: {done.stderr[-2000:]}{done.stdout[-500:]}"


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_reading_loads_nothing_slow(market: Market, arguments: list[str]) -> None:
    market.consumer.do("sync")  # what is new since goes into the index as it is
    loads(market.consumer, arguments, SLOW | {"numpy"})


def test_a_job_is_shown_without_anything_slow(market: Market) -> None:
    job = market.consumer.job()
    market.consumer.do("sync")
    for arguments in (["job", "show", job], ["job", "bids", job]):
        loads(market.consumer, arguments, SLOW | {"numpy"})
    loads(market.consumer, ["job", "cancel", job], SLOW | {"numpy"})


@pytest.mark.parametrize(
    "arguments",
    [
        ["handle", "claim", "loads-nothing"],
        ["stake", "deposit", "1", "--dry-run"],
        ["price", "set", MODEL, "--use", "0.1"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_sending_loads_nothing_slow(market: Market, arguments: list[str]) -> None:
    """Signing permits and transactions included."""
    person = market.provider if arguments[0] == "price" else market.person("watcher")
    loads(person, arguments, SLOW)
