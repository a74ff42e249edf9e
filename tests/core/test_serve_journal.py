"""Records of a server's journal: what is read is what was written, and a tail that is not whole is no record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core.channel import SignedVoucher, Voucher
from mlm.core.errors import InvalidData
from mlm.core.serve_journal import MAGIC, CallRecord, ChannelRecord, Record, decode, encode, records, sizes
from mlm.core.served import ServedResult

WORD = st.binary(min_size=32, max_size=32).map(lambda data: "0x" + data.hex())
UINT64, UINT128 = st.integers(0, (1 << 64) - 1), st.integers(1, (1 << 128) - 1)
SIGNATURE = st.binary(min_size=65, max_size=65)
RESULTS = st.builds(ServedResult, WORD, st.integers(1, (1 << 64) - 1), *[WORD] * 5, UINT64, SIGNATURE)
CALLS = st.builds(
    CallRecord, UINT128, UINT128, RESULTS, st.binary(min_size=1, max_size=200), st.integers(0, (1 << 256) - 1),
    st.binary(max_size=60),
)  # fmt: skip


@st.composite
def channel_records(draw: st.DrawFn) -> ChannelRecord:
    name = draw(WORD)
    voucher = st.builds(Voucher, st.just(name), UINT128, st.integers(1, (1 << 64) - 1), WORD)
    best = draw(st.none() | st.builds(SignedVoucher, voucher, st.binary(min_size=1, max_size=200)))
    return ChannelRecord(draw(UINT128), name, draw(UINT64), draw(UINT64), draw(UINT64), best)


@given(st.lists(CALLS | channel_records(), max_size=4), st.data())
def test_a_cut_or_spoilt_tail_costs_the_records_that_it_hits(made: list[Record], data: st.DataObject) -> None:
    pieces = [encode(record) for record in made]
    whole = MAGIC + b"".join(pieces)
    found = list(records(whole))
    assert [decode(payload) for _, _, payload in found] == made
    assert [(at, length) for at, length, _ in found] == sizes(pieces, len(MAGIC))
    cut = data.draw(st.integers(len(MAGIC), len(whole)))
    ends = [at + length for at, length in sizes(pieces, len(MAGIC))]
    assert len(list(records(whole[:cut]))) == sum(end <= cut for end in ends)
    if len(whole) > len(MAGIC):
        at = data.draw(st.integers(len(MAGIC), len(whole) - 1))
        spoilt = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        assert len(list(records(spoilt))) == sum(end <= at for end in ends)


@given(st.binary(max_size=400))
def test_what_mlm_did_not_write_is_invalid(payload: bytes) -> None:
    try:
        found = decode(payload)
    except InvalidData:
        return
    assert decode(encode(found)[8:]) == found


def test_a_record_of_another_kind() -> None:
    with pytest.raises(InvalidData, match="kind 9"):
        decode(b"\x09" + bytes(400))
