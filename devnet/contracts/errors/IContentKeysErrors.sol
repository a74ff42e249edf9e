// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Errors of ContentKeys, and of whoever takes points and sealed keys.
interface IContentKeysErrors {
    error NotAssetOwner(uint256 tokenId, address owner, address actual);
    error KeyDigestMissing(bytes32 versionId);
    error ContentKeyAlreadyCommitted(bytes32 versionId, bytes32 keyDigest);
    /// Nobody has said yet under which key this version is encrypted.
    error ContentKeyUncommitted(bytes32 versionId);
    /// Not a point of secp256k1, or one whose abscissa is not below the curve's order.
    error PointInvalid(uint256 x, uint256 y);
}
