"""A market with the tier tee: a model whose publisher names an enclave, and attesters in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlm.cli.context import Session
from mlm.core.attest_request import AttestRequest, KeyRequest, Signed
from mlm.core.tee import Task
from mlm.ports.bundle import Ports
from mlm.ports.enclave import Enclave
from mlm.workflows import attest_gather, inputs, lookup, model
from mlm.workflows.tiers.tee import key_of, task_of
from tests.command_line import HANDLE, INPUT, ROOT, Market, Person, start, stop
from tests.serving.clients import request

GOVERNANCE = "deployer"  # of the devnet
ATTESTERS = ("watcher", "compute-2", "model-provider")


@dataclass
class Attesters:
    """The attesters of a market by account: their servers, and where they answer."""

    market: Market
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)

    def person(self, account: str) -> Person:
        """Whoever attests, in a folder of its own."""
        found = self.market.person(account, f"attester-{account}")
        found.folder.mkdir(parents=True, exist_ok=True)
        return found

    def serve(self, account: str, port: int = 0, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Start a server in a process of its own; what it says once it answers."""
        person = self.person(account)
        with (person.folder / "serve.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "mlm", "attester", "serve", "--port", str(port), "--json"],
                cwd=person.folder,
                env={**person.environment, "PYTHONPATH": str(ROOT), **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (person.folder / "serve.log").read_text()
        self.processes[account], found = process, json.loads(line)
        self.urls[account] = found["url"]
        assert isinstance(found, dict)
        return found

    def stop(self, account: str) -> None:
        """SIGTERM, and its end."""
        process = self.processes.pop(account)
        process.terminate()
        assert process.wait(30) == 0

    def restart(self, account: str) -> None:
        """Stopped, and started again where it was."""
        self.stop(account)
        self.serve(account, int(self.urls[account].rpartition(":")[2]))

    def close(self) -> None:
        """End all that still run."""
        for process in self.processes.values():
            process.kill()
            process.wait()


def publish(market: Market, version: str = "1.1.0", before: str = "1.0.0") -> None:
    """A version of MODEL whose publisher allows the simulated enclave of this machine."""
    allow(market.provider, f'version = "{before}"', f'version = "{version}"')


def enclosed(project: Person, name: str) -> None:
    """A model of this name, from a new project, whose publisher does so."""
    allow(project, 'name = "digits-mlp"', f'name = "{name}"')


def allow(project: Person, before: str, after: str) -> None:
    """Publish what a project holds with other words in its mlm.toml, for the simulated enclave of this machine."""
    ran = project.do("run", "model.onnx", INPUT, "--tee")
    settings = project.folder / "mlm.toml"
    text = settings.read_text().replace(before, after)
    if "measurements" not in text:
        text = text.replace("[verification]", f'[verification]\nmeasurements = ["{ran["measurement"]}"]')
    settings.write_text(text)
    project.do("add", "mlm.toml")
    project.do("commit", "-m", "an enclave may run it")
    project.do("publish", "--handle", HANDLE)


def admit(attesters: Attesters, needed: int = 2, serving: tuple[str, ...] = ATTESTERS) -> None:
    """Three members, of whom `needed` must sign; those that do not serve say an address where nobody answers."""
    governance = attesters.person(GOVERNANCE)
    for account in ATTESTERS:
        url = attesters.serve(account)["url"] if account in serving else "http://127.0.0.1:9"
        joined = attesters.person(account).do("attester", "join", "--url", url)
        governance.do("attester", "admit", joined["account"])
    governance.do("attester", "threshold", str(needed))


@contextmanager
def attested_market(root: Path, serving: tuple[str, ...] = ATTESTERS) -> Iterator[Attesters]:
    """A devnet, the published version, and its attesters."""
    attesters = None
    try:
        market = start(root)
        publish(market)
        attesters = Attesters(market)
        admit(attesters, serving=serving)
        yield attesters
    finally:
        if attesters is not None:
            attesters.close()
        stop(root / "home")


def ask(ports: Ports, url: str, asked: AttestRequest | KeyRequest) -> Signed:
    """What the attester at a URL answers this account, which signs its request to whoever says to be there."""
    body, there = asked.to_json(), request(url, "GET", "/health").json["attester"]
    return ports.attesters.attest(url, attest_gather.ask(ports, there, asked.job_id, body), body)


def ports_of(person: Person, enclave: Enclave | None = None) -> Ports:
    """A person's ports in this process; with another enclave than its machine has."""
    made = Session(env=person.environment, cwd=person.folder).ports
    if enclave is not None:
        made.enclave = enclave  # type: ignore[misc]
    return made


@dataclass(frozen=True)
class Honest:
    """What an honest provider gives the enclave for a job."""

    job: lookup.Job
    onnx: bytes
    block: bytes
    task: Task
    measurements: tuple[bytes, ...]
    model_digest: bytes

    def asked(self, ports: Ports, enclave: Enclave, **given: Any) -> AttestRequest:
        """Run, and say what came of it; `given` (onnx, block, task) is what the enclave is given otherwise."""
        from mlm.core.commitment import tensors_root

        at = ports.chain.block().timestamp
        done = enclave.run(
            given.get("onnx", self.onnx), given.get("block", self.block), given.get("task", self.task), at
        )
        root = tensors_root(self.task.output_salt, done.outputs)
        return AttestRequest(
            self.job.job_id,
            self.model_digest,
            self.measurements,
            root,
            0,
            0,
            at,
            True,
            done.quote,
            done.collateral,
        )


def honest(ports: Ports, job_id: str) -> Honest:
    """For the lease holder of a public job."""
    job = lookup.job(ports, job_id)
    loaded = model.load(ports, lookup.version_by_id(ports, job.version_id))
    received = inputs.fetch(ports, job, loaded)
    key = key_of(loaded.manifest)
    task = replace(task_of(ports, job), input_salt=received.salt)
    block = ports.tensors.to_block(received.tensors)
    return Honest(job, loaded.onnx, block, task, key.digests, key.model)
