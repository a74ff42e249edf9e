"""Looking at this machine: what is installed, writable and reachable. It never changes anything that lasts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Platform:
    """`python` is (major, minor, micro); `system` and `machine` are lower case, e.g. linux and x86_64."""

    python: tuple[int, int, int]
    system: str
    machine: str


@dataclass(frozen=True)
class Folder:
    """The state of a folder, or of the nearest existing one above it when it does not exist yet."""

    free: int  # bytes
    problem: str  # why nothing can be written there; empty when it can


class Probe(Protocol):
    """Every call is bounded in time and raises nothing for what is merely absent."""

    def platform(self) -> Platform: ...

    def tool(self, command: str) -> str | None:
        """The version line of a program (a name on PATH, or a path), or None when it does not run."""

    def distribution(self, name: str) -> str | None:
        """The installed version of a Python distribution, without importing it; None when absent."""

    def sha256(self, path: Path) -> str | None:
        """Hex digest of a file; None when it cannot be read."""

    def folder(self, path: Path) -> Folder: ...

    def locked(self, path: Path) -> bool:
        """Whether another process holds a file's lock; False when there is no such file."""

    def chain_id(self, rpc: str) -> int | str:
        """The chain id that an Ethereum JSON-RPC endpoint reports, or what went wrong, in words."""
