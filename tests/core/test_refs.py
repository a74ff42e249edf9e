"""How users name things: what parses to what, and that nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.errors import UsageError
from mlm.core.refs import (
    HANDLE,
    NAME,
    SEMVER,
    AssetRef,
    JobRef,
    Link,
    SaleRef,
    TokenRef,
    parse_asset,
    parse_job,
    parse_target,
)

CID = Cid.of(DAG_CBOR, b"x")

handles = st.from_regex(HANDLE, fullmatch=True)
names = st.from_regex(NAME, fullmatch=True)
versions = st.none() | st.from_regex(SEMVER, fullmatch=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alice/digits", AssetRef("alice", "digits")),
        ("alice/digits@1.0.0", AssetRef("alice", "digits", "1.0.0")),
        ("a-1/x.y_z@1.0.0-rc.1+build.5", AssetRef("a-1", "x.y_z", "1.0.0-rc.1+build.5")),
        ("job/0xAB12", JobRef("0xab12")),
        ("job/ab12", JobRef("0xab12")),
        ("sale/AB12", SaleRef("0xab12")),
        ("asset/0xAB12", TokenRef("0xab12")),
        ("mlm://31337/alice/digits@1.0.0", Link(31337, AssetRef("alice", "digits", "1.0.0"))),
        (str(CID), CID),
    ],
)
def test_target(text: str, expected: object) -> None:
    assert parse_target(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "/",
        "alice/",
        "/digits",
        "Alice/digits",
        "-alice/digits",
        "alice-/digits",
        "alice/Digits",
        "alice/digits@",
        "alice/digits@1",
        "alice/digits@01.0.0",
        "alice/digits@1.0.0\n",
        "alice/dig its",
        "alice/digits/more",
        "../../etc/passwd",
        "alice\n/digits",
        f"{'a' * 40}/digits",
        f"alice/{'d' * 65}",
        "job/",
        "job/12g4",
        "job/0x",
        "job/123",
        "asset/xyz",
        "asset/0x" + "0" * 65,
        "mlm://alice/digits",
        "mlm://-1/alice/digits",
        "mlm://1/job/0x1234/x",
        "bafy",
        str(CID) + "a",
    ],
)
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(UsageError):
        parse_target(text)


@given(handles, names, versions)
def test_asset_round_trip(handle: str, name: str, version: str | None) -> None:
    asset = AssetRef(handle, name, version)
    assert parse_asset(str(asset)) == asset
    if handle not in ("job", "asset"):
        assert parse_target(str(asset)) == asset
        assert parse_target(f"mlm://1/{asset}") == Link(1, asset)


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_a_usage_error(text: str) -> None:
    try:
        parse_target(text)
    except UsageError as error:
        assert str(error)


@given(st.binary(min_size=2, max_size=32))
def test_job_ids_in_every_spelling(raw: bytes) -> None:
    expected = JobRef("0x" + raw.hex())
    for text in (raw.hex(), raw.hex().upper(), f"0x{raw.hex()}", f"job/0x{raw.hex()}", f"job/{raw.hex().upper()}"):
        assert parse_job(text) == expected
