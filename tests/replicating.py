"""Jobs of the tier redundant: accounts with slots, and replicas that run what they are drawn for."""

from __future__ import annotations

from typing import Any

from mlm.adapters.wallet import devnet as accounts
from tests.command_line import Market, Person
from tests.disputing import EXACT, Chain, leased, lowered

SLOTS = ("watcher", "compute-2")
REPLICAS = ("--tier", "redundant", "--replicas", "2", "--replica-fee", "0.5")
ROUNDS = "2m"  # of the beacon, after which a lease's seed can be made


def with_slots(market: Market) -> tuple[Person, ...]:
    """Accounts with full slots, as many as such a job draws: whoever has lost its stake joins again."""
    found = tuple(market.person(account) for account in SLOTS)
    for person in found:
        slot = person.do("replica", "list")["slot"]
        if int(slot["stake"]) < int(slot["needs"]):
            person.do("replica", "join")
    market.advance("1m")  # who joins in the second of a funding is not drawn for it
    return found


def without_slot(market: Market, person: Person) -> None:
    """An account that has left, and has its stake back."""
    slot = person.do("replica", "list")["slot"]
    if slot["stake"] == "0":
        return
    if slot["left_at"] is None:
        person.do("replica", "leave")
    market.advance("24h")
    person.do("replica", "leave")


def above_a_gap(market: Market) -> Person:
    """Whose slot has an empty place below."""
    people = tuple(market.person(account) for account in SLOTS)
    for person in people:
        without_slot(market, person)
    placed = {person.do("replica", "join")["slot"]["place"]: person for person in people}
    without_slot(market, placed[min(placed)])
    return placed[max(placed)]


def replicated(market: Market, asset: str = EXACT) -> str:
    """A job that compute-1 has handed in, and whose replicas have found the same."""
    lowered(market)
    replicas = with_slots(market)
    job = leased(market, *REPLICAS, asset=asset)
    market.advance(ROUNDS)
    market.consumer.do("replica", "step", job)
    for _ in range(2):  # accepted, then handed in
        market.first.do("lease", "fulfil", job)
        for person in replicas:
            person.do("replica", "step", job)
    return job


def address(account: str) -> str:
    """Of an account of the devnet."""
    return accounts.address(account).lower()


def credit(market: Market, account: str) -> int:
    """What replication owes an account."""
    chain = Chain.of(market, account)
    return int(chain.read.call("Replication", "creditOf", chain.sender.address))


def ends(person: Person, job: str) -> dict[str, tuple[str, int, int]]:
    """Of each replica how it ended, what it was paid and what it lost."""
    person.do("job", "settle", job)
    found = person.do("replica", "show", job)
    assert found["settled"], found
    return {each["replica"]: (each["end"], int(each["paid"]), int(each["slashed"])) for each in found["replicas"]}


def of(found: dict[str, Any], *names: str) -> list[Any]:
    """What was found of these accounts."""
    return [found[address(name)] for name in names]


def until(market: Market, job: str, state: str, tries: int = 60) -> None:
    """Wait until a job has come so far."""
    order = ("open", "leased", "ready", "submitted", "accepted")
    for _ in range(tries):
        now = market.consumer.do("job", "show", job)["state"]
        if order.index(now) >= order.index(state):
            return
        market.consumer.shell("sleep 1")
    raise AssertionError(f"{job} is {now}")


def until_shown(market: Market, job: str, tries: int = 60) -> None:
    """Wait until both replicas have shown what they found."""
    for _ in range(tries):
        stages = [each["stage"] for each in market.consumer.do("replica", "show", job)["replicas"]]
        if stages == ["equal"] * 2:
            return
        market.consumer.shell("sleep 1")
    raise AssertionError(stages)
