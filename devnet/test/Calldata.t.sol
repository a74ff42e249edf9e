// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Parent, Publication} from "../contracts/interfaces/IAssetRegistry.sol";
import {Terms} from "../contracts/interfaces/IJobMarket.sol";
import {State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {Vm} from "./Base.sol";
import {MarketBase} from "./MarketBase.sol";

/// Calldata that somebody wrote by hand: dirty bits, other offsets, bytes too many.
contract CalldataTest is MarketBase {
    /// Every byte of the terms decides something, or is refused: with any one changed there is no settlement.
    function test_settleTakesTheTermsOfThePostingOnly() public {
        (bytes32 jobId, Terms memory terms) = _leased(Tier.Zk);
        vm.warp(START + 5 minutes);
        bytes memory call = abi.encodeCall(market.settle, (jobId, terms));
        _everyByteCounts(ANYONE, call);
        (bool ok,) = address(market).call(call);
        vm.assertTrue(ok);
        _needSettled(jobId, State.Undelivered);
    }

    function test_submitTakesTheTermsOfThePostingOnly() public {
        (bytes32 jobId, Terms memory terms) = _ready(Tier.Zk);
        bytes memory call =
            abi.encodeWithSelector(market.submit.selector, jobId, terms, abi.encode(Verdict.Accepted, OUTPUT), RESULT);
        uint256 length = call.length - 3 * 32; // evidence: its length and two words
        for (uint256 at = 36; at < length; ++at) {
            // The result's digest is the provider's word: any value will do.
            if (at >= 4 + 3 * 32 && at < 4 + 4 * 32) continue;
            _refused(ALICE, _flipped(call, at, 0x80));
        }
        vm.prank(ALICE);
        (bool ok,) = address(market).call(call);
        vm.assertTrue(ok);
        _needSettled(jobId, State.Accepted);
    }

    /// Arrays that share their bytes, or come in another order, are the same terms: the hash is of the values.
    function test_anotherLayoutIsTheSameTerms() public {
        (bytes32 jobId, Terms memory terms) = _leased(Tier.Zk);
        vm.warp(START + 5 minutes);
        bytes memory call = abi.encodePacked(abi.encodeCall(market.settle, (jobId, terms)), bytes32("trailing"));
        (bool ok,) = address(market).call(call);
        vm.assertTrue(ok);
        vm.assertEq(market.totalCredit(), MAX_PRICE + ONE / 2);
        _needSettled(jobId, State.Undelivered);
    }

    /// The commitment covers every value; where a byte is padding, the log is the one of the clean calldata, so that no
    /// publication can stop a strict reader of logs.
    function test_aPublicationsLogIsCanonical() public {
        Publication memory p = _publication("acme", "widget", "1.2.3", "manifest");
        p.parents = new Parent[](1);
        p.parents[0].tokenId = tokenId;
        p.parents[0].bps = 5;
        _commitTo(OWNER, p);
        bytes memory call = abi.encodeCall(registry.publish, (p, bytes32("salt")));
        uint256 state = vm.snapshotState();
        bytes32 clean = _published(call);
        vm.assertTrue(clean != 0);
        uint256 padding = 0;
        for (uint256 at = 4; at < call.length; ++at) {
            vm.revertToState(state);
            bytes32 dirty = _published(_flipped(call, at, 0x01));
            if (dirty == 0) continue;
            vm.assertEq(dirty, clean);
            ++padding;
        }
        // Handle, name, version and licence each leave most of a word unused.
        vm.assertEq(padding, 4 * 32 - 4 - 6 - 5 - 10);
    }

    /// @dev A digest of the logs of publishing with this calldata, or 0 when it is refused.
    function _published(bytes memory call) private returns (bytes32) {
        vm.recordLogs();
        vm.prank(OWNER);
        (bool ok,) = address(registry).call(call);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        return ok ? keccak256(abi.encode(logs)) : bytes32(0);
    }

    function _everyByteCounts(address sender, bytes memory call) private {
        for (uint256 at = 4; at < call.length; ++at) {
            _refused(sender, _flipped(call, at, 0x01));
            _refused(sender, _flipped(call, at, 0x80));
        }
    }

    function _refused(address sender, bytes memory call) private {
        vm.prank(sender);
        (bool ok,) = address(market).call(call);
        vm.assertFalse(ok, "a changed byte was accepted");
    }

    function _flipped(bytes memory call, uint256 at, uint8 mask) private pure returns (bytes memory changed) {
        changed = bytes.concat(call);
        changed[at] = bytes1(uint8(changed[at]) ^ mask);
    }
}
