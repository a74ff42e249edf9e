"""A machine as a value: the Probe port for tests of what `mlm doctor` concludes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlm.ports.probe import Folder, Platform


@dataclass(frozen=True)
class MemoryProbe:
    """Answers from its fields; whatever is not in them is absent."""

    here: Platform = Platform((3, 11, 0), "linux", "x86_64")
    tools: Mapping[str, str] = field(default_factory=dict)
    distributions: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[Path, str] = field(default_factory=dict)
    folders: Mapping[Path, Folder] = field(default_factory=dict)
    locks: frozenset[Path] = frozenset()
    chains: Mapping[str, int] = field(default_factory=dict)

    def platform(self) -> Platform:
        """The platform it was made with."""
        return self.here

    def tool(self, command: str) -> str | None:
        """Version of a tool it was made with."""
        return self.tools.get(command)

    def distribution(self, name: str) -> str | None:
        """Version of a distribution it was made with."""
        return self.distributions.get(name)

    def sha256(self, path: Path) -> str | None:
        """Digest of a file it was made with."""
        return self.digests.get(path)

    def folder(self, path: Path) -> Folder:
        """A folder it was made with; any other has room."""
        return self.folders.get(path, Folder(1 << 40, ""))

    def locked(self, path: Path) -> bool:
        """Whether the file is one of `locks`."""
        return path in self.locks

    def chain_id(self, rpc: str) -> int | str:
        """Chain id behind an address it was made with."""
        return self.chains.get(rpc, "connection refused")
