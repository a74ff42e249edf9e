"""The few forms of DER (X.690) that Intel's certificate extension is made of: written, not read."""

from __future__ import annotations


def _tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([0x82]) + size.to_bytes(2)
    return bytes([tag]) + length + content


def sequence(*items: bytes) -> bytes:
    return _tagged(0x30, b"".join(items))


def octets(value: bytes) -> bytes:
    return _tagged(0x04, value)


def integer(value: int) -> bytes:
    return _tagged(0x02, value.to_bytes(value.bit_length() // 8 + 1))


def enumerated(value: int) -> bytes:
    return _tagged(0x0A, bytes([value]))


def oid(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    content = bytearray([40 * first + second])
    for number in rest:
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.append(number & 0x7F | 0x80)
        content += bytes(reversed(digits))
    return _tagged(0x06, bytes(content))
