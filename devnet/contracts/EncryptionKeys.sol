// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IEncryptionKeysErrors} from "./errors/IEncryptionKeysErrors.sol";
import {IEncryptionKeys} from "./interfaces/IEncryptionKeys.sol";

/// @title Under which key others encrypt what only an account may read
/// @notice Each account speaks for itself. What was encrypted under an earlier key is not the contract's matter: mlm derives
/// its keys from the account's own, so they do not change.
contract EncryptionKeys is IEncryptionKeys, IEncryptionKeysErrors {
    /// secp256k1's field: y^2 = x^3 + 7 (SEC 2, section 2.4.1).
    uint256 private constant FIELD = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f;

    struct Point {
        uint256 x;
        uint8 prefix; // 2 or 3: y is even or odd; 0 where none was announced
    }

    mapping(address account => Point) private _points;

    /// @inheritdoc IEncryptionKeys
    function announce(bytes calldata key) external {
        if (key.length != 33) revert EncryptionKeyMalformed(key);
        uint8 prefix = uint8(key[0]);
        uint256 x = uint256(bytes32(key[1:]));
        if (prefix & 0xfe != 2 || x >= FIELD || !_onCurve(x)) revert EncryptionKeyMalformed(key);
        _points[msg.sender] = Point(x, prefix);
        emit EncryptionKeyAnnounced(msg.sender, key);
    }

    /// @inheritdoc IEncryptionKeys
    function keyOf(address account) external view returns (bytes memory) {
        Point memory point = _points[account];
        return point.prefix == 0 ? bytes("") : abi.encodePacked(point.prefix, point.x);
    }

    /// @dev Euler's criterion: x^3 + 7 is a square. It is never 0: the curve's order is odd, so no point has y = 0.
    function _onCurve(uint256 x) private view returns (bool) {
        uint256 square = addmod(mulmod(mulmod(x, x, FIELD), x, FIELD), 7, FIELD);
        return Math.modExp(square, (FIELD - 1) / 2, FIELD) == 1;
    }
}
