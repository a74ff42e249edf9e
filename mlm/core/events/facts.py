"""What each event tells, as rows of fact tables (docs/events.md). A fact is never changed, only forgotten by a rewind.

Everything else, such as who owns an asset or how a job stands, is computed from facts by the named queries.
Ids are 0x-hex: a token id has 64 digits. Amounts are ints in base units.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from mlm.core.attributes import value_of
from mlm.core.errors import InvalidData
from mlm.core.events import audits, bonds, channels, disputes, licences, replicas, tee

Row = tuple[Any, ...]

# The columns that every fact row starts with; the indexer fills them in from the log and its block.
PLACE = ("block", "timestamp", "log_index", "tx_hash")

_REQUEST = {
    "tier": "tier",
    "auction": "auction",
    "scheme": "scheme",
    "input_commitment": "inputCommitment",
    "input": "input",
    "max_price": "maxPrice",
    "bidding_window": "biddingWindow",
    "delivery_window": "deliveryWindow",
    "execution_window": "executionWindow",
    "verification_window": "verificationWindow",
}

# What only some kinds of auction ask for: in a table of its own, since the first market had no such fields.
_AUCTION = {
    "start_price": "startPrice",
    "price_step": "priceStep",
    "reveal_window": "revealWindow",
    "requirements": "requirements",
}

_CLASS = {
    "version_id": "versionId",
    "tier": "tier",
    "scheme": "scheme",
    "start_price": "startPrice",
    "price_step": "priceStep",
    "bidding_window": "biddingWindow",
    "reveal_window": "revealWindow",
    "delivery_window": "deliveryWindow",
    "execution_window": "executionWindow",
    "verification_window": "verificationWindow",
    "requirements": "requirements",
    "use_price": "usePrice",
    "owner_bps": "ownerBps",
}

# table -> its own columns, after PLACE
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "handles": ("handle", "owner"),
    "assets": ("token_id", "owner", "handle", "name", "kind"),
    "asset_transfers": ("token_id", "sender", "recipient"),
    "versions": ("token_id", "version_id", "publisher", "version", "manifest", "licence"),
    "parents": ("version_id", "position", "token_id", "bps"),
    "keys": ("version_id", "tier", "key"),
    "prices": ("version_id", "use_price", "owner_bps"),
    "jobs": ("job_id", "version_id", "consumer", "nonce", *_REQUEST, "terms"),
    "auctions": ("job_id", *_AUCTION),
    "bids": ("job_id", "provider", "price"),
    "bid_changes": ("job_id", "bidder", "change", "commitment", "amount"),
    "extensions": ("job_id", "closes_at"),
    "closings": ("job_id", "provider", "price"),
    "acceptances": ("job_id", "provider"),
    "submissions": ("job_id", "provider", "output_commitment", "result"),
    "settlements": ("job_id", "consumer", "provider", "state", "price"),
    "credits": ("job_id", "account", "reason", "amount"),
    "withdrawals": ("account", "amount"),
    "stake_changes": ("account", "role", "change", "amount", "job_id", "release_at"),
    "reservations": ("reservation_id", "account", "role", "change", "amount", "until"),
    "batches": ("batch_id", "class_id", "closes_at", *_CLASS),
    "entries": ("batch_id", "job_id", "tick", "position"),
    "offers": ("batch_id", "offer_id", "provider", "tick", "position", "quantity"),
    "clearings": ("batch_id", "tick", "volume"),
    "draws": ("batch_id", "job_id", "offer_id", "provider", "price"),
    "transfers": ("sender", "recipient", "amount"),
    "pauses": ("until",),
    "outcomes": ("job_id", "provider", "outcome", "price", "points"),
    "ratings": ("job_id", "provider", "consumer", "stars"),
    "fee_shares": ("treasury_bps", "stakers_bps"),
    "reward_changes": ("account", "change", "amount", "finish_at"),
    "declarations": ("provider", "name", "value", "declared"),
    "attestations": ("auditor", "provider", "name", "value", "issued_at", "expires_at"),
    "requirements": ("hash", "requirements"),
    "sales": ("sale_id", "collection", "seller", "token_id", "reserve", "step_bps", "duration", "extension", "escrow"),
    "lots": ("sale_id", "units", "start_price", "expires_at"),
    "sale_bids": ("sale_id", "bidder", "amount", "ends_at"),
    "sale_closings": ("sale_id", "recipient", "state", "price"),
    "sale_credits": ("sale_id", "account", "reason", "amount"),
    "sale_withdrawals": ("account", "amount"),
    "encryption_keys": ("account", "key"),
    "input_keys": ("job_id", "provider", "wrapped"),
    "complaints": ("job_id", "account", "change", "answer_by", "salt", "outputs"),
    **channels.COLUMNS,
    **bonds.COLUMNS,
    **disputes.COLUMNS,
    **audits.COLUMNS,
    **replicas.COLUMNS,
    **licences.COLUMNS,
    **tee.COLUMNS,
}

# (contract, event) -> table, and for each of its columns the argument that it holds
_SIMPLE: Mapping[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("AssetRegistry", "HandleClaimed"): ("handles", ("handle", "owner")),
    ("AssetRegistry", "AssetCreated"): ("assets", ("tokenId", "owner", "handle", "name", "kind")),
    ("AssetRegistry", "Transfer"): ("asset_transfers", ("tokenId", "from", "to")),
    ("AssetRegistry", "KeySet"): ("keys", ("versionId", "tier", "key")),
    ("AssetRegistry", "PriceSet"): ("prices", ("versionId", "usePrice", "ownerBps")),
    ("JobMarket", "BidPlaced"): ("bids", ("jobId", "provider", "price")),
    ("JobMarket", "BidsExtended"): ("extensions", ("jobId", "bidsCloseAt")),
    ("JobMarket", "BidsClosed"): ("closings", ("jobId", "provider", "price")),
    ("JobMarket", "InputAccepted"): ("acceptances", ("jobId", "provider")),
    ("JobMarket", "ResultSubmitted"): ("submissions", ("jobId", "provider", "outputCommitment", "result")),
    ("JobMarket", "JobSettled"): ("settlements", ("jobId", "consumer", "provider", "state", "price")),
    ("JobMarket", "Credited"): ("credits", ("jobId", "account", "reason", "amount")),
    ("JobMarket", "Withdrawn"): ("withdrawals", ("account", "amount")),
    ("JobMarket", "Paused"): ("pauses", ("until",)),
    ("BatchAuction", "JobEntered"): ("entries", ("batchId", "jobId", "tick", "position")),
    ("BatchAuction", "OfferPlaced"): ("offers", ("batchId", "offerId", "provider", "tick", "position", "quantity")),
    ("BatchAuction", "BatchCleared"): ("clearings", ("batchId", "tick", "volume")),
    ("BatchAuction", "AwardDrawn"): ("draws", ("batchId", "jobId", "offerId", "provider", "price")),
    ("Providers", "RequirementsPublished"): ("requirements", ("hash", "requirements")),
    ("AssetSale", "SaleBidPlaced"): ("sale_bids", ("saleId", "bidder", "amount", "endsAt")),
    ("AssetSale", "SaleClosed"): ("sale_closings", ("saleId", "to", "state", "price")),
    ("AssetSale", "SaleCredited"): ("sale_credits", ("saleId", "account", "reason", "amount")),
    ("AssetSale", "Withdrawn"): ("sale_withdrawals", ("account", "amount")),
    ("MarketToken", "Transfer"): ("transfers", ("from", "to", "value")),
    ("Reputation", "JobRecorded"): ("outcomes", ("jobId", "provider", "outcome", "price", "points")),
    ("Reputation", "JobRated"): ("ratings", ("jobId", "provider", "consumer", "stars")),
    ("FeeShares", "FeeSharesSet"): ("fee_shares", ("treasuryBps", "stakersBps")),
    ("EncryptionKeys", "EncryptionKeyAnnounced"): ("encryption_keys", ("account", "key")),
    ("Delivery", "InputKeyDelivered"): ("input_keys", ("jobId", "provider", "wrapped")),
    **channels.SIMPLE,
    **tee.SIMPLE,
}

# event -> what became of a bid, and the argument that is its amount: the price shown, or the bond burned
BID_CHANGES: Mapping[str, tuple[str, str]] = {
    "BidCommitted": ("committed", ""),
    "BidRevealed": ("revealed", "price"),
    "BidWithdrawn": ("withdrawn", ""),
    "BidForfeited": ("forfeited", "amount"),
}

STAKE_CHANGES: Mapping[str, str] = {
    "StakeDeposited": "deposited",
    "UnbondingStarted": "unbonding",
    "StakeWithdrawn": "withdrawn",
    "StakeLocked": "locked",
    "StakeUnlocked": "unlocked",
    "StakeSlashed": "slashed",
}

# event -> what became of a complaint, and the argument that names who did it
COMPLAINTS: Mapping[str, tuple[str, str]] = {
    "ComplaintFiled": ("filed", "consumer"),
    "ComplaintAnswered": ("answered", "provider"),
    "DepositPaid": ("paid", "account"),
}

RESERVATIONS: Mapping[str, str] = {"StakeReserved": "reserved", "StakeReleased": "released"}
REWARD_CHANGES: Mapping[str, str] = {"RewardsFunded": "funded", "RewardClaimed": "claimed"}


def token_hex(token_id: int) -> str:
    """A token id as it is stored: 0x and 64 digits."""
    return f"0x{token_id:064x}"


def to_json(value: Mapping[str, Any]) -> str:
    """JSON without spaces."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a number of more than 64 bits
        return orjson.dumps(_spelt(value)).decode()


def _spelt(value: Any) -> Any:
    """With numbers of more than 64 bits as JSON spells them."""
    if type(value) is int:
        return value if -(2**63) <= value < 2**64 else orjson.Fragment(str(value))
    if isinstance(value, dict):
        return {key: _spelt(item) for key, item in value.items()}
    return [_spelt(item) for item in value] if isinstance(value, list) else value


def _value(argument: str, args: Mapping[str, Any]) -> Any:
    return token_hex(args[argument]) if argument == "tokenId" else args[argument]


def facts(contract: str, event: str, args: Mapping[str, Any]) -> list[tuple[str, Row]]:
    """The rows that an event adds: (table, values of COLUMNS[table]). An event that tells nothing adds none."""
    simple = _SIMPLE.get((contract, event))
    if simple is not None:
        return [(simple[0], tuple(_value(argument, args) for argument in simple[1]))]
    if contract == "StakeVault" and event in STAKE_CHANGES:
        change = STAKE_CHANGES[event]
        where = (args.get("jobId"), args.get("releaseAt"))
        return [("stake_changes", (args["account"], args["role"], change, args["amount"], *where))]
    if contract == "StakeVault" and event in RESERVATIONS:
        change, named = RESERVATIONS[event], ("id", "account", "role", "amount", "until")
        reservation, account, role, amount, until = (args[name] for name in named)
        return [("reservations", (reservation, account, role, change, amount, until))]
    if (contract, event) == ("BatchAuction", "BatchOpened"):
        job_class = (args["jobClass"][argument] for argument in _CLASS.values())
        return [("batches", (args["batchId"], args["classId"], args["closesAt"], *job_class))]
    if contract == "StakeVault" and event in REWARD_CHANGES:
        change = REWARD_CHANGES[event]
        return [("reward_changes", (args.get("account"), change, args["amount"], args.get("finishAt")))]
    if contract == "JobMarket" and event in BID_CHANGES:
        change, amount = BID_CHANGES[event]
        return [("bid_changes", (args["jobId"], args["bidder"], change, args.get("commitment"), args.get(amount)))]
    if contract == "Unverified" and event in COMPLAINTS:
        change, account = COMPLAINTS[event]
        shown = (args.get(name) for name in ("answerBy", "salt", "outputs"))
        return [("complaints", (args["jobId"], args[account], change, *shown))]
    if contract == "Providers":
        return _said(event, args)
    if contract == disputes.CONTRACT:
        return disputes.facts(event, args, to_json)
    if contract == audits.CONTRACT:
        return audits.facts(event, args)
    if contract == bonds.CONTRACT:
        return bonds.facts(event, args, to_json)
    if contract in tee.CONTRACTS:
        return tee.facts(event, args, to_json)
    if contract in replicas.CONTRACTS:
        return replicas.facts(contract, event, args)
    if contract in licences.CONTRACTS:
        return licences.facts(contract, event, args, to_json)
    if (contract, event) == ("AssetRegistry", "VersionPublished"):
        return _published(args)
    if (contract, event) == ("JobMarket", "JobPosted"):
        return _posted(args)
    if (contract, event) == ("AssetSale", "SaleOpened"):
        return _for_sale(args)
    if (contract, event) == ("PaymentChannels", "ChannelOpened"):
        return _channel(args)
    return []


def _said(event: str, args: Mapping[str, Any]) -> list[tuple[str, Row]]:
    """What a provider declares, and what an auditor attests of it: a revocation expires at once, at 0."""
    what = (args["provider"], *(attribute_text(args[part]) for part in ("name", "value")))
    if event in ("ProviderDeclared", "AttributeRemoved"):
        return [("declarations", (*what, event == "ProviderDeclared"))]
    times = (args["revokedAt"], 0) if event == "AttestationRevoked" else (args["issuedAt"], args["expiresAt"])
    return [("attestations", (args["auditor"], *what, *times))]


def attribute_text(word: str) -> str:
    """A name, symbol or number of `Providers` as text: a number's digits never are a symbol's. Others stay hex."""
    try:
        return str(value_of(bytes.fromhex(word[2:])))
    except InvalidData:
        return word


def _posted(args: Mapping[str, Any]) -> list[tuple[str, Row]]:
    request = args["terms"]["request"]
    head = (args["jobId"], args["versionId"], args["consumer"], str(args["nonce"]))
    rows: list[tuple[str, Row]] = [
        ("jobs", (*head, *(request[argument] for argument in _REQUEST.values()), to_json(args["terms"])))
    ]
    if "requirements" in request:
        rows.append(("auctions", (args["jobId"], *(request[argument] for argument in _AUCTION.values()))))
    return rows


def _for_sale(args: Mapping[str, Any]) -> list[tuple[str, Row]]:
    """Former sales were English auctions of one token, and said nothing of a lot."""
    offer = args.get("offer", args)
    terms = (token_hex(offer["tokenId"]), *(offer[name] for name in ("reserve", "minStepBps", "duration", "extension")))
    rows: list[tuple[str, Row]] = [
        ("sales", (args["saleId"], args["collection"], args["seller"], *terms, args["escrow"]))
    ]
    if "offer" in args:
        rows.append(("lots", (args["saleId"], offer["units"], offer["startPrice"], args["expiresAt"])))
    return rows


def _channel(args: Mapping[str, Any]) -> list[tuple[str, Row]]:
    terms = args["terms"]
    who = (terms["payer"], args["payee"], terms["signer"], str(terms["nonce"]))
    row = (args["channelId"], args["versionId"], *who, args["deposit"], args["expiresAt"], to_json(terms))
    return [("channels", row)]


def _published(args: Mapping[str, Any]) -> list[tuple[str, Row]]:
    version = (args["versionId"], args["publisher"], args["version"], args["manifest"], args["licence"])
    rows: list[tuple[str, Row]] = [("versions", (token_hex(args["tokenId"]), *version))]
    for position, parent in enumerate(args["parents"]):
        rows.append(("parents", (args["versionId"], position, token_hex(parent["tokenId"]), parent["bps"])))
    return rows
