"""A payee, a payer and a channel, without a chain: what a till and a journal are tested with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mlm.adapters.chain import typed
from mlm.adapters.chain.tx import address_of_key
from mlm.core import channel, served
from mlm.core.channel import Channel, ChannelTerms, SignedVoucher, Voucher, channel_id
from mlm.core.commitment import NO_SALT, tensors_root, unverified_input_commitment
from mlm.core.serve_journal import CallRecord
from mlm.core.served import ServedResult, Terms

CHAIN, CONTRACT = 31337, "0x" + "c0" * 20
PAYEE_KEY, PAYER_KEY = b"\x11" * 32, b"\x22" * 32
PAYEE, PAYER = (address_of_key(key).lower() for key in (PAYEE_KEY, PAYER_KEY))
VERSION = "0x" + "ab" * 32
PRICE = 10
TERMS = Terms(CHAIN, "0x" + "0e" * 32, CONTRACT, "0x" + "70" * 20, PAYEE, VERSION, PRICE, 60)


def opened(nonce: int = 1, deposit: int = 1_000_000, expires_at: int = 10_000, **changes: object) -> Channel:
    """A channel of the payer to the payee."""
    terms = ChannelTerms(PAYER, PAYER, PAYEE, nonce, VERSION, 1, 0, 0, 0, (PAYEE,), (10_000,))
    terms = replace(terms, **changes)  # type: ignore[arg-type]
    return Channel(channel_id(CHAIN, CONTRACT, terms), terms, deposit, 0, 0, expires_at)


def pay(
    of: Channel, block: bytes, calls: int, amount: int | None = None, key: bytes = PAYER_KEY, version: str = VERSION
) -> SignedVoucher:
    """A voucher of a call on the tensors of a block."""
    given = unverified_input_commitment(bytes.fromhex(version[2:]), tensors_root(NO_SALT, block))
    request = channel.request_digest(of.id, calls, version, "0x" + given.hex())
    return sign(Voucher(of.id, calls * PRICE if amount is None else amount, calls, request), key)


def sign(voucher: Voucher, key: bytes = PAYER_KEY, chain: int = CHAIN, contract: str = CONTRACT) -> SignedVoucher:
    """A voucher, signed."""
    domain = channel.domain(chain, contract)
    return SignedVoucher(voucher, typed.sign(key, domain, channel.TYPES, channel.message(voucher)))


def recover(signed: SignedVoucher) -> str:
    """Whose key signed a voucher; nobody's where it is no signature."""
    from mlm.core.errors import InvalidData

    try:
        domain = channel.domain(CHAIN, CONTRACT)
        return typed.recover(domain, channel.TYPES, channel.message(signed.voucher), signed.signature)
    except InvalidData:
        return ""


def sign_result(result: ServedResult) -> bytes:
    """The payee's signature."""
    return typed.sign(PAYEE_KEY, served.domain(CHAIN, CONTRACT), served.TYPES, result.message)


def record(of: Channel, calls: int, answer: bytes = b"answer", price: int = PRICE) -> CallRecord:
    """A call as a journal has it; its signature means nothing."""
    word = "0x" + calls.to_bytes(32, "big").hex()
    result = ServedResult(of.id, calls, word, VERSION, word, word, word, 7, b"r" * 65)
    return CallRecord(price, calls * price, result, b"v" * 65, 1, answer)


class Channels:
    """What the chain says; `reads` counts how often it was asked."""

    def __init__(self, *known: Channel, now: int = 1000) -> None:
        self.known, self.now, self.reads = {each.id: each for each in known}, now, 0
        self.error: Exception | None = None

    def read(self, names: Sequence[str]) -> tuple[int, dict[str, Channel | None]]:
        """As a server reads it."""
        self.reads += 1
        if self.error is not None:
            raise self.error
        return self.now, {name: self.known.get(name) for name in names}
