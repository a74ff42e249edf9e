"""What every test shares: no setting of the person who runs them, and how long hypothesis searches."""

from __future__ import annotations

import gc
import os
import re
import signal
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# No deadline: the machines that run this have two busy cores. `make fuzz` asks for the long search.
# The default is the same at every run, so that CI fails for what a change did; `make fuzz` looks further each time.
settings.register_profile(
    "default", deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("fuzz", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

for _name in [name for name in os.environ if name.startswith("MLM_")]:
    del os.environ[_name]

# A shell that starts this in the background has it ignore Ctrl-C, and so would every command that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # a test that loads ONNX Runtime itself sends nothing either


def pytest_collection_finish() -> None:
    """Sixteen thousand tests stay until the end: to look at them again and again takes a tenth of a processor."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


def pytest_unconfigure() -> None:
    """What libraries have made is theirs to take apart at the end; nanobind complains of what it finds left."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def _numbered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """New folders' paths, numbered by counting: to find the next number pytest lists all the thousands before it."""
    parent = tmp_path_factory.mktemp("tests", numbered=False)
    return (parent / str(number) for number in count())


@pytest.fixture(autouse=True)
def _own_home(_numbered: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A test touches no keystore, devnet or cache of the person who runs it, and meets nothing another left behind."""
    # py_ecc, which some peers import, raises it to 100,000 for everybody; mlm itself undoes that (chain/calm.py).
    sys.setrecursionlimit(1000)
    home = next(_numbered)
    home.mkdir(mode=0o700)
    monkeypatch.setenv("MLM_HOME", str(home))


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, _numbered: Iterator[Path]) -> Path:
    """A new folder of the test's own, as pytest's fixture of this name makes it."""
    number = next(_numbered)
    made = number.with_name(f"{re.sub(r'[^A-Za-z0-9_]', '_', request.node.name)[:24]}{number.name}")
    made.mkdir(mode=0o700)
    return made


# Two real devnets for the session, one bare (tests/devnet_fixture.py), one with a published model for the command line;
# a Ray cluster; the wheel; and the hooks that let docs/complaints.md be judged by what the other tests came to.
from tests.command_line import market  # noqa: E402, F401
from tests.devnet_fixture import devnet  # noqa: E402, F401
from tests.outcomes import (  # noqa: E402
    pytest_collection_modifyitems,  # noqa: F401
    pytest_runtest_logreport,  # noqa: F401
    pytest_sessionfinish,  # noqa: F401
    pytest_xdist_make_scheduler,  # noqa: F401
)
from tests.packages import built  # noqa: E402, F401
from tests.ray_cluster import ray_nodes  # noqa: E402, F401
