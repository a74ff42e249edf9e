"""Licence expressions in SPDX's grammar. Which licences exist is not checked against a list: SPDX's grows.

Source: https://spdx.github.io/spdx-spec/v3.0.1/annexes/spdx-license-expressions/ .
"""

from __future__ import annotations

import re

from mlm.core.errors import InvalidData

MAX_LENGTH = 128  # as AssetRegistry stores it
_REF = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")
_SIMPLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*\+?")
_WORDS = ("AND", "OR", "WITH")


def check_licence(expression: str) -> str:
    """Return an SPDX licence expression such as `Apache-2.0` or `MIT OR LicenseRef-OpenRAIL-M`; raises InvalidData."""
    if not 0 < len(expression) <= MAX_LENGTH:
        raise InvalidData(f"a licence is an SPDX expression of 1 to {MAX_LENGTH} characters, found {len(expression)}")
    tokens = re.findall(r"\(|\)|[^\s()]+", expression)
    _check(tokens, expression)
    return expression


def _check(tokens: list[str], expression: str) -> None:
    """A scan with one bit of state: whether an operand or an operator comes next."""
    depth, operand, after_with, simple = 0, True, False, False
    for token in tokens:
        if operand:
            if token == "(" and not after_with:
                depth += 1
                continue
            if token in _WORDS or not (_SIMPLE.fullmatch(token) or _REF.fullmatch(token)):
                raise _wrong(expression, f"a licence identifier, found {token[:40]!r}")
            operand, simple, after_with = False, not after_with, False
        elif token == ")" and depth:
            depth, simple = depth - 1, False
        elif token in ("AND", "OR"):
            operand = True
        elif token == "WITH" and simple:
            operand = after_with = True
        else:
            raise _wrong(expression, f"AND, OR or WITH, found {token[:40]!r}")
    if operand or depth:
        raise _wrong(expression, "more after the end" if operand else f"{depth} more closing brackets")


def _wrong(expression: str, what: str) -> InvalidData:
    return InvalidData(
        f"the licence {expression!r} is no SPDX expression: expected {what}",
        hint="Write an identifier of spdx.org/licenses, such as Apache-2.0, or LicenseRef-NAME for any other licence.",
    )
