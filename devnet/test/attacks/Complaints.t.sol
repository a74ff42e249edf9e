// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Terms} from "../../contracts/interfaces/IJobMarket.sol";
import {IComplaints} from "../../contracts/interfaces/IComplaints.sol";
import {IUnverified} from "../../contracts/interfaces/IUnverified.sol";
import {AuctionKind, State, Tier} from "../../contracts/interfaces/Types.sol";
import {AttackBase} from "./AttackBase.sol";

/// The tier none: what a complaint, and what a result that is not handed over, bring to whom.
contract ComplaintsTest is AttackBase {
    /// A class and its score: the less an answer shows, the more of the deposit is left.
    bytes private constant OUTPUTS =
        "a block of a few outputs, with their names and shapes: about a hundred bytes, hardly any more.";
    bytes32 private constant OUTPUTS_SALT = keccak256("salt of the outputs");

    function setUp() public override {
        super.setUp();
        vm.prank(CONSUMER);
        token.approve(address(unverified), type(uint256).max);
    }

    function _root(bytes memory outputs) private pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("mlm/tensors-root/1"), OUTPUTS_SALT, keccak256(outputs)));
    }

    /// @dev A job of 100 tokens that ALICE has committed to outputs of.
    function _committed() private returns (bytes32 jobId, Terms memory terms) {
        (jobId, terms) = _postAs(CONSUMER, AuctionKind.Fixed, Tier.None, MAX_PRICE);
        _bid(jobId, ALICE, MAX_PRICE);
        _handIn(jobId, terms, abi.encode(_root(OUTPUTS)));
    }

    function _complain(bytes32 jobId) private {
        vm.prank(CONSUMER);
        unverified.complain(jobId);
        _count(CONSUMER);
    }

    /// @dev As `mlm lease answer` does it: one transaction.
    function _answer(bytes32 jobId) private {
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(IUnverified.answer, (jobId, OUTPUTS_SALT, OUTPUTS));
        calls[1] = abi.encodeCall(IComplaints.collect, (jobId));
        vm.prank(ALICE);
        unverified.multicall(calls);
        _count(ALICE);
    }

    function _settleAs(address account, bytes32 jobId, Terms memory terms, State expected) private {
        _needState(jobId, expected);
        vm.prank(account);
        market.settle(jobId, terms);
        _count(account);
    }

    /// @dev Handed over, and nobody complains.
    function _silence() private returns (Play memory) {
        (bytes32 jobId, Terms memory terms) = _committed();
        vm.warp(block.timestamp + terms.request.verificationWindow);
        _settleAs(ALICE, jobId, terms, State.Accepted);
        return _ended();
    }

    function _consumerPlays() private {
        gang.push(CONSUMER);
        outside = int256(RESULT_WORTH);
        _begin();
    }

    function _providerPlays() private {
        gang.push(ALICE);
        outside = -int256(WORK);
        _begin();
    }

    /// Who has the result and complains all the same pays for the answer.
    function test_falseComplaint() public {
        _consumerPlays();
        Play memory honest = _silence();
        (bytes32 jobId, Terms memory terms) = _committed();
        _complain(jobId);
        _answer(jobId);
        _settleAs(ALICE, jobId, terms, State.Accepted);
        _needLoss("complaint of a result that one has", honest, _ended());
    }

    /// What remains: whoever is away for the whole clock of a complaint loses the job, and its lock.
    function test_falseComplaintOfWhoeverIsAway() public {
        _consumerPlays();
        Play memory honest = _silence();
        (bytes32 jobId, Terms memory terms) = _committed();
        uint256 victim = _stakeOf(ALICE);
        _complain(jobId);
        vm.warp(block.timestamp + 1 days);
        _settleAs(CONSUMER, jobId, terms, State.Rejected);
        vm.prank(CONSUMER);
        unverified.collect(jobId);
        _count(CONSUMER);
        vm.assertEq(_stakeOf(ALICE), victim - 20 * ONE);
        _logGain("complaint of a result that one has, of a provider that is away for a day", honest, _ended());
    }

    /// A commitment to nothing cannot be shown.
    function test_nothingHandedOver() public {
        _providerPlays();
        Play memory honest = _silence();
        outside = 0; // nothing was computed
        (bytes32 jobId, Terms memory terms) = _committed();
        _complain(jobId);
        vm.warp(block.timestamp + 1 days);
        _settleAs(CONSUMER, jobId, terms, State.Rejected);
        _needLoss("result that is never handed over", honest, _ended());
    }

    /// What remains: the deposit pays an answer's gas whoever was to blame for the complaint. Where gas costs less than the
    /// deposit, a provider that hands nothing over before it is complained of keeps the difference, once for each job.
    function test_handedOverUponAComplaintOnly() public {
        _providerPlays();
        Play memory honest = _silence();
        (bytes32 jobId, Terms memory terms) = _committed();
        _complain(jobId);
        _answer(jobId);
        _settleAs(ALICE, jobId, terms, State.Accepted);
        _logGain("result that is handed over upon a complaint only", honest, _ended());
    }

    /// What remains, and what the tier says of itself: nobody checks that the outputs are the model's.
    function test_anythingIsAResult() public {
        _providerPlays();
        Play memory honest = _silence();
        outside = 0;
        _logGain("anything handed over instead of a result, in the tier none", honest, _silence());
    }
}
