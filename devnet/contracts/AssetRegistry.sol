// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC2981} from "@openzeppelin/contracts/token/common/ERC2981.sol";
import {Commitments} from "./base/Commitments.sol";
import {IAssetRegistryErrors} from "./errors/IAssetRegistryErrors.sol";
import {IAssetRegistry, Parent, Publication, Royalty, TierKey} from "./interfaces/IAssetRegistry.sol";
import {Kind, Tier} from "./interfaces/Types.sol";
import {BPS, MAX_OWNER_BPS, MAX_PARENTS, MAX_RESALE_BPS} from "./libraries/Limits.sol";
import {Text} from "./libraries/Text.sol";

/// @title Handles, assets (ERC-721), their versions, keys, prices and lineage
/// @notice A handle belongs to whoever claimed it, for good; it decides who may create assets under it. An asset belongs to
/// its token's owner, who alone publishes versions and sets prices, also after a sale.
/// INVARIANT: a version's manifest, parents and keys never change once set.
/// INVARIANT: a version has at most 15 parents, all known, none twice, with shares that sum to at most one whole.
contract AssetRegistry is IAssetRegistry, IAssetRegistryErrors, Commitments, ERC721, ERC2981 {
    /// A version as it is stored. The parents' shares lie together, 16 bits each, the first one lowest: a posting reads them
    /// with the price.
    struct Version {
        uint256 tokenId; // a digest: never 0 for a known version
        bytes32 manifest;
        uint128 usePrice;
        uint16 ownerBps;
        uint8 parentCount;
        uint96 firstShares; // of parents 0 to 5
        uint256 moreShares; // of parents 6 to 14
        uint256[MAX_PARENTS] parents; // their tokens
    }

    uint256 private constant FIRST_SHARES = 6;

    bytes32 private constant CLAIM_DOMAIN = keccak256("mlm/claim/1");
    bytes32 private constant PUBLISH_DOMAIN = keccak256("mlm/publish/1");
    bytes32 private constant ASSET_DOMAIN = keccak256("mlm/asset/1");
    bytes32 private constant VERSION_DOMAIN = keccak256("mlm/version/1");

    mapping(bytes32 handleId => address) private _handleOwners;
    mapping(uint256 tokenId => Kind) private _kinds;
    mapping(bytes32 versionId => Version) private _versions;
    mapping(uint256 tokenId => mapping(bytes32 nameHash => bytes32 versionId)) private _versionNames;
    mapping(bytes32 versionId => mapping(Tier => bytes32)) private _keys;

    constructor() ERC721("mlm asset", "MLMASSET") {}

    /// @inheritdoc IAssetRegistry
    function commit(bytes32 commitment) external {
        _commit(commitment);
    }

    /// @inheritdoc IAssetRegistry
    function claimHandle(string calldata handle, bytes32 salt) external {
        _openTo(CLAIM_DOMAIN, keccak256(bytes(handle)), salt);
        address owner = handleOwner(handle);
        if (owner != address(0)) revert HandleTaken(handle, owner);
        _claimHandle(handle);
    }

    /// @inheritdoc IAssetRegistry
    function publish(Publication calldata publication, bytes32 salt)
        external
        returns (uint256 tokenId, bytes32 versionId)
    {
        _openTo(PUBLISH_DOMAIN, keccak256(abi.encode(publication)), salt);
        tokenId = _asset(publication);
        versionId = _version(tokenId, publication);
        for (uint256 i = 0; i < publication.keys.length; ++i) {
            _setKey(versionId, publication.keys[i].tier, publication.keys[i].key);
        }
        _setPrice(versionId, publication.usePrice, publication.ownerBps);
    }

    /// @inheritdoc IAssetRegistry
    function setKey(bytes32 versionId, Tier tier, bytes32 key) external {
        _needOwner(_known(versionId).tokenId);
        _setKey(versionId, tier, key);
    }

    /// @inheritdoc IAssetRegistry
    function setPrice(bytes32 versionId, uint128 usePrice, uint16 ownerBps) external {
        _needOwner(_known(versionId).tokenId);
        _setPrice(versionId, usePrice, ownerBps);
    }

    /// @inheritdoc IAssetRegistry
    function handleOwner(string calldata handle) public view returns (address) {
        return _handleOwners[keccak256(bytes(handle))];
    }

    /// @inheritdoc IAssetRegistry
    function tokenIdOf(string calldata handle, string calldata name) public view returns (uint256) {
        return uint256(keccak256(abi.encode(ASSET_DOMAIN, block.chainid, address(this), handle, name)));
    }

    /// @inheritdoc IAssetRegistry
    function versionIdOf(uint256 tokenId, bytes32 manifest) public pure returns (bytes32) {
        return keccak256(abi.encode(VERSION_DOMAIN, tokenId, manifest));
    }

    /// @inheritdoc IAssetRegistry
    function versionNamed(uint256 tokenId, string calldata version) external view returns (bytes32) {
        return _versionNames[tokenId][keccak256(bytes(version))];
    }

    /// @inheritdoc IAssetRegistry
    function versionOf(bytes32 versionId) external view returns (uint256 tokenId, bytes32 manifest) {
        Version storage version = _known(versionId);
        return (version.tokenId, version.manifest);
    }

    /// @notice What an asset is; reverts when it is unknown.
    function kindOf(uint256 tokenId) external view returns (Kind) {
        _requireOwned(tokenId);
        return _kinds[tokenId];
    }

    /// @inheritdoc IAssetRegistry
    function keyOf(bytes32 versionId, Tier tier) external view returns (bytes32) {
        return _keys[versionId][tier];
    }

    /// @inheritdoc IAssetRegistry
    function royaltyOf(bytes32 versionId) external view returns (Royalty memory royalty) {
        Version storage version = _known(versionId);
        uint256 count = version.parentCount;
        uint256 shares = version.firstShares;
        royalty.usePrice = version.usePrice;
        royalty.ownerBps = version.ownerBps;
        royalty.payees = new address[](count + 1);
        royalty.bps = new uint16[](count + 1);
        royalty.payees[0] = ownerOf(version.tokenId);
        for (uint256 i = 0; i < count; ++i) {
            if (i == FIRST_SHARES) shares = version.moreShares;
            royalty.payees[i + 1] = ownerOf(version.parents[i]);
            royalty.bps[i + 1] = uint16(shares);
            shares >>= 16;
        }
    }

    /// @inheritdoc ERC721
    function supportsInterface(bytes4 interfaceId) public view override(ERC721, ERC2981) returns (bool) {
        return ERC721.supportsInterface(interfaceId) || ERC2981.supportsInterface(interfaceId);
    }

    function _claimHandle(string calldata handle) private {
        if (!Text.isHandle(bytes(handle))) revert HandleInvalid(handle);
        bytes32 handleId = keccak256(bytes(handle));
        _handleOwners[handleId] = msg.sender;
        emit HandleClaimed(handleId, msg.sender, handle);
    }

    /// @dev The asset a publication belongs to: the caller's own, or a new one under a handle that is the caller's or free.
    function _asset(Publication calldata p) private returns (uint256 tokenId) {
        tokenId = tokenIdOf(p.handle, p.name);
        if (_ownerOf(tokenId) != address(0)) {
            _needOwner(tokenId);
            if (_kinds[tokenId] != p.kind) revert KindMismatch(tokenId, _kinds[tokenId], p.kind);
            return tokenId;
        }
        address owner = handleOwner(p.handle);
        if (owner == address(0)) _claimHandle(p.handle);
        else if (owner != msg.sender) revert NotHandleOwner(p.handle, owner, msg.sender);
        if (!Text.isName(bytes(p.name))) revert NameInvalid(p.name);
        if (p.resaleBps > MAX_RESALE_BPS) revert ResaleShareTooHigh(MAX_RESALE_BPS, p.resaleBps);
        _kinds[tokenId] = p.kind;
        // SAFETY: no callback to the receiver: `_mint`, not `_safeMint`.
        _mint(msg.sender, tokenId);
        _setTokenRoyalty(tokenId, msg.sender, p.resaleBps);
        emit AssetCreated(tokenId, msg.sender, p.handle, p.name, p.kind);
    }

    function _version(uint256 tokenId, Publication calldata p) private returns (bytes32 versionId) {
        if (!Text.isVersion(bytes(p.version))) revert VersionInvalid(p.version);
        if (!Text.isLicence(bytes(p.licence))) revert LicenceInvalid(p.licence);
        if (p.manifest == 0) revert ManifestMissing(tokenId);
        versionId = versionIdOf(tokenId, p.manifest);
        Version storage version = _versions[versionId];
        if (version.tokenId != 0) revert VersionAlreadyPublished(versionId);
        bytes32 nameHash = keccak256(bytes(p.version));
        bytes32 named = _versionNames[tokenId][nameHash];
        if (named != 0) revert VersionNameTaken(tokenId, p.version, named);
        _versionNames[tokenId][nameHash] = versionId;
        version.tokenId = tokenId;
        version.manifest = p.manifest;
        _setParents(version, tokenId, p.parents);
        emit VersionPublished(tokenId, versionId, msg.sender, p.version, p.manifest, p.licence, p.parents);
    }

    /// @dev An asset may be its own version's parent's parent, but not its own parent: its owner is paid first anyway.
    function _setParents(Version storage version, uint256 child, Parent[] calldata parents) private {
        uint256 count = parents.length;
        if (count == 0) return;
        if (count > MAX_PARENTS) revert TooManyParents(MAX_PARENTS, count);
        uint256 sum = 0;
        uint256 first = 0;
        uint256 more = 0;
        for (uint256 i = 0; i < count; ++i) {
            uint256 tokenId = parents[i].tokenId;
            uint256 bps = parents[i].bps;
            if (_ownerOf(tokenId) == address(0)) revert ParentUnknown(tokenId);
            if (tokenId == child) revert ParentRepeated(tokenId);
            for (uint256 j = 0; j < i; ++j) {
                if (parents[j].tokenId == tokenId) revert ParentRepeated(tokenId);
            }
            sum += bps;
            version.parents[i] = tokenId;
            if (i < FIRST_SHARES) first |= bps << (16 * i);
            else more |= bps << (16 * (i - FIRST_SHARES));
        }
        if (sum > BPS) revert ParentSharesTooHigh(BPS, sum);
        version.parentCount = uint8(count);
        version.firstShares = uint96(first);
        if (more != 0) version.moreShares = more;
    }

    function _setKey(bytes32 versionId, Tier tier, bytes32 key) private {
        if (tier == Tier.None) revert TierWithoutKey(tier);
        if (key == 0) revert KeyZero(versionId, tier);
        bytes32 set = _keys[versionId][tier];
        if (set != 0) revert KeyAlreadySet(versionId, tier, set);
        _keys[versionId][tier] = key;
        emit KeySet(versionId, tier, key);
    }

    function _setPrice(bytes32 versionId, uint128 usePrice, uint16 ownerBps) private {
        if (ownerBps > MAX_OWNER_BPS) revert OwnerShareTooHigh(MAX_OWNER_BPS, ownerBps);
        _versions[versionId].usePrice = usePrice;
        _versions[versionId].ownerBps = ownerBps;
        emit PriceSet(versionId, usePrice, ownerBps);
    }

    function _known(bytes32 versionId) private view returns (Version storage version) {
        version = _versions[versionId];
        if (version.tokenId == 0) revert VersionUnknown(versionId);
    }

    function _needOwner(uint256 tokenId) private view {
        address owner = ownerOf(tokenId);
        if (owner != msg.sender) revert NotAssetOwner(tokenId, owner, msg.sender);
    }

    /// @dev Opens the caller's commitment to a payload.
    function _openTo(bytes32 domain, bytes32 payloadHash, bytes32 salt) private {
        _open(keccak256(abi.encode(domain, block.chainid, address(this), msg.sender, payloadHash, salt)));
    }
}
