"""Checks as `mlm verify` makes and numbers them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from mlm.core.errors import ChainError, MlmError, NotFound, StorageError, ToolMissing, VerificationFailed

ANYBODY = "anybody with the chain and the model's files"
ZK_TRUST = "mathematics, and that the SRS's secret was destroyed"
NOBODY = "nobody: the tier none promises that a result is delivered, not that it is true"
OPTIMISTIC_CHECKERS = "anybody who can read the input and the model's files, within the verification window"
OPTIMISTIC_TRUST = "one honest watcher who re-executes, and a chain that takes its challenge in time"
NONE_TRUST = "the provider's reputation"


@dataclass(frozen=True)
class Check:
    """One numbered check. `passed` is None when it could not be made, and `found` says why."""

    number: int
    check: str
    passed: bool | None
    found: str


@dataclass(frozen=True)
class Verification:
    """What was checked. `verified`: no check failed. `complete`: every check could be made, the optional ones too."""

    target: str
    kind: str
    tier: str = field(metadata={"quiet": "none"})
    verified: bool
    complete: bool
    who_can_check: str
    trust: str
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Step:
    """A check to make: `run` returns what it found, or raises; `optional` ones may be impossible."""

    check: str
    run: Callable[[], str]
    optional: bool = False


def make(steps: tuple[Step, ...]) -> Iterator[Check]:
    """Make the checks in order. A failed check fails; one that cannot be made fails too, unless it is optional."""
    for number, step in enumerate(steps, 1):
        check = Check(number, step.check, True, "")
        try:
            yield replace(check, found=step.run())
        except (ChainError, StorageError, ToolMissing):
            raise  # a dead node or a missing tool says nothing about what is checked
        except NotFound as error:
            yield replace(check, passed=None if step.optional else False, found=str(error))
        except MlmError as error:
            yield replace(check, passed=False, found=str(error))


def all_of(checks: tuple[Check, ...]) -> tuple[bool, bool]:
    """Whether none failed, and whether every one was made and passed."""
    return all(check.passed is not False for check in checks), all(check.passed is True for check in checks)


def equal(what: str, expected: bytes, actual: bytes) -> str:
    """The value in hex; raises VerificationFailed where it is another than expected."""
    if expected != actual:
        raise VerificationFailed(f"{what}: expected 0x{expected.hex()}, found 0x{actual.hex()}")
    return "0x" + actual.hex()
