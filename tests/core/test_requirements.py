"""The rule of requirements and its encoding, on the vectors that the contract runs too; and the text of both."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi import decode as abi_decode
from eth_abi import encode as abi_encode
from hypothesis import given
from hypothesis import strategies as st

from mlm.core import attributes, requirements_text
from mlm.core.attributes import Attribute, Value
from mlm.core.digest import keccak256
from mlm.core.errors import InvalidData, UsageError
from mlm.core.requirements import (
    MAX_LOOKUPS,
    NONE,
    Attested,
    Clause,
    Requirements,
    Standing,
    decode,
    encode,
    findings,
    made,
    qualifies,
    requirements_hash,
)
from tests.vectors import make_requirements as source

VECTORS = Path(__file__).parents[1] / "vectors"
KNOWN: dict[str, Any] = json.loads((VECTORS / "requirements.json").read_text())
ANN, BOB, EVE = ("0x" + letter * 40 for letter in "abe")


@pytest.mark.parametrize("form", KNOWN["forms"], ids=lambda form: form["name"])
def test_bytes_are_requirements_exactly_where_the_contract_says_so(form: dict[str, Any]) -> None:
    data = bytes.fromhex(form["data"][2:])
    assert "0x" + keccak256(data).hex() == form["hash"]
    if not form["valid"]:
        with pytest.raises(InvalidData):
            decode(data)
        return
    found = decode(data)
    assert encode(found) == data
    assert "0x" + requirements_hash(found).hex() == form["hash"] != NONE
    assert requirements_text.parse(requirements_text.spell(found)) == found


@pytest.mark.parametrize("known", KNOWN["words"], ids=lambda known: known["word"])
def test_words(known: dict[str, Any]) -> None:
    raw = bytes.fromhex(known["word"][2:])
    try:
        value: Value | None = attributes.value_of(raw)
    except InvalidData:
        value = None
    assert (value is not None) == known["value"]
    if value is not None:
        assert attributes.word_of(value) == raw
    if isinstance(value, str):
        assert (value not in attributes.RESERVED) == known["name"]
        assert attributes.parse_value(value) == value


def test_ten_thousand_pairs_are_answered_as_the_definition_and_the_contract_do() -> None:
    """forge runs the same file against Providers.sol: ProvidersPairs.t.sol."""
    ((now, people, asked, expected),) = abi_decode([source.PAIRS], (VECTORS / "requirements.bin").read_bytes())
    wanted = [decode(data) for data in asked]
    assert len(people) * len(wanted) >= 10_000
    for position, raw in enumerate(people):
        (person,) = abi_decode([source.PROVIDER], raw)
        standing = _standing(person, now)
        for number, requirements in enumerate(wanted):
            at = 4 * (position * len(wanted) + number)
            broken = next((each for each in findings(requirements, standing) if not each.met), None)
            assert qualifies(requirements, standing) == (broken is None)
            found = bytes(4)
            if broken is not None:
                types = ["address", "string", "bytes32", "bytes32"]
                values = [standing.provider, broken.what, *broken.code]
                found = keccak256(source.NOT_QUALIFIED + abi_encode(types, values))[:4]
            assert found == expected[at : at + 4], (person, requirements)


def _standing(person: tuple[Any, ...], now: int) -> Standing:
    """What the chain would know: the newest word of each auditor on each attribute."""
    account, points, declared, history = person
    said: dict[tuple[str, str, Value], Attested] = {}
    for event in history:
        ((kind, auditor, _, expires, named),) = abi_decode([source.EVENT], event)
        for name, raw in named:
            value = attributes.value_of(raw)
            who, text = source.AUDITORS[auditor], attributes.text_of(name)
            place = "" if isinstance(value, int) else value
            said[who, text, place] = Attested(who, text, value, expires if kind == source.ATTEST else 0)
    own = frozenset((attributes.text_of(name), attributes.value_of(raw)) for name, raw in declared)
    return Standing(account, own, tuple(said.values()), points, now)


def test_the_vectors_are_what_their_script_writes(tmp_path: Path) -> None:
    script = (VECTORS / "make_requirements.py").read_text()
    (tmp_path / "make.py").write_text(script)
    subprocess.run([sys.executable, str(tmp_path / "make.py")], check=True, timeout=120)
    for name in ("requirements.json", "requirements.bin"):
        assert (tmp_path / name).read_bytes() == (VECTORS / name).read_bytes()


# --- one rule at a time -----------------------------------------------------------------------------------------------

WHOLE = made(
    [Clause("gpu.memory", 80), Clause("gpu.model", one_of=("h100", "a100"))],
    auditors=[BOB, ANN],
    threshold=2,
    reputation=5,
    deny=[EVE],
)


def _holding(now: int = 10) -> Standing:
    said = tuple(Attested(who, "gpu.memory", 80, 11) for who in (ANN, BOB)) + tuple(
        Attested(who, "gpu.model", model, 11) for who, model in ((ANN, "h100"), (BOB, "a100"))
    )
    return Standing("0x" + "c" * 40, attested=said, points=5, now=now)


def test_what_meets_every_rule_qualifies_until_an_attestation_expires() -> None:
    assert qualifies(WHOLE, _holding())
    assert [each.what for each in findings(WHOLE, _holding())] == ["deny", "reputation", "gpu.memory", "gpu.model"]
    assert not qualifies(WHOLE, _holding(now=11))  # half-open


def test_each_rule_alone_can_fail() -> None:
    good = _holding()
    for changed, what in (
        (replace(good, provider=EVE), "deny"),
        (replace(good, points=4), "reputation"),
        (replace(good, attested=good.attested[1:]), "gpu.memory"),
        (replace(good, attested=good.attested[:-1]), "gpu.model"),
    ):
        assert [each.what for each in findings(WHOLE, changed) if not each.met] == [what]
    assert not qualifies(replace(WHOLE, allow=(ANN,)), good)
    assert qualifies(replace(WHOLE, allow=(good.provider,)), good)


def test_deny_goes_before_allow() -> None:
    both = made(allow=[EVE], deny=[EVE])
    assert [each.met for each in findings(both, Standing(EVE))] == [False, True]


def test_an_auditor_who_is_not_named_does_not_count_nor_does_the_providers_word() -> None:
    asked = made([Clause("ram", 1)], auditors=[ANN])
    declared = frozenset[tuple[str, Value]]({("ram", 9)})
    assert not qualifies(asked, Standing(EVE, declared, (Attested(BOB, "ram", 9, 99),)))
    assert qualifies(asked, Standing(EVE, attested=(Attested(ANN, "ram", 9, 99),)))
    assert qualifies(made([Clause("ram", 9)]), Standing(EVE, declared))


def test_a_number_of_zero_is_a_declaration_and_nothing_is_not() -> None:
    asked = made([Clause("ram", 0)])
    assert not qualifies(asked, Standing(EVE))
    assert not qualifies(asked, Standing(EVE, frozenset({("ram", "many")})))
    assert qualifies(asked, Standing(EVE, frozenset({("ram", 0)})))


def test_a_finding_says_what_was_expected_and_what_was_found() -> None:
    standing = Standing(EVE, frozenset({("gpu.memory", 40), ("gpu.model", "l40s"), ("gpu.model", "t4")}))
    asked = made([Clause("gpu.memory", 80), Clause("gpu.model", one_of=("h100", "a100")), Clause("ram", 1)])
    assert [(each.expected, each.actual) for each in findings(asked, standing)] == [
        ("at least 80", "40"),
        ("a100 or h100", "l40s, t4"),
        ("at least 1", "not declared"),
    ]


# --- the text ---------------------------------------------------------------------------------------------------------


def test_text() -> None:
    rules = [
        "gpu.model=h100,a100", "gpu.memory>=80", " ram >= 64 ; region=eu-west , eu-north", "tier=zk", "reputation>=0.5",
        f"auditor={ANN.upper().replace('0X', '0x')}", f"auditor={BOB}", "auditors>=2", f"allow={EVE}", f"deny={ANN}",
    ]  # fmt: skip
    found = requirements_text.parse(rules)
    assert found == made(
        [
            Clause("gpu.model", one_of=("h100", "a100")),
            Clause("gpu.memory", 80),
            Clause("ram", 64),
            Clause("region", one_of=("eu-west", "eu-north")),
            Clause("tier", one_of=("zk",)),
        ],
        auditors=[ANN, BOB],
        threshold=2,
        reputation=5 * 10**17,
        allow=[EVE],
        deny=[ANN],
    )
    assert requirements_text.parse(requirements_text.spell(found)) == found
    assert requirements_text.parse(reversed(rules)) == found  # one meaning, one encoding, one hash


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("gpu.memory", "expected NAME=SYMBOL"),
        ("gpu.memory>80", "expected NAME=SYMBOL"),
        ("gpu.memory=80", "Write gpu.memory>=NUMBER"),
        ("gpu.memory>=much", "expected a whole number below 2^128, found 'much'"),
        ("gpu.memory>=340282366920938463463374607431768211456", "below 2^128"),
        ("gpu.model=", "expected NAME=SYMBOL"),
        ("gpu.model=h100,", "found ''"),
        ("gpu.model=H100", "found 'H100'"),
        ("GPU=h100", "found 'GPU'"),
        ("ram>=1;ram>=2", "ram is asked for twice"),
        ("reputation=5", "expected reputation>=TOKENS"),
        ("auditors=2", "expected auditors>=NUMBER"),
        ("auditors>=2", "none is named"),
        (f"auditor={ANN};auditors>=2", "2 of 1 auditors"),
        ("auditor=ann", "an address of 40 hex digits"),
        ("deny>=1", "expected deny=0x…"),
        ("reputation>=1.0000000000000000001", "at most 18 digits"),
        ("deny=0x" + "0" * 40, "the zero address"),
        ("a=" + ",".join(f"s{n}" for n in range(17)), "at most 16 symbols for a, found 17"),
    ],
)
def test_what_is_no_rule_is_refused_with_the_reason(rule: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        requirements_text.parse([rule])
    assert words in f"{caught.value} {caught.value.hint}"


def test_a_file_of_rules() -> None:
    assert requirements_text.parse_file(b'require = ["ram>=1", "tier=zk"]', "x.toml") == ("ram>=1", "tier=zk")
    for bad in (b"", b"require = 1", b'require = ["a", 1]', b"require = []\nother = 1", b"\xff", b"= ="):
        with pytest.raises(InvalidData, match="x.toml"):
            requirements_text.parse_file(bad, "x.toml")


word = st.from_regex(attributes.WORD, fullmatch=True)
name = word.filter(lambda text: text not in attributes.RESERVED)
account = st.integers(1, 2**160 - 1).map(lambda number: f"0x{number:040x}")
number = st.integers(0, 2**128 - 1)
clause = st.one_of(
    st.builds(Clause, name, number), st.builds(lambda n, s: Clause(n, one_of=tuple(s)), name, st.sets(word, min_size=1))
)


@given(
    st.lists(clause, max_size=6, unique_by=lambda each: each.attribute),
    st.sets(account, max_size=4),
    st.integers(0, 4),
    number,
    st.sets(account, max_size=5),
    st.sets(account, max_size=5),
)
def test_random_requirements_round_trip(
    clauses: list[Clause], auditors: set[str], threshold: int, points: int, allow: set[str], deny: set[str]
) -> None:
    lookups = sum(max(1, len(each.one_of)) * max(1, len(auditors)) for each in clauses)
    fits = lookups <= MAX_LOOKUPS and all(len(each.one_of) <= 16 for each in clauses) and threshold <= len(auditors)
    if not fits:
        with pytest.raises(InvalidData):
            made(clauses, auditors, threshold, points, allow, deny)
        return
    found = made(clauses, auditors, threshold, points, allow, deny)
    assert decode(encode(found)) == found
    assert requirements_text.parse(requirements_text.spell(found)) == found
    shown = [
        (attributes.word_of(c.attribute), c.least, [attributes.word_of(s) for s in c.one_of]) for c in found.clauses
    ]
    whole = (shown, found.auditors, found.threshold, found.reputation, found.allow, found.deny)
    assert abi_encode([source.REQUIREMENTS], [whole]) == encode(found)


@given(st.binary(max_size=400))
def test_random_bytes_are_no_requirements(data: bytes) -> None:
    with pytest.raises(InvalidData):
        decode(data)


def test_requirements_that_ask_for_nothing_are_no_hash_of_zero() -> None:
    assert "0x" + requirements_hash(Requirements()).hex() != NONE


# --- attributes -------------------------------------------------------------------------------------------------------


def test_attributes_are_sorted_and_none_is_twice() -> None:
    found = attributes.parse_all(["tier=zk", "gpu.memory=80", "gpu.model=h100", "tier=tee", "tier=zk"])
    assert [str(each) for each in found] == ["gpu.memory=80", "gpu.model=h100", "tier=tee", "tier=zk"]
    assert Attribute("ram", 8).words == (b"ram".ljust(32, b"\0"), (8).to_bytes(32, "big"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ram", "expected NAME=VALUE"),
        ("ram=", "found ''"),
        ("=1", "found ''"),
        ("Ram=1", "found 'Ram'"),
        ("ram=1.5", "found '1.5'"),
        ("ram=-1", "found '-1'"),
        ("ram=80GB", "found '80GB'"),
        ("deny=x", "a word of requirements"),
        (f"{'a' * 32}=1", "1 to 31 characters"),
        ("ram=²", "found '²'"),
    ],
)
def test_what_is_no_attribute_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=".*".join(words.split("…"))):
        attributes.parse(text)


def test_a_name_has_one_number() -> None:
    with pytest.raises(UsageError, match="a name has one number: found ram=1 and ram=2"):
        attributes.parse_all(["ram=2", "ram=1"])
