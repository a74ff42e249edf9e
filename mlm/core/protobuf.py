"""Fields of a protobuf message that lies in a file, found without reading their bodies. For messages of others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mlm.core import dagpb
from mlm.core.content import Content
from mlm.core.errors import InvalidData

MAX_FIELDS = 1_000_000  # of one file: what takes seconds to look at
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_LONGEST = 10  # bytes of a varint


@dataclass(frozen=True, slots=True)
class Field:
    """A field: a varint's `value`, or the place of its body, [begin, end)."""

    number: int
    wire: int
    value: int
    begin: int
    end: int

    @property
    def is_varint(self) -> bool:
        return self.wire == _VARINT


@dataclass
class Message:
    """The message in [begin, end) of a file. `left` counts the fields that may still be read of that file."""

    content: Content
    begin: int
    end: int
    left: list[int] = field(default_factory=lambda: [MAX_FIELDS])

    def fields(self) -> Iterator[Field]:
        """Every field in its order; raises InvalidData for what is no protobuf, and past MAX_FIELDS."""
        at = self.begin
        while at < self.end:
            self.left[0] -= 1
            if self.left[0] < 0:
                raise InvalidData(f"expected at most {MAX_FIELDS} protobuf fields, found more")
            key, at = self._varint(at)
            number, wire = key >> 3, key & 7
            if number == 0:
                raise InvalidData(f"expected a protobuf field at byte {at - 1}, found number 0")
            if wire == _VARINT:
                value, stop = self._varint(at)
                yield Field(number, wire, value, at, stop)
            elif wire == _LENGTH or wire in _FIXED:
                length = _FIXED.get(wire, 0)
                if wire == _LENGTH:
                    length, at = self._varint(at)
                stop = at + length
                if stop > self.end:
                    raise InvalidData(f"a protobuf field announces {length} bytes, {self.end - at} are left")
                yield Field(number, wire, 0, at, stop)
            else:
                raise InvalidData(f"expected a protobuf field at byte {at - 1}, found wire type {wire}")
            at = stop

    def within(self, found: Field) -> Message:
        """The message that is a field's body; raises InvalidData for a number."""
        if found.wire != _LENGTH:
            raise InvalidData(f"expected a message in the protobuf field {found.number}, found a number")
        return Message(self.content, found.begin, found.end, self.left)

    def body(self, found: Field, most: int) -> bytes:
        """A field's bytes; raises InvalidData above `most`, or for a number."""
        if found.is_varint or found.end - found.begin > most:
            raise InvalidData(
                f"expected at most {most} bytes in the protobuf field {found.number}, found {found.end - found.begin}"
            )
        return self.content.read(found.begin, found.end)

    def varints(self, found: Field, most: int) -> list[int]:
        """The numbers of a repeated field: one, or packed ones in at most `most` bytes."""
        if found.is_varint:
            return [found.value]
        data, at, numbers = self.body(found, most), 0, []
        while at < len(data):
            number, at = dagpb.read_varint(data, at)
            numbers.append(number)
        return numbers

    def _varint(self, at: int) -> tuple[int, int]:
        number, length = dagpb.read_varint(self.content.read(at, min(at + _LONGEST, self.end)), 0)
        return number, at + length
