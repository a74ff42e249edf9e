"""The events of payment channels, and the rows that they add (docs/events.md)."""

from __future__ import annotations

_TERMS = (
    "(address payer, address signer, address payee, uint256 nonce, bytes32 versionId, uint128 usePrice,"
    " uint16 ownerBps, uint16 treasuryBps, uint16 stakersBps, address[] payees, uint16[] bps)"
)
_CHANNEL = "bytes32 indexed channelId"

# As mlm/core/events/table.py has them.
DECLARATIONS: tuple[tuple[str, str, str], ...] = (
    (
        "PaymentChannels",
        f"ChannelOpened({_CHANNEL}, bytes32 indexed versionId, address indexed payee, {_TERMS} terms, uint128 deposit,"
        " uint48 expiresAt)",
        "0x08db99a02ed7f746824c6e4e673fed280087b09ef51172aa17648e64485ccad6",
    ),
    (
        "PaymentChannels",
        f"ChannelToppedUp({_CHANNEL}, uint128 amount, uint128 deposit, uint48 expiresAt)",
        "0x638299c53713d2414ac05b47b4c7ea9d82b2122b67a024f60a4b5c0e16cb5bb6",
    ),
    (
        "PaymentChannels",
        f"VoucherClaimed({_CHANNEL}, uint128 amount, uint64 calls, uint128 paid)",
        "0x54d29052f2dce305fe302b4838603d2e1f9afd8243a95ce550aa78fa9e1eb878",
    ),
    (
        "PaymentChannels",
        f"ChannelEnded({_CHANNEL}, uint8 ending, uint128 left)",
        "0x3a40b0a0e60b0b228eca22aacbaad499e2ffd13f1a108102702133b100316ddb",
    ),
    (
        "PaymentChannels",
        f"ChannelCredited({_CHANNEL}, address indexed account, uint8 indexed reason, uint256 amount)",
        "0x897843548d6ff557d679f92fbccb224285e16d870b03adb453d47bf88eb53f19",
    ),
    (
        "PaymentChannels",
        "Withdrawn(address indexed account, uint256 amount)",
        "0x7084f5476618d8e60b11ef0d7d3f06914655adb8793e28ff7f018d4c76d505d5",
    ),
)

COLUMNS: dict[str, tuple[str, ...]] = {
    "channels": ("channel_id", "version_id", "payer", "payee", "signer", "nonce", "deposit", "expires_at", "terms"),
    "channel_top_ups": ("channel_id", "amount", "deposit", "expires_at"),
    "voucher_claims": ("channel_id", "amount", "calls", "paid"),
    "channel_endings": ("channel_id", "ending", "refunded"),
    "channel_credits": ("channel_id", "account", "reason", "amount"),
    "channel_withdrawals": ("account", "amount"),
}

# As mlm/core/events/facts.py has them; an opening is told apart there, for its terms.
SIMPLE: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("PaymentChannels", "ChannelToppedUp"): ("channel_top_ups", ("channelId", "amount", "deposit", "expiresAt")),
    ("PaymentChannels", "VoucherClaimed"): ("voucher_claims", ("channelId", "amount", "calls", "paid")),
    ("PaymentChannels", "ChannelEnded"): ("channel_endings", ("channelId", "ending", "left")),
    ("PaymentChannels", "ChannelCredited"): ("channel_credits", ("channelId", "account", "reason", "amount")),
    ("PaymentChannels", "Withdrawn"): ("channel_withdrawals", ("account", "amount")),
}
