"""One value, two faces: the JSON is exact, the table is for people and safe for their terminal."""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import struct
import termios
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mlm.cli.context import Session
from mlm.cli.render import PIPE_WIDTH, _width, brief, print_value, render, short, show_error, to_json
from mlm.core.cid import RAW, Cid
from mlm.core.errors import NotFound, Reverted
from mlm.core.job import Reason
from mlm.core.money import Amount, Wei
from mlm.core.plan import JSON_ONLY, NOTE, TITLED
from mlm.core.refs import AssetRef

ID, ADDRESS = "0x" + "ab" * 32, "0x" + "cd" * 20
CID = Cid.of(RAW, b"x")


@dataclass(frozen=True)
class Row:
    account: str
    amount: Amount
    note: str = ""


@dataclass(frozen=True)
class Value:
    job: str = ID
    asset: AssetRef = AssetRef("alice", "digits", "1.0.0")
    cid: Cid = CID
    price: Amount = Amount(15 * 10**17)
    fee: Wei = Wei(10**9)
    reason: Reason = Reason.PROTOCOL_FEE
    raw: bytes = b"\x00\xff"
    done: bool = True
    share: float = 0.123456
    nothing: str | None = None
    rows: tuple[Row, ...] = (Row(ADDRESS, Amount(1)), Row(ADDRESS, Amount(2)))
    words: tuple[str, ...] = ("one", "two")
    metrics: Mapping[str, float] = field(default_factory=lambda: {"accuracy": 0.5})
    hidden: str = field(default="secret", repr=False)


class Context:
    """What render takes of typer's."""

    def __init__(self, *, as_json: bool) -> None:
        self.obj = Session({}, Path(), json=as_json)


def table(value: Any) -> str:
    out = io.StringIO()
    print_value(Console(file=out, width=120, highlight=False, force_terminal=False), value)
    return out.getvalue()


@dataclass(frozen=True)
class Noted:
    number: int
    check: str
    found: str
    against: str = field(metadata=NOTE)
    by: str = field(default="", metadata=NOTE)


@dataclass(frozen=True)
class Notes:
    rows: tuple[Noted, ...]
    cost: Row = field(metadata=TITLED)


def test_notes_go_below_their_rows_where_a_terminal_is_narrow() -> None:
    sentence = "a sentence of some words, and more of them"
    value = Notes(
        (Noted(1, sentence, sentence, "what is on chain", "mathematics"), Noted(2, "b", "c", "d")), Row("e", Amount(1))
    )
    wide, narrow, tiny = (shown(value, columns) for columns in (140, 70, 30))
    assert "against" in wide.splitlines()[2] and "against what" not in wide
    assert "against what is on chain" in narrow and "by mathematics" in narrow and "against d" in narrow
    assert "by" not in narrow.splitlines()[2] and max(map(len, narrow.splitlines())) <= 70
    assert re.search(r"against +what is on", tiny) and max(map(len, tiny.splitlines())) <= 30  # a record each
    assert all("\ncost\n" in text for text in (wide, narrow, tiny))


def shown(value: Any, columns: int) -> str:
    out = io.StringIO()
    print_value(Console(file=out, width=columns, highlight=False, force_terminal=False), value)
    return out.getvalue()


def test_json() -> None:
    assert to_json(Value()) == {
        "job": ID,
        "asset": "alice/digits@1.0.0",
        "cid": str(CID),
        "price": "1500000000000000000",
        "fee": "1000000000",
        "reason": "protocol-fee",
        "raw": "0x00ff",
        "done": True,
        "share": 0.123456,
        "nothing": None,
        "rows": [{"account": ADDRESS, "amount": str(i), "note": ""} for i in (1, 2)],
        "words": ["one", "two"],
        "metrics": {"accuracy": 0.5},
    }


def test_render_prints_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    render(Context(as_json=True), Value(words=("a\nb", "ü")))  # type: ignore[arg-type]
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and json.loads(out)["words"] == ["a\nb", "ü"] and not err


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_none_is_null(number: float) -> None:
    """Python would write NaN, which no other JSON parser reads."""
    assert to_json({"values": (number, 1.0)}) == {"values": [None, 1.0]}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
        max_leaves=20,
    )
)
def test_everything_becomes_strict_json(value: Any) -> None:
    json.dumps(to_json(value), allow_nan=False)


def test_table_for_people() -> None:
    shown = table(Value())
    for part in (ID, "1.5 MLM", "0.000000001 ETH", "0x00ff", "yes", "0.1235", "accuracy: 0.5", "alice/digits@1.0.0"):
        assert part in shown
    assert "0xcdcd…cdcd" in shown and ADDRESS not in shown  # whole in --json, short in a table
    assert "nothing" not in shown and "secret" not in shown
    assert "note" not in shown  # a column in which no row says anything
    assert "  one\n  two\n" in shown


@pytest.mark.parametrize("text", ["[bold]x[/bold]", "[/]", "[red", "\\[x]", "a [link=evil]b"])
def test_markup_from_outside_is_text(text: str) -> None:
    shown = table(Value(job=text, rows=(Row(text, Amount(1), text),), words=(text, text)))
    assert shown.count(text) == 5


@pytest.mark.parametrize("letter", ["\x1b", "\r", "\x07", "\x08", "\x9b", "\u202e", "\u2066"])
def test_control_characters_do_not_reach_the_terminal(letter: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"a{letter}[2Jb"
    assert letter not in table(Value(job=text, rows=(Row(text, Amount(1)),), words=(text, text)))
    assert letter not in table(Value(metrics={text: 1.0}))
    show_error(Session({}, Path()), NotFound(text, hint=text))
    assert letter not in capsys.readouterr().err
    assert json.loads(json.dumps(to_json(Value(job=text))))["job"] == text  # exact where a program reads


def test_brief_and_short() -> None:
    assert brief(f"to {ADDRESS} for {ID} of {CID}") == f"to 0xcdcd…cdcd for 0xabababab… of {str(CID)[:14]}…"
    assert brief("0x1234 stays") == "0x1234 stays"
    assert short(ID) == ID
    assert short("0x" + "11" * 100).endswith("(100 bytes)")


def test_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_error(Session({}, Path()), NotFound("no such job", hint="Look.")) == 3
    out, err = capsys.readouterr()
    assert (out, err) == ("", "error: no such job\nhint:  Look.\n")
    refused = Reverted("PriceNotLower", {"best": Amount(5), "id": b"\x01"}, hint="Less.")
    assert show_error(Session({}, Path(), json=True), refused) == 7
    out, err = capsys.readouterr()
    assert err == "" and json.loads(out) == {
        "error": {
            "code": "reverted",
            "message": str(refused),
            "hint": "Less.",
            "name": "PriceNotLower",
            "values": {"best": "5", "id": "0x01"},
        }
    }


@dataclass(frozen=True)
class Wide:
    asset: str = "alice/digits-mlp@1.0.0"
    state: Reason = Reason.REFUND
    price: Amount = Amount(5 * 10**18)
    account: str = ADDRESS
    kind: str = field(default="transaction", metadata=JSON_ONLY)


@dataclass(frozen=True)
class Wides:
    job: str = ID
    rows: tuple[Wide, ...] = (Wide(), Wide(state=Reason.PROTOCOL_FEE))


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_a_narrow_terminal_cuts_nothing(width: int) -> None:
    out = io.StringIO()
    print_value(Console(file=out, width=width, highlight=False, force_terminal=False), Wides())
    text = out.getvalue()
    assert all(len(line.rstrip()) <= width for line in text.splitlines())
    for whole in ("alice/digits-mlp@1.0.0", "5 MLM", "protocol-fee", brief(ADDRESS)):
        assert whole in text, whole
    assert ID in "".join(line.strip().removeprefix("job").strip() for line in text.splitlines()[:3])


def test_a_field_for_json_alone() -> None:
    assert "transaction" not in table(Wides())
    assert to_json(Wides())["rows"][0]["kind"] == "transaction"


def test_a_map_of_lists_and_maps_is_an_entry_a_line() -> None:
    """Such as a model card, which is anybody's text."""

    @dataclass(frozen=True)
    class Shown:
        name: str
        card: Mapping[str, Any]

    screen = io.StringIO()
    card = {"tags": ["a", "[red]b"], "model\x1b[2J": {"x": [1, {"y": None}]}}
    print_value(Console(file=screen, width=80), Shown("n", card))
    lines = [line.rstrip() for line in screen.getvalue().splitlines() if line.strip()]
    assert lines[:2] == ["name  n", "card"] and lines[2].split() == ["tags", "a,", "[red]b"]
    assert "\x1b" not in screen.getvalue() and lines[3].endswith("x: 1, y:")


@dataclass(frozen=True)
class Narrow:
    text: str = "some words that wrap, where there is no room for them"
    a_long_label: int = 1


@dataclass(frozen=True)
class Narrows:
    rows: tuple[Narrow, ...] = (Narrow(), Narrow())


@pytest.mark.parametrize("width", [24, 31, 33, 35, 37, 40, 60])
def test_a_header_is_not_cut(width: int) -> None:
    out = io.StringIO()
    print_value(Console(file=out, width=width, highlight=False, force_terminal=False), Narrows())
    assert "a long label" in out.getvalue()


def test_a_pipe_is_as_wide_as_its_users_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", io.StringIO())
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert _width() == PIPE_WIDTH
    leader, terminal = os.openpty()
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 77, 0, 0))
        with os.fdopen(os.dup(terminal), "w") as stderr:
            monkeypatch.setattr("sys.stderr", stderr)
            assert _width() == 77
            monkeypatch.undo()
    finally:
        os.close(leader)
        os.close(terminal)
