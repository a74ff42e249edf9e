"""From the words of a log to an event's name and named arguments."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from mlm.core.errors import InvalidData
from mlm.core.events.abi import Field, read_sequence
from mlm.core.events.table import DECLARATIONS, Spec, parse

_Plan = tuple[Spec, tuple[Field, ...], tuple[Field, ...]]  # the event, its indexed fields, the others


@cache
def _plans() -> dict[tuple[str, str], _Plan]:
    """(contract, topic 0) -> how to decode."""
    plans: dict[tuple[str, str], _Plan] = {}
    for contract, declaration, topic in DECLARATIONS:
        spec = parse(contract, declaration)
        indexed = tuple(field for field in spec.fields if field.indexed)
        plans[contract, topic] = (spec, indexed, tuple(field for field in spec.fields if not field.indexed))
    return plans


def emitters() -> tuple[str, ...]:
    """The contracts that have events."""
    return tuple(dict.fromkeys(contract for contract, _, _ in DECLARATIONS))


def decode(contract: str, topics: Sequence[str], data: bytes) -> tuple[str, dict[str, Any]] | None:
    """Decode a log of `contract`: the event's name and arguments, or None for an event that we do not read.

    Integers are ints, addresses and bytes lower-case 0x-hex, arrays lists, structs dicts. Bytes of a string that are no
    UTF-8 show as \\xNN. Raises InvalidData when the log is not the canonical encoding of the event.
    """
    plan = _plans().get((contract, topics[0])) if topics else None
    if plan is None:
        return None
    spec, indexed, plain = plan
    if len(topics) != len(indexed) + 1:
        raise InvalidData(f"{contract}.{spec.name}: expected {len(indexed) + 1} topics, found {len(topics)}")
    try:
        known: dict[str, Any] = {}
        for field, topic in zip(indexed, topics[1:], strict=True):
            word = bytes.fromhex(topic[2:])
            if len(topic) != 66 or len(word) != 32 or topic[:2] != "0x":
                raise InvalidData(f"a topic of 32 bytes expected, found {topic[:80]}")
            # The topic of a dynamic value is its hash, which is all that can be known of it.
            known[field.name] = "0x" + word.hex() if field.type.dynamic else field.type.read(word, 0)
        values, end = read_sequence(data, 0, plain)
        if end != len(data):
            raise InvalidData(f"expected {end} bytes of data, found {len(data)}")
    except InvalidData as error:
        raise InvalidData(f"{contract}.{spec.name}: {error}") from error
    except ValueError as error:
        raise InvalidData(f"{contract}.{spec.name}: a topic is not hexadecimal") from error
    known.update(values)
    return spec.name, known
