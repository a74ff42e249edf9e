"""Writes key_exchange.json and licences.json, which pytest and forge both run: `python tests/vectors/make_licences.py`.

Deterministic. Points are added here as SEC 1, section 2.2.1 defines it, digests are taken of eth_abi's encoding, and
states follow docs/licences.md: no code is shared with mlm or the contracts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

HERE = Path(__file__).resolve().parent
P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
Point = tuple[int, int]

DAY = 86_400
NEVER = 2**40 - 1
CHAIN_ID = 31_337
TERMS = "(uint256,uint8,uint40,bool,uint16,uint40,uint128,bytes32)"
ORDER = "(uint256,bytes32,address,uint64,uint128,uint32,(uint256,uint256),uint16,uint16,address[],uint16[],uint256)"


# ---------------------------------------------------------------- the curve


def add(one: Point | None, two: Point | None) -> Point | None:
    """The sum of two points; None is the point at infinity."""
    if one is None or two is None:
        return two if one is None else one
    if one[0] == two[0] and (one[1] + two[1]) % P == 0:
        return None
    if one == two:
        slope = 3 * one[0] ** 2 * pow(2 * one[1], -1, P) % P
    else:
        slope = (two[1] - one[1]) * pow(two[0] - one[0], -1, P) % P
    x = (slope**2 - one[0] - two[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P


def times(number: int, point: Point) -> Point:
    """number·point, by doubling."""
    total: Point | None = None
    power: Point | None = point
    while number:
        if number & 1:
            total = add(total, power)
        power = add(power, power)
        number >>= 1
    assert total is not None
    return total


def on_curve(x: int) -> int | None:
    """The even y of a point with this x, if there is one. P = 3 (mod 4)."""
    square = (x**3 + 7) % P
    y = pow(square, (P + 1) // 4, P)
    if y * y % P != square:
        return None
    return y if y % 2 == 0 else P - y


def address(point: Point) -> str:
    """As of an account whose public key the point is."""
    return "0x" + keccak(word(point[0]) + word(point[1]))[-20:].hex()


# ---------------------------------------------------------------- words


def word(number: int) -> bytes:
    """32 bytes, big-endian."""
    return number.to_bytes(32, "big")


def text(value: object) -> str:
    """0x and 64 digits."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    assert isinstance(value, int)
    return "0x" + word(int(value)).hex()


def drawn(name: str) -> int:
    """A number from 1 to N - 1."""
    return int.from_bytes(keccak(text=f"mlm/vectors/key-exchange: {name}"), "big") % (N - 1) + 1


# ---------------------------------------------------------------- the exchange of a key


def exchange(number: int) -> dict[str, str]:
    """One key, sealed for one reader: for an order, or granted (`ref` is zero) every third time."""
    secret, ephemeral = drawn(f"reader {number}"), drawn(f"ephemeral {number}")
    reader, point = times(secret, G), times(ephemeral, G)
    shared = times(secret, point)
    assert shared == times(ephemeral, reader)
    version, key = keccak(text=f"version {number}"), keccak(text=f"key {number}")
    account = "0x" + keccak(text=f"account {number}")[-20:].hex()
    ref = bytes(32) if number % 3 == 2 else keccak(text=f"order {number}")
    pad = keccak(
        encode(
            ["bytes32", "address", "bytes32", "address", "bytes32"],
            [keccak(text="mlm/key-pad/1"), address(shared), version, account, ref],
        )
    )
    return {
        "secret": text(secret),
        "readerX": text(reader[0]),
        "readerY": text(reader[1]),
        "ephemeral": text(ephemeral),
        "x": text(point[0]),
        "y": text(point[1]),
        "shared": address(shared),
        "versionId": text(version),
        "account": account,
        "ref": text(ref),
        "pad": text(pad),
        "key": text(key),
        "keyDigest": text(keccak(encode(["bytes32", "bytes32"], [keccak(text="mlm/licensed-key/1"), key]))),
        "wrapped": text(bytes(a ^ b for a, b in zip(key, pad, strict=True))),
    }


def product(number: int, point: Point) -> dict[str, str]:
    """What ecrecover has to give."""
    return {"k": text(number), "x": text(point[0]), "y": text(point[1]), "address": address(times(number, point))}


def points() -> list[dict[str, Any]]:
    """Points that are taken and refused, each refusal for its reason."""
    some = times(drawn("a point"), G)
    high = next(x for x in range(N, P) if on_curve(x) is not None)
    low = next(x for x in range(1, N) if on_curve(x) is not None)
    top = next(x for x in range(N - 1, 0, -1) if on_curve(x) is not None)
    rows: list[tuple[str, int, int, bool]] = [
        ("the generator", *G, True),
        ("the generator, negative", G[0], P - G[1], True),
        ("any point", *some, True),
        ("the least x", low, on_curve(low) or 0, True),
        ("the greatest x that ecrecover takes", top, on_curve(top) or 0, True),
        ("on the curve, but x is not below the order", high, on_curve(high) or 0, False),
        ("infinity, as zeros", 0, 0, False),
        ("x is zero", 0, G[1], False),
        ("y is zero", G[0], 0, False),
        ("y plus one", G[0], G[1] + 1, False),
        ("x and y exchanged", G[1], G[0], False),
        ("x plus the field", G[0] + P if G[0] + P < 2**256 else 2**256 - 1, G[1], False),
        ("y plus the field", some[0], P + 1, False),
        ("all ones", 2**256 - 1, 2**256 - 1, False),
    ]
    return [{"name": name, "x": text(x), "y": text(y), "valid": valid} for name, x, y, valid in rows]


def key_exchange() -> dict[str, Any]:
    """The whole of key_exchange.json."""
    some = times(drawn("a point"), G)
    numbers = (1, 2, N - 1, N - 2, (N - 1) // 2, drawn("a number"))
    return {
        "format": "mlm/vectors/key-exchange/1",
        "exchanges": [exchange(number) for number in range(12)],
        "products": [product(number, point) for number in numbers for point in (G, (G[0], P - G[1]), some)],
        "points": points(),
    }


# ---------------------------------------------------------------- licences and orders


def class_of(contract: str, terms: tuple[Any, ...]) -> int:
    """The digest of the terms, its low 40 bits zero."""
    types = ["bytes32", "uint256", "address", TERMS]
    digest = keccak(encode(types, [keccak(text="mlm/licence/1"), CHAIN_ID, contract, terms]))
    return int.from_bytes(digest, "big") >> 40 << 40


def classes(contract: str) -> list[dict[str, str]]:
    """Terms of each kind, and the ids of their class and of a licence of it that begins at 1,700,000,000."""
    asset = int.from_bytes(keccak(text="an asset"), "big")
    words = keccak(text="the words of a licence")
    rows = [
        (asset, 0, 0, False, 0, 0, 0, bytes(32)),
        (asset, 0, 0, True, 250, 30 * DAY, 10**18, words),
        (asset, 1, 30 * DAY, False, 0, 0, 0, bytes(32)),
        (asset, 1, 3650 * DAY, True, 1_000, 365 * DAY, 2**128 - 1, words),
        (asset, 2, 0, False, 0, 1, 0, words),
        (asset, 2, 0, True, 500, 0, 0, bytes(32)),
    ]
    names = ("tokenId", "kind", "period", "transferable", "resaleBps", "notice", "refund", "text")
    found = []
    for terms in rows:
        of = class_of(contract, terms)
        expiry = 1_700_000_000 + terms[2] if terms[1] == 1 else NEVER
        shown = {name: text(value) for name, value in zip(names, terms, strict=True)}
        found.append({**shown, "classId": text(of), "expiresAt": text(expiry), "id": text(of | expiry)})
    return found


def orders(shop: str) -> list[dict[str, Any]]:
    """Orders and their ids."""
    made = []
    for number in range(3):
        payees = ["0x" + keccak(text=f"payee {i}")[-20:].hex() for i in range(1 + 2 * number)]
        bps = [0, *(1_000 + i for i in range(2 * number))]
        reader = times(drawn(f"reader of order {number}"), G) if number else (0, 0)
        order = (
            int.from_bytes(keccak(text=f"class {number}"), "big") >> 40 << 40,
            keccak(text=f"version {number}"),
            "0x" + keccak(text=f"buyer {number}")[-20:].hex(),
            1 + number,
            10**18 * number,
            3_600 * number,
            reader,
            4_000,
            3_000,
            payees,
            bps,
            int.from_bytes(keccak(text=f"nonce {number}"), "big"),
        )
        types = ["bytes32", "uint256", "address", ORDER]
        digest = keccak(encode(types, [keccak(text="mlm/licence-order/1"), CHAIN_ID, shop, order]))
        made.append(
            {
                "classId": text(order[0]),
                "versionId": text(order[1]),
                "buyer": order[2],
                "units": text(order[3]),
                "price": text(order[4]),
                "delivery": text(order[5]),
                "readerX": text(reader[0]),
                "readerY": text(reader[1]),
                "treasuryBps": text(order[7]),
                "stakersBps": text(order[8]),
                "payees": payees,
                "bps": bps,
                "nonce": text(order[11]),
                "orderId": text(digest),
            }
        )
    return made


UNKNOWN, ORDERED, OVERDUE, DELIVERED, PAYABLE, SETTLED, REFUNDED, REJECTED = range(8)
START = 1_700_000_000


def states() -> list[list[int]]:
    """Rows: orderedAt, deliverBy, deliveredAt, ending, now, and the state. Each interval's first and last second."""
    by, came = START + 3_600, START + 600
    rows = [[0, 0, 0, UNKNOWN, now, UNKNOWN] for now in (0, 1, START)]
    rows += [[START, by, 0, UNKNOWN, now, ORDERED] for now in (START, START + 1, by - 1)]
    rows += [[START, by, 0, UNKNOWN, now, OVERDUE] for now in (by, by + 1, by + 400 * DAY)]
    for delivered in (START, came, by - 1):
        end = delivered + DAY
        rows += [[START, by, delivered, UNKNOWN, now, DELIVERED] for now in (delivered, delivered + 1, end - 1)]
        rows += [[START, by, delivered, UNKNOWN, now, PAYABLE] for now in (end, end + 1, end + 400 * DAY)]
    # Past the deadline, a key that came in time still counts.
    rows.append([START, by, came, UNKNOWN, by, DELIVERED])
    for now in (START, came, by, came + DAY, came + 9 * DAY):
        rows += [[START, by, came, ending, now, ending] for ending in (SETTLED, REJECTED)]
        rows.append([START, by, 0, REFUNDED, now, REFUNDED])
        # Without a key to deliver: settled in the transaction that made it.
        rows.append([START, START, 0, SETTLED, now, SETTLED])
    return rows


def entitlements() -> list[list[int]]:
    """Rows: expiresAt, units, grace's end and units, now, and whether the account may use the asset."""
    end = START + 30 * DAY
    rows = [[end, 1, 0, 0, now, int(now < end)] for now in (START, end - 1, end, end + 1)]
    rows += [[NEVER, 1, 0, 0, now, 1] for now in (START, NEVER - 1)]
    rows += [[NEVER, 0, 0, 0, START, 0], [end, 0, 0, 0, START, 0], [NEVER, 1, 0, 0, NEVER, 0]]
    for now in (START, START + DAY - 1, START + DAY, end):
        rows.append([NEVER, 0, START + DAY, 5, now, int(now < START + DAY)])
        rows.append([NEVER, 0, START + DAY, 0, now, 0])
        rows.append([NEVER, 2, START + DAY, 5, now, 1])
    # A notice does not outlast what was bought.
    rows += [[end, 0, end + DAY, 1, end - 1, 1], [end, 0, end + DAY, 1, end, 0]]
    return rows


def licences() -> dict[str, Any]:
    """The whole of licences.json."""
    contract = "0x" + keccak(text="LicenceToken")[-20:].hex()
    shop = "0x" + keccak(text="LicenceShop")[-20:].hex()
    return {
        "format": "mlm/vectors/licences/1",
        "chainId": CHAIN_ID,
        "licences": contract,
        "shop": shop,
        "classes": classes(contract),
        "orders": orders(shop),
        "states": states(),
        "entitlements": entitlements(),
    }


def main() -> None:
    for name, document in (("key_exchange", key_exchange()), ("licences", licences())):
        (HERE / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
