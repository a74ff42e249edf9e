"""Editing TOML in place: the value is set, everything else stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli
from hypothesis import example, given
from hypothesis import strategies as st

from mlm.adapters.settings import TomlSettings, edit
from mlm.core.errors import UsageError

FILE = """# my settings
account = "a" # who

[network]
default = "devnet"

[network.x]
rpc = "http://x"

[job]
bidding = 5
"""


@example("", "account", "\x85")
@given(
    st.sampled_from(["", "network", "network.x", "network.new", "job", "other"]),
    st.sampled_from(["account", "default", "rpc", "bidding", "fresh"]),
    st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-(10**6), 10**6), st.booleans()),
)
def test_only_the_one_value_changes(table: str, key: str, value: Any) -> None:
    changed = edit(FILE, table, key, value)
    wanted = tomli.loads(FILE)
    part = wanted
    for name in filter(None, table.split(".")):
        part = part.setdefault(name, {})
    part[key] = value
    assert tomli.loads(changed) == wanted
    assert changed.startswith("# my settings\n") and edit(changed, table, key, value) == changed


def test_a_file_that_does_not_exist_is_made(tmp_path: Path) -> None:
    settings = TomlSettings(tmp_path / "deep" / "config.toml")
    settings.set("", {"account": "alice"})
    settings.set("network.sep", {"chain_id": 5, "rpc": ["http://a", "http://b"]})
    expected = {"account": "alice", "network": {"sep": {"chain_id": 5, "rpc": ["http://a", "http://b"]}}}
    assert tomli.loads(Path(settings.path).read_text()) == expected


@pytest.mark.parametrize(
    "text", ["not toml", "[network]\ndefault = {", 'network = {default = "x"}\n', "account = '''\na\n'''\n"]
)
def test_what_cannot_be_edited_stays_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mlm.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match="mlm.toml"):
        TomlSettings(path).set(
            "network" if "network" in text else "", {"default" if "network" in text else "account": "y"}
        )
    assert path.read_text() == text
