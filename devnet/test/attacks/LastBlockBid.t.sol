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
    function _worked(bytes32 jobId, Terms memory terms) private returns (Play memory) {
        if (market.jobOf(jobId).provider == _attacker) outside -= int256(WORK);
        _do(jobId, terms);
        return _ended();
    }

    // ---------------------------------------------------------------- sealed

    function _sealedBids(uint256 attackersTime, bool revealsLast) private returns (Play memory) {
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
        Play memory honest = _sealedBids(START, false);
        _needNoGain("last-block commitment in a sealed auction", honest, _sealedBids(CLOSE - 1, false));
        _needNoGain("last-block reveal in a sealed auction", honest, _sealedBids(START, true));
    }

    // ---------------------------------------------------------------- batch

    function _round(uint256 attackersTime) private returns (Play memory) {
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
    function _offer(address provider, Request memory r) private returns (bytes32 id) {
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
        id = rounds.offer(jobClass, ROUND_END, 20, 1, "");
        _count(provider);
    }

    /// At one price the earlier offer goes first: who waits to the last second goes without.
    function test_lastBlockBid_batch() public {
        _needLoss("last-block offer in a batch", _round(START), _round(ROUND_END - 1));
    }

    // ---------------------------------------------------------------- reverse

    /// @dev ALICE bids `alices` at once; where she is undercut in the last second she has time, and comes down to `answer`.
    function _openBids(uint128 alices, uint128 answer, uint128 attackers) private returns (Play memory) {
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Reverse, Tier.Zk, MAX_PRICE);
        _bid(jobId, ALICE, alices);
        vm.warp(CLOSE - 1);
        if (attackers != 0) _bid(jobId, _attacker, attackers);
        if (attackers > answer) _bid(jobId, ALICE, answer);
        vm.warp(market.jobOf(jobId).bidsCloseAt);
        return _worked(jobId, terms);
    }

    /// Against somebody who bids at once what it takes at least, the last second wins a job that does not pay.
    function test_lastBlockBid_reverse() public {
        Play memory honest = _openBids(57 * ONE, 57 * ONE, 0);
        _needLoss(
            "last-block bid in a reverse auction, below what another takes",
            honest,
            _openBids(57 * ONE, 57 * ONE, 56 * ONE)
        );
    }

    /// Who asks for more than it takes has time to come down when it is undercut, and does.
    function test_lastBlockBid_reverseAgainstWhoAsksForMore() public {
        Play memory honest = _openBids(90 * ONE, 57 * ONE, 0);
        _needNoGain(
            "last-block bid in a reverse auction, against who asks for more than it takes",
            honest,
            _openBids(90 * ONE, 57 * ONE, 89 * ONE)
        );
    }

    /// @dev The attacker waits for each last second, where ALICE answers by one token, the last moment too late.
    function _undercut() private returns (Play memory, uint256 answers) {
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Reverse, Tier.Zk, MAX_PRICE);
        uint128 price = 90 * ONE;
        _bid(jobId, ALICE, price);
        uint256 close = CLOSE;
        for (;; ++answers) {
            vm.warp(close - 1);
            _bid(jobId, _attacker, price -= ONE);
            uint256 moved = market.jobOf(jobId).bidsCloseAt;
            if (moved == close) break;
            close = moved;
            _bid(jobId, ALICE, price -= ONE);
        }
        vm.warp(close);
        return (_worked(jobId, terms), answers);
    }

    /// What remains: the close moves as far as bids were to last, and no farther. Whoever has been undercut five times until
    /// then, and still asks for more than it takes, is undercut once more.
    function test_lastBlockBid_reverseAtTheLatestClose() public {
        Play memory honest = _openBids(90 * ONE, 57 * ONE, 0);
        (Play memory attacked, uint256 answers) = _undercut();
        vm.assertEq(answers, 5);
        _logGain(
            "last-block bid in a reverse auction, against who comes down by one token five times and no farther",
            honest,
            attacked
        );
    }

    /// A low bid drives ALICE away, and is taken back when nobody is there any more, for the whole maximum: it cannot be.
    function test_lowBidTakenBackInTheLastBlock() public {
        Play memory honest = _openBids(60 * ONE, 60 * ONE, 59 * ONE);
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
        Play memory honest = _openBids(60 * ONE, 60 * ONE, 59 * ONE);
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Reverse, Tier.Zk, MAX_PRICE);
        _bid(jobId, _attacker, 20 * ONE);
        vm.warp(START + 5 minutes - 1);
        _withdraw(jobId, _attacker);
        _bid(jobId, ALICE, 60 * ONE);
        _bid(jobId, _attacker, 59 * ONE);
        vm.warp(CLOSE);
        _needLoss("low bid taken back at half-time", honest, _worked(jobId, terms));
    }
}
