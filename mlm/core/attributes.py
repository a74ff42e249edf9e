"""Attributes of providers: names, values, and what an auditor signs of them. Pure.

The same rules stand in devnet/contracts/libraries/Attributes.sol; docs/requirements.md is the page of both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mlm.core.errors import InvalidData, UsageError

Value = int | str  # a number below 2^128, or a symbol

NUMBERS = 1 << 128
WORD = re.compile(r"[a-z][a-z0-9._-]{0,30}")
RESERVED = frozenset({"reputation", "auditor", "auditors", "allow", "deny"})  # words of requirements' own text
MAX_SIGNED = 32  # attributes in one attestation that mlm writes or reads

# EIP-712: what an auditor signs. The contract's type hashes are those of this table.
DOMAIN = {"name": "mlm providers", "version": "1"}
TYPES = {
    "Attestation": [
        {"name": "auditor", "type": "address"},
        {"name": "provider", "type": "address"},
        {"name": "attributes", "type": "Attribute[]"},
        {"name": "issuedAt", "type": "uint64"},
        {"name": "expiresAt", "type": "uint64"},
    ],
    "Attribute": [{"name": "name", "type": "bytes32"}, {"name": "value", "type": "bytes32"}],
}


@dataclass(frozen=True)
class Attribute:
    """A name and one of its values."""

    name: str
    value: Value

    def __str__(self) -> str:
        return f"{self.name}={self.value}"

    @property
    def words(self) -> tuple[bytes, bytes]:
        """Name and value as the contract has them, 32 bytes each."""
        return word_of(self.name), word_of(self.value)


def check_name(name: str) -> str:
    """The name, if it is one; raises UsageError."""
    if name in RESERVED:
        raise UsageError(f"{name!r} is a word of requirements, and no attribute's name")
    if not WORD.fullmatch(name):
        raise UsageError(
            f"expected a name of 1 to 31 characters a-z, 0-9, '.', '_', '-' that begins with a letter, found {name!r}"
        )
    return name


def parse_value(text: str) -> Value:
    """A number from its digits, or a symbol; raises UsageError."""
    if text.isascii() and text.isdigit():
        return parse_number(text)
    if not WORD.fullmatch(text):
        raise UsageError(
            f"expected a whole number, or a symbol of 1 to 31 characters a-z, 0-9, '.', '_', '-' "
            f"that begins with a letter, found {text!r}"
        )
    return text


def parse_number(text: str) -> int:
    """A whole number below 2^128; raises UsageError."""
    if not (text.isascii() and text.isdigit()) or len(text) > 39 or int(text) >= NUMBERS:
        raise UsageError(
            f"expected a whole number below 2^128, found {text[:60]!r}",
            hint="Write digits only, such as 80, in the unit that the attribute is said in.",
        )
    return int(text)


def parse(text: str) -> Attribute:
    """`gpu.model=h100` or `gpu.memory=80`; raises UsageError."""
    name, sign, value = text.partition("=")
    if not sign:
        raise UsageError(
            f"expected NAME=VALUE such as gpu.model=h100, found {text!r}",
            hint="What has no value of its own gets one, such as gpu=yes.",
        )
    return Attribute(check_name(name.strip()), parse_value(value.strip()))


def parse_all(texts: Iterable[str]) -> tuple[Attribute, ...]:
    """Each of them, sorted, none twice; raises UsageError, also for two numbers of one name."""
    found = sorted({parse(text) for text in texts}, key=lambda each: each.words)
    numbers = [each for each in found if isinstance(each.value, int)]
    for left, right in zip(numbers, numbers[1:], strict=False):
        if left.name == right.name:
            raise UsageError(f"a name has one number: found {left} and {right}")
    return tuple(found)


def word_of(value: Value) -> bytes:
    """A number, or a name or symbol left-aligned, as 32 bytes."""
    return value.to_bytes(32, "big") if isinstance(value, int) else value.encode().ljust(32, b"\0")


def text_of(word: bytes) -> str:
    """The name or symbol in a word; raises InvalidData for a word that holds none."""
    text = word.rstrip(b"\0").decode("latin-1")
    if not WORD.fullmatch(text):
        raise InvalidData(f"expected a name or a symbol in 32 bytes, found 0x{word.hex()}")
    return text


def value_of(word: bytes) -> Value:
    """The number or symbol in a word; raises InvalidData for a word that holds neither."""
    number = int.from_bytes(word, "big")
    return number if number < NUMBERS else text_of(word)
