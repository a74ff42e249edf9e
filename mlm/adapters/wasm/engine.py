"""One run of a WebAssembly module by wasmtime, the same on every machine. Imports wasmtime when called.

What could differ is switched off: threads, relaxed SIMD, NaNs with a payload of their own, and a memory whose growth
depends on the host (its maximum is declared). The module is given nothing: no import, no clock, no file, no randomness.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from mlm.adapters.extras import unavailable
from mlm.core.errors import InvalidData, ModelStopped
from mlm.ports.algorithms import Computation

if TYPE_CHECKING:
    import wasmtime

MAX_OUTPUT = 1 << 28  # bytes
MAX_TABLE = 1 << 20  # entries: function pointers
PAGE = 1 << 16
_MAGIC = b"\0asm"
_STACK = 1 << 20  # bytes of one call's frames and those below it
_OFF = ("threads", "relaxed_simd", "memory64", "multi_memory", "gc", "exceptions", "stack_switching",
        "custom_page_sizes", "component_model", "function_references", "wide_arithmetic")  # fmt: skip
_EXPORTS = {"alloc": (["i32"], ["i32"]), "run": (["i32", "i32"], ["i64"])}


def run(module: bytes, data: bytes, *, fuel: int, memory_bytes: int) -> Computation:
    """(1) It is a module, and imports nothing. (2) It has the exports of docs/algorithms.md, and a bounded memory.

    (3) `alloc` gives room for the input. (4) `run` gives the output's place. Both places lie in its memory, and all of
    it, its start function too, takes at most `fuel`. Raises InvalidData, ModelStopped, ToolMissing.
    """
    try:
        import wasmtime
    except ImportError as error:
        raise unavailable("WebAssembly modules", "wasmtime", error, "'mlm[wasm]'") from error

    if module[:4] != _MAGIC:  # wasmtime would take text too
        raise InvalidData(f"expected a WebAssembly module, found {len(module)} bytes that are none")
    engine = wasmtime.Engine(_config(wasmtime))
    try:
        compiled = wasmtime.Module(engine, module)
    except wasmtime.WasmtimeError as error:
        raise InvalidData(f"expected a valid WebAssembly module without newer features: {_line(error)}") from error
    for wanted in compiled.imports:  # (1)
        raise InvalidData(f"expected a module that imports nothing, found the import {_name(wanted)}")
    _check_exports(compiled, memory_bytes)  # (2)
    store = wasmtime.Store(engine)
    store.set_fuel(fuel)
    store.set_limits(memory_size=memory_bytes, table_elements=MAX_TABLE, instances=1, tables=4, memories=1)
    started = time.perf_counter()
    try:
        exports: Any = wasmtime.Instance(store, compiled, []).exports(store)
        memory = exports["memory"]
        at = exports["alloc"](store, len(data)) & 0xFFFFFFFF  # (3)
        _check_place(at, len(data), memory.data_len(store), "alloc gave")
        if data:
            memory.write(store, data, at)
        packed = exports["run"](store, _signed(at), len(data)) & 0xFFFFFFFFFFFFFFFF  # (4)
    except wasmtime.Trap as trap:
        if trap.trap_code == wasmtime.TrapCode.OUT_OF_FUEL:
            hint = "Raise the limit (runner.fuel in MLM_HOME/config.toml), or give it less to do."
            raise ModelStopped(f"the module used up its fuel of {fuel:,} instructions", hint=hint) from trap
        raise InvalidData(f"the module failed on this input: {_line(trap)}") from trap
    except wasmtime.WasmtimeError as error:
        raise InvalidData(f"the module cannot be run: {_line(error)}") from error
    seconds = time.perf_counter() - started
    place, length = packed >> 32, packed & 0xFFFFFFFF
    if length > MAX_OUTPUT:
        raise InvalidData(f"expected an output of at most {MAX_OUTPUT} bytes, found {length}")
    _check_place(place, length, memory.data_len(store), "run gave")
    output = bytes(memory.read(store, place, place + length)) if length else b""
    return Computation(output, fuel - store.get_fuel(), seconds)


def _config(wasmtime: Any) -> Any:
    config = wasmtime.Config()
    config.consume_fuel = True
    config.cranelift_nan_canonicalization = True
    config.parallel_compilation = False
    config.max_wasm_stack = _STACK
    for name in _OFF:
        setattr(config, f"wasm_{name}", False)
    # wasmtime would reserve 4 GiB of address space and more, which RLIMIT_AS counts.
    config.memory_reservation = 0
    config.memory_guard_size = 0
    config.memory_reservation_for_growth = 0
    return config


def _check_exports(compiled: wasmtime.Module, memory_bytes: int) -> None:
    import wasmtime

    found = {export.name: export.type for export in compiled.exports}
    for name, (params, results) in _EXPORTS.items():
        kind = found.get(name)
        if not isinstance(kind, wasmtime.FuncType) or ([*map(str, kind.params)], [*map(str, kind.results)]) != (
            params,
            results,
        ):
            expected = f"{name}({', '.join(params)}) -> {', '.join(results)}"
            raise InvalidData(
                f"expected the module to export {expected}, found {'none' if kind is None else 'another'}"
            )
    memory = found.get("memory")
    if not isinstance(memory, wasmtime.MemoryType):
        raise InvalidData("expected the module to export its memory as `memory`, found none")
    most = memory.limits.max
    if most is None or most * PAGE > memory_bytes:
        raise InvalidData(
            f"expected a memory that declares a maximum of at most {memory_bytes // PAGE} pages, "
            f"found {'none' if most is None else most}",
            hint="Link it with --max-memory=BYTES, or raise runner.memory_mb in MLM_HOME/config.toml.",
        )


def _check_place(at: int, length: int, size: int, who: str) -> None:
    if at + length > size:
        raise InvalidData(f"{who} a place outside the module's memory: {length} bytes at {at}, of {size}")


def _signed(value: int) -> int:
    """As wasmtime takes an i32."""
    return value - (1 << 32) if value >= 1 << 31 else value


def _name(wanted: Any) -> str:
    return f"{wanted.module}.{wanted.name}"[:100]


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
