// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {KeyExchange, SealedKey} from "../contracts/libraries/KeyExchange.sol";
import {Base, Vm} from "./Base.sol";

contract KeyExchangeTest is Base {
    string private json;

    function setUp() public {
        json = vm.readFile("../tests/vectors/key_exchange.json");
    }

    function _word(string memory at, string memory name) private view returns (uint256) {
        return vm.parseJsonUint(json, string.concat(at, ".", name));
    }

    function _has(string memory at) private view returns (bool) {
        return vm.keyExistsJson(json, at);
    }

    /// tests/core/test_key_exchange.py runs the same file.
    function test_exchangeVectors() public view {
        uint256 count = 0;
        for (;; ++count) {
            string memory at = string.concat(".exchanges[", vm.toString(count), "]");
            if (!_has(at)) break;
            SealedKey memory key = SealedKey(_word(at, "x"), _word(at, "y"), bytes32(_word(at, "wrapped")));
            address account = address(uint160(_word(at, "account")));
            bytes32 found = KeyExchange.open(
                key, _word(at, "secret"), bytes32(_word(at, "versionId")), account, bytes32(_word(at, "ref"))
            );
            vm.assertEq(found, bytes32(_word(at, "key")), at);
            vm.assertEq(KeyExchange.digestOf(found), bytes32(_word(at, "keyDigest")), at);
            vm.assertTrue(KeyExchange.isPoint(_word(at, "readerX"), _word(at, "readerY")), at);
            address reader = KeyExchange.addressOf(_word(at, "readerX"), _word(at, "readerY"));
            vm.assertEq(KeyExchange.publicOf(_word(at, "secret")), reader, at);
            // The seller's side of it.
            address shared = KeyExchange.multiply(_word(at, "ephemeral"), _word(at, "readerX"), _word(at, "readerY"));
            vm.assertEq(shared, address(uint160(_word(at, "shared"))), at);
        }
        vm.assertEq(count, 12);
    }

    function test_products() public view {
        uint256 count = 0;
        for (;; ++count) {
            string memory at = string.concat(".products[", vm.toString(count), "]");
            if (!_has(at)) break;
            address expected = address(uint160(_word(at, "address")));
            vm.assertEq(KeyExchange.multiply(_word(at, "k"), _word(at, "x"), _word(at, "y")), expected, at);
        }
        vm.assertEq(count, 18);
    }

    function test_points() public view {
        uint256 count = 0;
        for (;; ++count) {
            string memory at = string.concat(".points[", vm.toString(count), "]");
            if (!_has(at)) break;
            bool expected = vm.parseJsonBool(json, string.concat(at, ".valid"));
            bool found = KeyExchange.isPoint(_word(at, "x"), _word(at, "y"));
            vm.assertTrue(found == expected, vm.parseJsonString(json, string.concat(at, ".name")));
        }
        vm.assertEq(count, 14);
    }

    /// The order is no secret: k = 0 has no address, and k counts modulo the order.
    function test_edgesOfASecret() public pure {
        uint256 y = 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8;
        vm.assertEq(KeyExchange.publicOf(0), address(0));
        vm.assertEq(KeyExchange.publicOf(KeyExchange.ORDER), address(0));
        vm.assertEq(KeyExchange.multiply(0, KeyExchange.GX, y), address(0));
        vm.assertEq(KeyExchange.publicOf(KeyExchange.ORDER + 5), KeyExchange.publicOf(5));
        vm.assertEq(KeyExchange.publicOf(1), KeyExchange.addressOf(KeyExchange.GX, y));
    }

    /// Both sides find the same key, and forge's own curve agrees with ecrecover's.
    function testFuzz_bothSidesAgree(uint256 secret, uint256 ephemeral) public {
        secret = _within(secret, 1, KeyExchange.ORDER - 1);
        ephemeral = _within(ephemeral, 1, KeyExchange.ORDER - 1);
        address product = vm.addr(mulmod(secret, ephemeral, KeyExchange.ORDER));
        Vm.Wallet memory reader = vm.createWallet(secret);
        Vm.Wallet memory seller = vm.createWallet(ephemeral);
        vm.assertEq(KeyExchange.multiply(ephemeral, reader.publicKeyX, reader.publicKeyY), product);
        vm.assertEq(KeyExchange.multiply(secret, seller.publicKeyX, seller.publicKeyY), product);
        vm.assertEq(KeyExchange.publicOf(secret), reader.addr);
    }

    /// Another secret, version, account or order opens something else.
    function testFuzz_aKeyIsForOneReader(uint256 secret, bytes32 key, bytes32 ref) public {
        secret = _within(secret, 2, KeyExchange.ORDER - 1);
        Vm.Wallet memory point = vm.createWallet(uint256(keccak256("ephemeral")));
        address shared = KeyExchange.multiply(secret, point.publicKeyX, point.publicKeyY);
        SealedKey memory sealedKey =
            SealedKey(point.publicKeyX, point.publicKeyY, key ^ KeyExchange.pad(shared, "version", address(this), ref));
        vm.assertEq(KeyExchange.open(sealedKey, secret, "version", address(this), ref), key);
        vm.assertTrue(KeyExchange.open(sealedKey, secret - 1, "version", address(this), ref) != key);
        vm.assertTrue(KeyExchange.open(sealedKey, secret, "versio", address(this), ref) != key);
        vm.assertTrue(KeyExchange.open(sealedKey, secret, "version", address(1), ref) != key);
        vm.assertTrue(KeyExchange.open(sealedKey, secret, "version", address(this), ~ref) != key);
    }

    /// A coordinate taken by chance is no point; one that is, is one with two y.
    function testFuzz_offTheCurve(uint256 secret, uint256 change) public {
        secret = _within(secret, 1, KeyExchange.ORDER - 1);
        uint256 x = vm.createWallet(secret).publicKeyX;
        uint256 y = vm.createWallet(secret).publicKeyY;
        vm.assume(x < KeyExchange.ORDER);
        vm.assertTrue(KeyExchange.isPoint(x, y));
        vm.assertTrue(KeyExchange.isPoint(x, KeyExchange.FIELD - y));
        change = _within(change, 1, KeyExchange.FIELD - 1);
        uint256 moved = addmod(y, change, KeyExchange.FIELD);
        if (moved != KeyExchange.FIELD - y) vm.assertFalse(KeyExchange.isPoint(x, moved), "y moved");
        // The same y, spelt with the field added where that fits a word.
        if (y <= type(uint256).max - KeyExchange.FIELD) {
            vm.assertFalse(KeyExchange.isPoint(x, y + KeyExchange.FIELD), "y out of the field");
        }
    }
}
