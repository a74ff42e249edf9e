"""The batch auction: against the shared vectors, against sorting every unit, and its laws for any book of orders."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core.auctions import batch
from mlm.core.auctions.batch import MAX_UNITS, TICKS, Clearing, Entry, JobClass, Offer
from mlm.core.errors import UsageError

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
DOCUMENT: dict[str, Any] = json.loads((VECTORS / "batch.json").read_text())
CASES: list[dict[str, Any]] = DOCUMENT["cases"]

Orders = list[tuple[int, int]]


class Book:
    """Jobs and offers in the order of their coming, and all that is computed of them."""

    def __init__(self, jobs: list[int], offers: Orders) -> None:
        self.jobs, self.orders = jobs, offers
        positions, self.demand = batch.units_by_tick([(tick, 1) for tick in jobs])
        self.entries = [Entry(f"job {i}", tick, positions[i]) for i, tick in enumerate(jobs)]
        positions, self.supply = batch.units_by_tick(offers)
        self.offers = [Offer(f"offer {i}", tick, positions[i], count) for i, (tick, count) in enumerate(offers)]
        self.clearing = batch.clear(self.demand, self.supply)

    def pairs(self) -> list[tuple[int, int]]:
        """Places in `jobs` and `orders`, by rank."""
        found = batch.pairing(self.entries, self.offers, self.clearing.volume)
        return [(self.entries.index(entry), self.offers.index(offer)) for entry, offer in found]


def most_surplus(jobs: list[int], costs: list[int]) -> tuple[int, int]:
    """The largest gain of any number of pairs, and the largest number of pairs that has it: every subset is tried."""
    best = (0, 0)
    for count in range(1, min(len(jobs), len(costs)) + 1):
        dearest = max(sum(chosen) for chosen in itertools.combinations(jobs, count))
        cheapest = min(sum(chosen) for chosen in itertools.combinations(costs, count))
        best = max(best, (dearest - cheapest, count))
    return best


few = st.integers(0, 6)  # ticks that meet often
ticks = st.one_of(few, st.integers(0, TICKS - 1), st.integers(TICKS - 6, TICKS - 1))
books = st.builds(
    Book,
    st.lists(ticks, max_size=30),
    st.lists(st.tuples(ticks, st.integers(1, 5)), max_size=20),
)
small_books = st.builds(
    Book, st.lists(st.integers(0, 4), max_size=6), st.lists(st.tuples(st.integers(0, 4), st.just(1)), max_size=6)
)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_vectors(case: dict[str, Any]) -> None:
    book = Book(case["jobs"], list(zip(case["offerTicks"], case["offerQuantities"], strict=True)))
    assert book.clearing == Clearing(case["tick"], case["volume"])
    grid = {"start_price": int(case["startPrice"]), "price_step": int(case["priceStep"])}
    assert batch.price_at(book.clearing.tick, **grid) == int(case["price"])
    assert batch.tick_of(int(case["price"]), **grid) == case["tick"]
    assert [batch.job_rank(book.demand, e.tick, e.position) for e in book.entries] == case["jobRanks"]
    ranks = [batch.unit_ranks(book.supply, o.tick, o.position, o.quantity) for o in book.offers]
    assert [r.start for r in ranks] == case["offerFirsts"]
    assert [len(r) for r in ranks] == case["offerQuantities"]
    assert book.pairs() == list(zip(case["awardedJobs"], case["awardedOffers"], strict=True))


def test_ids() -> None:
    ids = DOCUMENT["ids"]
    class_id = batch.class_id(JobClass(*ids["class"]), ids["chainId"], ids["auction"])
    closes_at = batch.closes_at(ids["now"], ids["class"][5])
    batch_id = batch.batch_id(class_id, closes_at)
    assert (class_id.hex(), closes_at, batch_id.hex()) == (ids["classId"][2:], ids["closesAt"], ids["batchId"][2:])
    assert batch.offer_id(batch_id, ids["tick"], ids["position"]).hex() == ids["offerId"][2:]


def test_the_generator_reproduces_the_vectors(tmp_path: Path) -> None:
    script = tmp_path / "make_batch.py"
    script.write_text((VECTORS / "make_batch.py").read_text())
    exec(compile(script.read_text(), str(script), "exec"), {"__name__": "__main__", "__file__": str(script)})
    assert (tmp_path / "batch.json").read_bytes() == (VECTORS / "batch.json").read_bytes()


def test_the_vectors_cover_what_they_should() -> None:
    assert len(CASES) >= 60
    assert any(case["volume"] == 0 and case["jobs"] and case["offerTicks"] for case in CASES)
    assert any(case["tick"] == TICKS - 1 for case in CASES)
    assert any(
        0 < case["volume"] < len(case["jobs"]) and case["volume"] < sum(case["offerQuantities"]) for case in CASES
    )
    assert any(max(case["offerQuantities"], default=0) == MAX_UNITS for case in CASES)


@given(books)
def test_the_volume_and_the_tick_are_what_sorting_every_unit_finds(book: Book) -> None:
    values = sorted(book.jobs, reverse=True)
    costs = sorted(tick for tick, quantity in book.orders for _ in range(quantity))
    volume = max((k + 1 for k, (v, c) in enumerate(zip(values, costs, strict=False)) if v >= c), default=0)
    assert book.clearing == Clearing(costs[volume - 1] if volume else 0, volume)


@given(books)
def test_the_clearing_is_its_definition(book: Book) -> None:
    traded = [min(sum(book.demand[t:]), sum(book.supply[: t + 1])) for t in range(TICKS)]
    assert book.clearing == Clearing(traded.index(max(traded)), max(traded))


@given(small_books)
def test_no_other_choice_of_pairs_gains_more(book: Book) -> None:
    gained = sum(book.jobs[job] - book.orders[offer][0] for job, offer in book.pairs())
    assert (gained, book.clearing.volume) == most_surplus(book.jobs, [tick for tick, _ in book.orders])


@given(books)
def test_nobody_trades_at_a_loss_and_no_two_losers_could_trade(book: Book) -> None:
    pairs = book.pairs()
    for job, offer in pairs:
        assert book.jobs[job] >= book.clearing.tick >= book.orders[offer][0]
    used = [offer for _, offer in pairs]
    losers = [tick for job, tick in enumerate(book.jobs) if job not in {job for job, _ in pairs}]
    left = [tick for offer, (tick, quantity) in enumerate(book.orders) if used.count(offer) < quantity]
    assert not losers or not left or max(losers) < min(left)


@given(books)
def test_the_pairing_is_that_of_equal_ranks(book: Book) -> None:
    job_of = {batch.job_rank(book.demand, e.tick, e.position): job for job, e in enumerate(book.entries)}
    offer_of = {}
    for offer, o in enumerate(book.offers):
        for rank in batch.unit_ranks(book.supply, o.tick, o.position, o.quantity):
            assert rank not in offer_of
            offer_of[rank] = offer
    assert sorted(job_of) == list(range(len(book.jobs)))
    assert sorted(offer_of) == list(range(sum(quantity for _, quantity in book.orders)))
    assert book.pairs() == [(job_of[rank], offer_of[rank]) for rank in range(book.clearing.volume)]


@given(books, st.integers(0, TICKS - 1))
def test_whoever_comes_later_at_a_tick_is_served_later(book: Book, tick: int) -> None:
    """The last second of a round has no advantage: an order there takes nothing from those at its tick or better."""
    later = Book([*book.jobs, tick], [*book.orders, (tick, 1)])
    ranks = [batch.job_rank(later.demand, e.tick, e.position) for e in later.entries]
    firsts = [batch.unit_ranks(later.supply, o.tick, o.position, o.quantity).start for o in later.offers]
    assert all(ranks[job] < ranks[-1] for job, other in enumerate(book.jobs) if other >= tick)
    assert all(firsts[offer] < firsts[-1] for offer, (other, _) in enumerate(book.orders) if other <= tick)


@given(books, st.integers(1, 4))
def test_dealing_with_oneself_moves_nothing_for_the_others(book: Book, count: int) -> None:
    """As many jobs at the top as units at the bottom shift every rank alike: same price, same winners.

    Others' jobs at the very top came earlier, and are served before: those may win besides.
    """
    if not book.clearing.volume:
        return
    shifted = Book([*book.jobs, *[TICKS - 1] * count], [*book.orders, (0, count)])
    assert shifted.clearing == Clearing(book.clearing.tick, book.clearing.volume + count)
    winners = {job for job, _ in book.pairs()}
    after, own = {job for job, _ in shifted.pairs()}, set(range(len(book.jobs), len(book.jobs) + count))
    top = {job for job, tick in enumerate(book.jobs) if tick == TICKS - 1}
    assert winners <= after <= winners | own | top
    assert top - winners or after == winners | own


def test_a_round_closes_at_the_next_multiple() -> None:
    assert [batch.closes_at(now, 600) for now in (0, 599, 600, 601)] == [600, 600, 1_200, 1_200]


@pytest.mark.parametrize(
    ("price", "near"), [(99, "0.0000000000000001 MLM"), (108, "0.000000000000000107"), (1_886, "1885")]
)
def test_a_price_off_the_grid_names_the_nearest(price: int, near: str) -> None:
    with pytest.raises(UsageError, match=near):
        batch.tick_of(price, start_price=100, price_step=7)


@pytest.mark.parametrize(
    ("tick", "start", "step"), [(-1, 0, 1), (256, 0, 1), (0, -1, 1), (0, 5, 0), (0, 2**128 - 255, 1), (0, 0, 2**121)]
)
def test_what_the_contract_refuses_has_no_price(tick: int, start: int, step: int) -> None:
    with pytest.raises(UsageError):
        batch.price_at(tick, start_price=start, price_step=step)
    assert batch.price_at(255, start_price=2**128 - 256, price_step=1) == 2**128 - 1


@pytest.mark.parametrize("orders", [[(256, 1)], [(-1, 1)], [(3, 0)], [(3, MAX_UNITS), (3, 1)]])
def test_orders_that_the_contract_refuses(orders: Orders) -> None:
    with pytest.raises(UsageError):
        batch.units_by_tick(orders)


def test_a_pairing_needs_the_whole_batch() -> None:
    with pytest.raises(UsageError, match="expected 2 jobs and units, found 1 and 5"):
        batch.pairing([Entry("a", 9, 0)], [Offer("b", 3, 0, 5)], 2)
