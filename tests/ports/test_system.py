"""One suite over both implementations of the System port."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import time

import pytest

from mlm.adapters.system import OsSystem
from mlm.memory.system import MemorySystem
from mlm.ports.system import BYTES, System


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(params=["real", "memory"])
def system(request: pytest.FixtureRequest) -> System:
    return OsSystem(io.StringIO()) if request.param == "real" else MemorySystem()


def test_time_goes_forward(system: System) -> None:
    now, before = system.now(), system.monotonic()
    assert isinstance(now, int) and now > 1_700_000_000
    system.sleep(0.01)
    assert 0.009 < system.monotonic() - before < 5
    assert system.now() >= now


def test_random_bytes(system: System) -> None:
    assert len(system.random(32)) == 32 and system.random(0) == b""
    assert system.random(32) != system.random(32)


def test_the_memory_clock_and_seed() -> None:
    one, two = MemorySystem(now=5, seed=1), MemorySystem(now=5, seed=1)
    assert one.random(8) == two.random(8) != MemorySystem(seed=2).random(8)
    one.advance(10.5)
    assert one.now() == 15
    one.progress(1, 2, "x")
    assert one.reports == [(1, 2, "x")]
    with pytest.raises(ValueError):
        one.advance(-1)


def test_nothing_is_shown_in_a_pipe() -> None:
    stream = io.StringIO()
    system = OsSystem(stream)
    for done in range(5):
        system.progress(done, 4, "sync")
    assert stream.getvalue() == ""


def test_a_bar_on_a_terminal_that_leaves_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    system = OsSystem(stream)
    system.progress(1, 3, "evil [bold]name\x1b[2J")
    system.progress(3, 3, "")
    shown = stream.getvalue()
    assert "evil [bold]name?[2J" in shown
    before = len(shown)
    system.progress(3, 3, "")  # already gone: nothing more
    assert len(stream.getvalue()) == before
    system.progress(0, 2, "again")
    system.progress(2, 2, "")
    assert "again" in stream.getvalue()


def test_rich_is_not_loaded_before_it_is_needed() -> None:
    script = "import sys, mlm.adapters.system as s; s.OsSystem().progress(1, 2, 'x'); sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE, timeout=60).returncode == 0


def test_a_bar_of_bytes_shows_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    system = OsSystem(stream)
    for done in range(1, 40):
        system.progress(done << 20, 100 << 20, "model.safetensors", BYTES)
        time.sleep(0.02)
    system.progress(1, 1, "")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert re.search(r"model\.safetensors .*\d+(\.\d+)?/104\.9 MB \d+(\.\d+)? MB/s 0:00:\d\d", shown), shown[-300:]
