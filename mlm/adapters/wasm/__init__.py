"""Algorithms as WebAssembly modules: bytes in, bytes out, and nothing else (docs/algorithms.md)."""
