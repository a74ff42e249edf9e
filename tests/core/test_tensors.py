"""Canonical tensor documents: round trips, and hostile ones."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core import dagcbor
from mlm.core.errors import InvalidData
from mlm.core.tensors import ITEM_BYTES, MAX_TENSORS, Tensor, frame, from_document, to_document


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    dtype = draw(st.sampled_from([name for name in ITEM_BYTES if name != "bool"]))
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=3)))
    size = prod(shape) * ITEM_BYTES[dtype]
    return Tensor(draw(st.text(min_size=1, max_size=8)), dtype, shape, draw(st.binary(min_size=size, max_size=size)))


MANY = st.lists(tensors(), max_size=4, unique_by=lambda tensor: tensor.name)


@given(MANY)
def test_round_trip_through_dag_cbor(given_: list[Tensor]) -> None:
    block = dagcbor.encode(to_document(given_))
    assert list(from_document(dagcbor.decode(block))) == sorted(given_, key=lambda tensor: tensor.name)


@given(MANY)
def test_a_block_of_a_frame_and_data_is_the_same(given_: list[Tensor]) -> None:
    ordered = sorted(given_, key=lambda tensor: tensor.name)
    *before, last = frame([(each.name, each.dtype, each.shape) for each in ordered])
    parts = [piece + each.data for piece, each in zip(before, ordered, strict=True)]
    assert b"".join([*parts, last]) == dagcbor.encode(to_document(given_))


def test_a_block_is_no_larger_than_any() -> None:
    most = dagcbor.MAX_BYTES - len(b"".join(frame([("x", "uint8", (1 << 20,))])))
    assert len(dagcbor.encode(to_document([Tensor("x", "uint8", (most,), bytes(most))]))) == dagcbor.MAX_BYTES
    assert len(b"".join(frame([("x", "uint8", (most,))]))) + most == dagcbor.MAX_BYTES
    for write in (lambda size: frame([("x", "uint8", (size,))]), lambda size: dagcbor.encode(_block(size))):
        with pytest.raises(InvalidData, match=str(dagcbor.MAX_BYTES + 1)):
            write(most + 1)


def _block(size: int) -> Any:
    return to_document([Tensor("x", "uint8", (size,), bytes(size))])


@given(MANY)
def test_the_order_given_does_not_matter(given_: list[Tensor]) -> None:
    assert to_document(given_) == to_document(given_[::-1])


def _item(**changes: Any) -> dict[str, Any]:
    return {"name": "x", "dtype": "float32", "shape": [1, 2], "data": bytes(8)} | changes


BAD: dict[str, Any] = {
    "not a map": [],
    "no tensors": {"format": "mlm/tensors/1"},
    "other format": {"format": "mlm/tensors/2", "tensors": []},
    "extra field": {"format": "mlm/tensors/1", "tensors": [], "more": 1},
    "tensors not a list": {"format": "mlm/tensors/1", "tensors": {}},
    "too many": {"format": "mlm/tensors/1", "tensors": [_item(name=str(i)) for i in range(MAX_TENSORS + 1)]},
}
BAD_ITEMS: dict[str, Any] = {
    "not a map": [1],
    "field missing": [{"name": "x"}],
    "dtype unknown": [_item(dtype="object")],
    "dtype not text": [_item(dtype=4)],
    "name empty": [_item(name="")],
    "name long": [_item(name="x" * 257)],
    "data text": [_item(data="12345678")],
    "too short": [_item(data=bytes(7))],
    "too long": [_item(data=bytes(9))],
    "negative axis": [_item(shape=[-1, -2])],
    "huge axis": [_item(shape=[1 << 62, 4])],
    "axis of truth": [_item(shape=[True, 2])],
    "axis of text": [_item(shape=["1", 2])],
    "many axes": [_item(shape=[1] * 17, data=bytes(4))],
    "bool of 2": [_item(dtype="bool", data=b"\0\2")],
    "one name twice": [_item(), _item()],
    "not sorted": [_item(name="b"), _item(name="a")],
}


@pytest.mark.parametrize("document", BAD.values(), ids=BAD)
def test_bad_documents(document: Any) -> None:
    with pytest.raises(InvalidData):
        from_document(document)


@pytest.mark.parametrize("items", BAD_ITEMS.values(), ids=BAD_ITEMS)
def test_bad_tensors(items: Any) -> None:
    with pytest.raises(InvalidData):
        from_document({"format": "mlm/tensors/1", "tensors": items})


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(InvalidData, match=r"'x'.*\[1, 2\] of float32 takes 8 bytes, found 7"):
        Tensor("x", "float32", (1, 2), bytes(7))
