"""From the words of a log to an event's name and named arguments."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from mlm.core.errors import InvalidData
from mlm.core.events.abi import Decoder, Field, sequence_of
from mlm.core.events.former import FORMER
from mlm.core.events.table import DECLARATIONS, parse

_KEPT = 1 << 13  # topics: the same accounts and jobs come again and again


@dataclass(frozen=True)
class _Plan:
    """How to decode one event: its indexed fields, from topics, and the others, from the data."""

    name: str
    indexed: tuple[Field, ...]
    read: Decoder


@cache
def _plans() -> dict[tuple[str, str], _Plan]:
    """(contract, topic 0) -> how to decode."""
    plans: dict[tuple[str, str], _Plan] = {}
    for contract, declaration, topic in (*DECLARATIONS, *FORMER):
        spec = parse(contract, declaration)
        indexed = tuple(field for field in spec.fields if field.indexed)
        plain = tuple(field for field in spec.fields if not field.indexed)
        plans[contract, topic] = _Plan(spec.name, indexed, sequence_of(plain))
    return plans


def emitters() -> tuple[str, ...]:
    """The contracts that have events."""
    return tuple(dict.fromkeys(contract for contract, _, _ in DECLARATIONS))


def decode(contract: str, topics: Collection[str], data: bytes) -> tuple[str, dict[str, Any]] | None:
    """Decode a log of `contract`: the event's name and arguments, or None for an event that we do not read.

    Integers are ints, addresses and bytes lower-case 0x-hex, arrays lists, structs dicts. Bytes of a string that are no
    UTF-8 show as \\xNN. Raises InvalidData when the log is not the canonical encoding of the event.
    """
    first, *others = topics or ("",)
    plan = _plans().get((contract, first))
    if plan is None:
        return None
    try:
        if len(others) != len(plan.indexed):
            raise InvalidData(f"expected {len(plan.indexed) + 1} topics, found {len(topics)}")
        known = {
            field.name: _topic(field.type.read, field.type.dynamic, topic)
            for field, topic in zip(plan.indexed, others, strict=True)
        }
        values, end = plan.read(data, 0)
        if end != len(data):
            raise InvalidData(f"expected {end} bytes of data, found {len(data)}")
    except InvalidData as error:
        raise InvalidData(f"{contract}.{plan.name}: {error}") from error
    except ValueError as error:
        raise InvalidData(f"{contract}.{plan.name}: a topic is not hexadecimal") from error
    known.update(values)
    return plan.name, known


@lru_cache(_KEPT)
def _topic(read: Callable[[bytes, int], Any], dynamic: bool, topic: str) -> Any:
    """An indexed value. Of a dynamic one its topic is the hash, which is all that can be known of it."""
    word = bytes.fromhex(topic[2:])
    if len(topic) != 66 or len(word) != 32 or topic[:2] != "0x":
        raise InvalidData(f"a topic of 32 bytes expected, found {topic[:80]}")
    return "0x" + word.hex() if dynamic else read(word, 0)
