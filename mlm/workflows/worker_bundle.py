"""A worker's moves of one kind in one transaction, each planned and checked as its command does it alone.

One that cannot be done is found before anything is sent, and hinders no other. Where the whole fails all the same,
because somebody was faster, each is sent by itself: the contract takes each of these calls once, however it comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlm.core import worker
from mlm.core.errors import ChainError, InsufficientFunds, Reverted, StorageError
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Step, Store, Tx
from mlm.ports.bundle import Ports
from mlm.workflows import lease, op
from mlm.workflows.apply import DoneStep, Operation, apply
from mlm.workflows.journalled import SUPERSEDED
from mlm.workflows.rerun import earlier, left, request_of
from mlm.workflows.worker_act import act, operation_of, words_of

# Of one transaction: EIP-7825 allows so much gas, and nodes pass on 128 KiB at most.
MOST_GAS, MOST_BYTES = 1 << 24, 96 << 10
OF_A_BLOCK = 2  # a transaction that fills more than half of a block waits for an empty one
ALONE = 600.0  # seconds for which moves of a kind go alone after a bundle of them has failed: who spoils it may again
MARK = "together:"  # before the request, in the journal: what a worker alone begins
CONTRACT = "JobMarket"

Came = tuple[worker.Move, str | Exception]


@dataclass(frozen=True)
class _Part:
    move: worker.Move
    plan: Plan[Any]

    @property
    def calls(self) -> tuple[Call, ...]:
        """The contract's functions that it calls, none of them a multicall."""
        calls = [step.call for step in self.plan.steps if isinstance(step, Tx)]
        return tuple(each for call in calls for each in (call.args[0] if call.function == "multicall" else (call,)))

    @property
    def fits(self) -> bool:
        """Whether all that it sends goes to the market, and needs nothing to stand before."""
        return bool(self.calls) and all(call.contract == CONTRACT and not call.value for call in self.calls)


class Bundles:
    """Does groups of moves; remembers which kinds go alone for a while."""

    def __init__(self) -> None:
        self._alone: dict[str, float] = {}  # operation -> until when, monotonic

    def do(self, ports: Ports, moves: tuple[worker.Move, ...]) -> Iterator[Came]:
        """Do moves of one kind, together where that can be: of each, as it is done, the words or what stopped it.

        Raises ChainError and StorageError, which stop them all: what was not told by then was perhaps not done.
        """
        found = operation_of(moves[0])
        if not isinstance(moves[0], worker.TOGETHER) or found is None:
            yield from _singly(ports, moves)
            return
        operation = found[0]
        if (unfinished := left(ports, operation.name, lambda request: request.startswith(MARK))) is not None:
            op.resume(ports, unfinished)
            return  # which of the moves are done with it, the next look shows
        if not moves[1:] or self._alone.get(operation.name, 0.0) > ports.system.monotonic():
            yield from _singly(ports, moves)
            return
        parts: list[_Part] = []
        for move in moves:
            try:
                part = _planned(ports, move)
            except (ChainError, StorageError):
                raise
            except Exception as error:  # noqa: BLE001  # of this job; the others go on
                yield move, error
                continue
            if part.fits:
                parts.append(part)
            else:
                yield from _singly(ports, (move,))
        for group in _fitting(ports, parts):
            yield from self._together(ports, operation, group)

    def _together(self, ports: Ports, operation: Operation[Any, Any], parts: list[_Part]) -> Iterator[Came]:
        moves = tuple(part.move for part in parts)
        if not moves[1:]:
            yield from _singly(ports, moves)
            return
        request = MARK + request_of(ports, operation.name, params_of(moves[0])) + f":{len(moves)}"
        try:
            *_, sent = apply(ports, _joined(parts), request)
        except (Reverted, InsufficientFunds):
            # SAFETY: whatever becomes of the bundle after a reorganisation, each call counts once: the others fail.
            self._alone[operation.name] = ports.system.monotonic() + ALONE
            _give_up(ports, operation.name, request)
            yield from _singly(ports, moves)
            return
        for move in moves:
            if isinstance(move, worker.Fulfil):
                lease.forget(ports, move.job_id)
            yield move, f"{words_of(move)}{_share(sent, len(moves))}"


def params_of(move: worker.Move) -> Any:
    """The parameters of the move's operation."""
    found = operation_of(move)
    assert found is not None
    return found[1]


def _planned(ports: Ports, move: worker.Move) -> _Part:
    found = operation_of(move)
    assert found is not None
    return _Part(move, found[0].plan(ports, found[1]))


def _singly(ports: Ports, moves: tuple[worker.Move, ...]) -> Iterator[Came]:
    for move in moves:
        try:
            yield move, act(ports, move)
        except (ChainError, StorageError):
            raise
        except Exception as error:  # noqa: BLE001  # what a node or a consumer made up must not end all others
            yield move, error


def _fitting(ports: Ports, parts: list[_Part]) -> Iterator[list[_Part]]:
    """The parts in groups that would be done now, each within what a transaction may take; alone what would fail."""
    if not parts[1:]:
        yield from [parts] if parts else []
        return
    call = _call(parts)
    fits = len(ports.sender.encode(call)) <= MOST_BYTES
    try:
        gas = ports.sender.simulate((call,))[0].gas or 0 if fits else 0
    except (Reverted, InsufficientFunds):
        passed = [_passes(ports, part) for part in parts]
        sound = [part for part, passes in zip(parts, passed, strict=True) if passes]
        yield from _fitting(ports, sound) if not all(passed) else ([part] for part in sound)
        yield from ([part] for part, passes in zip(parts, passed, strict=True) if not passes)
        return
    limit = ports.chain.block().gas_limit
    if fits and gas <= (min(MOST_GAS, limit // OF_A_BLOCK) if limit else MOST_GAS):
        yield parts
        return
    middle = len(parts) // 2
    yield from _fitting(ports, parts[:middle])
    yield from _fitting(ports, parts[middle:])


def _passes(ports: Ports, part: _Part) -> bool:
    try:
        ports.sender.simulate((_call([part]),))
    except (Reverted, InsufficientFunds):
        return False
    return True


def _call(parts: list[_Part]) -> Call:
    calls = tuple(call for part in parts for call in part.calls)
    return calls[0] if len(calls) == 1 else Call(CONTRACT, "multicall", (calls,))


def _joined(parts: list[_Part]) -> Plan[None]:
    """One plan: what is stored and kept first, each thing once, and then the transaction."""
    before: dict[Any, Step] = {}
    for part in parts:
        for step in part.plan.steps:
            if not isinstance(step, Tx):
                before.setdefault((step.root, step.push) if isinstance(step, Store) else step, step)
    name = parts[0].plan.operation
    jobs = ", ".join(getattr(part.move, "job_id", "")[:10] for part in parts)
    payment, bond = (sum(getattr(part.plan, what) for part in parts) for what in ("payment", "bond"))
    tx = Tx(f"{name}, {len(parts)} jobs: {jobs}", _call(parts), Amount(payment), Amount(bond))
    return Plan(name, (*before.values(), tx), None)


def _give_up(ports: Ports, operation: str, request: str) -> None:
    """Nobody resumes a bundle whose moves go alone from here on."""
    unfinished = earlier(ports, operation, request)
    if unfinished is not None:  # it stands reverted in a block that is not safe yet
        with ports.journal.hold(unfinished):
            ports.journal.close(unfinished, SUPERSEDED)


def _share(sent: DoneStep, count: int) -> str:
    """Which transaction a move was part of, and its share of the gas."""
    gas = "" if sent.gas is None else f"; {sent.gas // count} gas each"
    return f", one of {count} in transaction {sent.reference[:10]}{gas}"
