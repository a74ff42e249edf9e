"""Bad inputs, each named for its defect, and the one rule that holds of all: a clear line, its exit code, no change.

A case arranges files, networks or jobs, and types a command. The command runs twice, for a person and with `--json`.
Both times it must end with the code of docs/exit-codes.md and say one line, and nothing may have changed: neither the
project's folder, nor MLM_HOME, nor what the accounts hold on the chain.
"""

from __future__ import annotations

import json
import os
import shlex
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from mlm.adapters.chain import abi, deployment
from mlm.adapters.chain.rpc import Rpc
from mlm.adapters.devnet.home import Home
from mlm.adapters.devnet.supervisor import LocalDevnet
from mlm.adapters.wallet import devnet as accounts
from mlm.cli.render import plain
from mlm.core import errors
from tests.bad.shared import Shared
from tests.command_line import Person, Ran

T = TypeVar("T")
LONGEST = 500  # characters of a message: one line that a person reads to its end
_SHELL = set("<>|;&$'")
_HASHED = 1 << 24  # bytes; of a larger file only the size counts
# What may be made again at any time, or what nobody refers to: compiled circuits, the chain's index, blocks.
_CACHES = ("cache", "devnet", "objects")
FAMILIES: dict[int, str] = {
    kind.exit_code: kind.code for kind in (errors.MlmError, *errors.MlmError.__subclasses__()) if "code" in vars(kind)
}


@dataclass
class Scene:
    """Somebody at a shell, before the command is typed. A case changes what it likes."""

    root: Path
    shared: Shared
    stack: ExitStack
    account: str = "consumer"
    env: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)  # for {names} in the command
    folder: Path = field(init=False)
    home: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder, self.home = self.root / "work", self.root / "home"
        for folder in (self.folder, self.home):
            folder.mkdir()
        # The devnet of the session, and the circuits compiled there; keystore and journal are the case's own.
        for name in ("devnet", "cache"):
            (self.home / name).symlink_to(self.shared.market.home / name)
        (self.home / "state.duckdb").write_bytes(self.shared.index)

    @property
    def person(self) -> Person:
        """Who types."""
        return Person(self.account, self.folder, self.home, self.env)

    @property
    def url(self) -> str:
        """The devnet's node."""
        return LocalDevnet(self.shared.market.home / "devnet", self.home / "cache").status().url

    def write(self, name: str, content: bytes | str) -> Path:
        """A file in the working folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def project(self, toml: str = "", commit: bool = False) -> Path:
        """A project in the working folder, and what its mlm.toml says."""
        self.person.do("init")
        if toml:
            self.write("mlm.toml", toml)
        if commit:
            self.write("data.txt", "data")
            self.person.do("add", ".")
            self.person.do("commit", "-m", "first")
        return self.folder

    def network(self, url: str, name: str = "theirs", **changes: Any) -> None:
        """MLM_HOME names a network with the devnet's contracts, at this address, and uses it."""
        file = self.home / "theirs.json"
        file.write_bytes((self.home / "devnet" / "deployment.json").read_bytes())
        entry = {"rpc": url, "chain_id": 31337, "deployment": str(file), **changes}
        lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in entry.items())
        (self.home / "config.toml").write_text(f"[network.{name}]\n{lines}\n")
        self.env["MLM_NETWORK"] = name

    def enter(self, context: AbstractContextManager[T]) -> T:
        """Something that lasts until the case is over."""
        return self.stack.enter_context(context)

    def change(self, owner: object, name: str, value: object) -> None:
        """Another value for the duration: a shorter wait, or an attacker's version of a function."""
        self.enter(mock.patch.object(owner, name, value))

    def later(self, act: Callable[[], object]) -> None:
        """Do this when the case is over."""
        self.stack.callback(act)

    def run(self, command: str, *more: str) -> Ran:
        """Type a command: in this process, or into bash where it needs one."""
        command = command.format(**self.words)
        if not _SHELL & set(command):
            program, *arguments = shlex.split(command)
            assert program == "mlm"
            return self.person.run(*arguments, *more)
        return self.person.shell(command.replace("mlm ", f"mlm {shlex.join(more)} ", 1) if more else command)

    def state(self) -> dict[str, object]:
        """A digest of everything that a failed command must leave as it was."""
        found: dict[str, object] = {}
        for base in (self.folder, self.home):
            found.update(_digest(base, base))
        return found | self._money()

    def _money(self) -> dict[str, object]:
        """Transactions sent, coins and tokens of each account of the devnet."""
        home = Home(self.shared.market.home / "devnet")
        token = deployment.load(home.deployment).address("MarketToken")
        balance_of = abi.load("MarketToken").encode_call
        calls: list[tuple[str, tuple[Any, ...]]] = []
        for name in accounts.NAMES:
            address = accounts.address(name)
            request = {"to": token, "data": "0x" + balance_of("balanceOf", (address,)).hex()}
            calls += [
                ("eth_getTransactionCount", (address, "latest")),
                ("eth_getBalance", (address, "latest")),
                ("eth_call", (request, "latest")),
            ]
        rpc = Rpc(self.url)
        answers = rpc.batch(calls)
        rpc.close()
        return {f"{name} on chain": tuple(answers[3 * i : 3 * i + 3]) for i, name in enumerate(accounts.NAMES)}


def _digest(base: Path, folder: Path) -> Iterator[tuple[str, object]]:
    for entry in sorted(os.scandir(folder), key=lambda item: item.name):
        path, info = Path(entry.path), entry.stat(follow_symlinks=False)
        if entry.name in _CACHES and folder in (base, base / ".mlm"):
            continue
        if entry.name.startswith("state") and ".duckdb" in entry.name:
            continue
        name = f"{base.name}/{path.relative_to(base)}"
        kind = stat.filemode(info.st_mode)
        if stat.S_ISDIR(info.st_mode):
            yield name, kind
            yield from _digest(base, path)
        elif stat.S_ISLNK(info.st_mode):
            yield name, os.readlink(path)
        elif stat.S_ISREG(info.st_mode) and info.st_size <= _HASHED:
            yield name, (kind, sha256(path.read_bytes()).hexdigest())
        else:
            yield name, (kind, info.st_size)


Arrange = Callable[[Scene], object]


@dataclass(frozen=True)
class Case:
    """A defect, the command that meets it, and what it must answer."""

    name: str
    command: str
    code: int
    says: tuple[str, ...]  # what the message must hold: what was expected, and what was found
    arrange: Arrange
    error: str  # error.code of the JSON
    hint: str

    @property
    def defect(self) -> str:
        """The name as words."""
        return self.name.replace("_", " ")

    def hold(self, scene: Scene) -> None:
        """Type the command twice, and hold what it does against the rule."""
        self.arrange(scene)
        before = scene.state()
        for check, more in ((self._line, ()), (self._object, ("--json",))):
            ran = scene.run(self.command, *more)
            assert ran.code == self.code, ran
            check(ran, scene)
            after = scene.state()
            assert after == before, f"{ran}\nchanged: {sorted(set(after.items()) ^ set(before.items()))}"

    def _line(self, ran: Ran, scene: Scene) -> None:
        lines = ran.err.splitlines()
        assert lines and lines[0].startswith("error: "), f"{ran}\nexpected a line that begins with error:"
        assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("hint:  ")), f"{ran}\nexpected a line"
        self._message(lines[0].removeprefix("error: "), lines[1] if len(lines) == 2 else "", ran, scene)
        if self.error != errors.VerificationFailed.code:  # a verification shows its checks, and then what failed
            assert not ran.out, f"{ran}\nexpected nothing on stdout"

    def _object(self, ran: Ran, scene: Scene) -> None:
        assert not ran.err, f"{ran}\nexpected nothing on stderr"
        found = ran.value
        if "verified" in found:  # a verification is a value, whatever comes out
            failed = [check for check in found["checks"] if check["passed"] is False]
            assert not found["verified"] and self.error == errors.VerificationFailed.code, ran
            self._message(
                " ".join(f"{ran.arguments[1]} {each['check']} {each['found']}" for each in failed), "", ran, scene
            )
            return
        found = ran.error
        assert found["code"] == self.error, f"{ran}\nexpected {self.error}"
        self._message(plain(found["message"]), found["hint"], ran, scene)

    def _message(self, message: str, hint: str, ran: Ran, scene: Scene) -> None:
        assert len(message) <= LONGEST and "\n" not in message, f"{ran}\nexpected one short line"
        assert "a bug in mlm" not in message and "Traceback" not in ran.err, ran
        for words in self.says:
            words = words.format(**scene.words) if "{" in words else words
            assert words in message, f"{ran}\nexpected {words!r} in the message"
        assert self.hint in hint, f"{ran}\nexpected {self.hint!r} in the hint"


CASES: dict[str, Case] = {}


def bad(command: str, code: int, *says: str, error: str = "", hint: str = "") -> Callable[[Arrange], Arrange]:
    """Register the function as the arrangement of a case, which is named after it."""
    assert says, f"{command}: say what the message must hold"

    def register(arrange: Arrange) -> Arrange:
        name = arrange.__name__
        assert name not in CASES, f"two cases are called {name}"
        CASES[name] = Case(name, command, code, says, arrange, error or FAMILIES[code], hint)
        return arrange

    return register


def nothing(scene: Scene) -> None:
    """The command alone is the defect."""
