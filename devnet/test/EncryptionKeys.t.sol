// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EncryptionKeys} from "../contracts/EncryptionKeys.sol";
import {IEncryptionKeysErrors as Errors} from "../contracts/errors/IEncryptionKeysErrors.sol";
import {IEncryptionKeys} from "../contracts/interfaces/IEncryptionKeys.sol";
import {Base} from "./Base.sol";
import {Shipped} from "./Shipped.sol";

contract EncryptionKeysTest is Base {
    // SEC 2, section 2.4.1: the generator.
    uint256 private constant GENERATOR = 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798;
    uint256 private constant FIELD = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f;
    address private constant ALICE = address(0xA1);

    EncryptionKeys private keys = Shipped.encryptionKeys();

    function _refuse(bytes memory key) private {
        vm.expectRevert(abi.encodeWithSelector(Errors.EncryptionKeyMalformed.selector, key));
        keys.announce(key);
    }

    function test_theNewestWins() public {
        vm.assertEq(keys.keyOf(ALICE).length, 0);
        bytes memory first = abi.encodePacked(uint8(2), GENERATOR);
        bytes memory second = abi.encodePacked(uint8(3), GENERATOR);
        vm.startPrank(ALICE);
        keys.announce(first);
        vm.assertEq(keccak256(keys.keyOf(ALICE)), keccak256(first));
        vm.expectEmit(address(keys));
        emit IEncryptionKeys.EncryptionKeyAnnounced(ALICE, second);
        keys.announce(second);
        vm.stopPrank();
        vm.assertEq(keccak256(keys.keyOf(ALICE)), keccak256(second));
        vm.assertEq(keys.keyOf(address(this)).length, 0);
    }

    function test_onlyCompressedPoints() public {
        _refuse("");
        _refuse(abi.encodePacked(GENERATOR));
        _refuse(abi.encodePacked(uint8(2), GENERATOR, uint8(0)));
        _refuse(abi.encodePacked(uint8(0), GENERATOR));
        _refuse(abi.encodePacked(uint8(4), GENERATOR));
        _refuse(abi.encodePacked(uint8(2), FIELD));
        _refuse(abi.encodePacked(uint8(2), FIELD + 1)); // 1 lies on the curve, this spelling of it is none
        _refuse(abi.encodePacked(uint8(2), uint256(5))); // 5^3 + 7 = 132 is no square
        _refuse(abi.encodePacked(uint8(2), uint256(0)));
        keys.announce(abi.encodePacked(uint8(2), uint256(1)));
    }

    function testFuzz_everyPointAndNoOther(uint256 x, bool odd) public {
        x = x % FIELD;
        bytes memory key = abi.encodePacked(odd ? uint8(3) : uint8(2), x);
        if (_isSquare(addmod(mulmod(mulmod(x, x, FIELD), x, FIELD), 7, FIELD))) {
            keys.announce(key);
            vm.assertEq(keccak256(keys.keyOf(address(this))), keccak256(key));
        } else {
            _refuse(key);
        }
    }

    /// @dev By the root itself, r = a^((p+1)/4), where the contract takes Euler's criterion.
    function _isSquare(uint256 a) private pure returns (bool) {
        uint256 root = 1;
        uint256 power = a;
        for (uint256 exponent = (FIELD + 1) / 4; exponent != 0; exponent >>= 1) {
            if (exponent & 1 == 1) root = mulmod(root, power, FIELD);
            power = mulmod(power, power, FIELD);
        }
        return mulmod(root, root, FIELD) == a;
    }
}
