// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IJobMarketErrors} from "../../contracts/errors/IJobMarketErrors.sol";
import {JobClass} from "../../contracts/interfaces/IBatches.sol";
import {Request, Terms} from "../../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Tier} from "../../contracts/interfaces/Types.sol";
import {AttackBase} from "./AttackBase.sol";

/// A provider bids so late that nobody can answer. The attacker and ALICE have the same work to do.
contract LastBlockBidTest is AttackBase {
    uint48 private constant ROUND_END = uint48((START / 10 minutes + 1) * 10 minutes);

    address private _attacker;

    function setUp() public override {
        super.setUp();
        _attacker = _sybil();
        _begin();
    }

    /// @dev The job is done by whoever holds the lease, at the cost of its work.
    function _worked(bytes32 jobId, Terms memory terms) private returns (int256) {
        if (market.jobOf(jobId).provider == _attacker) outside -= int256(WORK);
        _do(jobId, terms);
        return _ended();
    }

    // ---------------------------------------------------------------- sealed

    function _sealedBids(uint256 attackersTime, bool revealsLast) private returns (int256) {
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Sealed, Tier.Zk, MAX_PRICE);
        _commit(jobId, ALICE, 70 * ONE);
        vm.warp(attackersTime);
        _commit(jobId, _attacker, 60 * ONE);
        vm.warp(CLOSE);
        if (!revealsLast) _reveal(jobId, _attacker, 60 * ONE);
        _reveal(jobId, ALICE, 70 * ONE);
        vm.warp(CLOSE + REVEAL - 1);
        if (revealsLast) _reveal(jobId, _attacker, 60 * ONE);
        return _worked(jobId, terms);
    }

    /// Whoever commits, or reveals, in the last second knows no more than it did, and has the same job at the same price.
    function test_lastBlockBid_sealed() public {
        int256 honest = _sealedBids(START, false);
        _needNoGain("last-block commitment in a sealed auction", honest, _sealedBids(CLOSE - 1, false));
        _needNoGain("last-block reveal in a sealed auction", honest, _sealedBids(START, true));
    }

    // ---------------------------------------------------------------- batch

    function _round(uint256 attackersTime) private returns (int256) {
        Request memory r = _request(AuctionKind.Batch, Tier.Zk);
        (r.startPrice, r.priceStep) = (60 * ONE, ONE);
        (Terms memory terms,) = market.quote(r);
        vm.prank(CONSUMER);
        bytes32 jobId = market.post(r, 1);
        bytes32 early;
        if (attackersTime > START) early = _offer(ALICE, r);
        vm.warp(attackersTime);
        bytes32 offer = _offer(_attacker, r);
        if (attackersTime == START) _offer(ALICE, r);
        vm.warp(ROUND_END);
        rounds.draw(jobId, attackersTime == START ? offer : early);
        return _worked(jobId, terms);
    }

    /// @dev One unit at 80 tokens.
    function _offer(address provider, Request memory r) private returns (bytes32) {
        JobClass memory jobClass = JobClass({
            versionId: r.versionId,
            tier: r.tier,
            scheme: r.scheme,
            startPrice: r.startPrice,
            priceStep: r.priceStep,
            biddingWindow: r.biddingWindow,
            revealWindow: r.revealWindow,
            deliveryWindow: r.deliveryWindow,
            executionWindow: r.executionWindow,
            verificationWindow: r.verificationWindow,
            requirements: r.requirements,
            usePrice: 2 * ONE,
            ownerBps: 1_000
        });
        vm.prank(provider);
        return rounds.offer(jobClass, ROUND_END, 20, 1, "");
    }

    /// At one price the earlier offer goes first: who waits to the last second goes without.
    function test_lastBlockBid_batch() public {
        _needLoss("last-block offer in a batch", _round(START), _round(ROUND_END - 1));
    }

    // ---------------------------------------------------------------- reverse

    function _openBids(uint128 alices, uint128 attackers) private returns (int256) {
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Reverse, Tier.Zk, MAX_PRICE);
        _bid(jobId, ALICE, alices);
        vm.warp(CLOSE - 1);
        if (attackers != 0) _bid(jobId, _attacker, attackers);
        vm.warp(CLOSE);
        return _worked(jobId, terms);
    }

    /// Against somebody who bids at once what it takes at least, the last second wins a job that does not pay.
    function test_lastBlockBid_reverse() public {
        int256 honest = _openBids(57 * ONE, 0);
        _needLoss(
            "last-block bid in a reverse auction, below what another takes", honest, _openBids(57 * ONE, 56 * ONE)
        );
    }

    /// What remains, and why there are sealed auctions: who asks for more than it takes, to come down when it must, can be
    /// undercut when it is too late to come down.
    function test_lastBlockBid_reverseWinsAgainstWhoAsksForMore() public {
        int256 nothing = _openBids(90 * ONE, 0);
        int256 sniped = _openBids(90 * ONE, 89 * ONE);
        vm.assertTrue(sniped > nothing);
        emit log_named_decimal_uint(
            "GAIN: last-block bid in a reverse auction, against who asks for more than it takes",
            uint256(sniped - nothing),
            18
        );
    }

    /// A low bid drives ALICE away, and is taken back when nobody is there any more, for the whole maximum: it cannot be.
    function test_lowBidTakenBackInTheLastBlock() public {
        int256 honest = _openBids(60 * ONE, 59 * ONE);
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Reverse, Tier.Zk, MAX_PRICE);
        _bid(jobId, _attacker, 20 * ONE);
        vm.warp(CLOSE - 1);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.WithdrawalTooLate.selector, jobId, START + 5 minutes));
        vm.prank(_attacker);
        market.withdrawBid(jobId);
        // It is cheaper not to accept than to do the job at that price.
        _letLapse(jobId, terms);
        _needLoss("low bid to be taken back in the last block", honest, _ended());
    }

    /// As late as it can be taken back, it leaves ALICE half of the bids' time to return.
    function test_lowBidTakenBackAtHalfTime() public {
        int256 honest = _openBids(60 * ONE, 59 * ONE);
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Reverse, Tier.Zk, MAX_PRICE);
        _bid(jobId, _attacker, 20 * ONE);
        vm.warp(START + 5 minutes - 1);
        vm.prank(_attacker);
        market.withdrawBid(jobId);
        _bid(jobId, ALICE, 60 * ONE);
        _bid(jobId, _attacker, 59 * ONE);
        vm.warp(CLOSE);
        _needLoss("low bid taken back at half-time", honest, _worked(jobId, terms));
    }
}
