"""Jobs of the tier redundant: accounts with slots, and replicas that run what they are drawn for."""

from __future__ import annotations

from tests.command_line import Market, Person
from tests.disputing import EXACT, leased, lowered

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
