"""Decoding of logs, against eth_abi as the peer, and against hostile ones."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from eth_abi import encode
from eth_utils import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from mlm.core.errors import InvalidData
from mlm.core.events import COLUMNS, decode, emitters, facts
from mlm.core.events.abi import Field, Type, sequence_of
from mlm.core.events.former import FORMER
from mlm.core.events.table import DECLARATIONS, Spec, parse

SPECS = {
    (contract, parse(contract, text).name): (parse(contract, text), topic) for contract, text, topic in DECLARATIONS
}
EVERY = [(parse(contract, text), topic) for contract, text, topic in (*DECLARATIONS, *FORMER)]
ARTIFACTS = Path(__file__).parents[2] / "devnet" / "artifacts"
KEY = "0x" + "5a" * 32


def values_of(kind: str) -> st.SearchStrategy[Any]:
    """Python values of a type, as eth_abi takes them."""
    if kind.endswith("]"):
        inner, _, size = kind.rpartition("[")
        length = size[:-1]
        bounds = {"min_size": int(length), "max_size": int(length)} if length else {"max_size": 4}
        return st.lists(values_of(inner), **bounds)
    if kind.startswith("("):
        return st.tuples(*[values_of(part) for part in split(kind[1:-1])])
    if kind.startswith("uint"):
        return st.integers(0, 2 ** int(kind[4:]) - 1)
    if kind.startswith("int"):
        bits = int(kind[3:])
        return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if kind == "bool":
        return st.booleans()
    if kind == "address":
        return st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
    if kind == "string":
        return st.text(max_size=70)
    if kind == "bytes":
        return st.binary(max_size=70)
    return st.binary(min_size=int(kind[5:]), max_size=int(kind[5:]))


def split(text: str) -> list[str]:
    """Split at the commas that stand outside parentheses."""
    parts, depth, current = [], 0, ""
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += letter
    return [*parts, current] if current else parts


def plain(value: Any) -> Any:
    """A decoded or an encodable value without names: both sides in one form."""
    if isinstance(value, dict):
        return [plain(item) for item in value.values()]
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return "0x" + value.hex() if isinstance(value, bytes) else value


def log_of(spec: Spec, topic: str, values: tuple[Any, ...]) -> tuple[list[str], bytes]:
    """Topics and data that the EVM would emit for an event without indexed dynamic values."""
    pairs = list(zip(spec.fields, values, strict=True))
    topics = [topic] + ["0x" + encode([f.type.name], [v]).hex() for f, v in pairs if f.indexed]
    rest = [(f.type.name, v) for f, v in pairs if not f.indexed]
    return topics, encode([name for name, _ in rest], [value for _, value in rest])


def type_of(name: str) -> Type:
    """Compile a type that stands alone; fields of a struct get names of their own."""
    counter = iter(range(1000))

    def named(text: str) -> str:
        if not text.startswith("("):
            return text
        end = text.rindex(")")
        return "(" + ", ".join(f"{named(part)} f{next(counter)}" for part in split(text[1:end])) + ")" + text[end + 1 :]

    return parse("X", f"E({named(name)} value)").fields[0].type


leaf = st.sampled_from(
    ["uint256", "uint8", "int16", "int256", "bool", "address", "bytes32", "bytes3", "string", "bytes"]
)
types = st.recursive(
    leaf,
    lambda inner: st.one_of(
        inner.map(lambda name: name + "[]"),
        st.tuples(inner, st.integers(1, 3)).map(lambda pair: f"{pair[0]}[{pair[1]}]"),
        st.lists(inner, min_size=1, max_size=4).map(lambda parts: "(" + ",".join(parts) + ")"),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_type_decodes_as_eth_abi_encoded_it(data: st.DataObject) -> None:
    names = data.draw(st.lists(types, min_size=1, max_size=4))
    values = [data.draw(values_of(name)) for name in names]
    raw = encode(names, values)
    fields = tuple(Field(str(index), type_of(name)) for index, name in enumerate(names))
    decoded, end = sequence_of(fields)(raw, 0)
    assert end == len(raw)
    assert plain(decoded) == plain(values)


@pytest.mark.parametrize(("spec", "topic"), EVERY, ids=[f"{spec.contract}.{spec.name}.{t[:10]}" for spec, t in EVERY])
def test_every_event_round_trips(spec: Spec, topic: str) -> None:
    @settings(max_examples=12, deadline=None)
    @given(st.tuples(*[values_of(field.type.name) for field in spec.fields]))
    def check(values: tuple[Any, ...]) -> None:
        decoded = decode(spec.contract, *log_of(spec, topic, values))
        assert decoded is not None
        name, args = decoded
        assert name == spec.name
        assert {field.name: plain(args[field.name]) for field in spec.fields} == {
            field.name: plain(value) for field, value in zip(spec.fields, values, strict=True)
        }
        for table, row in facts(spec.contract, name, args):
            assert len(row) == len(COLUMNS[table])

    check()


def test_topics_are_the_hashes_of_the_signatures() -> None:
    assert len({(spec.contract, topic) for spec, topic in EVERY}) == len(EVERY)
    for spec, topic in EVERY:
        assert topic == "0x" + keccak(text=spec.signature).hex(), spec.signature


def test_the_table_agrees_with_the_checked_in_abi() -> None:
    ignored = {  # facts that no query needs: permits and operators' approvals
        ("MarketToken", "EIP712DomainChanged"),
        ("Providers", "EIP712DomainChanged"),
        ("PaymentChannels", "EIP712DomainChanged"),
        ("TeeVerifier", "EIP712DomainChanged"),
        ("AssetRegistry", "Approval"),
        ("AssetRegistry", "ApprovalForAll"),
        ("LicenceToken", "ApprovalForAll"),
        ("LicenceToken", "URI"),  # ERC-1155 names it; it is never emitted
    }
    for contract in emitters():
        artifact = json.loads((ARTIFACTS / f"{contract}.json").read_text())
        declared = {entry["name"]: entry for entry in artifact["abi"] if entry["type"] == "event"}
        ours = {name: spec for (owner, name), (spec, _) in SPECS.items() if owner == contract}
        assert set(ours) == {name for name in declared if (contract, name) not in ignored}
        for name, spec in ours.items():
            inputs = declared[name]["inputs"]
            assert [(f.name, f.indexed, f.type.name) for f in spec.fields] == [
                (entry["name"], entry["indexed"], canonical(entry)) for entry in inputs
            ]
            assert names(spec) == [component_names(entry) for entry in inputs]


def canonical(entry: dict[str, Any]) -> str:
    if not entry["type"].startswith("tuple"):
        return str(entry["type"])
    return "(" + ",".join(canonical(part) for part in entry["components"]) + ")" + entry["type"][5:]


def component_names(entry: dict[str, Any]) -> Any:
    return [(part["name"], component_names(part)) for part in entry.get("components", [])]


def names(spec: Spec) -> list[Any]:
    """Field names inside structs, read back from the declaration's text."""
    text = next(t for c, t, _ in DECLARATIONS if c == spec.contract and t.startswith(spec.name + "("))
    return [_inside(part) for part in split(text[len(spec.name) + 1 : -1])]


def _inside(part: str) -> Any:
    part = part.strip()
    if not part.startswith("("):
        return []
    return [(item.split()[-1], _inside(item)) for item in split(part[1 : part.rindex(")")])]


# --- hostile logs -------------------------------------------------------------------------------------------------


def published(**changes: Any) -> tuple[list[str], bytes]:
    spec, topic = SPECS["AssetRegistry", "VersionPublished"]
    values = {
        "tokenId": 7,
        "versionId": b"\x01" * 32,
        "publisher": "0x" + "11" * 20,
        "version": "1.0.0",
        "manifest": b"\x02" * 32,
        "licence": "MIT",
        "parents": [(5, 100), (6, 200)],
    } | changes
    return log_of(spec, topic, tuple(values.values()))


def patched(data: bytes, word: int, value: int) -> bytes:
    return data[: 32 * word] + value.to_bytes(32, "big") + data[32 * word + 32 :]


def test_named_nested_arguments() -> None:
    decoded = decode("AssetRegistry", *published())
    assert decoded is not None
    assert decoded[1]["parents"] == [{"tokenId": 5, "bps": 100}, {"tokenId": 6, "bps": 200}]
    assert decoded[1]["manifest"] == "0x" + "02" * 32


@pytest.mark.parametrize(
    ("word", "value"),
    [
        (0, 0),  # an offset into the head
        (0, 2**256 - 1),  # an offset beyond everything
        (2, 0x80),  # two tails on the same bytes
        (3, 0x81),  # an unaligned offset
        (4, 2**256 - 1),  # an enormous string
        (4, 6),  # a string whose last byte was padding is fine; one byte of padding must then be counted
        (8, 2**255),  # an enormous array
        (8, 3),  # one parent more than the data holds
        (10, 2**16),  # basis points above uint16
    ],
)
def test_hostile_words_are_refused(word: int, value: int) -> None:
    topics, data = published()
    if (word, value) == (4, 6):
        assert decode("AssetRegistry", topics, patched(data, word, value)) is not None  # "1.0.0\\0" is a string
        return
    with pytest.raises(InvalidData, match="AssetRegistry.VersionPublished"):
        decode("AssetRegistry", topics, patched(data, word, value))


def test_trailing_missing_and_dirty_bytes_are_refused() -> None:
    topics, data = published()
    for bad in (
        data + b"\0",
        data + bytes(32),
        data[:-1],
        data[:-32],
        b"",
        patched(data, 5, int.from_bytes(b"1.0.0" + b"\1" * 27)),
    ):
        with pytest.raises(InvalidData):
            decode("AssetRegistry", topics, bad)


@pytest.mark.parametrize("change", ["short", "long", "0x", "0xzz", "missing", "extra", "dirty address"])
def test_hostile_topics_are_refused(change: str) -> None:
    topics, data = published()
    bad = {
        "short": [*topics[:3], topics[3][:-2]],
        "long": [*topics[:3], topics[3] + "00"],
        "0x": [*topics[:3], "0x"],
        "0xzz": [*topics[:3], "0x" + "zz" * 32],
        "missing": topics[:3],
        "extra": [*topics, topics[3]],
        "dirty address": [*topics[:3], "0x" + "11" * 32],
    }[change]
    with pytest.raises(InvalidData):
        decode("AssetRegistry", bad, data)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600), st.integers(0, 20), st.integers(0, 2**256 - 1))
def test_nothing_but_invalid_data_escapes(noise: bytes, word: int, value: int) -> None:
    topics, data = published()
    for raw in (noise, patched(data, word, value)[: len(data)]):
        try:
            decoded = decode("AssetRegistry", topics, raw)
        except InvalidData:
            continue
        assert decoded is not None


def test_text_that_is_no_utf8_does_not_stop_the_sync() -> None:
    spec, topic = SPECS["AssetRegistry", "VersionPublished"]
    topics, data = published(licence="abc")
    broken = data.replace(b"abc", b"a\xffc")
    decoded = decode("AssetRegistry", topics, broken)
    assert decoded is not None and decoded[1]["licence"] == "a\\xffc"


def test_unknown_events_are_left_alone() -> None:
    assert decode("AssetRegistry", [], b"") is None
    assert decode("AssetRegistry", [KEY], b"x") is None
    assert decode("Stranger", published()[0], b"") is None


def test_speed_of_the_common_event() -> None:
    """Well above the 34,000 logs a second of eth_abi; the bound is loose, for a loaded machine."""
    spec, topic = SPECS["JobMarket", "BidPlaced"]
    topics, data = log_of(spec, topic, (b"\1" * 32, b"\2" * 32, "0x" + "11" * 20, 10**20))
    start = time.process_time()
    for _ in range(20_000):
        decode("JobMarket", topics, data)
    assert 20_000 / (time.process_time() - start) > 30_000
