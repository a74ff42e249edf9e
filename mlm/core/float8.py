"""The floating-point numbers of 8 bits. Pure.

Sources: Micikevicius and others, FP8 Formats for Deep Learning (arXiv:2209.05433); ONNX's page on float8 for the
variants FNUZ; OCP Microscaling Formats 1.0 for E8M0.
"""

from __future__ import annotations

from math import inf, nan

# Name -> bits of exponent, bits of mantissa, bias.
_LAYOUTS = {
    "float8_e4m3fn": (4, 3, 7),
    "float8_e5m2": (5, 2, 15),
    "float8_e4m3fnuz": (4, 3, 8),
    "float8_e5m2fnuz": (5, 2, 16),
}
NAMES = (*_LAYOUTS, "float8_e8m0fnu")


def decode(dtype: str, byte: int) -> float:
    """The number that `byte` stands for; raises KeyError for an unknown dtype."""
    if dtype == "float8_e8m0fnu":  # a power of two, and one NaN
        return nan if byte == 0xFF else 2.0 ** (byte - 127)
    exponent_bits, mantissa_bits, bias = _LAYOUTS[dtype]
    sign = -1.0 if byte & 0x80 else 1.0
    exponent, mantissa = byte >> mantissa_bits & (1 << exponent_bits) - 1, byte & (1 << mantissa_bits) - 1
    if dtype.endswith("fnuz"):
        if byte == 0x80:  # where a negative zero would be
            return nan
    elif dtype == "float8_e4m3fn":
        if byte & 0x7F == 0x7F:
            return nan
    elif exponent == (1 << exponent_bits) - 1:  # as in IEEE 754
        return nan if mantissa else sign * inf
    if exponent == 0:
        return sign * mantissa * 2.0 ** (1 - bias - mantissa_bits)
    return sign * (1 + mantissa / (1 << mantissa_bits)) * 2.0 ** (exponent - bias)
