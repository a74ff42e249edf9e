"""Checks as `mlm verify` makes and numbers them, whatever they are of: who verifies something new lists its Steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from mlm.core.errors import ChainError, MlmError, NotFound, StorageError, ToolMissing, VerificationFailed
from mlm.core.plan import NOTE, TITLED
from mlm.core.trust import Cost, Facts, Guarantor

ANYBODY = "anybody with the chain and the model's files"
ZK_TRUST = "mathematics, and that the SRS's secret was destroyed"
NOBODY = "nobody: the tier none promises that a result is delivered, not that it is true"
OPTIMISTIC_CHECKERS = "anybody who can read the input and the model's files, within the verification window"
OPTIMISTIC_TRUST = "one honest watcher who re-executes, and a chain that takes its challenge in time"
NONE_TRUST = "the provider's reputation"
SIMULATED_TRUST = "nobody: the simulated vendor's keys are public, and anybody can make this evidence"

# By whom a check is guaranteed that compares digests, and one that compares them with what the chain holds.
DIGESTS = (Guarantor.MATHEMATICS,)
HELD = (Guarantor.CHAIN, Guarantor.MATHEMATICS)
PROVEN = (Guarantor.MATHEMATICS, Guarantor.SRS)
RECOMPUTED = (Guarantor.MACHINE,)
SAID_ON_CHAIN = (Guarantor.CHAIN,)


@dataclass(frozen=True)
class Check:
    """One numbered check. `passed` is None when it could not be made, and `found` says why.

    `guaranteed_by`: who must neither fail nor lie for a check that passed to say what it says.
    """

    number: int
    check: str
    passed: bool | None
    found: str
    against: str = field(metadata=NOTE)
    guaranteed_by: tuple[Guarantor, ...] = field(metadata=NOTE)


@dataclass(frozen=True)
class Verification:
    """What was checked. `verified`: no check failed. `complete`: every check could be made, the optional ones too.

    `guaranteed_by`: who must neither fail nor lie for the target to be what it claims; the chain and the node that was
    asked besides. `evidence` is what a policy can ask more.
    """

    target: str
    kind: str
    tier: str = field(metadata={"quiet": "none"})
    verified: bool
    complete: bool
    who_can_check: str
    trust: str
    checks: tuple[Check, ...]
    guaranteed_by: tuple[Guarantor, ...]
    evidence: Facts = field(metadata=TITLED)
    cost_to_cheat: Cost = field(metadata=TITLED)


@dataclass(frozen=True)
class Step:
    """A check to make: `run` returns what it found, or raises; it is held `against` something, and guaranteed `by`
    somebody. `optional` ones may be impossible; `offline` ones also where no node, storage or tool answers.
    """

    check: str
    run: Callable[[], str]
    against: str
    by: tuple[Guarantor, ...]
    optional: bool = False
    offline: bool = False


@dataclass(frozen=True)
class Subject:
    """What is verified, and how: its steps in order, whom one trusts, and what it costs to cheat.

    `cost` is asked once the steps were made: it reads the chain.
    """

    target: str
    kind: str
    tier: str
    steps: tuple[Step, ...]
    who_can_check: str
    trust: str
    guaranteed_by: tuple[Guarantor, ...]
    cost: Callable[[], Cost]
    facts: Facts = field(default_factory=Facts)


def verified(subject: Subject) -> Verification:
    """Make the checks of a subject. Raises ChainError, StorageError, ToolMissing where none can be made."""
    checks = tuple(make(subject.steps))
    return Verification(
        target=subject.target,
        kind=subject.kind,
        tier=subject.tier,
        verified=all(check.passed is not False for check in checks),
        complete=all(check.passed is True for check in checks),
        who_can_check=subject.who_can_check,
        trust=subject.trust,
        checks=checks,
        guaranteed_by=subject.guaranteed_by,
        evidence=subject.facts,
        cost_to_cheat=subject.cost(),
    )


def make(steps: tuple[Step, ...], first: int = 1) -> Iterator[Check]:
    """Make the checks in order. A failed check fails; one that cannot be made fails too, unless it is optional."""
    for number, step in enumerate(steps, first):
        check = Check(number, step.check, True, "", step.against, step.by)
        try:
            yield replace(check, found=step.run())
        except (ChainError, StorageError, ToolMissing) as error:
            if not step.offline:
                raise  # a dead node or a missing tool says nothing about what is checked
            yield replace(check, passed=None, found=str(error))
        except NotFound as error:
            yield replace(check, passed=None if step.optional or step.offline else False, found=str(error))
        except MlmError as error:
            yield replace(check, passed=False, found=str(error))


def refused(what: str, refusal: VerificationFailed, against: str, by: tuple[Guarantor, ...]) -> tuple[Step, ...]:
    """The one step of what was refused as a whole."""

    def refuse() -> str:
        raise refusal

    return (Step(what, refuse, against, by),)


def equal(what: str, expected: bytes, actual: bytes) -> str:
    """The value in hex; raises VerificationFailed where it is another than expected."""
    if expected != actual:
        raise VerificationFailed(f"{what}: expected 0x{expected.hex()}, found 0x{actual.hex()}")
    return "0x" + actual.hex()
