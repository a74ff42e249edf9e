"""One free server for the session, of a real model in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlm.resources import path as resource

ROOT = Path(__file__).resolve().parents[2]
LIMITS = {
    "MLM_SERVE_SECONDS": "3",
    "MLM_SERVE_CONNECTIONS": "200",
    "MLM_SERVE_BODY_MB": "1",
    "MLM_RUNNER_TIMEOUT": "20",
    "MLM_RUNNER": "cpu",
}


@dataclass(frozen=True)
class Running:
    """A server."""

    process: subprocess.Popen[str]
    url: str
    model: str
    home: Path

    @property
    def infer(self) -> str:
        """The path of its model's calls."""
        return f"/v2/models/{self.model}/infer"


def start(
    folder: Path,
    home: Path,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    program: Sequence[str] = ("-m", "mlm"),
) -> Running:
    """`mlm serve …` in a process of its own, once it answers; `program` is what Python runs."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, *program, "serve", *arguments, "--json"],
        cwd=folder,
        env={**kept, "MLM_HOME": str(home), "PYTHONPATH": str(ROOT), **LIMITS, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    line = process.stdout.readline()
    assert line, f"the server did not start: {process.stderr.read()}"
    told = json.loads(line)
    assert "url" in told, told
    return Running(process, told["url"], told["model"], home)


def stop(running: Running) -> int:
    """Ask it to stop; its exit code."""
    if running.process.poll() is None:
        running.process.terminate()
    try:
        return running.process.wait(60)
    finally:
        running.process.kill()
        for stream in (running.process.stdout, running.process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture(scope="session")
def free(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server of the template's model, for nothing."""
    running = start(
        resource("templates") / "digits-mlp",
        tmp_path_factory.mktemp("serve"),
        "model.onnx",
        "--free",
        "--name",
        "digits",
    )
    try:
        yield running
    finally:
        stop(running)
