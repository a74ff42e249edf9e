"""`mlm channel pay`: a voucher for one call, signed by hand, for clients that know nothing of mlm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlm.core import channel as channels
from mlm.core.channel import ChannelState, SignedVoucher, encode_header, request_digest
from mlm.core.commitment import NO_SALT, tensors_root, unverified_input_commitment
from mlm.core.errors import InsufficientFunds, StateConflict, UsageError
from mlm.core.money import Amount
from mlm.core.spent import Kept, Record
from mlm.ports.bundle import Ports
from mlm.workflows import channel_show, source
from mlm.workflows.channel_show import CONTRACT

HEADER = "Mlm-Voucher"


@dataclass(frozen=True)
class Signed:
    """A voucher, as a request's header carries it. `repeated`: these tensors were paid for before, by this voucher."""

    channel: str
    call: int
    amount: Amount  # in all, for all calls up to this one
    input: str  # commitment
    request: str
    repeated: bool
    header: str
    next: str


def pay(
    ports: Ports, text: str, file: Path, *, price: Amount | None = None, name: str = "", call: int | None = None
) -> Signed:
    """Sign a voucher for one call on a file's tensors, and write it down before it is shown.

    `price`: base units for a call; the channel's first voucher fixes it. `name` of the only tensor of a .npy file.
    `call` signs a number again, whose call was refused, for these tensors. Tensors that were paid for get the same
    voucher again; what was signed by hand before counts as answered.
    Raises UsageError, StateConflict, InsufficientFunds, InvalidData.
    """
    channel = channel_show.settled(ports, text)
    account, now = ports.signer.address, ports.chain.block().timestamp
    if channel.terms.signer.lower() != account.lower():
        raise StateConflict(
            f"vouchers of channel {channel.id[:10]} are signed by {channel.terms.signer}, expected {account}",
            hint="Choose the account with --account.",
        )
    if (state := channel.state(now)) is not ChannelState.OPEN:
        raise StateConflict(f"channel {channel.id[:10]} is {state}, expected it open", hint="`mlm channel open`.")
    tensors = source.read_inputs(ports, file, (name,) if name else ())
    version = channel.terms.version_id
    root = tensors_root(NO_SALT, ports.tensors.to_block(tensors))
    commitment = "0x" + unverified_input_commitment(bytes.fromhex(version[2:]), root).hex()
    with ports.spent.hold(channel.id):
        record = ports.spent.record(channel.id)
        before = _before(record, commitment)
        if before is not None and call is None:
            return _shown(before, repeated=True)
        record.price = _price(record, price)
        number = _number(record, call)
        voucher = record.voucher(channel.id, number, request_digest(channel.id, number, version, commitment))
        if voucher.amount > channel.deposit:
            raise InsufficientFunds(
                f"channel {channel.id[:10]} has a deposit of {Amount(channel.deposit)}, call {number} needs "
                f"{Amount(voucher.amount)} in all",
                hint=f"`mlm channel topup {channel.id[:10]} --amount AMOUNT`.",
            )
        where = channels.domain(ports.chain.chain_id(), ports.chain.address_of(CONTRACT))
        signature = ports.signer.sign_typed(where, channels.TYPES, channels.message(voucher))
        kept = Kept(SignedVoucher(voucher, signature), commitment, record.price)
        for earlier in record.kept.keys() - record.owed - {number}:
            ports.spent.settle(channel.id, earlier)
        ports.spent.keep(kept)
    return _shown(kept, repeated=False)


def _before(record: Record, commitment: str) -> Kept | None:
    """What was signed for these tensors."""
    known = [kept for signed in record.kept.values() for kept in signed] + list(record.recent.values())
    return next((kept for kept in known if kept.input == commitment), None)


def _price(record: Record, price: Amount | None) -> int:
    if record.price and price is not None and price != record.price:
        raise UsageError(
            f"the channel's calls cost {Amount(record.price)}, found {price}",
            hint="Another price is another channel's.",
        )
    if not (found := record.price or int(price or 0)):
        raise UsageError("expected --price with the first call of a channel", hint="The server's 402 says it.")
    return found


def _number(record: Record, call: int | None) -> int:
    signed = record.last.calls if record.last else 0
    if call is None:
        return signed + 1
    if not 1 <= call <= signed:
        raise UsageError(f"expected a call from 1 to {signed} that was signed before, found {call}")
    return call


def _shown(kept: Kept, *, repeated: bool) -> Signed:
    voucher = kept.voucher
    header = encode_header(kept.signed)
    return Signed(
        channel=voucher.channel,
        call=voucher.calls,
        amount=Amount(voucher.amount),
        input=kept.input,
        request=voucher.request,
        repeated=repeated,
        header=header,
        next=f"curl -H '{HEADER}: {header}' …",
    )
