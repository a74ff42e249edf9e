"""The steps of payment channels, as transactions on the devnet of bench/gas_steps.py.

Its clock stands in gas_auctions' future. Nobody has a credit before the first claim, which therefore writes new words.
"""

from __future__ import annotations

from dataclasses import astuple

from bench.gas_auctions import FUTURE, LASTING
from bench.gas_chain import ALL, CONSUMER, FIRST, ONE, SECOND, GasChain
from mlm.adapters.chain import typed
from mlm.adapters.wallet import devnet as accounts
from mlm.core.channel import TYPES, ChannelTerms, Voucher, domain, message, terms_from_event
from mlm.core.digest import keccak256

EXPIRES = (FUTURE // LASTING + 3) * LASTING + 1_234  # seconds; no zero byte in it
PRICE = 5 * ONE  # for a call
DEPOSIT = 1000 * PRICE
MANY = 10  # channels of a batch


def channels(chain: GasChain, version: bytes) -> None:
    """Open, top up, claim, close and refund channels for calls of `version`, which has one parent."""
    contract = chain.at("PaymentChannels")
    chain.do("", CONSUMER, "MarketToken", "approve", contract, ALL)
    first = _open(chain, "channel, open", version, 1)
    chain.do("channel, top up", CONSUMER, "PaymentChannels", "topUp", first.as_args(), ONE, EXPIRES + 1)
    chain.do("channel, claim: the first credits", FIRST, "PaymentChannels", "claim", (_signed(chain, first, 10),))
    chain.do("channel, claim: 1 voucher", FIRST, "PaymentChannels", "claim", (_signed(chain, first, 1000),))
    others = [_open(chain, "", version, 2 + number) for number in range(MANY)]
    batch = tuple(_signed(chain, terms, 1000) for terms in others)
    chain.do(f"channel, claim: {MANY} vouchers", FIRST, "PaymentChannels", "claim", batch)
    last = _open(chain, "", version, 90)
    chain.do("channel, close: with a voucher", FIRST, "PaymentChannels", "close", _signed(chain, last, 500))
    chain.do("channel, withdraw", FIRST, "PaymentChannels", "withdraw")
    chain.go_to(EXPIRES + 1)
    chain.do("channel, refund", SECOND, "PaymentChannels", "refund", first.as_args())


def _open(chain: GasChain, step: str, version: bytes, nonce: int) -> ChannelTerms:
    payer, payee = accounts.address(CONSUMER), accounts.address(FIRST)
    terms, _, _ = chain.chain.call("PaymentChannels", "quote", payer, payee, payer, version, nonce)
    receipt = chain.do(step, CONSUMER, "PaymentChannels", "open", terms, DEPOSIT, EXPIRES)
    return terms_from_event(chain.event(receipt, "PaymentChannels", "ChannelOpened")["terms"])


def _signed(chain: GasChain, terms: ChannelTerms, calls: int) -> tuple[object, ...]:
    channel = chain.chain.call("PaymentChannels", "idOf", terms.as_args())
    voucher = Voucher("0x" + channel.hex(), calls * PRICE, calls, "0x" + keccak256(b"request").hex())
    where = domain(chain.chain.chain_id(), chain.at("PaymentChannels"))
    signature = typed.sign(accounts.key(CONSUMER), where, TYPES, message(voucher))
    _, amount, number, request = astuple(voucher)
    return terms.as_args(), amount, number, bytes.fromhex(request[2:]), signature
