// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Point, SealedKey} from "../libraries/KeyExchange.sol";

/// @title Under which key a version is encrypted, without the key; and keys asked for and granted beside a sale
interface IContentKeys {
    event ContentKeyCommitted(bytes32 indexed versionId, address indexed owner, bytes32 keyDigest);
    /// `account` asks for the version's key, sealed for the point (x, y).
    event ContentKeyRequested(bytes32 indexed versionId, address indexed account, uint256 x, uint256 y);
    /// `from` says that this is the key. Anybody may say so: the reader compares what it opens with the digest.
    event ContentKeyGranted(
        bytes32 indexed versionId, address indexed account, address indexed from, uint256 x, uint256 y, bytes32 wrapped
    );

    /// @notice Binds the asset's owner to the key of a version's files; once, and for good.
    /// @param keyDigest keccak256(abi.encode(keccak256("mlm/licensed-key/1"), key)), of a key of 32 bytes.
    function commit(bytes32 versionId, bytes32 keyDigest) external;

    /// @notice Asks for a version's key, sealed for a reader's point. Whether to grant it, its owner decides.
    function request(bytes32 versionId, Point calldata reader) external;

    /// @notice Hands a sealed key to an account, with ref = 0 in its pad.
    function grant(bytes32 versionId, address account, SealedKey calldata key) external;

    /// @notice What the version's owner committed to, or 0.
    function digestOf(bytes32 versionId) external view returns (bytes32);
}
