"""Sales for tests: whatever became of an asset before, it is put up for sale again by whoever owns it now."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.adapters.wallet import devnet as accounts
from tests.command_line import Market, Person

RESERVE, BID = "50", "60"  # tokens


@dataclass(frozen=True)
class Selling:
    """A sale, its seller, and somebody who bids or could."""

    sale: str
    seller: Person
    bidder: Person


def owner(market: Market, asset: str) -> Person:
    """Whoever owns the asset, once no sale holds it: sales without a bid are cancelled, the others end."""
    for row in market.consumer.do("sale", "list")["sales"]:
        if row["lot"] != asset or row["state"] in ("delivered", "returned", "cancelled"):
            continue
        if row["state"] == "open" and not row["bidder"]:
            person_of(market, row["seller"]).do("sale", "cancel", row["sale"])
            continue
        if row["state"] == "open":
            market.advance("2h")
        market.consumer.do("sale", "settle", row["sale"])
    (found,) = (row for row in market.consumer.do("asset", "list")["assets"] if row["asset"].partition("@")[0] == asset)
    return person_of(market, found["owner"])


def person_of(market: Market, address: str) -> Person:
    """The person with this account, in the consumer's folder."""
    name = next(name for name in accounts.NAMES if accounts.address(name).lower() == address.lower())
    return Person(name, market.consumer.folder, market.home)


def sell(
    market: Market, asset: str, *, bid: bool = False, ended: bool = False, fixed: bool = False, seller: str = ""
) -> Selling:
    """A new sale of an hour from or for RESERVE; with a bid of BID, and over, if asked. `seller` gets it first."""
    now = owner(market, asset)
    if seller and now.account != seller:
        wanted = Person(seller, market.consumer.folder, market.home)
        _settled(market, _start(now, asset), wanted)
        now = wanted
    other = "compute-2" if now.account != "compute-2" else "compute-1"
    bidder = Person(other, market.consumer.folder, market.home)
    sale = _start(now, asset, *(("--auction", "fixed") if fixed else ()))
    if bid:
        bidder.do("sale", "bid", sale, "--price", BID)
    if ended:
        market.advance("1h")
    return Selling(sale, now, bidder)


def _start(seller: Person, asset: str, *kind: str) -> str:
    return str(seller.do("sale", "start", asset, "--reserve", RESERVE, "--hours", "1", *kind)["sale"])


def _settled(market: Market, sale: str, winner: Person) -> None:
    winner.do("sale", "bid", sale, "--price", RESERVE)
    market.advance("1h")
    winner.do("sale", "settle", sale)
