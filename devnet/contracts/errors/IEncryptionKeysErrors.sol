// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Errors of EncryptionKeys.
interface IEncryptionKeysErrors {
    /// Not a compressed point of secp256k1: 33 bytes, the first 2 or 3, then a coordinate that lies on the curve.
    error EncryptionKeyMalformed(bytes key);
}
