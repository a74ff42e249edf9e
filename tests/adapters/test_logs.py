"""Logs as a node sends them: read in one look when they are spelt as usual, word by word when they are not."""

from __future__ import annotations

from typing import Any

import pytest

from mlm.adapters.chain.read import log_from
from mlm.core.errors import ChainError

ADDRESS, WORD, OTHER = "0x" + "a1" * 20, "0x" + "b2" * 32, "0x" + "c3" * 32
LOG = {
    "address": ADDRESS,
    "topics": [WORD, OTHER],
    "data": "0x0102",
    "blockNumber": "0x10",
    "blockHash": WORD,
    "transactionHash": OTHER,
    "logIndex": "0x2",
}


def test_a_log_is_read() -> None:
    log = log_from(LOG)
    assert (log.address, log.topics, log.data) == (ADDRESS, (WORD, OTHER), b"\1\2")
    assert (log.block_number, log.block_hash, log.tx_hash, log.log_index) == (16, WORD, OTHER, 2)
    assert log_from({**LOG, "topics": []}).topics == ()


def test_upper_case_hex_means_the_same() -> None:
    loud = {**LOG, "topics": [WORD.replace("b", "B"), OTHER], "address": ADDRESS.replace("a", "A")}
    assert log_from(loud) == log_from(LOG)


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": None}, {"address": WORD}, {"address": ADDRESS[:-2]}, {"address": f"{ADDRESS},{WORD}"},
        {"blockHash": None}, {"blockHash": 5}, {"blockHash": WORD[:-1]}, {"blockHash": WORD + "00"},
        {"blockHash": f"{WORD},{OTHER}"}, {"blockHash": f"{WORD},{OTHER}", "transactionHash": ""},
        {"transactionHash": [WORD]}, {"transactionHash": "0x" + "zz" * 32}, {"transactionHash": WORD + "\n"},
        {"topics": [WORD, None]}, {"topics": [WORD[2:]]}, {"topics": [f"{WORD},{OTHER}"]}, {"topics": "0x"},
        {"topics": [WORD, ""]}, {"data": None}, {"data": "01"}, {"data": "0x1"}, {"data": "0xzz"}, {"data": ["0x"]},
        {"data": b"0x"}, {"blockNumber": 16}, {"logIndex": "2"}, {"removed": True},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_log_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ChainError, match="nonsense"):
        log_from({**LOG, **wrong})
