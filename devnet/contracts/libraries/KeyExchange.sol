// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// A point of secp256k1, uncompressed.
struct Point {
    uint256 x;
    uint256 y;
}

/// A content key wrapped for one reader: an ephemeral point E = e·G, and the key XOR a pad that only e or the reader's
/// secret can compute.
struct SealedKey {
    uint256 x;
    uint256 y;
    bytes32 wrapped;
}

/// @title How a content key is handed to one reader so that a wrong key can be shown to be wrong (docs/licences.md)
/// @notice Diffie–Hellman over secp256k1. The shared secret is the ADDRESS of the shared point, because that is what the EVM
/// can compute: `ecrecover` multiplies any point by any number and gives the address of the product
/// (https://ethresear.ch/t/you-can-kinda-abuse-ecrecover-to-do-ecmul-in-secp256k1-today/2384).
/// mlm/core/key_exchange.py and tests/vectors/key_exchange.json hold the same.
library KeyExchange {
    /// SEC 2, section 2.4.1: the field, the order, and the generator with its even y.
    uint256 internal constant FIELD = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f;
    uint256 internal constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    uint256 internal constant GX = 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798;

    bytes32 internal constant PAD_DOMAIN = keccak256("mlm/key-pad/1");
    bytes32 internal constant KEY_DOMAIN = keccak256("mlm/licensed-key/1");

    /// @notice Whether (x, y) lies on the curve and can be multiplied here: ecrecover takes x below the order only. The curve's
    /// cofactor is 1, so no point of it lies in a small subgroup.
    function isPoint(uint256 x, uint256 y) internal pure returns (bool) {
        if (x == 0 || x >= ORDER || y == 0 || y >= FIELD) return false;
        return mulmod(y, y, FIELD) == addmod(mulmod(mulmod(x, x, FIELD), x, FIELD), 7, FIELD);
    }

    /// @notice The address of a point: the last 20 bytes of keccak256(x ‖ y), as for an account's public key.
    function addressOf(uint256 x, uint256 y) internal pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encode(x, y)))));
    }

    /// @notice The address of k·P. 0 where k is 0 modulo the order.
    /// @dev ecrecover gives (s·R − z·G)/r for the point R of abscissa r; with z = 0, R = P and s = k·r it is k·P.
    /// SAFETY: callers have checked `isPoint`.
    function multiply(uint256 k, uint256 x, uint256 y) internal pure returns (address) {
        return ecrecover(0, y % 2 == 0 ? 27 : 28, bytes32(x), bytes32(mulmod(k, x, ORDER)));
    }

    /// @notice The address of k·G: the account whose private key k is.
    function publicOf(uint256 k) internal pure returns (address) {
        return ecrecover(0, 27, bytes32(GX), bytes32(mulmod(k, GX, ORDER)));
    }

    /// @notice What a key was XORed with. `ref` is the order's id, or 0 for a key that was granted.
    function pad(address shared, bytes32 versionId, address account, bytes32 ref) internal pure returns (bytes32) {
        return keccak256(abi.encode(PAD_DOMAIN, shared, versionId, account, ref));
    }

    /// @notice What a version's owner commits to.
    function digestOf(bytes32 key) internal pure returns (bytes32) {
        return keccak256(abi.encode(KEY_DOMAIN, key));
    }

    /// @notice The key that the holder of a reader's secret finds in a sealed one. SAFETY: callers have checked `isPoint`.
    function open(SealedKey memory sealed_, uint256 secret, bytes32 versionId, address account, bytes32 ref)
        internal
        pure
        returns (bytes32)
    {
        return sealed_.wrapped ^ pad(multiply(secret, sealed_.x, sealed_.y), versionId, account, ref);
    }
}
