"""Licence expressions in SPDX's grammar.

What others publish is held to the grammar alone: SPDX's list grows. What an author writes is held to the list, so that
a slip is found before it is signed: `check_known`.
Source: https://spdx.github.io/spdx-spec/v3.0.1/annexes/spdx-license-expressions/ .
"""

from __future__ import annotations

import difflib
import re

from mlm.core.errors import InvalidData

MAX_LENGTH = 128  # as AssetRegistry stores it
_REF = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")
_SIMPLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*\+?")
_WORDS = ("AND", "OR", "WITH")
_NOT_SPDX = frozenset(("", "GPL", "GPL 2.0", "GPL 2.0+", "BSD-2"))  # which the library lists beside SPDX's former names
_ELSE = (
    "Write an identifier of spdx.org/licenses, such as Apache-2.0, or LicenseRef-NAME for any other: `mlm spdx` helps."
)


def check_licence(expression: str) -> str:
    """Return an SPDX licence expression such as `Apache-2.0` or `MIT OR LicenseRef-OpenRAIL-M`; raises InvalidData."""
    if not 0 < len(expression) <= MAX_LENGTH:
        raise InvalidData(f"a licence is an SPDX expression of 1 to {MAX_LENGTH} characters, found {len(expression)}")
    _check(_tokens(expression), expression)
    return expression


def check_known(expression: str) -> str:
    """Return an expression of licences and exceptions that SPDX lists, or of LicenseRefs; raises InvalidData.

    The error's hint names what was probably meant: `Apache 2.0`, `apache-2.0` and `Apache` are all Apache-2.0.
    """
    try:
        check_licence(expression)
    except InvalidData as error:
        meant = _meant(expression)
        raise InvalidData(str(error), hint=f"Did you mean {meant}?" if meant else error.hint) from error
    before = ""
    for token in _tokens(expression):
        if token not in ("(", ")", *_WORDS) and not _REF.fullmatch(token):
            excepts = before == "WITH"
            what, exists = ("exception" if excepts else "licence"), spdx(exceptions=excepts)
            if token.removesuffix("+") not in exists:
                meant = _meant(token, exists if excepts else None)
                raise InvalidData(
                    f"expected {what}s that SPDX lists, found {token[:80]!r}",
                    hint=f"Did you mean {meant}?" if meant else _ELSE,
                )
        before = token
    return expression


def identifiers(expression: str) -> tuple[str, ...]:
    """The licences of an expression, in its order, without exceptions."""
    found, before = [], ""
    for token in _tokens(expression):
        if token not in ("(", ")", *_WORDS) and before != "WITH":
            found.append(token.removesuffix("+"))
        before = token
    return tuple(found)


def spdx(*, exceptions: bool = False) -> frozenset[str]:
    """The identifiers of SPDX's licences, or of its exceptions, as the library license-expression lists them."""
    from license_expression import get_license_index

    found: set[str] = set()
    for entry in get_license_index():
        if bool(entry["is_exception"]) == exceptions:
            found.update((entry["spdx_license_key"] or "", *entry["other_spdx_license_keys"]))
    return frozenset(name for name in found if not name.startswith("LicenseRef-")) - _NOT_SPDX


def _meant(text: str, exists: frozenset[str] | None = None) -> str | None:
    """The identifier nearest to what somebody wrote; of GPL and its kin the two that say which versions."""
    from mlm.core.licences import named

    found = known.id if (known := named(text)) and exists is None else _nearest(text, exists or spdx())
    if found is None:
        return None
    base = found.removesuffix("-only").removesuffix("-or-later")
    return f"{base}-only or {base}-or-later" if f"{base}-only" in (exists or spdx()) else found


def _nearest(text: str, exists: frozenset[str]) -> str | None:
    names = {name.casefold(): name for name in exists}
    wanted = re.sub(r"[\s_]+", "-", text.strip().casefold())
    for guess in (wanted, re.sub(r"-(?:licen[cs]e|version|v)(?=-|$)|(?<=-)v(?=\d)", "", wanted)):
        if near := difflib.get_close_matches(guess, names, 1, 0.8):
            return names[near[0]]
    return None


def _tokens(expression: str) -> list[str]:
    return re.findall(r"\(|\)|[^\s()]+", expression)


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
        hint=_ELSE,
    )
