"""WebAssembly modules for tests, as text: one that works, and what a hostile author would write."""

from __future__ import annotations

MEMORY = '(memory (export "memory") 2 16)'
ALLOC = '(func (export "alloc") (param i32) (result i32) (i32.const 1024))'
# The input again, each byte plus one.
RUN = """(func (export "run") (param $at i32) (param $length i32) (result i64) (local $i i32)
  (block $done (loop $next
    (br_if $done (i32.ge_u (local.get $i) (local.get $length)))
    (i32.store8 (i32.add (local.get $at) (local.get $i))
      (i32.add (i32.const 1) (i32.load8_u (i32.add (local.get $at) (local.get $i)))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br $next)))
  (i64.or (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32)) (i64.extend_i32_u (local.get $length))))"""


def text(*, memory: str = MEMORY, alloc: str = ALLOC, run: str = RUN, more: str = "", before: str = "") -> str:
    """A module of these parts."""
    return f"(module {before} {memory} {alloc} {run} {more})"


def running(body: str) -> str:
    """A module whose `run` does this."""
    return text(run=f'(func (export "run") (param i32 i32) (result i64) {body})')


def binary(source: str) -> bytes:
    """As a compiler would have made it."""
    import wasmtime

    return bytes(wasmtime.wat2wasm(source))


# Each with what the error says.
BAD = {
    "file": ('(import "wasi_snapshot_preview1" "path_open" (func))', "imports nothing, found the import wasi_snapshot"),
    "clock": ('(import "wasi_snapshot_preview1" "clock_time_get" (func))', "imports nothing, found the import wasi"),
}
REFUSED = {
    **{name: (text(before=before), says) for name, (before, says) in BAD.items()},
    "no memory": (text(memory="(memory 2 16)"), "export its memory as `memory`, found none"),
    "memory without end": (text(memory='(memory (export "memory") 2)'), "maximum of at most 1024 pages, found none"),
    "large memory": (text(memory='(memory (export "memory") 1 1025)'), "at most 1024 pages, found 1025"),
    "no alloc": (text(alloc=""), r"export alloc\(i32\) -> i32, found none"),
    "another run": (text(run='(func (export "run"))'), r"export run\(i32, i32\) -> i64, found another"),
    "threads": (text(memory='(memory (export "memory") 1 2 shared)'), "without newer features"),
    "alloc outside": (
        text(alloc='(func (export "alloc") (param i32) (result i32) (i32.const -1))'),
        "alloc gave a place",
    ),
    "output outside": (running("(i64.const -1)"), "found 4294967295"),
    "output far away": (running("(i64.const -4294967295)"), "run gave a place outside"),
    "trap": (running("(unreachable)"), "failed on this input"),
    "recursion": (
        running("(i64.extend_i32_u (call $deep))")[:-1]
        + "(func $deep (result i32) (i32.add (i32.const 1) (call $deep))))",
        "failed on this input",
    ),
}
ENDLESS = {
    "loop": running("(loop $on (br $on)) (i64.const 0)"),
    "start": text(more="(func $go (loop $on (br $on))) (start $go)"),
    "alloc": text(alloc='(func (export "alloc") (param i32) (result i32) (loop $on (br $on)) (i32.const 0))'),
}
# 0/0, stored: the sign and payload of that NaN differ between processors unless they are made canonical.
NAN = running(
    "(f32.store (i32.const 0) (f32.div (f32.const 0) (f32.const 0)))"
    "(f64.store (i32.const 4) (f64.mul (f64.const inf) (f64.const 0))) (i64.const 12)"
)
# How far its memory grows: to the maximum that it declares, on every machine.
GROWTH = running(
    "(loop $more (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 1)))))"
    "(i32.store (i32.const 0) (memory.size)) (i64.const 4)"
)
