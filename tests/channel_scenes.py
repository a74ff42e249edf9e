"""Payment channels for tests: one that the consumer opens to compute-1, with vouchers that its server has kept."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.adapters.chain import typed
from mlm.adapters.serving.received import ServedVouchers
from mlm.adapters.wallet import devnet as accounts
from mlm.core.channel import TYPES, SignedVoucher, Voucher, domain, message, request_digest
from tests.command_line import Market, Person

DEPOSIT, PRICE = 20 * 10**18, 10**18  # base units, PRICE for a call
PAYER, PAYEE = "consumer", "compute-1"
CHAIN = 31337


@dataclass(frozen=True)
class Paying:
    """A channel, who pays, and who is paid."""

    channel: str
    payer: Person
    payee: Person


def paying(market: Market, asset: str, *, calls: int = 0, expired: bool = False) -> Paying:
    """A new channel of DEPOSIT; `calls` are paid by a voucher that the payee has kept; `expired`: an hour is over."""
    payer, payee = (Person(name, market.consumer.folder, market.home) for name in (PAYER, PAYEE))
    hours = ("--hours", "1") if expired else ()
    opened = payer.do("channel", "open", asset, "--to", accounts.address(PAYEE), "--amount", "20", *hours)
    if calls:
        keep(market, opened["channel"], calls)
    if expired:
        market.advance("1h")
    return Paying(str(opened["channel"]), payer, payee)


def keep(market: Market, channel: str, calls: int, *, key: str = PAYER) -> SignedVoucher:
    """A voucher for `calls` calls, signed and written down as a server does."""
    contract = address_of(market)
    request = request_digest(channel, calls, "0x" + "01" * 32, "0x" + "02" * 32)
    voucher = Voucher(channel, calls * PRICE, calls, request)
    signature = typed.sign(accounts.key(key), domain(CHAIN, contract), TYPES, message(voucher))
    signed = SignedVoucher(voucher, signature)
    place = f"{CHAIN}-{contract.lower()}"
    ServedVouchers(market.home / "serve" / "received" / place / accounts.address(PAYEE).lower()).keep(signed)
    return signed


def address_of(market: Market) -> str:
    """Where PaymentChannels stands on the market's devnet."""
    from mlm.adapters.chain import deployment

    return deployment.load(market.home / "devnet" / "deployment.json").address("PaymentChannels")
