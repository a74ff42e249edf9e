"""A sale from its start to the seller's money, as people type it; every unit is accounted for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.command_line import HANDLE, MODEL, TOKEN, Market, Person, start, stop


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """One of its own: the asset changes hands."""
    root = tmp_path_factory.mktemp("sales")
    try:
        yield start(root)
    finally:
        stop(root / "home")


def money(person: Person) -> int:
    held = person.do("wallet", "show", person.account)
    return int(held["tokens"]) + int(held["credit"]) + int(held["sale_credit"])


def test_a_sale_as_people_live_it(market: Market) -> None:
    seller, first, second, stranger = market.provider, market.first, market.second, market.person("watcher")
    before = {person.account: money(person) for person in (seller, first, second)}

    error = first.refused(12, "sale", "start", MODEL, "--reserve", "5")
    assert f"{MODEL} belongs to" in error["message"]
    sale = seller.do("sale", "start", MODEL, "--reserve", "50", "--hours", "1", "--extension", "10")
    name = sale["sale"]
    assert (sale["state"], sale["asset"], sale["next_least"]) == ("open", MODEL, str(50 * TOKEN))
    assert sale["next"].startswith("you: mlm sale cancel") and "mlm sale settle" in sale["next"]
    assert stranger.do("sale", "show", MODEL)["sale"] == stranger.do("asset", "show", MODEL)["sale"] == name
    assert stranger.do("sale", "list")["next"] is None
    (row,) = stranger.do("sale", "list", "--open")["sales"]
    assert (row["sale"], row["price"]) == (name, str(50 * TOKEN))

    # What cannot be is said before anything is sent.
    assert "expected at least 50 MLM, found 49 MLM" in first.refused(2, "sale", "bid", name, "--price", "49")["message"]
    assert "the seller cannot bid or buy" in seller.refused(2, "sale", "bid", name, "--price", "50")["message"]
    assert "is open still" in stranger.refused(12, "sale", "settle", name)["message"]
    assert "belongs to" in seller.refused(12, "sale", "start", MODEL, "--reserve", "5")["message"]

    first.do("sale", "bid", MODEL, "--price", "50")
    assert "has a bid of 50 MLM" in seller.refused(12, "sale", "cancel", name)["message"]
    assert "expected at least 52.5 MLM" in second.refused(2, "sale", "bid", name, "--price", "52")["message"]
    second.do("sale", "bid", name, "--price", "60")
    assert first.do("wallet", "show", "compute-1")["sale_credit"] == str(50 * TOKEN)
    raised = second.do("sale", "bid", name, "--price", "80")
    assert (raised["price"], [bid["price"] for bid in raised["bids"]]) == (
        str(80 * TOKEN),
        [str(amount * TOKEN) for amount in (50, 60, 80)],
    )
    assert money(second) == before["compute-2"] - 80 * TOKEN

    # A job on the asset while it is for sale: what the owner is due is the seller's.
    job = market.consumer.job(auction="fixed")
    market.first.do("bid", job, "--price", "5", "--stake")
    market.first.do("lease", "fulfil", job)
    earned = int(stranger.do("sale", "show", name)["earned"])
    royalty = [row for row in market.consumer.do("job", "show", job)["credits"] if row["reason"] == "royalty"]
    assert earned == sum(int(row["amount"]) for row in royalty) > 0

    # A late bid leaves the others ten minutes; the end comes after them.
    market.advance("55m")
    late = first.do("sale", "bid", name, "--price", "90")
    assert late["ends_at"] > sale["ends_at"]
    market.advance("10m")
    assert stranger.do("sale", "show", f"sale/{name[2:12]}")["state"] == "sold"
    done = stranger.do("sale", "settle", MODEL)
    assert (done["next"], done["next_least"]) == (None, None)
    assert stranger.do("asset", "show", MODEL)["sale"] is None
    assert done["state"] == "delivered" and stranger.do("sale", "settle", name)["state"] == "delivered"
    credits = {(row["reason"], row["account"]): int(row["amount"]) for row in done["credits"]}
    assert sum(amount for (reason, _), amount in credits.items() if reason in ("proceeds", "royalty")) == 90 * TOKEN

    # Everybody draws what is theirs, in one command.
    drawn = seller.do("wallet", "withdraw")
    assert (drawn["sales"], drawn["earned"]) == (str(90 * TOKEN), str(earned))
    assert int(drawn["amount"]) == int(drawn["jobs"]) + 90 * TOKEN + earned
    assert second.do("wallet", "withdraw")["sales"] == str(80 * TOKEN)
    assert money(second) == before["compute-2"]
    assert money(seller) == before["model-provider"] + 90 * TOKEN + earned

    # The new owner sets the price; the former one cannot.
    first.do("price", "set", MODEL, "--use", "0.2")
    seller.refused(7, "price", "set", MODEL, "--use", "0.3")
    ledger = market.consumer.do("sql", "select ledger, sum(change) as total from history_view group by ledger")
    assert ledger


def test_cancelled_and_unsold(market: Market) -> None:
    owner = market.first
    sale = owner.do("sale", "start", MODEL, "--reserve", "1", "--hours", "1")["sale"]
    assert owner.do("sale", "cancel", sale)["state"] == "cancelled"
    sale = owner.do("sale", "start", MODEL, "--reserve", "1", "--hours", "1")["sale"]
    market.advance("1h")
    assert market.consumer.do("sale", "list")["next"] == f"anybody: mlm sale settle {sale[:10]}"
    assert market.consumer.do("sale", "settle", sale)["state"] == "returned"
    owner.do("price", "set", MODEL, "--use", "0.25")


def test_a_falling_price_and_a_posted_one(market: Market) -> None:
    """Dutch, then fixed: whoever buys pays once, and has the asset in the same transaction."""
    owner, buyer, other = market.first, market.second, market.provider
    start = ("sale", "start", MODEL, "--auction", "dutch", "--reserve", "10", "--hours", "1")
    assert "--start: expected the price at the opening" in owner.refused(2, *start)["message"]
    assert "does not know it" in owner.refused(2, *start, "--start", "40", "--step-bps", "50")["message"]
    assert "an asset is sold whole" in owner.refused(2, *start, "--start", "40", "--units", "2")["message"]
    sale = owner.do(*start, "--start", "40")
    name = sale["sale"]
    assert (sale["auction"], sale["start"], sale["units"]) == ("dutch", str(40 * TOKEN), 0)
    assert sale["next"].startswith("you: mlm sale cancel")
    market.advance("30m")
    (row,) = other.do("sale", "list", "--open")["sales"]
    asked = int(row["price"])
    assert (row["sale"], row["auction"]) == (name, "dutch") and 20 * TOKEN < asked <= 25 * TOKEN
    error = buyer.refused(12, "sale", "bid", name, "--price", "40")
    assert "is dutch: it does not take bids" in error["message"]
    assert "the seller cannot bid or buy" in owner.refused(2, "sale", "buy", name)["message"]
    assert "expected at least" in buyer.refused(2, "sale", "buy", name, "--price", "20")["message"]
    before = money(buyer), money(owner)
    bought = buyer.do("sale", "buy", MODEL)
    paid = int(bought["price"])
    assert (bought["state"], bought["next"]) == ("delivered", None) and paid <= asked
    assert money(buyer) == before[0] - paid
    royalty = sum(int(row["amount"]) for row in bought["credits"] if row["reason"] == "royalty")
    assert money(owner) == before[1] + paid - royalty
    assert "is delivered" in other.refused(12, "sale", "buy", name)["message"]

    fixed = ("sale", "start", MODEL, "--auction", "fixed", "--reserve", "7", "--hours", "1")
    assert "does not know it" in buyer.refused(2, *fixed, "--start", "8")["message"]
    sale = buyer.do(*fixed)
    assert (sale["auction"], sale["next_least"]) == ("fixed", str(7 * TOKEN))
    assert owner.do("sale", "buy", sale["sale"], "--price", "7")["price"] == str(7 * TOKEN)
    owner.do("price", "set", MODEL, "--use", "0.2")


def test_names(market: Market) -> None:
    assert "no sale starts with 0xffff" in market.consumer.refused(3, "sale", "show", "sale/ffff")["message"]
    assert "expected a sale such as" in market.consumer.refused(2, "sale", "show", "sale/x")["message"]
    assert "found the sale" in market.consumer.refused(2, "asset", "show", "sale/0xffff")["message"]
    assert HANDLE in MODEL


def test_a_licence_is_sold_on(market: Market) -> None:
    """Units of a licence, bought of the asset's owner, sold on at a fixed price: the owner has its share."""
    owner, holder, buyer = market.first, market.provider, market.second
    owner.do("licence", "offer", MODEL, "--price", "2", "--resale-bps", "1000")
    holder.do("buy", MODEL, "--units", "3")
    (held,) = holder.do("licence", "list")["held"]
    licence = held["licence"]
    start = ("sale", "start", licence, "--auction", "fixed", "--reserve", "10", "--hours", "1")
    assert "expected how many units" in holder.refused(2, *start)["message"]
    assert "holds 3 units" in holder.refused(12, *start, "--units", "4")["message"]
    assert "holds 0 units" in buyer.refused(12, *start, "--units", "1")["message"]
    sale = holder.do(*start, "--units", "2")
    assert (sale["licence"], sale["units"], sale["asset"]) == (licence.removeprefix("licence/"), 2, MODEL)
    (row,) = buyer.do("sale", "list", "--open")["sales"]
    assert row["lot"].startswith("2 of licence 0x") and row["lot"].endswith(MODEL)
    before = money(owner), money(holder), money(buyer)
    bought = buyer.do("sale", "buy", licence)
    assert (bought["state"], bought["price"]) == ("delivered", str(10 * TOKEN))
    assert (money(owner), money(holder), money(buyer)) == (
        before[0] + TOKEN,
        before[1] + 9 * TOKEN,
        before[2] - 10 * TOKEN,
    )
    assert [row["units"] for row in buyer.do("licence", "list")["held"]] == [2]
    assert [row["units"] for row in holder.do("licence", "list")["held"]] == [1]
    # The rest is cancelled before anybody buys: it is the holder's again.
    again = holder.do(*start, "--units", "1")["sale"]
    assert holder.do("sale", "cancel", again)["state"] == "cancelled"
    assert [row["units"] for row in holder.do("licence", "list")["held"]] == [1]
    # By bids, and by a falling price: a unit each, and the owner has its share of both.
    before = money(owner), money(holder), money(buyer)
    by_bids = buyer.do(
        "sale", "start", licence, "--auction", "english", "--reserve", "4", "--hours", "1", "--units", "1"
    )["sale"]
    holder.do("sale", "bid", by_bids, "--price", "4")
    owner.do("sale", "bid", by_bids, "--price", "5")
    holder.do("sale", "bid", by_bids, "--price", "10")
    market.advance("2h")
    assert market.consumer.do("sale", "settle", by_bids)["state"] == "delivered"
    falling = ("--auction", "dutch", "--reserve", "10", "--start", "40", "--hours", "1", "--units", "1")
    by_clock = holder.do("sale", "start", licence, *falling)["sale"]
    market.advance("30m")
    paid = int(buyer.do("sale", "buy", by_clock)["price"])
    assert 10 * TOKEN < paid <= 25 * TOKEN
    share = paid * 1000 // 10_000
    assert (money(owner), money(holder), money(buyer)) == (
        before[0] + TOKEN + share,
        before[1] - 10 * TOKEN + paid - share,
        before[2] + 9 * TOKEN - paid,
    )
    assert [row["units"] for row in buyer.do("licence", "list")["held"]] == [2]
    assert [row["units"] for row in holder.do("licence", "list")["held"]] == [1]
