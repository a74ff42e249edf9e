"""A kept result reads back, and a spoiled one is never handed in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core.errors import InvalidData
from mlm.core.kept_work import KeptWork

WORK = KeptWork("0x" + "ab" * 32, True, "CPUExecutionProvider", 1.5, b"\x01proof", (0, 2**255, 7), b"tensors")


@pytest.mark.parametrize("work", [WORK, KeptWork("0x" + "00" * 32, False, None, 0.0)])
def test_it_reads_back(work: KeptWork) -> None:
    assert KeptWork.from_bytes(work.to_bytes()) == work


@given(st.data())
def test_any_flipped_bit_is_found(data: st.DataObject) -> None:
    whole = bytearray(WORK.to_bytes())
    at = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[at // 8] ^= 1 << at % 8
    with pytest.raises(InvalidData, match="expected a result that mlm kept"):
        KeptWork.from_bytes(bytes(whole))


@pytest.mark.parametrize("size", [0, 1, 32, 40])
def test_so_is_one_that_was_cut(size: int) -> None:
    with pytest.raises(InvalidData):
        KeptWork.from_bytes(WORK.to_bytes()[:size])
