"""The evidence of submissions, as it stands in the calldata of the transactions that handed it in."""

from __future__ import annotations

from collections.abc import Iterator

# submit(bytes32 jobId, Terms terms, bytes evidence, bytes32 result); a test holds it to the ABI
SUBMIT = bytes.fromhex("d6c61c67")


def submissions(calldata: bytes, job_id: bytes) -> Iterator[bytes]:
    """The `evidence` of each submission of a job that stands in a transaction's calldata.

    A provider may submit by `multicall`, or by a wallet that is a contract, and put others beside it.
    """
    start = calldata.find(SUBMIT + job_id)
    while start >= 0:
        arguments = calldata[start + 4 :]
        offset = int.from_bytes(arguments[64:96], "big")
        length = int.from_bytes(arguments[offset : offset + 32], "big") if offset + 32 <= len(arguments) else 0
        evidence = arguments[offset + 32 : offset + 32 + length]
        if length and len(evidence) == length:
            yield evidence
        start = calldata.find(SUBMIT + job_id, start + 1)
