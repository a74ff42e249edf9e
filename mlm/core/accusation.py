"""Accusations of payees by what they have signed: what names one, and what its contract takes. Pure.

devnet/contracts/ServingBonds.sol computes the same; the protocol: docs/serving.md, "Bonds".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mlm.core.digest import domain, keccak256, word, words
from mlm.core.errors import InvalidData, VerificationFailed
from mlm.core.exact.trace import Tensor
from mlm.core.served import ServedResult, exact_profile
from mlm.core.settlement import LOCK_TIMES
from mlm.core.terms import MAX_VALUE_AT_RISK

MAX_INPUT_BYTES = 122_880  # of all inputs of one accusation (devnet/contracts/libraries/BondLimits.sol)
MAX_GAME = 2 * 86_400  # seconds that games upon a job last beyond its window, at most (Limits.sol)


class AccusationState(StrEnum):
    """How an accusation stands."""

    STANDS = "stands"
    PROVEN = "proven"  # by a job, or by another statement
    LAPSED = "lapsed"


@dataclass(frozen=True)
class Statement:
    """A signed result of an exact model, with the commitments that its profile opens to."""

    result: ServedResult
    exact_input: bytes
    exact_output: bytes

    def as_args(self) -> tuple[Any, ...]:
        """The contract's `Statement`."""
        result = self.result
        raw = (result.request, result.version_id, result.input_commitment, result.output_commitment)
        named = (bytes.fromhex(value[2:]) for value in raw)
        head = (bytes.fromhex(result.channel[2:]), result.call, *named, result.served_at)
        return (*head, self.exact_input, self.exact_output, result.signature)


def opened(result: ServedResult, exact_input: bytes, exact_output: bytes) -> Statement:
    """The statement of a result whose profile binds these commitments; raises VerificationFailed for another."""
    expected = exact_profile(exact_input, exact_output)
    if result.profile != expected:
        raise VerificationFailed(
            f"the result's profile: expected {expected}, of these inputs and outputs, found {result.profile}",
            hint="No contract takes a statement that does not open: its payee promised nothing exact of this call.",
        )
    return Statement(result, exact_input, exact_output)


def accusation_id(chain_id: int, contract: str, statement: Statement) -> str:
    """keccak256(abi.encode(H("mlm/accusation/1"), chainid, contract, channelId, call, exactOutput)), 0x-prefixed."""
    result = statement.result
    place = (word(chain_id), word(int(contract, 16)), bytes.fromhex(result.channel[2:]), word(result.call))
    return "0x" + keccak256(words((domain("mlm/accusation/1"), *place, statement.exact_output))).hex()


def shown(inputs: Sequence[Tensor]) -> tuple[list[int], list[bytes]]:
    """Type words and bytes of inputs, as an accusation shows them. Raises InvalidData where they are too many."""
    size = sum(len(each.data) for each in inputs)
    if size > MAX_INPUT_BYTES:
        raise InvalidData(f"expected inputs of at most {MAX_INPUT_BYTES} bytes as whole numbers, found {size}")
    return [each.kind.word() for each in inputs], [each.data for each in inputs]


def value_at_risk(bond: int, max_price: int) -> int:
    """What a job must name as its value at risk, for a lock of at least `bond`, or of the most it can; base units."""
    return min(max(0, -(-bond // LOCK_TIMES) - max_price), MAX_VALUE_AT_RISK)
