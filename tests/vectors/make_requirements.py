"""Writes requirements.json and requirements.bin, which pytest and forge both run.

`python tests/vectors/make_requirements.py`. Deterministic: the same script gives the same bytes. Encodings come from
eth_abi, and what is expected from docs/requirements.md, written down once more. requirements.bin holds 100 providers
and 100 requirements: all 10,000 pairs, each with the first four bytes of keccak256 of what `requireQualified` reverts
with, or zeros.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from coincurve import PrivateKey
from eth_abi import encode
from eth_utils import keccak

HERE = Path(__file__).resolve().parent
REQUIREMENTS = "((bytes32,uint128,bytes32[])[],address[],uint8,uint128,address[],address[])"
# Encoded one in the other as bytes: solc cannot decode such nested structs in one go.
EVENT = "(uint8,uint8,uint64,uint64,(bytes32,bytes32)[])"
PROVIDER = "(address,uint128,(bytes32,bytes32)[],bytes[])"
PAIRS = "(uint64,bytes[],bytes[],bytes)"
NOT_QUALIFIED = keccak(text="NotQualified(address,string,bytes32,bytes32)")[:4]
NOW = 1_800_000_000
COUNT = 100
ATTEST, REVOKE = 0, 1
LARGEST = 2**128 - 1


def word(value: int | str) -> bytes:
    """A number right-aligned, a word left-aligned."""
    return value.to_bytes(32, "big") if isinstance(value, int) else value.encode().ljust(32, b"\0")


def address(number: int) -> str:
    return f"0x{number:040x}"


def account(key: int) -> str:
    """The address of a small private key."""
    public = PrivateKey(word(key)).public_key.format(compressed=False)
    return "0x" + keccak(public[1:])[12:].hex()


AUDITORS = [account(key) for key in range(1, 6)]  # forge signs with these keys
PROVIDERS = [address(0xA0000 + 7 * number) for number in range(COUNT)]
KINDS: dict[str, list[int | str]] = {
    "gpu.model": ["h100", "a100", "l40s", "rtx-4090"],
    "gpu.memory": [0, 24, 40, 80, 141, LARGEST],
    "ram": [1, 64, 128, 512],
    "region": ["eu-west", "eu-north", "us_east.1"],
    "tier": ["zk", "optimistic", "tee"],
    "x": [7, 8, "seven", "a" * 31],  # a number and symbols under one name
}


# --- the rule, from its definition ------------------------------------------------------------------------------------


def standing(provider: dict[str, Any], now: int) -> tuple[set[Any], set[Any]]:
    """What a provider declares, and (auditor, name, value) of what holds at `now`."""
    said: dict[Any, tuple[Any, int]] = {}
    for kind, auditor, _, expires, attributes in provider["history"]:
        for name, value in attributes:
            place = (auditor, name, "number" if isinstance(value, int) else value)
            said[place] = (value, expires if kind == ATTEST else 0)
    holding = {(AUDITORS[place[0]], place[1], value) for place, (value, until) in said.items() if now < until}
    return set(provider["declared"]), holding


def good(clause: dict[str, Any], value: Any) -> bool:
    if clause["oneOf"]:
        return value in clause["oneOf"]
    return isinstance(value, int) and value >= clause["least"]


def refusal(provider: dict[str, Any], r: dict[str, Any], now: int) -> tuple[str, bytes, bytes] | None:
    """The first rule that is broken, or None."""
    declared, holding = standing(provider, now)
    who = word(int(provider["account"], 16))
    if provider["account"] in r["deny"]:
        return "deny", word(0), who
    if r["allow"] and provider["account"] not in r["allow"]:
        return "allow", word(0), who
    if provider["points"] < r["reputation"]:
        return "reputation", word(r["reputation"]), word(provider["points"])
    for clause in r["clauses"]:
        name = clause["attribute"]
        if r["auditors"]:
            voices = [a for a in r["auditors"] if any(good(clause, v) for b, n, v in holding if (b, n) == (a, name))]
            if len(voices) < r["threshold"]:
                return name, word(r["threshold"]), word(len(voices))
        elif not any(good(clause, value) for known, value in declared if known == name):
            number = next((value for known, value in declared if known == name and isinstance(value, int)), 0)
            wanted = (word(clause["oneOf"][0]), word(0)) if clause["oneOf"] else (word(clause["least"]), word(number))
            return (name, *wanted)
    return None


def abi(r: dict[str, Any]) -> bytes:
    clauses = [(word(c["attribute"]), c["least"], [word(symbol) for symbol in c["oneOf"]]) for c in r["clauses"]]
    return encode([REQUIREMENTS], [(clauses, r["auditors"], r["threshold"], r["reputation"], r["allow"], r["deny"])])


# --- random pairs -----------------------------------------------------------------------------------------------------


def some_attributes(draw: Random, count: int) -> list[tuple[str, int | str]]:
    """Different ones, at most one number of a name."""
    found: dict[Any, tuple[str, int | str]] = {}
    for _ in range(count):
        name = draw.choice(list(KINDS))
        value = draw.choice(KINDS[name])
        found[name, "" if isinstance(value, int) else value] = (name, value)
    return list(found.values())


def random_provider(draw: Random, number: int) -> dict[str, Any]:
    history: list[Any] = []
    at = NOW - 1_000
    for _ in range(draw.randrange(6)):
        at += draw.randrange(1, 100)
        kind = REVOKE if draw.random() < 0.2 else ATTEST
        until = draw.choice([at + 1, NOW - 1, NOW, NOW + 1, NOW + 10**6, NOW + 10**6]) if kind == ATTEST else 0
        history.append((kind, draw.randrange(len(AUDITORS)), at, until, some_attributes(draw, draw.randrange(1, 9))))
    return {
        "account": PROVIDERS[number],
        "points": draw.choice([0, 1, 10**18, 10**20, LARGEST]),
        "declared": some_attributes(draw, draw.randrange(16)),
        "history": history,
    }


def random_requirements(draw: Random) -> dict[str, Any]:
    clauses = []
    for name in sorted(draw.sample(list(KINDS), draw.choice([0, 1, 1, 2, 3]))):
        numbers = [value for value in KINDS[name] if isinstance(value, int)]
        symbols = [value for value in KINDS[name] if isinstance(value, str)]
        if symbols and (not numbers or draw.random() < 0.5):
            one_of = sorted(draw.sample(symbols, draw.randrange(1, len(symbols) + 1)))
            clauses.append({"attribute": name, "least": 0, "oneOf": one_of})
        else:  # now and then a number where providers have symbols
            least = draw.choice([max(0, draw.choice(numbers or [1]) + draw.choice([-1, 0])), 0])
            clauses.append({"attribute": name, "least": least, "oneOf": []})
    auditors = sorted(draw.sample(AUDITORS, draw.choice([0, 0, 1, 3, 5])))
    few, most = (sorted(draw.sample(PROVIDERS, size)) for size in (3, 60))
    return {
        "clauses": clauses,
        "auditors": auditors,
        "threshold": draw.randrange(1, len(auditors) + 1) if auditors else 0,
        "reputation": draw.choice([0, 0, 0, 1, 10**18, LARGEST]),
        "allow": most if draw.random() < 0.2 else few if draw.random() < 0.05 else [],
        "deny": few if draw.random() < 0.2 else [],
    }


def pairs() -> bytes:
    draw = Random("mlm/requirements")
    people = [random_provider(draw, number) for number in range(COUNT)]
    asked: list[dict[str, Any]] = []
    while len(asked) < COUNT:
        r = random_requirements(draw)
        if r not in asked:
            asked.append(r)
    digests = b""
    for provider in people:
        for r in asked:
            broken = refusal(provider, r, NOW)
            if broken is None:
                digests += bytes(4)
                continue
            what, expected, actual = broken
            types = ["address", "string", "bytes32", "bytes32"]
            digests += keccak(NOT_QUALIFIED + encode(types, [provider["account"], what, expected, actual]))[:4]

    def plain(attributes: list[Any]) -> list[Any]:
        return [(word(name), word(value)) for name, value in attributes]

    rows = []
    for provider in people:
        history = [
            encode([EVENT], [(kind, auditor, at, until, plain(named))])
            for kind, auditor, at, until, named in provider["history"]
        ]
        row = (provider["account"], provider["points"], plain(provider["declared"]), history)
        rows.append(encode([PROVIDER], [row]))
    return encode([PAIRS], [(NOW, rows, [abi(r) for r in asked], digests)])


# --- encodings: good ones, and bad ones named for their defect --------------------------------------------------------


def whole(**changed: Any) -> dict[str, Any]:
    """Requirements that use every field."""
    r = {
        "clauses": [
            {"attribute": "gpu.memory", "least": 80, "oneOf": []},
            {"attribute": "gpu.model", "least": 0, "oneOf": ["a100", "h100"]},
        ],
        "auditors": [address(5), address(6)],
        "threshold": 2,
        "reputation": 100 * 10**18,
        "allow": [address(7)],
        "deny": [address(8), address(9)],
    }
    return r | changed


NOTHING = whole(clauses=[], auditors=[], threshold=0, reputation=0, allow=[], deny=[])


def clause(name: str = "ram", least: int = 0, one_of: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"attribute": name, "least": least, "oneOf": list(one_of)}


def accounts(count: int) -> list[str]:
    return [address(number + 1) for number in range(count)]


def names(count: int) -> list[dict[str, Any]]:
    return [clause(f"a{number:02}", number) for number in range(count)]


def symbols(count: int) -> tuple[str, ...]:
    return tuple(f"s{number:02}" for number in range(count))


GOOD = {
    "nothing": NOTHING,
    "every field": whole(),
    "a clause of 0": NOTHING | {"clauses": [clause()]},
    "the largest numbers": NOTHING | {"clauses": [clause(least=LARGEST)], "reputation": LARGEST},
    "the longest words": NOTHING | {"clauses": [clause("a" * 31, 0, ("z" * 31,))]},
    "the most of everything but auditors": whole(
        clauses=[clause(f"a{n:02}", 0, symbols(8)) for n in range(16)],
        auditors=accounts(1),
        threshold=1,
        allow=accounts(64),
        deny=accounts(64),
    ),
    "sixteen auditors": whole(clauses=names(8), auditors=accounts(16), threshold=16),
    "sixteen symbols": NOTHING | {"clauses": [clause("a", 0, symbols(16))]},
}
BAD = {
    "seventeen clauses": NOTHING | {"clauses": names(17)},
    "seventeen symbols": NOTHING | {"clauses": [clause("a", 0, symbols(17))]},
    "seventeen auditors": whole(clauses=[], auditors=accounts(17)),
    "sixty-five allowed": whole(allow=accounts(65)),
    "sixty-five denied": whole(deny=accounts(65)),
    "too many lookups": whole(clauses=names(9), auditors=accounts(16)),
    "clauses descend": whole(clauses=[clause("b"), clause("a")]),
    "a clause twice": whole(clauses=[clause("a"), clause("a")]),
    "symbols descend": whole(clauses=[clause("a", 0, ("y", "x"))]),
    "a symbol twice": whole(clauses=[clause("a", 0, ("x", "x"))]),
    "auditors descend": whole(auditors=[address(6), address(5)]),
    "an account twice": whole(allow=[address(7), address(7)]),
    "nobody as an auditor": whole(auditors=[address(0), address(5)]),
    "nobody denied": whole(deny=[address(0)]),
    "a threshold without auditors": whole(auditors=[], threshold=1),
    "auditors without a threshold": whole(threshold=0),
    "a threshold above the auditors": whole(threshold=3),
    "a number and symbols": whole(clauses=[clause("a", 1, ("x",))]),
    "a reserved name": whole(clauses=[clause("reputation", 1)]),
    "an upper-case name": whole(clauses=[clause("RAM", 1)]),
    "a name that begins with a digit": whole(clauses=[clause("1a", 1)]),
    "a name of 32 characters": whole(clauses=[clause("a" * 32, 1)]),
    "no name": whole(clauses=[clause("", 1)]),
    "a name with a hole": whole(clauses=[clause("a\0b", 1)]),
    "a symbol with a space": whole(clauses=[clause("a", 0, ("x y",))]),
    "an empty symbol": whole(clauses=[clause("a", 0, ("",))]),
}


def changed(data: bytes, at: int, value: int) -> bytes:
    """With another number in the word at `at`."""
    return data[:at] + word(value) + data[at + 32 :]


def forms() -> list[dict[str, Any]]:
    rows = [{"name": name, "data": abi(r), "valid": True} for name, r in GOOD.items()]
    rows += [{"name": name, "data": abi(r), "valid": False} for name, r in BAD.items()]
    data = abi(whole())
    raw = {
        "no bytes": b"",
        "one word": word(32),
        "a byte short": data[:-1],
        "a byte long": data + b"\0",
        "a word long": data + word(0),
        "another first offset": changed(data, 0, 64),
        "the first offset far away": changed(data, 0, 2**256 - 32),
        "clauses elsewhere": changed(data, 32, 6 * 32 + 32),
        "clauses at the end of numbers": changed(data, 32, 2**256 - 1),
        "auditors where the clauses are": changed(data, 64, 6 * 32),
        "a threshold of 257": changed(data, 96, 257),
        "a reputation of 129 bits": changed(data, 128, 2**128),
        "2^64 clauses": changed(data, 224, 2**64),
        "an address of 161 bits": changed(data, len(data) - 32, (1 << 160) + 9),
        "a least number of 129 bits": changed(data, 352, 2**128 + 80),
        "symbols elsewhere": changed(data, 384, 128),
        "zeros": bytes(32 * 8),
        "a large hole": data + bytes(12_288),
    }
    rows += [{"name": name, "data": value, "valid": False} for name, value in raw.items()]
    return [
        {"name": row["name"], "data": "0x" + row["data"].hex(), "hash": "0x" + keccak(row["data"]).hex(),
         "valid": row["valid"]}
        for row in rows
    ]  # fmt: skip


def words() -> list[dict[str, Any]]:
    """Whether 32 bytes are a name, and whether they are a value."""
    texts = [
        "a",
        "gpu.model",
        "rtx-4090",
        "us_east.1",
        "z" * 31,
        "z" * 32,
        "",
        "A",
        "1a",
        "-a",
        ".",
        "a b",
        "a\0b",
        "é",
    ]
    texts += ["reputation", "auditor", "auditors", "allow", "deny", "a\n", "a{", "a`", "a/", "a:", "\0a"]
    found = []
    for text in texts:
        raw = text.encode().ljust(32, b"\0")
        spelt = 1 <= len(text) <= 31 and "a" <= text[0] <= "z"
        spelt = spelt and all(char in "abcdefghijklmnopqrstuvwxyz0123456789._-" for char in text)
        reserved = text in ("reputation", "auditor", "auditors", "allow", "deny")
        found.append((raw, spelt and not reserved, spelt or int.from_bytes(raw, "big") < 2**128))
    for number in (0, 1, LARGEST, LARGEST + 1, 2**248 - 1, 2**256 - 1):
        found.append((word(number), False, number <= LARGEST))
    return [{"word": "0x" + raw.hex(), "name": name, "value": value} for raw, name, value in found]


def main() -> None:
    body = {
        "format": "mlm/vectors/1",
        "description": "data: abi.encode(Requirements), valid or with the defect that the name tells. words: 32 bytes, "
        "whether they are an attribute's name, and whether they are a value.",
        "forms": forms(),
        "words": words(),
    }
    (HERE / "requirements.json").write_text(json.dumps(body, indent=1) + "\n")
    (HERE / "requirements.bin").write_bytes(pairs())


if __name__ == "__main__":
    main()
