// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AttesterSet} from "../../contracts/AttesterSet.sol";
import {MarketToken} from "../../contracts/MarketToken.sol";
import {TeeParams, TeeVerifier} from "../../contracts/TeeVerifier.sol";
import {ITeeVerifierErrors as Errors} from "../../contracts/errors/ITeeVerifierErrors.sol";
import {IJobMarket} from "../../contracts/interfaces/IJobMarket.sol";
import {Attestation} from "../../contracts/interfaces/IQuoteProofs.sol";
import {SessionKey, TeeResult} from "../../contracts/interfaces/ITeeVerifier.sol";
import {Claim, IVerifier} from "../../contracts/interfaces/IVerifier.sol";
import {Tier} from "../../contracts/interfaces/Types.sol";
import {MIN_UNBONDING} from "../../contracts/libraries/Limits.sol";
import {Shipped} from "../Shipped.sol";
import {QuoteBase} from "./QuoteBase.sol";

/// What Python computes of the tier, this computes too (tests/vectors/make_tee.py).
contract TeeVectorsTest is QuoteBase {
    address private constant GOVERNANCE = address(0x60);

    string private vectors;
    address private market;
    address private place;
    MarketToken private token;
    AttesterSet private attesters;
    TeeVerifier private tee;

    /// The verifier that the vectors name has the code that is shipped, and what it was deployed with.
    function setUp() public {
        _deployProofs();
        vectors = vm.readFile("../tests/vectors/tee.json");
        market = _address(".market");
        place = _address(".verifier");
        vm.chainId(vm.parseJsonUint(vectors, ".chainId"));
        vm.warp(1_700_000_100);
        token = Shipped.marketToken(address(this), 1e30);
        attesters = Shipped.attesterSet(token, place, GOVERNANCE, 1, uint48(MIN_UNBONDING));
        tee = Shipped.teeVerifier(token, IJobMarket(market), attesters, proofs, TeeParams(1, 1 hours, 1));
    }

    function _address(string memory key) private view returns (address) {
        return address(bytes20(vm.parseJsonBytes(vectors, key)));
    }

    function _at(uint256 i, string memory name) private pure returns (string memory) {
        return string.concat(".results[", vm.toString(i), "].", name);
    }

    function _word(uint256 i, string memory name) private view returns (bytes32) {
        return vm.parseJsonBytes32(vectors, _at(i, name));
    }

    /// @dev The results that there are.
    function _count() private view returns (uint256 count) {
        while (vm.keyExistsJson(vectors, _at(count, "case"))) ++count;
    }

    function _evidence(uint256 i) private view returns (bytes memory) {
        return vm.parseJsonBytes(vectors, _at(i, "evidence"));
    }

    function _claim(uint256 i, uint256 policy) private view returns (Claim memory) {
        return Claim({
            jobId: vm.parseJsonBytes32(vectors, ".jobId"),
            versionId: vm.parseJsonBytes32(vectors, ".versionId"),
            key: _word(i, "key"),
            inputCommitment: _word(i, "inputCommitment"),
            provider: _address(".provider"),
            tier: Tier.Tee,
            scheme: 2,
            policy: bytes32(policy)
        });
    }

    function test_policies() public {
        uint256 i = 0;
        for (; vm.keyExistsJson(vectors, string.concat(".policies[", vm.toString(i), "]")); ++i) {
            bytes32 word = vm.parseJsonBytes32(vectors, string.concat(".policies[", vm.toString(i), "].word"));
            // Well formed: what is missing are attesters.
            vm.expectRevert(abi.encodeWithSelector(Errors.AttestersMissing.selector, 0, 0));
            tee.checkPolicy(word);
        }
        vm.assertTrue(i > 2);
        for (i = 0; vm.keyExistsJson(vectors, string.concat(".badPolicies[", vm.toString(i), "]")); ++i) {
            bytes32 word = vm.parseJsonBytes32(vectors, string.concat(".badPolicies[", vm.toString(i), "].word"));
            vm.expectRevert(abi.encodeWithSelector(IVerifier.PolicyUnusable.selector, word));
            tee.checkPolicy(word);
        }
        vm.assertTrue(i > 5);
    }

    /// Whatever of a result is derived passes where it is handed in; with a word changed it does not.
    function test_results() public {
        uint256 count = _count();
        vm.assertTrue(count > 2);
        for (uint256 i = 0; i < count; ++i) {
            uint256 state = vm.snapshotState();
            TeeResult memory result = abi.decode(_evidence(i), (TeeResult));
            _needDerived(i, result);
            // What attesters sign names this verifier, not the one of the vectors: sign anew.
            result.signatures = _signed(i, result.attestation);
            Claim memory claim = _claim(i, (0x3f) | 0xf00 | (1 << 15));
            vm.prank(market);
            (, bytes32 output) = tee.check(claim, abi.encode(result));
            vm.assertEq(output, _word(i, "outputCommitment"));
            claim.inputCommitment = ~claim.inputCommitment;
            vm.expectPartialRevert(Errors.ReportDataMismatch.selector);
            vm.prank(market);
            tee.check(claim, abi.encode(result));
            vm.revertToState(state);
        }
    }

    /// The digest and the signatures, at the very address that the vectors name.
    function test_digestsAndSignatures() public {
        vm.etch(place, address(tee).code);
        TeeVerifier named = TeeVerifier(place);
        for (uint256 i = 0; i < _count(); ++i) {
            TeeResult memory result = abi.decode(_evidence(i), (TeeResult));
            bytes32 digest = named.attestationDigest(result.attestation);
            vm.assertEq(digest, _word(i, "digest"));
            for (uint256 j = 0; j < result.signatures.length; ++j) {
                bytes memory expected = result.signatures[j];
                (uint8 v, bytes32 r, bytes32 s) = vm.sign(_key(i, j), digest);
                vm.assertEq(keccak256(abi.encodePacked(r, s, v)), keccak256(expected), "signature");
            }
        }
    }

    /// A key is registered with the report data of the vectors, and with no other.
    function test_sessions() public {
        Attestation memory a = abi.decode(_evidence(0), (TeeResult)).attestation;
        a.jobId = 0;
        uint256 i = 0;
        for (; vm.keyExistsJson(vectors, string.concat(".sessions[", vm.toString(i), "]")); ++i) {
            uint256 state = vm.snapshotState();
            string memory at = string.concat(".sessions[", vm.toString(i), "].");
            SessionKey memory key = SessionKey({
                provider: _address(".provider"),
                modelDigest: vm.parseJsonBytes32(vectors, ".modelDigest"),
                x: uint256(vm.parseJsonBytes32(vectors, string.concat(at, "x"))),
                y: uint256(vm.parseJsonBytes32(vectors, string.concat(at, "y"))),
                expiresAt: uint48(vm.parseJsonUint(vectors, string.concat(at, "expiresAt")))
            });
            a.reportData = vm.parseJsonBytes32(vectors, string.concat(at, "reportData"));
            bytes[] memory signatures = _signed(0, a);
            vm.assertEq(tee.registerKey(key, a, signatures), tee.attestationDigest(a));
            key.expiresAt += 1;
            vm.expectPartialRevert(Errors.ReportDataMismatch.selector);
            tee.registerKey(key, a, signatures);
            vm.revertToState(state);
        }
        vm.assertTrue(i > 1);
    }

    function _needDerived(uint256 i, TeeResult memory result) private view {
        vm.assertEq(keccak256(abi.encode(result)), keccak256(_evidence(i)), "encoding");
        vm.assertEq(result.attestation.reportData, _word(i, "reportData"), "report data");
        vm.assertEq(result.attestation.quoteDigest, sha256(vm.parseJsonBytes(vectors, _at(i, "quote"))), "quote");
        vm.assertEq(
            keccak256(abi.encode(_address(".provider"), result.x, result.y)), _word(i, "providerKey"), "provider"
        );
        vm.assertEq(result.modelDigest, vm.parseJsonBytes32(vectors, ".modelDigest"), "model");
    }

    function _key(uint256 i, uint256 j) private view returns (uint256) {
        return uint256(vm.parseJsonBytes32(vectors, _at(i, string.concat("attesterKeys[", vm.toString(j), "]"))));
    }

    /// @dev Its signers become members, all of whom must sign.
    function _signed(uint256 i, Attestation memory a) private returns (bytes[] memory signatures) {
        uint256 count = abi.decode(_evidence(i), (TeeResult)).signatures.length;
        signatures = new bytes[](count);
        for (uint256 j = 0; j < count; ++j) {
            address account = vm.addr(_key(i, j));
            token.transfer(account, 1);
            vm.startPrank(account);
            token.approve(address(attesters), 1);
            attesters.deposit(1);
            vm.stopPrank();
            vm.prank(GOVERNANCE);
            attesters.admit(account);
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(_key(i, j), tee.attestationDigest(a));
            signatures[j] = abi.encodePacked(r, s, v);
        }
        vm.prank(GOVERNANCE);
        attesters.setThreshold(uint8(count));
    }
}
