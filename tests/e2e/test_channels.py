"""A payment channel from its opening to everybody's money, as people type it; every unit is accounted for."""

from __future__ import annotations

import json

from mlm.adapters.serving.received import ServedVouchers
from mlm.adapters.wallet import devnet as accounts
from mlm.core.channel import decode_header
from tests.channel_scenes import CHAIN, address_of, paying
from tests.command_line import MODEL, TOKEN, Market, Person


def money(person: Person) -> int:
    held = person.do("wallet", "show", person.account)
    return sum(int(held[name]) for name in ("tokens", "credit", "sale_credit", "channel_credit"))


def write(person: Person, name: str, value: float) -> str:
    (person.folder / name).write_text(json.dumps({"image": [[value] * 4]}))
    return name


def test_a_channel_as_people_live_it(market: Market) -> None:
    payer, payee = market.consumer, market.first
    before = {person.account: money(person) for person in (payer, payee)}
    to = accounts.address(payee.account)

    assert (
        "the payee is this account"
        in payee.refused(2, "channel", "open", MODEL, "--to", to, "--amount", "18")["message"]
    )
    opened = payer.do("channel", "open", MODEL, "--to", to, "--amount", "18")
    channel = opened["channel"]
    assert (opened["state"], opened["deposit"], opened["claimed"]) == ("open", str(18 * TOKEN), "0")
    assert money(payer) == before[payer.account] - 18 * TOKEN
    (row,) = (row for row in payee.do("channel", "list", "--mine", "--open")["channels"] if row["channel"] == channel)
    assert (row["state"], row["asset"]) == ("open", payer.do("asset", "show", MODEL)["asset"])

    # What is signed is written down: the same tensors are paid once, others get the next number.
    first, second = write(payer, "one.json", 1.0), write(payer, "two.json", 2.0)
    assert "expected --price" in payer.refused(2, "channel", "pay", channel, first)["message"]
    one = payer.do("channel", "pay", channel, first, "--price", "4")
    assert (one["call"], one["amount"], one["repeated"]) == (1, str(4 * TOKEN), False)
    again = payer.do("channel", "pay", channel, first)
    assert (again["header"], again["repeated"]) == (one["header"], True)
    two = payer.do("channel", "pay", channel, second)
    assert (two["call"], two["amount"]) == (2, str(8 * TOKEN))
    other = payer.refused(2, "channel", "pay", channel, write(payer, "4.json", 4.0), "--price", "5")
    assert "the channel's calls cost 4 MLM, found 5 MLM" in other["message"]
    refused = payer.do("channel", "pay", channel, write(payer, "three.json", 3.0), "--call", "2")
    assert (refused["call"], refused["amount"]) == (2, str(8 * TOKEN))
    assert "expected" in payee.refused(12, "channel", "pay", channel, "samples/digit.npy")["message"]

    # Two processes at once: two numbers.
    runs = [payer.begin("channel", "pay", channel, write(payer, f"{n}.json", n), "--json") for n in (5.0, 6.0)]
    calls = [json.loads(run.communicate(timeout=60)[0]) for run in runs]
    assert sorted(call["call"] for call in calls) == [3, 4]
    best = max(calls, key=lambda call: call["call"])
    assert best["amount"] == str(16 * TOKEN)
    assert "call 5 needs" in payer.refused(8, "channel", "pay", channel, write(payer, "7.json", 7.0))["message"]

    # The payee's server keeps what it was given; that is what is claimed.
    assert "no voucher" in payee.refused(3, "channel", "claim", channel)["message"]
    place = market.home / "serve" / "received" / f"{CHAIN}-{address_of(market).lower()}" / to.lower()
    ServedVouchers(place).keep(decode_header(one["header"]))
    ServedVouchers(place).keep(decode_header(best["header"]))
    claimed = payee.do("channel", "claim", channel)
    assert (claimed["claimed"], claimed["next"]) == (str(16 * TOKEN), "mlm wallet withdraw")
    assert payee.do("channel", "claim", channel)["skipped"] == [f"{channel[:10]}: nothing new"]
    assert payer.do("channel", "topup", channel, "--amount", "5")["deposit"] == str(23 * TOKEN)
    assert "payee of channel" in payer.refused(12, "channel", "close", channel)["message"]
    closed = payee.do("channel", "close", channel)
    assert (closed["state"], closed["left"], closed["calls"]) == ("closed", "0", 4)
    assert money(payer) == before[payer.account] - 16 * TOKEN
    fee, parts = int(closed["claimed"]) // 100, {row["reason"]: int(row["amount"]) for row in closed["credits"]}
    assert parts["payment"] == money(payee) - before[payee.account]
    assert sum(int(row["amount"]) for row in closed["credits"]) == 23 * TOKEN
    assert parts["protocol-fee"] + parts["staker-reward"] + parts["burn"] == fee
    assert int(payee.do("wallet", "withdraw")["channels"]) == parts["payment"]
    assert "is closed, expected it open" in payer.refused(12, "channel", "topup", channel, "--amount", "1")["message"]


def test_stakers_draw_their_part_and_the_rest_comes_back(market: Market) -> None:
    found = paying(market, MODEL, calls=3)
    found.payee.do("channel", "claim", found.channel)
    steps = market.first.run("stake", "claim", "--json").value["steps"]
    assert any("of protocol fees" in step["title"] for step in steps)
    assert "expected it expired" in market.consumer.refused(12, "channel", "refund", found.channel)["message"]
    market.advance("169h")
    (row,) = (
        row for row in market.consumer.do("channel", "list", "--mine")["channels"] if row["channel"] == found.channel
    )
    assert row["state"] == "expired"
    assert "is expired, expected it open" in found.payee.refused(12, "channel", "close", found.channel)["message"]
    before = money(market.consumer)
    refunded = market.person("watcher").do("channel", "refund", found.channel)
    assert (refunded["state"], money(market.consumer) - before) == ("refunded", 17 * TOKEN)
    assert market.person("watcher").do("channel", "refund", found.channel)["state"] == "refunded"
