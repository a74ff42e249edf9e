"""Requests of the Open Inference Protocol as anybody may write them: read as they are meant, or refused in words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core.errors import InvalidData
from mlm.core.inference import Given, Inference, Signature, Spec, Wanted, model_metadata, parse, response, split

SIGNATURE = Signature(
    (Spec("a", "float32", ("n", 2)), Spec("b", "int64", ("n",))), (Spec("x", "float32", ("n",)), Spec("y", "bool", ()))
)
A = {"name": "a", "shape": [3, 2], "datatype": "FP32", "data": [1, 2, 3, 4, 5, 6]}
B = {"name": "b", "shape": [3], "datatype": "INT64", "data": [1, 2, 3]}
NO_BYTES = memoryview(b"")


def read(document: Any, tail: bytes = b"", most: int = 1000) -> Inference:
    return parse(document, memoryview(tail), SIGNATURE, most)


def test_a_request_is_read() -> None:
    found = read({"id": "7", "inputs": [B, A], "outputs": [{"name": "y"}], "parameters": {"unknown": 1}})
    assert found == Inference(
        "7",
        (Given("b", "int64", (3,), values=[1, 2, 3]), Given("a", "float32", (3, 2), values=[1, 2, 3, 4, 5, 6])),
        (Wanted("y", False),),
    )
    assert read({"inputs": [A, B]}).wanted == (Wanted("x", False), Wanted("y", False))


def test_raw_bytes_follow_in_the_order_of_the_inputs() -> None:
    raw_a = {name: A[name] for name in ("name", "shape", "datatype")} | {"parameters": {"binary_data_size": 24}}
    raw_b = {name: B[name] for name in ("name", "shape", "datatype")} | {"parameters": {"binary_data_size": 24}}
    tail = bytes(range(48))
    found = read({"inputs": [raw_b, raw_a], "parameters": {"binary_data_output": True}}, tail)
    assert [bytes(each.data or b"") for each in found.inputs] == [tail[:24], tail[24:]]
    assert found.binary and all(each.binary for each in found.wanted)
    for other, expected in ((tail[:-1], "24 raw bytes"), (tail + b"x", "1 bytes follow")):
        with pytest.raises(InvalidData, match=expected):
            read({"inputs": [raw_b, raw_a]}, other)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"inputs": [A]}, r"\['b'\] are missing"),
        ({"inputs": [A, {**B, "shape": [4]}]}, r"expected shape \['n'\], found \[4\]"),
        ({"inputs": [{**A, "shape": [3]}, B]}, "expected shape"),
        ({"inputs": [{**A, "shape": "3"}, B]}, "'3'"),
        ({"inputs": [{**A, "shape": [0, 2]}, B]}, "from 1 to"),
        ({"inputs": [{**A, "shape": [1] * 17}, B]}, "at most 16 axes"),
        ({"inputs": [{**A, "shape": [1 << 39, 2]}, B]}, "more than the limit of 1000"),
        ({"inputs": [{**A, "datatype": "BYTES"}, B]}, "FP32, found 'BYTES'"),
        ({"inputs": [{**A, "datatype": ["FP32"]}, B]}, "a list of 1"),
        ({"inputs": [{**A, "name": ["a"]}, B]}, "name of 1 to"),
        ({"inputs": [{**A, "parameters": 5}, B]}, "parameters to be an object"),
        ({"inputs": [{**A, "parameters": {"binary_data_size": True}}, B]}, "raw bytes"),
        ({"inputs": [{"name": "a", "shape": [3, 2], "datatype": "FP32"}, B]}, "the field data"),
        ({"inputs": [A] * 257}, "1 to 256"),
        ({"inputs": {}}, "a list"),
        ({"inputs": [A, B], "outputs": []}, "outputs to be a list"),
        ({"inputs": [A, B], "outputs": [{"name": "x", "parameters": {"binary_data": 1}}]}, "true or false"),
        ("text", "a JSON object, found 'text'"),
        (None, "found nothing"),
    ],
)  # fmt: skip
def test_what_is_refused(document: Any, words: str) -> None:
    with pytest.raises(InvalidData, match=words):
        read(document)


FIELDS = ("inputs", "outputs", "name", "shape", "datatype", "data", "parameters", "id")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), 1 << 64) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from([*FIELDS, "binary_data_size"]),
        inner,
        max_size=6,
    ),
    max_leaves=20,
)  # fmt: skip


@given(ANYTHING, st.binary(max_size=40))
def test_whatever_comes_it_is_read_or_refused(document: Any, tail: bytes) -> None:
    try:
        found = parse(document, memoryview(tail), SIGNATURE, 1000)
    except InvalidData as error:
        assert len(str(error)) < 400 and "\n" not in str(error)
    else:
        assert {each.name for each in found.inputs} == {"a", "b"}


def test_a_body_is_split_by_its_header() -> None:
    body = memoryview(b"{}1234")
    assert tuple(map(bytes, split(body, "2"))) == (b"{}", b"1234")
    assert tuple(map(bytes, split(body, None))) == (b"{}1234", b"")
    for header in ("7", "-1", "1e1", "", "0x2", "²"):
        with pytest.raises(InvalidData, match="at most 6"):
            split(body, header)


def test_answers() -> None:
    found = model_metadata("m", ["1"], SIGNATURE, {})
    assert found["inputs"][0] == {"name": "a", "datatype": "FP32", "shape": [-1, 2]}
    assert response("m", "1", None, []) == {"model_name": "m", "model_version": "1", "outputs": []}
    assert response("m", "1", "", [])["id"] == ""
