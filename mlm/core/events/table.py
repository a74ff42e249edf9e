"""The events we read, as Solidity declares them, with their topics. A test holds them against the checked-in ABIs."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.events import audits, bonds, channels, disputes, licences, replicas, tee
from mlm.core.events.abi import Field, Type, array_of, elementary, tuple_of


@dataclass(frozen=True)
class Spec:
    """One event of one contract. `signature` is the canonical one, whose keccak256 is topic 0."""

    contract: str
    name: str
    fields: tuple[Field, ...]

    @property
    def signature(self) -> str:
        """Name and types, as they are hashed."""
        return f"{self.name}({','.join(field.type.name for field in self.fields)})"


_REQUEST = (
    "(bytes32 versionId, uint8 tier, uint8 auction, uint8 scheme, bytes32 inputCommitment, bytes32 input,"
    " uint128 maxPrice, uint128 startPrice, uint128 priceStep, uint32 biddingWindow, uint32 revealWindow,"
    " uint32 deliveryWindow, uint32 executionWindow, uint32 verificationWindow, bytes32 requirements,"
    " uint96 valueAtRisk, bytes32 policy)"
)
_SNAPSHOT = (
    "(address verifier, bytes32 key, uint128 usePrice, uint16 ownerBps, uint16 protocolFeeBps, uint16 treasuryBps,"
    " uint16 stakersBps, address treasury, uint128 lock, uint128 undeliveredFee, uint128 gasCompensation,"
    " address[] payees, uint16[] bps)"
)
_JOB = "bytes32 indexed jobId, bytes32 indexed versionId"
_ATTRIBUTE = "address indexed provider, bytes32 indexed name, bytes32 value"
_SALE = "bytes32 indexed saleId"
_OFFER = (
    "(address collection, uint256 tokenId, uint128 units, uint128 startPrice, uint128 reserve, uint16 minStepBps,"
    " uint32 duration, uint32 extension)"
)
_STAKE = "address indexed account, uint8 indexed role, uint256 amount"
_RESERVATION = "bytes32 indexed id, address indexed account, uint8 indexed role, uint256 amount, uint48 until"
_BATCH = "bytes32 indexed batchId"
_CLASS = (
    "(bytes32 versionId, uint8 tier, uint8 scheme, uint128 startPrice, uint128 priceStep, uint32 biddingWindow,"
    " uint32 revealWindow, uint32 deliveryWindow, uint32 executionWindow, uint32 verificationWindow,"
    " bytes32 requirements, uint128 usePrice, uint16 ownerBps)"
)

# (contract, declaration, keccak256 of the signature)
DECLARATIONS: tuple[tuple[str, str, str], ...] = (
    (
        "MarketToken",
        "Transfer(address indexed from, address indexed to, uint256 value)",
        "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
    ),
    (
        "MarketToken",
        "Approval(address indexed owner, address indexed spender, uint256 value)",
        "0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925",
    ),
    (
        "AssetRegistry",
        "Transfer(address indexed from, address indexed to, uint256 indexed tokenId)",
        "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
    ),
    (
        "AssetRegistry",
        "HandleClaimed(bytes32 indexed handleId, address indexed owner, string handle)",
        "0xce961370a91d3975126ce0db07a517301a5f5697fb7a6ae85908c8d5267e4723",
    ),
    (
        "AssetRegistry",
        "AssetCreated(uint256 indexed tokenId, address indexed owner, string handle, string name, uint8 kind)",
        "0x50d093091864ee7c9bf46bfa3c6192170ccfea09adbe5bd65d3073e6001e0fbf",
    ),
    (
        "AssetRegistry",
        "VersionPublished(uint256 indexed tokenId, bytes32 indexed versionId, "
        "address indexed publisher, string version, bytes32 manifest, string licence, (uint256 tokenId, "
        "uint16 bps)[] parents)",
        "0x160802cad1cb2d518a4333c65cce198820d1447500dd0141699d925da8b6c3f4",
    ),
    (
        "AssetRegistry",
        "KeySet(bytes32 indexed versionId, uint8 indexed tier, bytes32 key)",
        "0xe34f1d1b66a0dc2f5b9f81f4810bc0a101121225b0430defced04aa09175d3a5",
    ),
    (
        "AssetRegistry",
        "PriceSet(bytes32 indexed versionId, uint128 usePrice, uint16 ownerBps)",
        "0xf492e02c9791d3e7f7551172f71910736063d8c55948acd074b09f8f38d33bed",
    ),
    (
        "StakeVault",
        f"StakeDeposited({_STAKE})",
        "0x12e8c83607de18cb6ae73588bce490538795b3a4cf7a201e7214af06ee14a46e",
    ),
    (
        "StakeVault",
        f"UnbondingStarted({_STAKE}, uint64 releaseAt)",
        "0xf184ccf09ea7d3d720c81d6370ff9b936f54ebfe564297a11d35b376001721d3",
    ),
    (
        "StakeVault",
        f"StakeWithdrawn({_STAKE})",
        "0xb2b0c01dad6a2067fabbca7212261c363c9a7b141055c7c0732617f9659805ba",
    ),
    (
        "StakeVault",
        f"StakeLocked(bytes32 indexed jobId, {_STAKE})",
        "0xd554340fbe5ee9d868b3b1ae8504e82f68eb92925189d13b3e49a1f0f0c02305",
    ),
    (
        "StakeVault",
        f"StakeUnlocked(bytes32 indexed jobId, {_STAKE})",
        "0x14d21df1b8fd4f7f833235bc0087de8bb133fdae5b4c5e9364b02ace8cb0d691",
    ),
    (
        "StakeVault",
        f"StakeSlashed(bytes32 indexed jobId, {_STAKE})",
        "0xe7ca0a326ca8d609230748237046cb77ba9d1e83182805d3a05435afaacaeea6",
    ),
    (
        "StakeVault",
        f"StakeReserved({_RESERVATION})",
        "0xebf2cffdbc52ddfede0ba23c5b9e6740e3928822600abc2915dedccc614bbdaf",
    ),
    (
        "StakeVault",
        f"StakeReleased({_RESERVATION})",
        "0x9d5544a3fa111e0128707b077a20bdf577bc4dc6300bef38d87c2178073da1cd",
    ),
    (
        "StakeVault",
        "RewardsFunded(uint256 amount, uint64 finishAt)",
        "0x31a137c24048bafa80232ba7e195ab7bc2a03d1156afc086575c564835c64438",
    ),
    (
        "StakeVault",
        "RewardClaimed(address indexed account, uint256 amount)",
        "0x106f923f993c2149d49b4255ff723acafa1f2d94393f561d3eda32ae348f7241",
    ),
    (
        "JobMarket",
        f"JobPosted({_JOB}, address indexed consumer, uint256 nonce, ({_REQUEST} request, {_SNAPSHOT} snapshot) terms)",
        "0x5771a984f4ff5a55176d5066c45a2d68da14a286ad6e1c8c6b024c23ea4078c9",
    ),
    (
        "JobMarket",
        f"BidPlaced({_JOB}, address indexed provider, uint128 price)",
        "0x106cc25e4ae98032a1827ac92faa95855796063489d3a6ffe93adc7d69fc25f0",
    ),
    (
        "JobMarket",
        f"BidsExtended({_JOB}, uint48 bidsCloseAt)",
        "0xc63b766791d24f0b74433ee987174ea5ec106bd0ded1fc16319570c27ff52eae",
    ),
    (
        "JobMarket",
        f"BidsClosed({_JOB}, address indexed provider, uint128 price)",
        "0x64b512a79af8edfe125d59f1b23620c027065922c665f2000ae4936318c2c21c",
    ),
    (
        "JobMarket",
        f"BidCommitted({_JOB}, address indexed bidder, bytes32 commitment)",
        "0x0a880f653da47251398bc290d854c275c04753db6ec8d43cd35ce27b67579bee",
    ),
    (
        "JobMarket",
        f"BidRevealed({_JOB}, address indexed bidder, uint128 price)",
        "0x60064ffe7d519ae109e2c14ef5cc25ce52d1ae7f35e5eeec2f706ee9b0ba9900",
    ),
    (
        "JobMarket",
        f"BidWithdrawn({_JOB}, address indexed bidder)",
        "0x714900a0b8174365d6700eec9049ba7e5d9582cdb199d2575dc44b6c86a8932a",
    ),
    (
        "JobMarket",
        f"BidForfeited({_JOB}, address indexed bidder, uint128 amount)",
        "0x4cf379fac8372bb94702ca3c34ea50760a3672c013b54016595fdfe266a0ef3d",
    ),
    (
        "JobMarket",
        f"InputAccepted({_JOB}, address indexed provider)",
        "0xded4ed9d53f5d401bae82266bfa1397f74cd82e28f26e9d949b82f3a27cfea4e",
    ),
    (
        "JobMarket",
        f"ResultSubmitted({_JOB}, address indexed provider, bytes32 outputCommitment, bytes32 result)",
        "0x7d14bf7f15ead3b4f34fe580d83cb8d550679328217d6bd84c882a5fac7a9751",
    ),
    (
        "JobMarket",
        f"JobSettled({_JOB}, address indexed consumer, address provider, uint8 state, uint128 price)",
        "0xc249d991d6bf80d4bbb172057fae9c17edfc1f78112d67f73422c543973bd11f",
    ),
    (
        "JobMarket",
        "Credited(bytes32 indexed jobId, address indexed account, uint8 indexed reason, uint256 amount)",
        "0x3675d66b9d524a1364ab98bdf4310571b4451df8eed3fb4023e79061816b2ca9",
    ),
    (
        "JobMarket",
        "Withdrawn(address indexed account, uint256 amount)",
        "0x7084f5476618d8e60b11ef0d7d3f06914655adb8793e28ff7f018d4c76d505d5",
    ),
    (
        "JobMarket",
        "Paused(uint48 until)",
        "0x95c424e970dea488922ec9da91305321f58798dd418b233247e105fdb501f0de",
    ),
    (
        "BatchAuction",
        f"BatchOpened({_BATCH}, bytes32 indexed classId, uint48 closesAt, {_CLASS} jobClass)",
        "0xe317edfc4fe65703220276cd307e2eb8cafb56a3b817dd52a1c95702f34bb450",
    ),
    (
        "BatchAuction",
        f"JobEntered({_BATCH}, bytes32 indexed jobId, uint8 tick, uint32 position)",
        "0x579c96a1367b9bc13f231c27f49493c23799af41023e6282c264dddec397af26",
    ),
    (
        "BatchAuction",
        f"OfferPlaced({_BATCH}, bytes32 indexed offerId, address indexed provider, uint8 tick, uint32 position, "
        "uint32 quantity)",
        "0xe29c40e05472390258b87fc0ededbfc6e3f7bd1aeecf1df0c85c4feaa1a084e6",
    ),
    (
        "BatchAuction",
        f"BatchCleared({_BATCH}, uint8 tick, uint40 volume)",
        "0x549f584394da3347dafdabc0071fb3c95a4124764fb4ee8c88f6cbcb5e958efe",
    ),
    (
        "BatchAuction",
        f"AwardDrawn({_BATCH}, bytes32 indexed jobId, bytes32 indexed offerId, address provider, uint128 price)",
        "0xd4297934a01ee5977a8eed487cdd71e81aa24949beddbe423f642374e7011cf3",
    ),
    (
        "Reputation",
        "JobRecorded(bytes32 indexed jobId, address indexed provider, uint8 indexed outcome, "
        "uint128 price, uint128 points)",
        "0xfbc68e89924fbf5e68346271dac3c87a40dc537d54d9d1edff48a3d310de15a4",
    ),
    (
        "Reputation",
        "JobRated(bytes32 indexed jobId, address indexed provider, address indexed consumer, uint8 stars)",
        "0xf9507af252e9addcf21046f9658f26d678561e52311bebbd7f7b266417c7717c",
    ),
    (
        "FeeShares",
        "FeeSharesSet(uint16 treasuryBps, uint16 stakersBps)",
        "0x5669c68c5123edee9f1ce2a59ccceadbabdd2da923e6b567f8a92a13a19c32ef",
    ),
    (
        "Providers",
        f"ProviderDeclared({_ATTRIBUTE})",
        "0x0a537e1b6994497c0e36030ee1d0ecd103d381d3bb5b7b021fe09dfc8fe0b8b3",
    ),
    (
        "Providers",
        f"AttributeRemoved({_ATTRIBUTE})",
        "0x2525a0aa52478c3908c89f62e5d0bcc009c470e6168ae63c62431d8ac8afb202",
    ),
    (
        "Providers",
        f"AttributeAttested(address indexed auditor, {_ATTRIBUTE}, uint64 issuedAt, uint64 expiresAt)",
        "0x2a84598d459a1867c18064a17c59ff6587c8f581838ffafd4e8d1c87ff8a1884",
    ),
    (
        "Providers",
        f"AttestationRevoked(address indexed auditor, {_ATTRIBUTE}, uint64 revokedAt)",
        "0x692d6f5f1c2cdee5aabf60cda2370c072595830a56d226232359f4dc405ad34a",
    ),
    (
        "Providers",
        "RequirementsPublished(bytes32 indexed hash, bytes requirements)",
        "0x955d570f6fc4131f07f3e4d31c5e14bb0135f4d938e56112fe504c2721aedbef",
    ),
    (
        "AssetSale",
        f"SaleOpened({_SALE}, address indexed collection, address indexed seller, uint256 nonce, {_OFFER} offer,"
        " uint48 expiresAt, address escrow)",
        "0x5dce22035697c61c09a4ff8291dff7df38b5ae5ce8c2fd5913b6a7eea5e4fd07",
    ),
    (
        "AssetSale",
        f"SaleBidPlaced({_SALE}, address indexed bidder, uint128 amount, uint48 endsAt)",
        "0xf3181329da1fb25de09396329e9a141217de1be0659b654203de05c06e8975f1",
    ),
    (
        "AssetSale",
        f"SaleClosed({_SALE}, address indexed to, uint8 state, uint128 price)",
        "0x9180257b4c04fc139ab46b3df9d67d540e50b1ee6e63c55b2b7a8b6e1d58236d",
    ),
    (
        "AssetSale",
        f"SaleCredited({_SALE}, address indexed account, uint8 indexed reason, uint256 amount)",
        "0x1afd56e395c599d1753f807b9b26e287b63dfb6b9d2ca6bf00f6922e10bd7bda",
    ),
    (
        "AssetSale",
        "Withdrawn(address indexed account, uint256 amount)",
        "0x7084f5476618d8e60b11ef0d7d3f06914655adb8793e28ff7f018d4c76d505d5",
    ),
    (
        "EncryptionKeys",
        "EncryptionKeyAnnounced(address indexed account, bytes key)",
        "0xbe091b6dbc04aa8f5056abf845f14f3acc0dd3313fcda17f0e97b51c2148473c",
    ),
    (
        "Delivery",
        f"InputKeyDelivered({_JOB}, address indexed provider, bytes wrapped)",
        "0x6e5cb1090561b1b70eae4bb2db5bb086638b68b598dbf63436fd0ed31b0accc5",
    ),
    (
        "Unverified",
        f"ComplaintFiled({_JOB}, address indexed consumer, uint48 answerBy)",
        "0xae605f3f9bca9835a5c00714f83c1702459119bc7155677f245f355c74fe3d33",
    ),
    (
        "Unverified",
        f"ComplaintAnswered({_JOB}, address indexed provider, bytes32 salt, bytes outputs)",
        "0x599547f8c55198c3fd5e2a9521f2769529c4d8a4905b5d962d4ce3aad20ea2f7",
    ),
    (
        "Unverified",
        f"DepositPaid({_JOB}, address indexed account)",
        "0xad0600b42eb15ad9b75d0aeb35bfe893d02c2495de196978feee76bf6c5548b3",
    ),
    *channels.DECLARATIONS,
    *bonds.DECLARATIONS,
    *disputes.DECLARATIONS,
    *audits.DECLARATIONS,
    *replicas.DECLARATIONS,
    *licences.DECLARATIONS,
    *tee.DECLARATIONS,
)


def parse(contract: str, declaration: str) -> Spec:
    """Compile `Name(type [indexed] name, …)`, a struct as `(type name, …)`; raises ValueError when malformed."""
    name, _, rest = declaration.partition("(")
    fields, end = _fields(rest, 0)
    if not name.isidentifier() or rest[end:] != ")":
        raise ValueError(f"malformed event declaration: {declaration}")
    return Spec(contract, name, fields)


def _fields(text: str, at: int) -> tuple[tuple[Field, ...], int]:
    """Parameters from `at` up to the closing parenthesis, and its position."""
    fields: list[Field] = []
    while text[at : at + 1] not in (")", ""):
        kind, at = _type(text, at)
        end = min(position for position in (text.find(",", at), text.find(")", at)) if position >= 0)
        words = text[at:end].split()
        fields.append(Field(words[-1] if words else "", kind, indexed="indexed" in words[:-1]))
        at = end + 1 if text[end] == "," else end
        while text[at : at + 1] == " ":
            at += 1
    return tuple(fields), at


def _type(text: str, at: int) -> tuple[Type, int]:
    if text[at] == "(":
        fields, at = _fields(text, at + 1)
        kind, at = tuple_of(fields), at + 1
    else:
        end = at
        while text[end : end + 1].isalnum():
            end += 1
        kind, at = elementary(text[at:end]), end
    while text[at : at + 1] == "[":
        close = text.index("]", at)
        size = text[at + 1 : close]
        kind, at = array_of(kind, int(size) if size else None), close + 1
    return kind, at
