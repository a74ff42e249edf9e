"""The session's slow values, and a scene for each case."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.bad.harness import Scene
from tests.bad.shared import Shared
from tests.command_line import Market


@pytest.fixture(scope="session")
def shared(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """Made once; what was begun on the chain is ended."""
    found = Shared(market, tmp_path_factory.mktemp("shared"))
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def scene(shared: Shared, tmp_path: Path) -> Iterator[Scene]:
    """Somebody at a shell."""
    with ExitStack() as stack:
        yield Scene(tmp_path, shared, stack)
