// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Kind, Tier} from "./Types.sol";

/// A parent asset and its share of the owner's part, in basis points.
struct Parent {
    uint256 tokenId;
    uint16 bps;
}

/// A verification key of one tier. For `Zk`: keccak256(abi.encode("mlm/zk-key/1", vkaDigest, inputs)).
struct TierKey {
    Tier tier;
    bytes32 key;
}

/// Everything a publication says; the commit-reveal commitment covers all of it.
struct Publication {
    string handle; // [a-z0-9-]{1,39}, no '-' at either end
    string name; // [a-z0-9._-]{1,64}
    string version; // SemVer, at most 64 characters
    Kind kind;
    bytes32 manifest; // sha2-256 digest of the DAG-CBOR manifest: its CIDv1 is 0x01711220 + digest
    string licence; // SPDX expression, at most 128 characters
    uint128 usePrice; // owner's absolute price of one use, in token base units
    uint16 ownerBps; // owner's share of a job's price, in basis points; the larger of the two is due
    uint16 resaleBps; // ERC-2981, set when the asset is created
    Parent[] parents;
    TierKey[] keys;
}

/// What the owner of a version is owed, and who shares it.
struct Royalty {
    uint128 usePrice;
    uint16 ownerBps;
    address[] payees; // payees[0] is the owner, who takes the remainder
    uint16[] bps; // bps[0] is 0; the others are shares of the owner's part
}

interface IAssetRegistry {
    event HandleClaimed(bytes32 indexed handleId, address indexed owner, string handle);
    event AssetCreated(uint256 indexed tokenId, address indexed owner, string handle, string name, Kind kind);
    event VersionPublished(
        uint256 indexed tokenId,
        bytes32 indexed versionId,
        address indexed publisher,
        string version,
        bytes32 manifest,
        string licence,
        Parent[] parents
    );
    event KeySet(bytes32 indexed versionId, Tier indexed tier, bytes32 key);
    event PriceSet(bytes32 indexed versionId, uint128 usePrice, uint16 ownerBps);

    /// @notice Records a commitment to a later claim or publication, so that a copier in the mempool gains nothing.
    /// commitment = keccak256(abi.encode(domain, chainid, registry, sender, keccak256(payload), salt)), with
    /// domain keccak256("mlm/claim/1") and payload bytes(handle), or keccak256("mlm/publish/1") and abi.encode(Publication).
    function commit(bytes32 commitment) external;

    /// @notice Claims a free handle. Needs a commitment at least one block and at most COMMIT_LIFETIME old.
    function claimHandle(string calldata handle, bytes32 salt) external;

    /// @notice Publishes a version: claims the handle if it is free, creates the asset if it is new.
    function publish(Publication calldata publication, bytes32 salt)
        external
        returns (uint256 tokenId, bytes32 versionId);

    /// @notice Sets a tier's key where none is set yet; a set key is immutable. Owner only.
    function setKey(bytes32 versionId, Tier tier, bytes32 key) external;

    /// @notice Sets a version's price for jobs posted from now on. Owner only.
    function setPrice(bytes32 versionId, uint128 usePrice, uint16 ownerBps) external;

    function handleOwner(string calldata handle) external view returns (address);

    /// @notice keccak256(abi.encode(keccak256("mlm/asset/1"), chainid, registry, handle, name)) as a number.
    function tokenIdOf(string calldata handle, string calldata name) external view returns (uint256);

    /// @notice keccak256(abi.encode(keccak256("mlm/version/1"), tokenId, manifest)).
    function versionIdOf(uint256 tokenId, bytes32 manifest) external pure returns (bytes32);

    /// @notice The version published under a SemVer string, or 0.
    function versionNamed(uint256 tokenId, string calldata version) external view returns (bytes32);

    /// @notice The asset and manifest of a version; reverts when it is unknown.
    function versionOf(bytes32 versionId) external view returns (uint256 tokenId, bytes32 manifest);

    function keyOf(bytes32 versionId, Tier tier) external view returns (bytes32);

    /// @notice What a use of this version owes now: the owner first, then the owners of its parents.
    function royaltyOf(bytes32 versionId) external view returns (Royalty memory);
}
