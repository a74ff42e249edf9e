"""Headers of safetensors files: what a sound one says, and every way in which one can lie."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mlm.core import safetensors
from mlm.core.errors import InvalidData
from mlm.core.safetensors import BITS, DTYPES, MAX_HEADER, Header, Stored, read_header


def write(entries: dict[str, Any] | str, data: bytes = b"") -> bytes:
    """A file with this header, as JSON or as it is, and these bytes of tensors."""
    header = (entries if isinstance(entries, str) else json.dumps(entries)).encode()
    return len(header).to_bytes(8, "little") + header + data


def parse(file: bytes) -> Header:
    return read_header(lambda begin, end: file[begin:end], len(file))


def entry(dtype: str = "F32", shape: Any = (2,), offsets: Any = (0, 8), **more: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


def test_tensors_come_in_the_order_of_their_bytes() -> None:
    file = write(
        {
            "__metadata__": {"format": "pt"},
            "b": entry("BF16", [3, 1], [8, 14]),
            "a": entry("F32", [2], [0, 8]),
            "scalar": entry("I64", [], [14, 22]),
            "empty": entry("F64", [0, 7], [8, 8]),
        },
        bytes(22),
    )
    start = len(file) - 22
    found = parse(file)
    assert found.tensors == (
        Stored("a", "float32", (2,), start, start + 8),
        Stored("empty", "float64", (0, 7), start + 8, start + 8),
        Stored("b", "bfloat16", (3, 1), start + 8, start + 14),
        Stored("scalar", "int64", (), start + 14, start + 22),
    )
    assert found.metadata == {"format": "pt"}
    assert found.parameters == 2 + 3 + 1


def test_only_the_header_is_read() -> None:
    file = write({"a": entry(shape=[1 << 20], offsets=[0, 4 << 20])}, bytes(4 << 20))
    read: list[tuple[int, int]] = []

    def ranges(begin: int, end: int) -> bytes:
        read.append((begin, end))
        return file[begin:end]

    read_header(ranges, len(file))
    assert max(end for _, end in read) == len(file) - (4 << 20)


def test_every_dtype_has_a_size_and_a_name() -> None:
    assert BITS.keys() == DTYPES.keys()
    for name, bits in BITS.items():
        found = parse(write({"x": entry(name, [8], [0, bits])}, bytes(bits)))
        assert found.tensors[0].dtype == DTYPES[name]


def test_an_empty_file_and_padding_are_sound() -> None:
    assert parse(write({})).tensors == ()
    assert parse(write(json.dumps({"a": entry()}) + "   ", bytes(8))).tensors[0].name == "a"


LIES: dict[str, tuple[Callable[[], bytes], str]] = {
    "no length": (lambda: b"\x01\0\0\0\0\0\0", "found 7 bytes"),
    "a header past the end": (lambda: (99).to_bytes(8, "little") + b"{}", "at most 2 bytes, found 99"),
    "a header without end": (lambda: b"\xff" * 8 + b"{}", "at most 2 bytes, found 18446744073709551615"),
    "no object": (lambda: write("[]"), "begins with '{', found b'\\['"),
    "no header": (lambda: write(""), "begins with"),
    "truncated JSON": (lambda: write('{"a": '), "in JSON"),
    "two documents": (lambda: write("{}{}"), "in JSON"),
    "no UTF-8": (lambda: (3).to_bytes(8, "little") + b"{\xff}", "in JSON"),
    "nested without end": (lambda: write('{"a":' + "[" * 100_000), "in JSON"),
    "a number of a million digits": (lambda: write('{"a":' + "9" * 1_000_000 + "}"), "in JSON"),
    "NaN": (lambda: write('{"a": NaN}'), "NaN is no JSON"),
    "a name twice": (
        lambda: write(f'{{"a": {json.dumps(entry())}, "a": {json.dumps(entry())}}}', bytes(8)),
        "'a' twice",
    ),
    "a field twice": (lambda: write('{"a": {"dtype": "F32", "dtype": "F16"}}'), "'dtype' twice"),
    "metadata that is a number": (lambda: write({"__metadata__": {"a": 1}}), "expected texts"),
    "metadata that is a list": (lambda: write({"__metadata__": []}), "expected texts"),
    "no name": (lambda: write({"": entry()}, bytes(8)), "1 to 1024 characters, found 0"),
    "a long name": (lambda: write({"a" * 1025: entry()}, bytes(8)), "found 1025"),
    "an entry that is text": (lambda: write({"a": "F32"}), "found str"),
    "a field too many": (lambda: write({"a": entry(more=1)}, bytes(8)), "expected the fields"),
    "a field too few": (lambda: write({"a": {"dtype": "F32", "shape": []}}), "expected the fields"),
    "an unknown dtype": (lambda: write({"a": entry("F31")}, bytes(8)), "found 'F31'"),
    "a dtype that is a list": (lambda: write({"a": entry(["F32"])}, bytes(8)), "expected a dtype"),  # type: ignore[arg-type]
    "a negative axis": (lambda: write({"a": entry(shape=[-2])}, bytes(8)), "expected a shape"),
    "an axis of half": (lambda: write({"a": entry(shape=[2.0])}, bytes(8)), "expected a shape"),
    "an axis that is true": (lambda: write({"a": entry(shape=[True, 2])}, bytes(8)), "expected a shape"),
    "an axis of 2^63": (lambda: write({"a": entry(shape=[1 << 63, 0], offsets=[0, 0])}), "expected a shape"),
    "too many axes": (lambda: write({"a": entry(shape=[1] * 65, offsets=[0, 4])}, bytes(4)), "64 axes"),
    "a shape that is a number": (lambda: write({"a": entry(shape=2)}, bytes(8)), "expected a shape"),
    "one offset": (lambda: write({"a": entry(offsets=[0])}, bytes(8)), "two data_offsets"),
    "a negative offset": (lambda: write({"a": entry(offsets=[-8, 0])}, bytes(8)), "two data_offsets"),
    "offsets the wrong way round": (lambda: write({"a": entry(offsets=[8, 0])}, bytes(8)), "takes 8 bytes, found"),
    "fewer bytes than its shape": (lambda: write({"a": entry(offsets=[0, 4])}, bytes(4)), "takes 8 bytes, found"),
    "a shape that overflows": (
        lambda: write({"a": entry(shape=[1 << 62, 1 << 62, 1 << 62], offsets=[0, 8])}, bytes(8)),
        "takes .* bytes, found data_offsets of 8",
    ),
    "half a byte": (lambda: write({"a": entry("F4", [3], [0, 2])}, bytes(2)), "12 bits"),
    "a hole": (
        lambda: write({"a": entry(), "b": entry(offsets=[9, 17])}, bytes(17)),
        "'b': expected to begin at byte 8, found 9",
    ),
    "a hole at the start": (lambda: write({"a": entry(offsets=[1, 9])}, bytes(9)), "at byte 0, found 1"),
    "an overlap": (lambda: write({"a": entry(), "b": entry(offsets=[4, 12])}, bytes(12)), "at byte 8, found 4"),
    "the same bytes twice": (lambda: write({"a": entry(), "b": entry()}, bytes(8)), "at byte 8, found 0"),
    "bytes after the tensors": (lambda: write({"a": entry()}, bytes(9)), "expected 8 bytes of tensors .* found 9"),
    "bytes cut off": (lambda: write({"a": entry()}, bytes(7)), "expected 8 bytes of tensors .* found 7"),
}


@pytest.mark.parametrize("name", LIES)
def test_lies_are_told_apart(name: str) -> None:
    make, says = LIES[name]
    with pytest.raises(InvalidData, match=says) as found:
        parse(make())
    assert len(str(found.value)) < 400 and "\n" not in str(found.value)


def test_a_huge_header_is_not_read() -> None:
    def refuse(begin: int, end: int) -> bytes:
        assert end <= 8, "the header itself was read"
        return (MAX_HEADER + 1).to_bytes(8, "little")

    with pytest.raises(InvalidData, match=f"at most {MAX_HEADER} bytes, found {MAX_HEADER + 1}"):
        read_header(refuse, 1 << 40)


def test_the_number_of_tensors_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safetensors, "MAX_TENSORS", 2)
    with pytest.raises(InvalidData, match="at most 2 tensors .* found 3"):
        parse(write({name: entry(shape=[0], offsets=[0, 0]) for name in "abc"}))
