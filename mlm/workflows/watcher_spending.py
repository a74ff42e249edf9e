"""What a watcher has spent on fees, and may spend: on each result, and in a day.

The journal says what was spent, so that a watcher which is started again goes on counting where the last one stood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mlm.core.dispute.cost import Cost, Limit, Price, passed
from mlm.core.errors import StateConflict
from mlm.core.money import Amount, Wei
from mlm.core.plan import Call
from mlm.ports.bundle import Ports
from mlm.workflows.apply import Preview
from mlm.workflows.attester_report import Accusation
from mlm.workflows.dispute_look import CONTRACT
from mlm.workflows.job_close import JobName
from mlm.workflows.journalled import spent
from mlm.workflows.replica import Step
from mlm.workflows.rerun import request_of

DAY = 86_400
# A watcher's operations, and the parameters by which the journal knows them.
MOVES: dict[str, Callable[[str], Any]] = {
    "dispute open": JobName,
    "dispute respond": JobName,
    "audit join": JobName,
    "replica step": Step,
    "attester report": Accusation,
}
# Bytes of a transaction that commits to a challenge, fewer than it has: what one costs on a rollup is not underrated.
_COMMIT_BYTES = 100
_NEWEST = 50  # operations that are read again: what was sent since, or has been included since


class TooDear(StateConflict):
    """What is left to do about a result would pass a limit of its watcher."""

    code = "too_dear"
    hint = "A higher limit lets it go on; a game that is open loses its bond where nobody moves in time."

    def __init__(self, cost: Wei | Amount, limit: Limit) -> None:
        spell = type(cost)
        super().__init__(
            f"left alone: it would take up to {cost}, and of {limit.name} {spell(limit.most or 0)} "
            f"{spell(limit.spent)} is spent or set aside"
        )


class Spending:
    """One account's, by the journal. `most_fee` about a result and `most_a_day` are wei, None: any.

    `most_bond` is what may be locked about a result, and lost, in base units.
    """

    def __init__(self, ports: Ports, most_fee: int | None, most_a_day: int | None, most_bond: int) -> None:
        self._ports, self._most_fee, self._most_a_day = ports, most_fee, most_a_day
        self._most_bond = most_bond
        self._spent: dict[str, tuple[str, list[tuple[int, int]]]] = {}  # operation -> its request, when and how much
        self._reserved: dict[str, Cost] = {}  # job -> what its open game may still take
        self._here = (ports.sender.address, ports.chain.chain_id(), ports.chain.block(0).hash)
        self._read(None)
        self._before = _sum(self._all())

    @property
    def total(self) -> int:
        """Wei since this began."""
        self._read(_NEWEST)
        return _sum(self._all()) - self._before

    def reserve(self, job_id: str, cost: Cost) -> None:
        """An open game about a result may still take so much: nothing else that is begun uses it up."""
        self._reserved[job_id] = cost

    def release(self, job_id: str) -> None:
        """No game about it is open."""
        self._reserved.pop(job_id, None)

    def price(self) -> Price:
        """What gas is offered at now, at most, and what a rollup takes for publishing."""
        if self._most_fee is None and self._most_a_day is None:
            return Price(0)
        (found,) = self._ports.sender.simulate((Call(CONTRACT, "commit", (bytes(32),)),))
        return Price(found.price, -(-found.data_fee // _COMMIT_BYTES))

    def limits(self, job_id: str, price: Price, *, begins: bool) -> tuple[Limit, ...]:
        """What may be spent about a result; what `begins` leaves the others' open games what they may still take."""
        self._read(_NEWEST)
        names = {request_of(self._ports, name, params(job_id)) for name, params in MOVES.items()}
        own = _sum(line for request, lines in self._spent.values() if request in names for line in lines)
        since = self._ports.system.now() - DAY
        today = _sum(line for line in self._all() if line[0] > since)
        if begins:
            today += sum(price.of(cost) for job, cost in self._reserved.items() if job != job_id)
        return Limit("--most-fee", self._most_fee, own), Limit("--most-a-day", self._most_a_day, today)

    def check(self, job_id: str, cost: Cost, *, begins: bool) -> None:
        """Raises TooDear where a limit does not take so much more about a result."""
        price = self.price()
        self._allow(price.of(cost), self.limits(job_id, price, begins=begins))

    def check_bond(self, job_id: str) -> None:
        """Raises TooDear where a game would lock more than may be locked and lost about a result."""
        bond, me = Amount(self._ports.chain.call(CONTRACT, "bond")), self._ports.sender.address.lower()
        ends = (move for move in self._ports.state.query("game_moves", job_id=job_id) if move["shown"] == "lost")
        limit = Limit("--most-bond", self._most_bond, bond * sum(move["account"].lower() == me for move in ends))
        if not limit.takes(bond):
            raise TooDear(bond, limit)

    def asked(
        self, job_id: str, *, begins: bool, after: Callable[[Preview], Cost] = lambda _: Cost()
    ) -> Callable[[Preview], bool]:
        """What `once` asks with a move's simulation, before anything of it is sent: raises TooDear as `check` does.

        `after` is what has to be done when that is done.
        """

        def allowed(shown: Preview) -> bool:
            if shown.bond > self._most_bond:
                raise TooDear(shown.bond, Limit("--most-bond", self._most_bond, 0))
            price = self.price()
            self._allow(shown.fee + price.of(after(shown)), self.limits(job_id, price, begins=begins))
            return True

        return allowed

    @staticmethod
    def _allow(cost: int, limits: Sequence[Limit]) -> None:
        if (limit := passed(limits, cost)) is not None:
            raise TooDear(Wei(cost), limit)

    def _read(self, newest: int | None) -> None:
        journal = self._ports.journal
        for summary in journal.operations(newest):
            params = summary["params"]
            where = tuple(params.get(name) for name in ("account", "chain", "genesis"))
            if summary["operation"] in MOVES and where == self._here:
                self._spent[summary["op"]] = params.get("request", ""), spent(journal.entries(summary["op"]))

    def _all(self) -> list[tuple[int, int]]:
        return [line for _, lines in self._spent.values() for line in lines]


def _sum(lines: Iterable[tuple[int, int]]) -> int:
    return sum(cost for _, cost in lines)
