// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

interface IEncryptionKeys {
    event EncryptionKeyAnnounced(address indexed account, bytes key);

    /// @notice Says under which key others encrypt what only the caller may read; the newest one counts.
    /// @param key A point of secp256k1, compressed as in SEC 1, section 2.3.3: 33 bytes.
    function announce(bytes calldata key) external;

    /// @notice The key that an account announced last, or no bytes.
    function keyOf(address account) external view returns (bytes memory);
}
