"""A pricing strategy in a Python file of the user's own. It is the user's code and runs with the user's rights."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from mlm.core.errors import UsageError
from mlm.core.pricing import Ask, Strategy


def load(path: Path, name: str) -> Strategy:
    """Make an object of the class `name` in the file `path`, without arguments.

    Raises UsageError where there is no such file or class, it cannot be made, or it has no method `price`.
    """
    spec = importlib.util.spec_from_file_location(f"mlm_strategy_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UsageError(f"--strategy: expected a Python file, found {path}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        made = getattr(module, name)()
    except (Exception, SystemExit) as error:  # the user's code may fail in any way
        raise UsageError(f"--strategy: {path.name}:{name}: {type(error).__name__}: {error}") from error
    if not callable(getattr(made, "price", None)):
        raise UsageError(
            f"--strategy: {path.name}:{name} has no method price(ask)", hint="docs/worker.md shows how to write one."
        )
    return Checked(made, f"{path.name}:{name}")


class Checked:
    """A strategy whose answers are held to what they may be: its mistakes are its user's, told by name."""

    def __init__(self, made: Strategy, name: str) -> None:
        self._made, self._name = made, name

    def price(self, ask: Ask) -> int | None:
        """Its answer; raises UsageError when it fails, or gives no price."""
        try:
            found = self._made.price(ask)
        except (Exception, SystemExit) as error:
            raise UsageError(f"the strategy {self._name} failed: {type(error).__name__}: {error}") from error
        if found is not None and (not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 1 << 128):
            raise UsageError(
                f"the strategy {self._name}: expected base units, a whole number below 2^128, or None, found {found!r}"
            )
        return found
