"""The three standard streams, whatever whoever started this process did to them."""

from __future__ import annotations

import io
import os
import re
import sys

# Control characters but tab and newline, surrogates, and what turns the direction of text around.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class ReaderGone(Exception):
    """Whoever read our output has closed the pipe. No OSError: the command-line parser would end the process itself."""


def open_missing() -> None:
    """Give a process that was started without stdin, stdout or stderr an empty one in its place.

    Else the next file that is opened takes the free number, and whatever is printed would go into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - it lives as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an ASCII terminal shows … as \u2026


def flush() -> None:
    """Write out what is printed; raises ReaderGone, or OSError for a full disk."""
    try:
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGone from error


def discard() -> None:
    """Drop what could not be written, so that the interpreter does not try again at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def plain(text: str) -> str:
    """Text from anywhere, with every character that a terminal would obey spelt out: it could hide or forge lines."""
    return _UNSAFE.sub(lambda found: ascii(found[0])[1:-1], text)
