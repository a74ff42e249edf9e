"""What earlier contracts declared and later ones changed: their logs stay readable. Nothing here ever changes."""

from __future__ import annotations

_FIRST_REQUEST = (
    "(bytes32 versionId, uint8 tier, uint8 auction, uint8 scheme, bytes32 inputCommitment, bytes32 input,"
    " uint128 maxPrice, uint32 biddingWindow, uint32 deliveryWindow, uint32 executionWindow, uint32 verificationWindow)"
)
_FIRST_SNAPSHOT = (
    "(address verifier, bytes32 key, uint128 usePrice, uint16 ownerBps, uint16 protocolFeeBps, address treasury,"
    " uint128 lock, uint128 undeliveredFee, uint128 gasCompensation, address[] payees, uint16[] bps)"
)
_SECOND_REQUEST = (
    "(bytes32 versionId, uint8 tier, uint8 auction, uint8 scheme, bytes32 inputCommitment, bytes32 input,"
    " uint128 maxPrice, uint128 startPrice, uint128 priceStep, uint32 biddingWindow, uint32 revealWindow,"
    " uint32 deliveryWindow, uint32 executionWindow, uint32 verificationWindow, bytes32 requirements)"
)
_SECOND_SNAPSHOT = (
    "(address verifier, bytes32 key, uint128 usePrice, uint16 ownerBps, uint16 protocolFeeBps, uint16 treasuryBps,"
    " uint16 stakersBps, address treasury, uint128 lock, uint128 undeliveredFee, uint128 gasCompensation,"
    " address[] payees, uint16[] bps)"
)
_JOB = "bytes32 indexed jobId, bytes32 indexed versionId"
_SALE = "bytes32 indexed saleId"

# (contract, declaration, keccak256 of the signature)
FORMER: tuple[tuple[str, str, str], ...] = (
    (
        "JobMarket",
        f"JobPosted({_JOB}, address indexed consumer, uint256 nonce, "
        f"({_FIRST_REQUEST} request, {_FIRST_SNAPSHOT} snapshot) terms)",
        "0x74146eb4c207eb7684fd2cc089044f798373f7f7df3fc3c64228776f5104044f",
    ),
    (
        "JobMarket",
        f"JobPosted({_JOB}, address indexed consumer, uint256 nonce, "
        f"({_SECOND_REQUEST} request, {_SECOND_SNAPSHOT} snapshot) terms)",
        "0xc6f878bcff0ef4a1174b36b97d7004d23fbed2df04a7ff7265dee9f3fa6c16aa",
    ),
    (
        "AssetSale",
        f"SaleOpened({_SALE}, address indexed collection, address indexed seller, uint256 tokenId, uint256 nonce,"
        " uint128 reserve, uint16 minStepBps, uint32 duration, uint32 extension, address escrow)",
        "0xf95594a0c223547a47ebcf690ff35bf317111b45fc25eced3c7cd7fed1731f0d",
    ),
)
