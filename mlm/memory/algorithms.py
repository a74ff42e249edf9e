"""MemoryAlgorithms: the Algorithms port over Python functions that stand for modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mlm.core.errors import InvalidData
from mlm.ports.algorithms import Computation


class MemoryAlgorithms:
    """`known` maps a module's bytes to what it does. One instruction a byte of input; `seconds` is always 0."""

    def __init__(self, known: Mapping[bytes, Callable[[bytes], bytes]]) -> None:
        self._known = known

    def run(self, module: bytes, data: bytes) -> Computation:
        if module not in self._known:
            raise InvalidData(f"expected a WebAssembly module, found {len(module)} bytes that are none")
        return Computation(self._known[module](data), len(data), 0.0)
