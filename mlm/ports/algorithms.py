"""Running an algorithm: a WebAssembly module that makes bytes of bytes (docs/algorithms.md)."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Computation:
    """What a module gave. `fuel` is what it used, in WebAssembly instructions; `seconds` exclude compiling."""

    output: bytes
    fuel: int
    seconds: float


class Algorithms(Protocol):
    def run(self, module: bytes, data: bytes) -> Computation:
        """Run a module on `data`. Raises InvalidData, of it ModelStopped where it passes a limit; ToolMissing."""
