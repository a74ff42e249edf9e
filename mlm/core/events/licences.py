"""The events of licences, their sale and content keys (docs/licences.md), and the facts that they tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_TERMS = (
    "(uint256 tokenId, uint8 kind, uint40 period, bool transferable, uint16 resaleBps, uint40 notice, uint128 refund,"
    " bytes32 text)"
)
_ORDER = (
    "(uint256 classId, bytes32 versionId, address buyer, uint64 units, uint128 price, uint32 delivery,"
    " (uint256 x, uint256 y) reader, uint16 treasuryBps, uint16 stakersBps, address[] payees, uint16[] bps,"
    " uint256 nonce)"
)
_PLACED = "bytes32 indexed orderId, uint256 indexed classId, address indexed buyer"
_HELD = "uint256 indexed id, address indexed holder"

# (contract, declaration, keccak256 of the signature)
DECLARATIONS: tuple[tuple[str, str, str], ...] = (
    (
        "ContentKeys",
        "ContentKeyCommitted(bytes32 indexed versionId, address indexed owner, bytes32 keyDigest)",
        "0xb5b7a90f236220b0c488afe6b53bf667bc21b2af7e6ef613bdd0e1f49e31c39e",
    ),
    (
        "ContentKeys",
        "ContentKeyRequested(bytes32 indexed versionId, address indexed account, uint256 x, uint256 y)",
        "0xd2c78b65cb759ff2978d33ccdf124ae189d169a4cf360d956f336c0d4237afef",
    ),
    (
        "ContentKeys",
        "ContentKeyGranted(bytes32 indexed versionId, address indexed account, address indexed from, uint256 x,"
        " uint256 y, bytes32 wrapped)",
        "0xb0c6963b79ac2e49da5a0778c049bcdc542662e48d580f1cfc7253f1089fc72b",
    ),
    (
        "LicenceToken",
        f"LicenceDefined(uint256 indexed classId, uint256 indexed tokenId, {_TERMS} terms)",
        "0x8579517ed8332b2f0b1ae8b1b4333147c35dc25e9c97f0af0e8b0dab52748bd2",
    ),
    (
        "LicenceToken",
        f"LicenceRedeemed({_HELD}, bytes32 indexed purpose, uint256 units)",
        "0x55e2002b8fdb8bc7910cefaffe2fe9ce4a87d08d4719ea04cd49c9e4eb262a1b",
    ),
    (
        "LicenceToken",
        f"LicenceRevoked({_HELD}, uint256 units, uint256 refund, uint48 until)",
        "0xc3ec55c878b3f8296f1aacdcd4dea0b53545c27f4483833e1535dde74bb2a36b",
    ),
    (
        "LicenceToken",
        "TransferSingle(address indexed operator, address indexed from, address indexed to, uint256 id, uint256 value)",
        "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62",
    ),
    (
        "LicenceToken",
        "TransferBatch(address indexed operator, address indexed from, address indexed to, uint256[] ids,"
        " uint256[] values)",
        "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb",
    ),
    (
        "LicenceToken",
        "Withdrawn(address indexed account, uint256 amount)",
        "0x7084f5476618d8e60b11ef0d7d3f06914655adb8793e28ff7f018d4c76d505d5",
    ),
    (
        "LicenceShop",
        "LicenceOffered(uint256 indexed classId, uint256 indexed tokenId, address indexed seller, bytes32 versionId,"
        " uint128 price, uint64 stock, uint32 delivery)",
        "0x5b51711dac68a6588e1c35b819e4c272bc3fae82c24bb25e33bd9ac068c7e892",
    ),
    (
        "LicenceShop",
        f"LicenceOrdered({_PLACED}, {_ORDER} order)",
        "0x5ff5898b1a70a0f626916377978c0e0e4ecbe008f956bbb38144220997800ca6",
    ),
    (
        "LicenceShop",
        f"LicenceDelivered({_PLACED}, uint256 x, uint256 y, bytes32 wrapped)",
        "0xf2bf47a2c9870c26f901cc4de3bc56fe5ed657f4ee38f38ed9248e06f4a59220",
    ),
    (
        "LicenceShop",
        f"LicenceOrderClosed({_PLACED}, uint8 state, uint256 licenceId)",
        "0x1b93036c0d04bae5a7ccc2c78a043e413b090b9f87b6ba9b3b40d9f7c4a5162e",
    ),
    (
        "LicenceShop",
        "LicenceCredited(bytes32 indexed orderId, address indexed account, uint8 indexed reason, uint256 amount)",
        "0x3a221704fbf1ef8bf3021c3cb6c541f9081c5d0c7280cf647bbf387491bee328",
    ),
    (
        "LicenceShop",
        "Withdrawn(address indexed account, uint256 amount)",
        "0x7084f5476618d8e60b11ef0d7d3f06914655adb8793e28ff7f018d4c76d505d5",
    ),
)

# table -> its own columns, after the place. Ids and coordinates are 0x and 64 digits.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "content_keys": ("version_id", "owner", "key_digest"),
    "key_requests": ("version_id", "account", "x", "y"),
    "key_grants": ("version_id", "account", "granter", "x", "y", "wrapped"),
    "licence_classes": ("class_id", "token_id", "terms"),
    "licence_offers": ("class_id", "token_id", "seller", "version_id", "price", "stock", "delivery"),
    "licence_orders": ("order_id", "class_id", "version_id", "buyer", "seller", "units", "price", "purchase"),
    "licence_deliveries": ("order_id", "x", "y", "wrapped"),
    "licence_closings": ("order_id", "state", "licence_id"),
    "licence_credits": ("order_id", "account", "reason", "amount"),
    "licence_moves": ("licence_id", "class_id", "sender", "recipient", "units"),
    "licence_uses": ("licence_id", "account", "purpose", "units"),
    "licence_revocations": ("licence_id", "account", "units", "refund", "until"),
    "licence_withdrawals": ("contract", "account", "amount"),
}

_SIMPLE: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "ContentKeyCommitted": ("content_keys", ("versionId", "owner", "keyDigest")),
    "ContentKeyRequested": ("key_requests", ("versionId", "account", "x", "y")),
    "ContentKeyGranted": ("key_grants", ("versionId", "account", "from", "x", "y", "wrapped")),
    "LicenceOffered": (
        "licence_offers",
        ("classId", "tokenId", "seller", "versionId", "price", "stock", "delivery"),
    ),
    "LicenceDelivered": ("licence_deliveries", ("orderId", "x", "y", "wrapped")),
    "LicenceOrderClosed": ("licence_closings", ("orderId", "state", "licenceId")),
    "LicenceCredited": ("licence_credits", ("orderId", "account", "reason", "amount")),
    "LicenceRedeemed": ("licence_uses", ("id", "holder", "purpose", "units")),
    "LicenceRevoked": ("licence_revocations", ("id", "holder", "units", "refund", "until")),
}
_WORDS = {"classId", "tokenId", "licenceId", "id", "x", "y"}  # numbers of 256 bits that are names, not amounts
CONTRACTS = ("ContentKeys", "LicenceToken", "LicenceShop")
EXPIRY = (1 << 40) - 1  # of a licence's id: when it expires; the rest is its class


def facts(
    contract: str, event: str, args: Mapping[str, Any], to_json: Callable[[Mapping[str, Any]], str]
) -> list[tuple[str, tuple[Any, ...]]]:
    """The rows that an event of these contracts adds."""
    if event == "Withdrawn":
        return [("licence_withdrawals", (contract, args["account"], args["amount"]))]
    if event in _SIMPLE:
        table, names = _SIMPLE[event]
        return [(table, tuple(_word(args[name]) if name in _WORDS else args[name] for name in names))]
    if event == "LicenceDefined":
        return [("licence_classes", (_word(args["classId"]), _word(args["tokenId"]), to_json(args["terms"])))]
    if event == "LicenceOrdered":
        order = args["order"]
        seller = next(iter(order["payees"]), "")
        sold = (_word(args["classId"]), order["versionId"], args["buyer"], seller, order["units"], order["price"])
        return [("licence_orders", (args["orderId"], *sold, to_json(order)))]
    if event == "TransferSingle":
        return [_moved(args, args["id"], args["value"])]
    if event == "TransferBatch":
        return [_moved(args, number, units) for number, units in zip(args["ids"], args["values"], strict=False)]
    return []


def _moved(args: Mapping[str, Any], number: int, units: int) -> tuple[str, tuple[Any, ...]]:
    return ("licence_moves", (_word(number), _word(number & ~EXPIRY), args["from"], args["to"], units))


def _word(number: int) -> str:
    return f"0x{number:064x}"
