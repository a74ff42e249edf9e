// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IContentKeysErrors} from "./errors/IContentKeysErrors.sol";
import {IPaymentErrors} from "./errors/IPaymentErrors.sol";
import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {IContentKeys} from "./interfaces/IContentKeys.sol";
import {KeyExchange, Point, SealedKey} from "./libraries/KeyExchange.sol";

/// @title Digests of content keys, and keys on request (docs/licences.md)
/// @notice INVARIANT: a version's digest never changes once set. No key is ever stored here in the clear.
contract ContentKeys is IContentKeys, IContentKeysErrors, IPaymentErrors {
    IAssetRegistry public immutable registry;

    /// @inheritdoc IContentKeys
    mapping(bytes32 versionId => bytes32) public digestOf;

    constructor(IAssetRegistry registry_) {
        if (address(registry_).code.length == 0) revert AddressMissing("registry");
        registry = registry_;
    }

    /// @inheritdoc IContentKeys
    function commit(bytes32 versionId, bytes32 keyDigest) external {
        // Reverts for an unknown version. The manifest is not asked for.
        // slither-disable-next-line unused-return
        (uint256 tokenId,) = registry.versionOf(versionId);
        address owner = IERC721(address(registry)).ownerOf(tokenId);
        if (owner != msg.sender) revert NotAssetOwner(tokenId, owner, msg.sender);
        if (keyDigest == 0) revert KeyDigestMissing(versionId);
        bytes32 set = digestOf[versionId];
        if (set != 0) revert ContentKeyAlreadyCommitted(versionId, set);
        digestOf[versionId] = keyDigest;
        emit ContentKeyCommitted(versionId, msg.sender, keyDigest);
    }

    /// @inheritdoc IContentKeys
    function request(bytes32 versionId, Point calldata reader) external {
        _needCommitted(versionId);
        if (!KeyExchange.isPoint(reader.x, reader.y)) revert PointInvalid(reader.x, reader.y);
        emit ContentKeyRequested(versionId, msg.sender, reader.x, reader.y);
    }

    /// @inheritdoc IContentKeys
    function grant(bytes32 versionId, address account, SealedKey calldata key) external {
        _needCommitted(versionId);
        if (!KeyExchange.isPoint(key.x, key.y)) revert PointInvalid(key.x, key.y);
        emit ContentKeyGranted(versionId, account, msg.sender, key.x, key.y, key.wrapped);
    }

    function _needCommitted(bytes32 versionId) private view {
        if (digestOf[versionId] == 0) revert ContentKeyUncommitted(versionId);
    }
}
