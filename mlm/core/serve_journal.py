"""The records of a paid server's journal, as bytes: what a call was paid with, and what was answered. Pure.

File: the magic, then records of `u32 length, u32 crc32(payload), payload`, little-endian. A record that is not whole,
or whose checksum is wrong, ends the file: it was never acknowledged. docs/serving.md describes the format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from mlm.core.channel import SignedVoucher, Voucher
from mlm.core.errors import InvalidData
from mlm.core.served import ServedResult

MAGIC = b"mlm/served/1\n"
MAX_RECORD = 1 << 28
MAX_FILE = 1 << 32
_HEAD = struct.Struct("<II")
_CALL, _CHANNEL = 1, 2
_FIXED = struct.Struct("<B16s16s32s32s32sQ65s32s32s32sQH")  # up to the voucher's signature
_LEDGER = struct.Struct("<B16s32sQQQ16sQ32sH")


@dataclass(frozen=True)
class CallRecord:
    """One call that was served. `amount` is 0 in a journal that was compacted: the channel's record has the voucher.

    `mask` says which of the model's outputs were in the answer (bit i: the i-th); `answer` is the block of those, or
    empty where it was not kept.
    """

    price: int
    amount: int
    result: ServedResult
    signature: bytes  # of the voucher
    mask: int
    answer: bytes = field(default=b"", repr=False)

    @property
    def voucher(self) -> SignedVoucher | None:
        """The voucher that paid for it, where it is still here."""
        if not self.amount:
            return None
        found = self.result
        return SignedVoucher(Voucher(found.channel, self.amount, found.call, found.request), self.signature)


@dataclass(frozen=True)
class ChannelRecord:
    """A channel's ledger when the journal was compacted; records of the calls above its floor follow."""

    price: int
    channel: str
    count: int
    highest: int
    floor: int
    best: SignedVoucher | None


Record = CallRecord | ChannelRecord


def encode(record: Record) -> bytes:
    """A record's bytes, with length and checksum."""
    payload = _call(record) if isinstance(record, CallRecord) else _channel(record)
    return _HEAD.pack(len(payload), crc32(payload)) + payload


def _call(record: CallRecord) -> bytes:
    result = record.result
    return b"".join(
        (
            _FIXED.pack(
                _CALL,
                record.price.to_bytes(16, "little"),
                record.amount.to_bytes(16, "little"),
                bytes.fromhex(result.channel[2:]),
                bytes.fromhex(result.request[2:]),
                bytes.fromhex(result.version_id[2:]),
                result.call,
                result.signature,
                bytes.fromhex(result.input_commitment[2:]),
                bytes.fromhex(result.output_commitment[2:]),
                bytes.fromhex(result.profile[2:]),
                result.served_at,
                len(record.signature),
            ),
            record.signature,
            record.mask.to_bytes(32, "little"),
            record.answer,
        )
    )


def _channel(record: ChannelRecord) -> bytes:
    best = record.best
    voucher = best.voucher if best else None
    signature = best.signature if best else b""
    return (
        _LEDGER.pack(
            _CHANNEL,
            record.price.to_bytes(16, "little"),
            bytes.fromhex(record.channel[2:]),
            record.count,
            record.highest,
            record.floor,
            (voucher.amount if voucher else 0).to_bytes(16, "little"),
            voucher.calls if voucher else 0,
            bytes.fromhex(voucher.request[2:]) if voucher else bytes(32),
            len(signature),
        )
        + signature
    )


def decode(payload: bytes | memoryview) -> Record:
    """The record of a payload whose checksum was right; raises InvalidData for one that mlm did not write."""
    try:
        return _decoded(bytes(payload))
    except (struct.error, IndexError, ValueError) as error:
        raise InvalidData(f"the journal holds a record that mlm did not write: {error}") from error


def _decoded(data: bytes) -> Record:
    if data[0] == _CHANNEL:
        _, price, channel, count, highest, floor, amount, calls, request, length = _LEDGER.unpack_from(data)
        signature = data[_LEDGER.size :]
        if len(signature) != length:
            raise ValueError(f"expected a signature of {length} bytes, found {len(signature)}")
        name = "0x" + channel.hex()
        best = None
        if calls:
            best = SignedVoucher(Voucher(name, _number(amount), calls, "0x" + request.hex()), signature)
        return ChannelRecord(_number(price), name, count, highest, floor, best)
    if data[0] != _CALL:
        raise ValueError(f"kind {data[0]}")
    _, price, amount, channel, request, version, call, signed, *rest = _FIXED.unpack_from(data)
    inputs, outputs, profile, served_at, length = rest
    at = _FIXED.size + length
    if at + 32 > len(data):
        raise ValueError(f"{len(data)} bytes")
    asked, of, given, gave, how = ("0x" + word.hex() for word in (request, version, inputs, outputs, profile))
    result = ServedResult("0x" + channel.hex(), call, asked, of, given, gave, how, served_at, signed)
    signature = data[_FIXED.size : at]
    return CallRecord(_number(price), _number(amount), result, signature, _number(data[at : at + 32]), data[at + 32 :])


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def records(data: bytes | memoryview, at: int = len(MAGIC)) -> Iterator[tuple[int, int, memoryview]]:
    """(offset, length, payload) of every whole record from `at` on; it ends before the first one that is not."""
    view = memoryview(data)
    while at + _HEAD.size <= len(view):
        length, checksum = _HEAD.unpack_from(view, at)
        start = at + _HEAD.size
        if not 0 < length <= MAX_RECORD or start + length > len(view):
            return
        payload = view[start : start + length]
        if crc32(payload) != checksum:
            return
        yield start, length, payload
        at = start + length


def check_magic(label: str, data: bytes) -> None:
    """Raise InvalidData, which names the file by `label`, for what does not begin as a journal does."""
    if not data.startswith(MAGIC):
        raise InvalidData(f"{label}: expected a server's journal, which begins with {MAGIC!r}, found {data[:20]!r}")


def sizes(made: Sequence[bytes], at: int) -> list[tuple[int, int]]:
    """(offset, length) of the payloads of encoded records that are written one behind the other from `at` on."""
    found = []
    for each in made:
        found.append((at + _HEAD.size, len(each) - _HEAD.size))
        at += len(each)
    return found
