// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Attestation, QuoteFault} from "../../contracts/interfaces/IQuoteProofs.sol";
import {QuoteBase} from "./QuoteBase.sol";

/// What signatures of P-256 cost, printed with -vv: under Cancun by OpenZeppelin's library, and with FOUNDRY_EVM_VERSION=osaka by
/// the precompile (docs/decisions/0031-p256.md).
contract P256GasTest is QuoteBase {
    uint256 private constant ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551;
    address private constant PRECOMPILE = address(0x100);

    event log_named_uint(string key, uint256 val);

    function setUp() public {
        _deployProofs();
    }

    function _print(string memory what) private returns (uint256 used) {
        used = vm.lastCallGas().gasTotalUsed;
        emit log_named_uint(string.concat("GAS: ", what), used);
    }

    /// Of a true signature, or of nothing: the first tells whether there is a precompile.
    function _isThere() private view returns (bool) {
        (bytes32 r, bytes32 s) = vm.signP256(7, keccak256("probe"));
        (uint256 x, uint256 y) = vm.publicKeyP256(7);
        (, bytes memory said) = PRECOMPILE.staticcall(abi.encode(keccak256("probe"), r, s, x, y));
        return said.length == 32;
    }

    function test_oneSignature() public {
        bytes32 digest = keccak256("what is signed");
        (uint256 x, uint256 y) = vm.publicKeyP256(7);
        (bytes32 r, bytes32 s) = vm.signP256(7, digest);
        if (uint256(s) > ORDER / 2) s = bytes32(ORDER - uint256(s));
        bool there = _isThere();
        vm.assertTrue(proofs.isSigned(digest, r, s, x, y));
        uint256 used = _print("a true signature");
        vm.assertTrue(there == (used < 20_000));
        vm.assertFalse(proofs.isSigned(~digest, r, s, x, y), "another digest");
        used = _print("a false signature");
        vm.assertTrue(there == (used < 30_000));
    }

    function test_theChainOfARealQuote() public {
        (Attestation memory a, bytes memory quote) = _real();
        _needFault(proofs.brokenLinkOf(a, quote), QuoteFault.None);
        _print("a real quote's whole chain");
        _needFault(proofs.contradictionOf(a, quote), QuoteFault.None);
        _print("what a real quote says");
        (a, quote) = _simulated(TDX);
        _needFault(proofs.brokenLinkOf(a, quote), QuoteFault.None);
        _print("a simulated TDX quote's whole chain");
    }
}
