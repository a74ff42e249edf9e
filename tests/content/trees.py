"""Building the trees of tests/vectors/tree.json on disk, and asking npm's ipfs-car about them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CASES: list[dict[str, Any]] = json.loads((ROOT / "tests/vectors/tree.json").read_text(encoding="utf-8"))["cases"]
BIN = ROOT / "tests/ipfs/node_modules/.bin/ipfs-car"
NAMES = [case["name"] for case in CASES]


def build(folder: Path, entries: list[dict[str, Any]]) -> Path:
    """Make the entries of a case in a new folder."""
    folder.mkdir()
    for entry in entries:
        path = Path(os.fsdecode(os.fsencode(folder) + b"/" + _name(entry)))
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(path, entry)
        if "mode" in entry:
            path.chmod(int(entry["mode"], 8))
    return folder


def _name(entry: dict[str, Any]) -> bytes:
    """A name as text, or in hex where it is none."""
    return bytes.fromhex(entry["path_hex"]) if "path_hex" in entry else str(entry["path"]).encode()


def _make(path: Path, entry: dict[str, Any]) -> None:
    match entry["kind"]:
        case "file":
            path.write_bytes(entry["text"].encode())
        case "zeros":
            with path.open("wb") as file:
                file.truncate(entry["size"])
        case "folder":
            path.mkdir()
        case "symlink":
            path.symlink_to(entry["target"])
        case "hardlink":
            path.hardlink_to(path.parent / entry["target"])
        case "pipe":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as bound:
                old = os.open(".", os.O_RDONLY)
                try:
                    os.chdir(path.parent)  # a socket's path has at most 108 bytes
                    bound.bind(path.name)
                finally:
                    os.fchdir(old)
                    os.close(old)
        case "device":
            try:
                os.mknod(path, 0o666 | 0o020000, os.makedev(1, 3))
            except PermissionError:
                pytest.skip("making a device needs root")
        case _:
            raise ValueError(entry["kind"])


def ipfs_car(*arguments: str | Path, ok: bool = True) -> str:
    """What npm's ipfs-car prints. Raises when it fails, or, not `ok`, when it does not."""
    assert BIN.exists(), "run `make test` once: it installs tests/ipfs"
    ran = subprocess.run([BIN, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert (ran.returncode == 0) == ok, f"ipfs-car {arguments} ended with {ran.returncode}: {ran.stderr[-500:]}"
    return ran.stdout.strip()
