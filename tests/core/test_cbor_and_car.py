"""CID, DAG-CBOR and CAR: round trips of everything, and a name for every defect."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core import car, dagcbor
from mlm.core.cid import CODECS, DAG_CBOR, RAW, Cid
from mlm.core.errors import InvalidData

HELLO = Cid.of(RAW, b"hello world")

CIDS = st.builds(Cid, st.sampled_from(sorted(CODECS)), st.binary(min_size=32, max_size=32))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary()
    | CIDS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5)
)


@given(CIDS)
def test_cid_round_trip(cid: Cid) -> None:
    assert Cid.parse(str(cid)) == cid
    assert Cid.from_bytes(bytes(cid)) == cid


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", "CIDv0"),
        (str(HELLO).upper(), "CIDv1"),
        (str(HELLO)[:-1] + str(HELLO)[-1].upper(), "lower-case"),
        (str(HELLO)[:-1], "59 characters"),
        (str(HELLO) + "a", "59 characters"),
        (str(HELLO)[:-1] + "1", "base32"),
        ("z" + str(HELLO)[1:], "59 characters"),
        ("", "59 characters"),
        ("b" + "a" * 58, "version"),
        ("b" + "ä" * 58, "lower-case"),
    ],
)
def test_other_spellings_of_a_cid_are_refused(text: str, match: str) -> None:
    with pytest.raises(InvalidData, match=match):
        Cid.parse(text)


def test_cid_with_stray_bits_at_its_end_is_refused() -> None:
    """58 digits hold two bits more than 36 bytes: four spellings of the same bytes, one of them canonical."""
    digits = "abcdefghijklmnopqrstuvwxyz234567"
    text = str(HELLO)
    other = text[:-1] + digits[digits.index(text[-1]) + 1]
    with pytest.raises(InvalidData, match="canonical"):
        Cid.parse(other)


@given(VALUES)
def test_cbor_round_trip(value: Any) -> None:
    data = dagcbor.encode(value)
    again = dagcbor.decode(data)
    assert again == value
    assert dagcbor.encode(again) == data


@given(st.binary(max_size=60))
def test_cbor_bytes_are_canonical_or_refused(data: bytes) -> None:
    try:
        value = dagcbor.decode(data)
    except InvalidData:
        return
    assert dagcbor.encode(value) == data


@given(VALUES, st.data())
def test_cbor_changed_bytes_are_canonical_or_refused(value: Any, data: st.DataObject) -> None:
    raw = bytearray(dagcbor.encode(value))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        again = dagcbor.decode(bytes(raw))
    except InvalidData:
        return
    assert dagcbor.encode(again) == bytes(raw)


# Padded and cut numbers; lengths beyond the end, indefinite or absurd; keys that are no text, repeated or unsorted;
# other tags and broken CIDs; other simple values and floats; bytes after the end.
DEFECTS = """
1817 190001 1a00000001 1b0000000000000001 18 1c 1f 3f fc ff 0000
5801 41 7801 61ff 9f01ff 5f4101ff 8201 9bffffffffffffffff bbffffffffffffffff
a1 a10101 a1186161 a2616201616101 a2616101616102 a262616101616201
c001 d82a01 d82a4100 d82a420055 d92a0000 dc
f7 f818 f97e00 fa3f800000 fb7ff8000000000000 fb7ff0000000000000 fbfff0000000000000
"""


@pytest.mark.parametrize("data", ["", *DEFECTS.split()])
def test_non_canonical_cbor_is_refused(data: str) -> None:
    with pytest.raises(InvalidData):
        dagcbor.decode(bytes.fromhex(data))


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, 2**64, -(2**64) - 1, "\ud800", {1: 2}, {"\udfff": 1}, object()]
)
def test_what_cbor_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(InvalidData):
        dagcbor.encode({"value": value})


def test_cbor_limits() -> None:
    with pytest.raises(InvalidData, match="deep"):
        dagcbor.decode(b"\x81" * 5000 + b"\x00")
    nested: list[Any] = []
    for _ in range(200):
        nested = [nested]
    with pytest.raises(InvalidData, match="deep"):
        dagcbor.encode(nested)
    with pytest.raises(InvalidData, match="at most 4 bytes"):
        dagcbor.encode("12345", max_bytes=4)
    with pytest.raises(InvalidData, match="at most 4 bytes"):
        dagcbor.decode(dagcbor.encode("12345"), max_bytes=4)


def test_cbor_agrees_with_the_specification() -> None:
    """Examples of the DAG-CBOR specification and of RFC 8949, appendix A."""
    assert dagcbor.encode({"hello": "world", "a": [1, -1, True, None]}) == bytes.fromhex(
        "a26161840120f5f66568656c6c6f65776f726c64"
    )
    assert dagcbor.encode(1.5) == bytes.fromhex("fb3ff8000000000000")
    assert dagcbor.encode(HELLO) == bytes.fromhex("d82a582500") + bytes(HELLO)
    assert dagcbor.links({"b": [HELLO, {"c": HELLO}], "a": 1}) == [HELLO, HELLO]


BLOCKS = [(Cid.of(RAW, data), data) for data in (b"", b"one", b"two" * 1000)]
ROOT = BLOCKS[1][0]


def archive(blocks: list[tuple[Cid, bytes]] = BLOCKS, root: Cid = ROOT) -> bytes:
    return b"".join(car.write(root, blocks))


def read(data: bytes, limits: car.Limits = car.Limits()) -> list[tuple[Cid, bytes]]:
    return [(cid, block) for _, cid, block in car.Reader(io.BytesIO(data).read, limits)]


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=10), st.integers(1, 50))
def test_car_round_trip(blocks: list[bytes], step: int) -> None:
    pairs = [(Cid.of(RAW, data), data) for data in blocks]
    data = archive([*pairs, *pairs], pairs[-1][0])
    stream = io.BytesIO(data)
    # A pipe returns less than was asked for.
    reader = car.Reader(lambda count: stream.read(min(count, step)))
    found = list(reader)
    assert [(cid, block) for _, cid, block in found] == list(dict(pairs).items())
    assert all(data[at : at + len(block)] == block for at, _, block in found)
    assert reader.root == pairs[-1][0]


def test_car_header_has_its_length() -> None:
    assert len(car.header(ROOT)) == car.HEADER_LENGTH
    assert car.header(ROOT).hex() == "3aa265726f6f747381d82a582500" + bytes(ROOT).hex() + "6776657273696f6e01"


def test_car_needs_its_root() -> None:
    with pytest.raises(InvalidData, match="expected the root"):
        archive(root=HELLO)
    with pytest.raises(InvalidData, match="its own root"):
        read(car.header(HELLO) + archive()[car.HEADER_LENGTH :])


@pytest.mark.parametrize("cut", [0, 1, 30, 58, 60, 70, 96, 97, 100, 150, -1])
def test_truncated_car_is_refused(cut: int) -> None:
    with pytest.raises(InvalidData):
        read(archive()[:cut])


def with_header(value: Any) -> bytes:
    raw = dagcbor.encode(value)
    return dagcbor_length(len(raw)) + raw + archive()[car.HEADER_LENGTH :]


def dagcbor_length(count: int) -> bytes:
    return bytes([count]) if count < 128 else bytes([count & 127 | 128, count >> 7])


BODY = archive()[car.HEADER_LENGTH :]
HEADER = car.header(ROOT)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (bytes.fromhex("0aa16776657273696f6e02") + b"\0" * 40, "CARv2"),
        (with_header({"roots": [], "version": 1}), "0 roots"),
        (with_header({"roots": [ROOT, HELLO], "version": 1}), "2 roots"),
        (with_header({"roots": [ROOT], "version": 3}), "header"),
        (with_header({"roots": [ROOT], "version": 1, "x": 1}), "header"),
        (with_header({"roots": ["root"], "version": 1}), "exactly one root"),
        (with_header([1]), "header"),
        (b"\x3a" + b"\xff" * 58 + BODY, "DAG-CBOR"),
        (b"\xff" * 30, "too long a varint"),
        (b"\x80\x00" + HEADER, "padded"),
        (HEADER + b"\xff" * 9 + b"\x01", "too long a varint"),
        (HEADER + b"\xff\xff\xff\xff\x0f", "at most"),
        (HEADER + BODY + b"\xa4\x80\x00" + bytes(36), "padded"),
        (HEADER + BODY + b"\x05abcde", "CID"),
        (HEADER + b"\x25" + bytes(ROOT) + b"!", "damaged"),
        (HEADER + b"\x25" + b"\x01\x55\x1b\x20" + bytes(32) + b"!", "sha2-256"),
        (HEADER + b"\x25" + b"\x12\x20" + bytes(34) + b"!", "CID"),
        (HEADER + BODY + b"trailing garbage", "cut off"),
        (b"", "no header"),
        (b"\x00", "no header"),
        (HEADER, "its own root"),
    ],
    ids=lambda value: value[:24].hex() if isinstance(value, bytes) else None,
)  # fmt: skip
def test_hostile_car_is_refused(data: bytes, match: str) -> None:
    with pytest.raises(InvalidData, match=match):
        read(data)


def test_car_limits() -> None:
    data = archive()
    with pytest.raises(InvalidData, match="passes 1 blocks"):
        read(data, car.Limits(blocks=1))
    with pytest.raises(InvalidData, match="bytes"):
        read(data, car.Limits(total=50))
    with pytest.raises(InvalidData, match="at most 1036 bytes of block"):
        read(data, car.Limits(block=1000))


@given(st.binary(max_size=100), st.integers(0, 200))
def test_any_bytes_in_a_car_are_refused_cleanly(noise: bytes, at: int) -> None:
    data = archive()
    damaged = data[:at] + noise + data[at:]
    if noise:
        try:
            found = read(damaged)
        except InvalidData:
            return
        assert {cid for cid, _ in found} >= {ROOT}


def test_cid_order_and_text_in_json() -> None:
    assert sorted([Cid.of(DAG_CBOR, b"a"), HELLO])[0] == HELLO
    assert HELLO.__json__() == str(HELLO)
    assert HELLO.version == 1
