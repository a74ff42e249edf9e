"""One setting: its type, its default, how it is read and checked, and what a project may do with the user's value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from mlm.core.errors import UsageError

_LIMIT = 1 << 32  # of every number

# What a project may do with the user's value, and what is expected of it then.
_PROJECT = {
    "lower": ("may only lower it", "at most {!r}"),
    "raise": ("may only raise it", "at least {!r}"),
    "later": ("may only choose a later one of them", "{!r} or a later one"),
    "never": ("cannot set it", "{!r}"),
}


@dataclass(frozen=True)
class Setting:
    """One setting. `parse` reads the environment's text; `project` says how a project may change the user's value."""

    key: str
    type: type
    default: Any
    env: str
    help: str
    choices: tuple[str, ...] = ()
    project: Literal["", "lower", "raise", "later", "never"] = ""

    @property
    def description(self) -> str:
        """The help, and what of it a project may not do."""
        return f"{self.help} A project {_PROJECT[self.project][0]}." if self.project else self.help

    def check(self, value: Any, source: str) -> Any:
        """`value` if it has this setting's type; raises UsageError naming the source otherwise."""
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, self.type) or (self.type is int and isinstance(value, bool)):
            raise UsageError(f"{source}: {self.key} must be {self.type.__name__}, found {value!r}")
        if self.choices and value not in self.choices:
            raise UsageError(f"{source}: {self.key} must be one of {', '.join(self.choices)}, found {value!r}")
        # NaN fails every comparison; nobody waits, or pays, without end.
        if isinstance(value, int | float) and not 0 <= value < _LIMIT:
            raise UsageError(f"{source}: {self.key} must be a number from 0 to {_LIMIT}, found {value!r}")
        return value

    def check_project(self, value: Any, own: Any, source: str) -> None:
        """Refuse what is less strict than the user's `own` value, or the default; raises UsageError."""
        later = self.choices.index
        allowed = {
            "": lambda: True,
            "lower": lambda: value <= own,
            "raise": lambda: value >= own,
            "later": lambda: later(value) >= later(own),
            "never": lambda: value == own,
        }
        if not allowed[self.project]():
            rule, expected = _PROJECT[self.project]
            raise UsageError(
                f"{source}: {self.key}: expected {expected.format(own)}, found {value!r}: a project {rule}",
                hint=f"Set {self.env}, or put it into MLM_HOME/config.toml, if you want it so.",
            )

    def parse(self, text: str, source: str) -> Any:
        """Read a value from text."""
        readers: dict[type, Callable[[str], Any]] = {bool: _read_bool, int: int, float: float, str: str}
        try:
            return self.check(readers[self.type](text), source)
        except ValueError as error:
            raise UsageError(f"{source}: {self.key} must be {self.type.__name__}, found {text!r}") from error


def _read_bool(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]
