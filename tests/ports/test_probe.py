"""One suite over both probes: the real machine, and the machine as a value made to look like it."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from mlm.adapters.probe import MachineProbe
from mlm.memory.probe import MemoryProbe
from mlm.ports.probe import Folder, Platform, Probe

KINDS = ["memory", "machine"]


class _Node(BaseHTTPRequestHandler):
    """Answers like a node, or nonsense, by path."""

    answers = {"/": b'{"jsonrpc":"2.0","id":1,"result":"0x7a69"}', "/nonsense": b"<html>", "/huge": b"x" * 100_000}

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = self.answers[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def node() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Node)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(params=KINDS)
def probe(request: pytest.FixtureRequest, tmp_path: Path, node: str) -> Probe:
    (tmp_path / "file").write_bytes(b"content")
    if request.param == "machine":
        return MachineProbe()
    return MemoryProbe(
        here=Platform(sys.version_info[:3], platform.system().lower(), platform.machine().lower()),
        tools={sys.executable: f"Python {platform.python_version()}"},
        distributions={"pytest": pytest.__version__},
        digests={tmp_path / "file": hashlib.sha256(b"content").hexdigest()},
        folders={tmp_path / "file": Folder(1, "not a folder")},
        chains={node: 31337},
    )


def test_platform_is_this_one(probe: Probe) -> None:
    assert probe.platform().python == sys.version_info[:3]
    assert probe.platform().system in ("linux", "darwin")


def test_tools(probe: Probe) -> None:
    assert probe.tool(sys.executable) == f"Python {platform.python_version()}"
    assert probe.tool("no-such-program-of-mlm") is None


def test_distributions(probe: Probe) -> None:
    assert probe.distribution("pytest") == pytest.__version__
    assert probe.distribution("no-such-distribution-of-mlm") is None


def test_digests(probe: Probe, tmp_path: Path) -> None:
    assert probe.sha256(tmp_path / "file") == hashlib.sha256(b"content").hexdigest()
    assert probe.sha256(tmp_path / "absent") is None


def test_folders(probe: Probe, tmp_path: Path) -> None:
    assert probe.folder(tmp_path).problem == ""
    assert probe.folder(tmp_path / "not" / "yet").free > 0
    assert probe.folder(tmp_path / "file").problem
    assert [path.name for path in tmp_path.iterdir()] == ["file"], "looking leaves nothing behind"


def test_chain_ids(probe: Probe, node: str) -> None:
    assert probe.chain_id(node) == 31337
    assert isinstance(probe.chain_id("http://127.0.0.1:9"), str)


def test_nothing_is_locked_at_first(probe: Probe, tmp_path: Path) -> None:
    assert not probe.locked(tmp_path / "file")
    assert not probe.locked(tmp_path / "absent")


@pytest.mark.parametrize("path", ["/nonsense", "/huge"])
def test_a_hostile_node_is_reported_in_words(node: str, path: str) -> None:
    answer = MachineProbe().chain_id(node + path)
    assert isinstance(answer, str) and len(answer) < 300


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1", "nonsense", ""])
def test_only_http_is_asked(address: str) -> None:
    assert "http" in str(MachineProbe().chain_id(address))


def test_a_tool_that_fails_is_absent(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\nexit 3\n")
    tool.chmod(0o755)
    assert MachineProbe().tool(str(tool)) is None


def test_a_database_that_another_process_writes_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "state.duckdb"
    code = f"import duckdb; c = duckdb.connect({str(path)!r}); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == b"open\n"
        assert MachineProbe().locked(path)
        other.stdin.write(b"\n")
        other.stdin.close()
        assert other.wait(timeout=30) == 0
    assert not MachineProbe().locked(path)
