"""Reading a decoded map of somebody else's, field by field: type, range and name of each, and nothing left over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlm.core.cid import CODECS, Cid
from mlm.core.dagcbor import Value
from mlm.core.errors import InvalidData


@dataclass
class Fields:
    """A map and which of its keys were read. Every method raises InvalidData, naming `where` and the key."""

    values: Mapping[str, Value]
    where: str
    taken: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, value: Value, where: str) -> Fields:
        if not isinstance(value, dict):
            raise InvalidData(f"expected a map for {where}, found {_kind(value)}")
        return cls(value, where)

    def has(self, key: str) -> bool:
        return key in self.values

    def take(self, key: str) -> Value:
        if key not in self.values:
            raise InvalidData(
                f"expected {key!r} in {self.where}, found {', '.join(sorted(self.values)[:20]) or 'nothing'}"
            )
        self.taken.add(key)
        return self.values[key]

    def finish(self) -> None:
        """Nothing unknown may be carried along: it would be signed and paid for unread."""
        if unknown := sorted(self.values.keys() - self.taken):
            raise InvalidData(f"unexpected field {unknown[0][:80]!r} in {self.where}")

    def format(self, *known: str) -> str:
        """The format, one of `known`, of which the first is the newest; raises InvalidData."""
        found = self.text("format", 128)
        if found not in known:
            raise InvalidData(f"expected the format {known[0]} of {self.where}, found {found!r}", hint="Update mlm.")
        return found

    def text(self, key: str, most: int, *, least: int = 1) -> str:
        """Text of `least` to `most` characters; raises InvalidData."""
        value = self.take(key)
        if not isinstance(value, str):
            raise self._wrong(key, "text", _kind(value))
        if not least <= len(value) <= most:
            raise self._wrong(key, f"{least} to {most} characters", str(len(value)))
        return value

    def match(self, key: str, pattern: re.Pattern[str], most: int = 64) -> str:
        value = self.text(key, most)
        if not pattern.fullmatch(value):
            raise self._wrong(key, f"text like {pattern.pattern[:60]}", repr(value))
        return value

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        value = self.text(key, 128)
        if value not in allowed:
            raise self._wrong(key, f"one of {', '.join(allowed)}", repr(value))
        return value

    def integer(self, key: str, least: int, most: int) -> int:
        """An integer within [least, most], never a bool; raises InvalidData."""
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(key, "an integer", _kind(value))
        if not least <= value <= most:
            raise self._wrong(key, f"{least} to {most}", str(value))
        return value

    def binary(self, key: str, length: int) -> bytes:
        value = self.take(key)
        if not isinstance(value, bytes) or len(value) != length:
            raise self._wrong(
                key, f"{length} bytes", f"{len(value)} bytes" if isinstance(value, bytes) else _kind(value)
            )
        return value

    def data(self, key: str, most: int) -> bytes:
        """At most `most` bytes; raises InvalidData."""
        value = self.take(key)
        if not isinstance(value, bytes) or len(value) > most:
            found = f"{len(value)} bytes" if isinstance(value, bytes) else _kind(value)
            raise self._wrong(key, f"at most {most} bytes", found)
        return value

    def flag(self, key: str) -> bool:
        """True or false; raises InvalidData."""
        value = self.take(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false", _kind(value))
        return value

    def cid(self, key: str, *codecs: int) -> Cid:
        value = self.take(key)
        if not isinstance(value, Cid) or value.codec not in codecs:
            expected = f"a {' or '.join(CODECS[codec] for codec in codecs)} CID"
            raise self._wrong(key, expected, str(value) if isinstance(value, Cid) else _kind(value))
        return value

    def nullable_cid(self, key: str, codec: int) -> Cid | None:
        return None if self.take(key) is None else self.cid(key, codec)

    def texts(self, key: str, most: int) -> tuple[str, ...]:
        """At most `most` texts; raises InvalidData."""
        items = self.items(key, most)
        if wrong := [item for item in items if not isinstance(item, str)]:
            raise self._wrong(key, "a list of texts", f"a {_kind(wrong[0])} in it")
        return tuple(str(item) for item in items)

    def items(self, key: str, most: int) -> list[Value]:
        """A list of at most `most` items; raises InvalidData."""
        value = self.take(key)
        if not isinstance(value, list):
            raise self._wrong(key, "a list", _kind(value))
        if len(value) > most:
            raise self._wrong(key, f"at most {most} items", str(len(value)))
        return value

    def mapping(self, key: str, most: int) -> dict[str, Value]:
        """A map of at most `most` entries; raises InvalidData."""
        value = self.take(key)
        if not isinstance(value, dict):
            raise self._wrong(key, "a map", _kind(value))
        if len(value) > most:
            raise self._wrong(key, f"at most {most} entries", str(len(value)))
        return value

    def record(self, key: str) -> Fields:
        return Fields.of(self.take(key), f"{key!r} of {self.where}")

    def nullable_record(self, key: str) -> Fields | None:
        """None for null; a missing key is refused, so that nothing has two spellings."""
        return None if self.take(key) is None else self.record(key)

    def records(self, key: str, most: int) -> list[Fields]:
        return [Fields.of(item, f"an item of {key!r} of {self.where}") for item in self.items(key, most)]

    def _wrong(self, key: str, expected: str, found: str) -> InvalidData:
        return InvalidData(f"{key!r} of {self.where}: expected {expected}, found {found}")


def _kind(value: Value) -> str:
    return "null" if value is None else type(value).__name__
