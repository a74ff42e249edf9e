"""The devnet as its commands see it: start, stop, ask. The work is done by the supervisor's own process."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from mlm.adapters.chain.deployment import Deployment
from mlm.adapters.chain.rpc import Rpc, RpcError
from mlm.adapters.devnet import engine, market
from mlm.adapters.devnet.home import Home, is_held, locked, read_json
from mlm.adapters.devnet.node import kill_orphan
from mlm.adapters.devnet.process import kill_holder
from mlm.adapters.devnet.supervise import BUSY
from mlm.adapters.wallet import devnet as accounts
from mlm.core.errors import ChainError, MlmError, NotFound, StateConflict, UsageError
from mlm.ports.devnet import DevnetStatus, DevnetUp

_START_TIMEOUT = 90.0  # seconds: a long journal is replayed first
_STOP_GRACE = 30.0
_ATTEMPTS = 4


class LocalDevnet:
    """The devnet in MLM_HOME/devnet (ports.devnet.Devnet)."""

    def __init__(self, home: Path, cache: Path) -> None:
        self.home, self._cache = Home(home), cache

    def install(self) -> str:
        """Download the engine if it is missing; the binary's path."""
        return str(engine.install(self._cache).binary)

    def start(self) -> DevnetUp:
        """Start the chain if it is down; deploy and fund what is missing. Raises ToolMissing without the engine."""
        self.home.make()
        with locked(self.home.up_lock, "the devnet"):
            url, (deployment, fresh) = self._prepare()
        return DevnetUp(
            url=url,
            chain_id=deployment.chain_id,
            genesis_hash=deployment.genesis_hash,
            block=deployment.block,
            contracts=tuple((name, entry.address) for name, entry in deployment.contracts.items()),
            accounts=tuple((name, accounts.address(name)) for name in accounts.NAMES),
            remote=str(self.home.remote),
            deployment=str(self.home.deployment),
            fresh=fresh,
        )

    def url(self) -> str | None:
        """Where the running devnet answers; None when it is down."""
        return self._url()

    def stop(self) -> bool:
        """End supervisor and node; False when neither ran."""
        ran = kill_holder(self.home.supervisor_lock, "the devnet's supervisor", _STOP_GRACE)
        if is_held(self.home.node_lock):
            kill_orphan(self.home)
            ran = True
        return ran

    def status(self) -> DevnetStatus:
        """What runs, and where the chain stands; `url` is empty when it is down."""
        url = self._url()
        if url is None:
            return DevnetStatus(url="", pid=0, node_pid=0, block=0, time=0, offset=0, journalled=0, restarts=0)
        found = self._ask("mlm_status")
        return DevnetStatus(
            url=url,
            pid=int(read_json(self.home.run).get("pid", 0)),
            node_pid=found["nodePid"],
            block=found["block"],
            time=found["time"],
            offset=found["offset"],
            journalled=found["journalled"],
            restarts=found["restarts"],
            diverged=tuple(found["diverged"]),
        )

    def control(self, action: str, argument: int | str) -> None:
        """`advance` by seconds, `snapshot` or `restore` by name."""
        if action not in ("advance", "snapshot", "restore"):
            raise UsageError(f"expected advance, snapshot or restore, found {action!r}")
        self._ask(f"mlm_{action}", argument)

    def reset(self) -> None:
        """Stop, and forget the chain and its deployment. Named snapshots belong to that chain and go too."""
        self.stop()
        if not self.home.root.exists():
            return
        with locked(self.home.up_lock, "the devnet"):
            for folder in (self.home.chain, self.home.snapshots):
                shutil.rmtree(folder, ignore_errors=True)
            for file in (self.home.genesis, self.home.deployment, self.home.run):
                file.unlink(missing_ok=True)

    def logs(self, lines: int) -> list[str]:
        """The last lines of the supervisor's log."""
        try:
            text = self.home.log.read_text(errors="replace")
        except FileNotFoundError as error:
            raise NotFound("the devnet has no log: it never ran", hint="Run `mlm devnet up`.") from error
        return text.splitlines()[-lines:] if lines > 0 else []

    def _ask(self, method: str, *params: int | str) -> dict:
        url = self._url()
        if url is None:
            raise ChainError("the devnet is not running", hint="Run `mlm devnet up`.")
        try:
            found = Rpc(url, timeout=120.0).call(method, *params)
        except RpcError as error:
            raise _own_error(error) from error
        if not isinstance(found, dict):
            raise ChainError(f"the devnet answered {method} with nonsense: {str(found)[:60]!r}")
        return found

    def _url(self) -> str | None:
        """The URL of a supervisor that runs and serves: the one whose id stands in the lock that is held."""
        if not is_held(self.home.supervisor_lock):
            return None
        run = read_json(self.home.run)
        if str(run.get("pid")) != self.home.supervisor_lock.read_text():
            return None  # what the supervisor before it left
        url = run.get("url")
        return url if isinstance(url, str) else None

    def _prepare(self) -> tuple[str, tuple[Deployment, bool]]:
        """A supervisor that has just been killed may still seem to run: try again when it turns out dead."""
        attempt = 1
        while True:
            url = self._url() or self._spawn()
            try:
                return url, market.prepare(self.home, url)
            except ChainError:
                if attempt == _ATTEMPTS:
                    raise
            attempt += 1
            time.sleep(0.1)

    def _spawn(self) -> str:
        """Start the supervisor unless one is starting already; its URL once it serves. The node is its own business."""
        process: subprocess.Popen[bytes] | None = None
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            url = self._url()
            if url is not None:
                return url
            if process is None and not is_held(self.home.supervisor_lock):
                process = self._popen()
            code = None if process is None else process.poll()
            if code == BUSY:
                process = None
            elif code is not None:
                raise ChainError(f"the devnet did not start: {self._last_line()}", hint="See `mlm devnet logs`.")
            time.sleep(0.02)
        raise ChainError(f"the devnet did not start within {_START_TIMEOUT:g} s", hint="See `mlm devnet logs`.")

    def _popen(self) -> subprocess.Popen[bytes]:
        binary = engine.find(self._cache).binary
        with self.home.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "mlm.adapters.devnet.supervise", str(self.home.root), str(binary)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home.root,
                start_new_session=True,
                env=_environment(),
            )

    def _last_line(self) -> str:
        lines = self.logs(1)
        return lines[0] if lines else "no message"


def _environment() -> dict[str, str]:
    """The child imports this very package, wherever it lies; it needs nothing else of the environment."""
    package = Path(__file__).resolve().parents[3]
    return {"PYTHONPATH": str(package), "PYTHONUNBUFFERED": "1", "PATH": "/usr/bin:/bin"}


def _own_error(error: RpcError) -> MlmError:
    """The supervisor's error as it was raised there."""
    detail = error.data if isinstance(error.data, dict) else {}
    kinds = {kind.code: kind for kind in (NotFound, StateConflict, UsageError, ChainError)}
    kind = kinds.get(str(detail.get("code")), ChainError)
    return kind(error.rpc_message, hint=str(detail.get("hint", "")))
