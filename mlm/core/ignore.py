"""`.mlmignore`: the pattern rules of gitignore(5), on bytes as Git matches them.

Matching takes time linear in pattern and path (a cloned project's file may be hostile): a star commits to its first
match inside a name, and a double star to its first match among names. The translation follows Git's wildmatch.c.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from mlm.core.errors import InvalidData

FILE = ".mlmignore"
MAX_BYTES = 1 << 20  # of a file
MAX_LINE = 4096  # bytes, as of a path
MAX_WILDCARDS = 8192  # of a file: each "*", "?" and "[" costs what a regular expression costs
ALWAYS = frozenset({".mlm", ".git"})  # repositories' own folders, at any depth

_CLASSES: dict[bytes, frozenset[int]] = {
    b"alnum": frozenset(range(48, 58)) | frozenset(range(65, 91)) | frozenset(range(97, 123)),
    b"alpha": frozenset(range(65, 91)) | frozenset(range(97, 123)),
    b"blank": frozenset(b" \t"),
    b"cntrl": frozenset(range(32)) | {127},
    b"digit": frozenset(range(48, 58)),
    b"graph": frozenset(range(33, 127)),
    b"lower": frozenset(range(97, 123)),
    b"print": frozenset(range(32, 127)),
    b"punct": frozenset(b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    b"space": frozenset(b" \t\n\r"),  # Git's own isspace
    b"upper": frozenset(range(65, 91)),
    b"xdigit": frozenset(b"0123456789abcdefABCDEF"),
}

_SHORTEN = f"Shorten the {FILE}, or remove it."
_NOTHING = b""  # no name is empty
_Segment = re.Pattern[bytes] | bytes  # what a name must match, or be
_Token = bytes | str  # bytes: a regular expression for one byte; str: "*", "**" or "/"


class _NeverMatches(Exception):
    """A pattern that Git accepts and that matches nothing (an unclosed bracket, a backslash at its end)."""


@dataclass(frozen=True)
class Rule:
    """One line. `segments` are matched name by name; None stands for a double star."""

    segments: tuple[_Segment | None, ...]
    negated: bool
    directory_only: bool
    by_name: bool  # no slash in it: the last name is matched, at any depth

    def matches(self, names: Sequence[bytes], is_directory: bool) -> bool:
        """Whether the path made of `names`, relative to the file of this rule, is meant."""
        if self.directory_only and not is_directory:
            return False
        if self.by_name:
            pattern = self.segments[0]
            return pattern is None or _fits(pattern, names[-1])
        return _match(self.segments, names)


@dataclass(frozen=True)
class Rules:
    """The rules of one file, which stands `depth` folders below the root."""

    depth: int
    rules: tuple[Rule, ...]


def parse(text: bytes, depth: int = 0, where: str = FILE) -> Rules:
    """Read the file `where`. There is no invalid pattern: what cannot match, as in Git, never does.

    Raises InvalidData for what a stranger would write to keep others waiting, and Git would obey.
    """
    if len(text) > MAX_BYTES:
        raise InvalidData(f"expected at most {MAX_BYTES} bytes in {where}, found more", hint=_SHORTEN)
    if (wildcards := sum(map(text.count, (b"*", b"?", b"[")))) > MAX_WILDCARDS:
        raise InvalidData(f"expected at most {MAX_WILDCARDS} wildcards in {where}, found {wildcards}", hint=_SHORTEN)
    lines = text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            found = f"found {len(line)}"
            raise InvalidData(f"expected at most {MAX_LINE} bytes in line {number} of {where}, {found}", hint=_SHORTEN)
    rules = (_rule(line.removesuffix(b"\r")) for line in lines)
    return Rules(depth, tuple(rule for rule in rules if rule is not None))


def is_ignored(stack: Sequence[Rules], path: str, is_directory: bool) -> bool:
    """Whether `path` (relative to the root, "/" between names) is ignored by the files from the root to its folder.

    The deepest file that says anything about it wins, and in a file the last line. The caller does not descend
    into an ignored folder: nothing in it can be included again.
    """
    names = path.encode("utf-8", "surrogateescape").split(b"/")
    if path.rpartition("/")[2] in ALWAYS:
        return True
    for rules in reversed(stack):
        relative = names[rules.depth :]
        for rule in reversed(rules.rules):
            if rule.matches(relative, is_directory):
                return not rule.negated
    return False


def _trim(line: bytes) -> bytes:
    """Without trailing spaces, except those after a backslash."""
    at, end = 0, None
    while at < len(line):
        if line[at : at + 1] == b" ":
            end = at if end is None else end
        else:
            end = None
            if line[at : at + 1] == b"\\":
                at += 1
        at += 1
    return line if end is None else line[:end]


def _rule(line: bytes) -> Rule | None:
    line = _trim(line)
    if not line or line.startswith(b"#"):
        return None
    negated = line.startswith(b"!")
    pattern = line.removeprefix(b"!") if negated else line
    directory_only = pattern.endswith(b"/")
    pattern = pattern.removesuffix(b"/")
    by_name = b"/" not in pattern
    try:
        segments = _segments(_tokens(pattern.removeprefix(b"/")))
    except _NeverMatches:
        return None
    return Rule(segments, negated, directory_only, by_name)


def _tokens(pattern: bytes) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(pattern):
        char = pattern[at : at + 1]
        if char == b"*":
            start = at
            while pattern[at : at + 1] == b"*":
                at += 1
            tokens.append("*" if at - start == 1 else "**")
            continue
        if char == b"\\":
            at += 1
            char = pattern[at : at + 1]
            if not char:
                raise _NeverMatches
            tokens.append("/" if char == b"/" else re.escape(char))
        elif char == b"?":
            tokens.append(b".")
        elif char == b"/":
            tokens.append("/")
        elif char == b"[":
            members, at = _bracket(pattern, at + 1)
            tokens.append(_set(members))
        else:
            tokens.append(re.escape(char))
        at += 1
    return tokens


@lru_cache(512)
def _set(members: frozenset[int]) -> bytes:
    """A regular expression for one byte of `members`, by ranges; a slash is never matched by a bracket."""
    found = [byte in members and byte != 47 for byte in range(256)]
    begins = [byte for byte in range(256) if found[byte] and (byte == 0 or not found[byte - 1])]
    ends = [byte for byte in range(256) if found[byte] and (byte == 255 or not found[byte + 1])]
    ranges = b"".join(b"\\x%02x-\\x%02x" % pair for pair in zip(begins, ends, strict=True))
    return b"[" + ranges + b"]" if ranges else b"(?!)"


def _bracket(pattern: bytes, at: int) -> tuple[frozenset[int], int]:
    """The bytes that a bracket expression matches, and where its closing bracket is; as wildmatch.c reads it."""

    def byte(index: int) -> int:
        if index >= len(pattern):
            raise _NeverMatches
        return pattern[index]

    negated = byte(at) in b"!^"
    at += negated
    members: set[int] = set()
    previous: int | None = None
    first = True
    while first or byte(at) != ord("]"):
        first = False
        char = byte(at)
        if char == ord("\\"):
            at += 1
            char = byte(at)
            members.add(char)
            previous = char
        elif char == ord("-") and previous is not None and byte(at + 1) != ord("]"):
            at += 1
            if byte(at) == ord("\\"):
                at += 1
            members.update(range(previous, byte(at) + 1))
            previous = None
        elif char == ord("[") and byte(at + 1) == ord(":"):
            end = at + 2
            while byte(end) != ord("]"):
                end += 1
            name = pattern[at + 2 : end - 1]
            if end - 1 < at + 2 or pattern[end - 1 : end] != b":":
                members.add(char)
                previous = char
            elif name in _CLASSES:
                members |= _CLASSES[name]
                at, previous = end, None
            else:
                raise _NeverMatches
        else:
            members.add(char)
            previous = char
        at += 1
    return frozenset(range(256)) - members if negated else frozenset(members), at


def _segments(tokens: Sequence[_Token]) -> tuple[_Segment | None, ...]:
    groups: list[list[_Token]] = [[]]
    for token in tokens:
        if token == "/":
            groups.append([])
        else:
            groups[-1].append(token)
    return tuple(None if group == ["**"] else _compile(group) for group in groups)


def _compile(group: Sequence[_Token]) -> _Segment:
    """One name's pattern, or the name itself where nothing is a wildcard.

    What follows a star is taken where it first fits and never reconsidered: with a later star to its right that loses
    nothing, and the last piece is tied to the end instead.
    """
    if all(isinstance(token, bytes) and re.escape(token[-1:]) == token for token in group):
        return b"".join(token[-1:] for token in group if isinstance(token, bytes))
    pieces: list[bytes] = [b""]
    for token in group:
        if isinstance(token, str):
            pieces.append(b"")
        else:
            pieces[-1] += token
    first, *middle = pieces
    if not middle:
        return re.compile(first, re.DOTALL)
    *middle, last = middle
    return re.compile(first + b"".join(b"(?>.*?%b)" % piece for piece in middle) + b".*" + last, re.DOTALL)


def _fits(segment: _Segment, name: bytes) -> bool:
    return segment == name if isinstance(segment, bytes) else segment.fullmatch(name) is not None


def _match(segments: Sequence[_Segment | None], names: Sequence[bytes]) -> bool:
    """Match name by name; on a mismatch only the last double star takes one name more."""
    at = name = 0
    star, star_name = -1, 0
    while name < len(names):
        segment = segments[at] if at < len(segments) else _NOTHING
        if segment is None:
            star, star_name = at, name
            at += 1
            if at == len(segments):
                return True  # a double star at the end takes one name or more
        elif _fits(segment, names[name]):
            at += 1
            name += 1
        elif star >= 0:
            star_name += 1
            at, name = star + 1, star_name
        else:
            return False
    return at == len(segments)
