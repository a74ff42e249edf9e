"""A real IPFS node for the session: js-ipfs with its RPC and a gateway (tests/ipfs/node.mjs), offline."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "ipfs"


@dataclass(frozen=True)
class Node:
    """Where the node listens."""

    api: str
    gateway: str


@pytest.fixture(scope="session")
def ipfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    assert (FOLDER / "node_modules").is_dir(), "js-ipfs is missing: run `make test`, or `npm ci` in tests/ipfs"
    process = subprocess.Popen(
        ["node", str(FOLDER / "node.mjs"), str(tmp_path_factory.mktemp("ipfs") / "repo")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path_factory.mktemp("ipfs-home"))},
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, "the IPFS node did not start"
        yield Node(**json.loads(line))
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
