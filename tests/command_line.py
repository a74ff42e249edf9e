"""The command line as people use it, for tests: real accounts, a real devnet, in this process or in one of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.devnet.home import Home, is_held
from mlm.cli.app import main
from tests import forked

ROOT = Path(__file__).resolve().parent.parent
HANDLE, MODEL, INPUT = "alice", "alice/digits-mlp", "samples/digit.npy"
TOKEN = 10**18  # base units
# The deployment's parameters (devnet/deployment.json), in tokens: every amount that a test expects follows from them.
LOCK, UNDELIVERED_FEE, GAS_COMPENSATION = 10 * TOKEN, 5 * TOKEN // 100, TOKEN


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    arguments: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def value(self) -> dict[str, Any]:
        """The one JSON object on stdout; anything else there fails the test."""
        assert self.out.count("\n") == 1 and self.out.endswith("\n"), f"{self}: not one line of JSON"
        found = json.loads(self.out)
        assert isinstance(found, dict), f"{self}: not an object"
        return found

    @property
    def error(self) -> dict[str, Any]:
        """The error object of a failed command."""
        found = self.value
        assert list(found) == ["error"] and self.code != 0, f"{self}: not an error"
        error: dict[str, Any] = found["error"]
        assert error["code"] and error["message"] and "\n" not in error["message"].strip(), self
        return error

    def __str__(self) -> str:
        return f"mlm {' '.join(self.arguments)} -> {self.code}\n{self.out}\n{self.err}"


@dataclass(frozen=True)
class Person:
    """Somebody at a shell: an account's name, a folder to work in, and MLM_HOME."""

    account: str
    folder: Path
    home: Path
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of a command."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        own = {"MLM_HOME": str(self.home), **({"MLM_ACCOUNT": self.account} if self.account else {})}
        return {**kept, "COLUMNS": "200", **own, **self.env}

    def run(self, *arguments: str) -> Ran:
        """Run a command in this process, which saves its imports; stdin is no terminal."""
        out, err = io.StringIO(), io.StringIO()
        before, cwd = dict(os.environ), Path.cwd()
        os.environ.clear()
        os.environ.update(self.environment)
        os.chdir(self.folder)
        stdin, sys.stdin = sys.stdin, io.StringIO()
        code = 0
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main(arguments)
        except SystemExit as exit:
            code = int(exit.code or 0)
        finally:
            sys.stdin = stdin
            os.chdir(cwd)
            os.environ.clear()
            os.environ.update(before)
        return Ran(arguments, code, out.getvalue(), err.getvalue())

    def spawn(self, *arguments: str, timeout: float = 240.0) -> Ran:
        """Run a command in a process of its own, forked from one that has loaded mlm (tests/forked.py)."""
        done = forked.run(arguments, cwd=self.folder, env=self.environment, timeout=timeout)
        return Ran(arguments, done.returncode, done.stdout, done.stderr)

    def spawn_afresh(self, *arguments: str, timeout: float = 240.0) -> Ran:
        """As `spawn`, in a process that Python is started for, and takes apart at its end."""
        done = subprocess.run(
            [sys.executable, "-m", "mlm", *arguments],
            cwd=self.folder,
            env={**self.environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        return Ran(arguments, done.returncode, done.stdout, done.stderr)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command in a process that Python is started for, beside what others do; `ended` waits for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "mlm", *arguments],
            cwd=self.folder,
            env={**self.environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def killed(self, at: int, when: str, *arguments: str) -> Ran:
        """Run a command that dies by SIGKILL before or after its `at`-th journal write, broadcast or receipt."""
        environment = self.environment
        done = forked.run(arguments, cwd=self.folder, env=environment, timeout=120, killer=(at, when))
        return Ran(arguments, done.returncode, done.stdout, done.stderr)

    def killed_afresh(self, at: int, when: str, *arguments: str) -> Ran:
        """As `killed`, in a process that Python is started for: the kill meets one that loads everything itself."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "tests" / "e2e" / "killer.py"), str(at), when, *arguments],
            cwd=self.folder,
            env={**self.environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Ran(arguments, done.returncode, done.stdout, done.stderr)

    def shell(self, script: str, timeout: float = 240.0) -> Ran:
        """Run lines of bash as a person types them; `mlm` is this checkout's."""
        mlm = f'mlm() {{ {shlex.quote(sys.executable)} -m mlm "$@"; }}'
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{mlm}\n{script}"],
            cwd=self.folder,
            env={**self.environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        return Ran((script,), done.returncode, done.stdout, done.stderr)

    def do(self, *arguments: str) -> dict[str, Any]:
        """The JSON value of a command that must end well; of an operation, its result."""
        ran = self.run(*arguments, "--json")
        assert ran.code == 0, ran
        value = ran.value
        found = value["result"] if set(value) == {"result", "steps"} else value
        assert isinstance(found, dict)
        return found

    def refused(self, code: int, *arguments: str) -> dict[str, Any]:
        """The error of a command that must end with this exit code."""
        ran = self.run(*arguments, "--json")
        assert ran.code == code, ran
        return ran.error

    def job(self, *options: str, auction: str = "reverse", price: str = "5") -> str:
        """Post a job on the published model; its id."""
        posted = self.do("job", "post", MODEL, "-i", INPUT, "--max-price", price, "--auction", auction, *options)
        return str(posted["job"])

    @property
    def money(self) -> int:
        """Tokens in the wallet, credited and staked, in base units."""
        held = self.do("wallet", "show", self.account)
        return int(held["tokens"]) + int(held["credit"]) + int(held["licence_credit"]) + int(self.stake["total"])

    @property
    def stake(self) -> dict[str, Any]:
        """The account's stake as a provider."""
        return self.do("stake", "show")


@dataclass(frozen=True)
class Market:
    """A devnet on which `provider` has published MODEL; every person has a folder with INPUT in it."""

    home: Path
    root: Path

    def person(self, account: str, folder: str = "") -> Person:
        """Somebody with an account of the devnet and a folder of its own."""
        return Person(account, self.root / (folder or account), self.home)

    @property
    def provider(self) -> Person:
        """Who published, in the project's folder."""
        return self.person("model-provider", "model-provider/digits-mlp")

    @property
    def consumer(self) -> Person:
        """Who posts jobs."""
        return self.person("consumer")

    @property
    def first(self) -> Person:
        """A compute provider."""
        return self.person("compute-1")

    @property
    def second(self) -> Person:
        """Another one."""
        return self.person("compute-2")

    def advance(self, duration: str) -> None:
        """Let time pass on the chain."""
        self.consumer.do("devnet", "advance", duration)


def start(root: Path) -> Market:
    """A devnet in `root`, the people's folders, and the published model."""
    market = Market(root / "home", root / "people")
    sample = ROOT / "templates" / "digits-mlp" / INPUT
    for account in ("model-provider", "consumer", "compute-1", "compute-2", "watcher"):
        file = market.root / account / INPUT
        file.parent.mkdir(parents=True)
        file.write_bytes(sample.read_bytes())
    market.consumer.do("devnet", "up")
    market.person("model-provider").do("init", "digits-mlp", "--template", "digits-mlp")
    provider = market.provider
    provider.do("add", ".")
    provider.do("commit", "-m", "first model")
    made, kept = market.home / "cache" / "ezkl", Path(_kept().name) / "ezkl"
    if kept.exists():
        shutil.copytree(kept, made)
    provider.do("publish", "--handle", HANDLE)
    if not kept.exists():
        shutil.copytree(made, kept)
    return market


@cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    """Until this process ends: the circuit of MODEL, which takes two seconds of a processor, the same each time."""
    return tempfile.TemporaryDirectory(prefix="mlm-circuit-")


def sent(market: Market, account: str) -> int:
    """How many transactions an account of the devnet has sent."""
    from mlm.adapters.chain.rpc import Rpc, quantity
    from mlm.adapters.wallet import devnet as accounts

    rpc = Rpc(market.consumer.do("devnet", "status")["url"])
    try:
        return quantity(rpc.call("eth_getTransactionCount", accounts.address(account), "latest"), "a nonce")
    finally:
        rpc.close()


def ended(process: subprocess.Popen[str], timeout: float = 120.0) -> Ran:
    """What a command that was begun did; it is killed when it takes longer."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"still running after {timeout} s: {out}{err}") from None
    return Ran(tuple(process.args[3:]), process.returncode, out, err)  # type: ignore[index]


def stop(home: Path) -> None:
    """Stop the devnet of `home`, by the ids that it recorded, and make sure that nothing of it is left."""
    found = Home(home / "devnet")
    Person("", home.parent, home).run("devnet", "down")
    assert not is_held(found.supervisor_lock) and not is_held(found.node_lock), f"a process of {home} is left"


def kill(pid: int) -> None:
    """SIGKILL to one process, which a status named."""
    assert pid > 1
    os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """One for the session. Tests take jobs of their own and leave no stake locked behind."""
    root = tmp_path_factory.mktemp("market")
    try:
        yield start(root)
    finally:
        stop(root / "home")
