// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {JobMarket} from "../contracts/JobMarket.sol";
import {MarketToken} from "../contracts/MarketToken.sol";
import {Unverified} from "../contracts/Unverified.sol";
import {Job, Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {Complaint} from "../contracts/interfaces/IUnverified.sol";
import {AuctionKind, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {Base} from "./Base.sol";
import {UnverifiedBase} from "./UnverifiedBase.sol";

/// @title Random play of one consumer and two providers with jobs of the tier none, honest or not
contract UnverifiedHandler is Base {
    JobMarket private immutable market;
    Unverified private immutable unverified;
    MarketToken private immutable token;
    Request private _request;
    address private immutable consumer;
    address[2] private _providers;

    bytes32[] public jobs;
    mapping(bytes32 jobId => Terms) private _terms;
    /// The first verdict seen of a job after its window, and what a dispute became: its number plus 1, 0 while none was seen.
    mapping(bytes32 jobId => uint256) public seen;
    uint256 public donated;

    constructor(
        JobMarket m,
        Unverified u,
        MarketToken t,
        address consumer_,
        address[2] memory providers_,
        Request memory r
    ) {
        (market, unverified, token, consumer) = (m, u, t, consumer_);
        _providers = providers_;
        _request = r;
    }

    function count() external view returns (uint256) {
        return jobs.length;
    }

    function outputs(uint256 index) public pure returns (bytes memory) {
        return abi.encode("outputs", index);
    }

    /// @dev A new job that a provider does at once.
    function handIn(uint256 who, uint32 window) external {
        if (jobs.length > 12) return;
        Request memory r = _request;
        r.verificationWindow = uint32(_within(window, 60, 2 days));
        (Terms memory terms,) = market.quote(r);
        uint256 index = jobs.length;
        vm.prank(consumer);
        bytes32 jobId = market.post(r, index);
        address provider = _providers[who % 2];
        vm.startPrank(provider);
        market.bid(jobId, r.maxPrice, "");
        market.accept(jobId);
        bytes32 root = keccak256(abi.encode(keccak256("mlm/tensors-root/1"), bytes32(index), keccak256(outputs(index))));
        market.submit(jobId, terms, abi.encode(root), 0);
        vm.stopPrank();
        _terms[jobId] = terms;
        jobs.push(jobId);
    }

    function complain(uint256 which, bool stranger) external {
        if (jobs.length == 0) return;
        vm.prank(stranger ? _providers[0] : consumer);
        try unverified.complain(jobs[which % jobs.length]) {} catch {}
    }

    function answer(uint256 which, uint256 who, uint256 whose) external {
        if (jobs.length == 0) return;
        uint256 index = which % jobs.length;
        uint256 shown = whose % 4 == 0 ? (index + 1) % jobs.length : index;
        vm.prank(_providers[who % 2]);
        try unverified.answer(jobs[index], bytes32(shown), outputs(shown)) {} catch {}
    }

    function collect(uint256 which, uint256 who) external {
        if (jobs.length == 0) return;
        vm.prank(who % 3 == 0 ? consumer : _providers[who % 2]);
        try unverified.collect(jobs[which % jobs.length]) {} catch {}
    }

    function settle(uint256 which) external {
        if (jobs.length == 0) return;
        bytes32 jobId = jobs[which % jobs.length];
        try market.settle(jobId, _terms[jobId]) {} catch {}
    }

    function donate(uint256 amount) external {
        amount = _within(amount, 0, 1e18);
        if (token.balanceOf(address(this)) < amount) return;
        token.transfer(address(unverified), amount);
        donated += amount;
    }

    function wait(uint32 seconds_) external {
        vm.warp(block.timestamp + _within(seconds_, 1, 1 days));
        for (uint256 i = 0; i < jobs.length; ++i) {
            Job memory job = market.jobOf(jobs[i]);
            if (block.timestamp >= uint256(job.submittedAt) + job.verificationWindow) {
                uint256 before = seen[jobs[i]];
                if (before == 0 || before == uint256(Verdict.Disputed) + 1) {
                    seen[jobs[i]] = uint256(unverified.verdictOf(jobs[i])) + 1;
                }
            }
        }
    }
}

/// Deposits are conserved, and verdicts keep what the market assumes of them, whatever anybody does in whatever order.
contract UnverifiedInvariantsTest is UnverifiedBase {
    UnverifiedHandler private handler;
    uint256 private wealth;

    function setUp() public override {
        super.setUp();
        Request memory request = _request(AuctionKind.Fixed, Tier.None);
        handler = new UnverifiedHandler(market, unverified, token, CONSUMER, [ALICE, BOB], request);
        token.transfer(address(handler), 100 * ONE);
        wealth = _wealth();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function _wealth() private view returns (uint256) {
        return token.balanceOf(CONSUMER) + token.balanceOf(ALICE) + token.balanceOf(BOB)
            + token.balanceOf(address(market)) + token.balanceOf(address(vault)) + token.balanceOf(address(unverified))
            + token.balanceOf(address(handler));
    }

    /// The contract holds one deposit for each complaint of which it was not paid, and nothing else.
    function invariant_deposits() public view {
        uint256 open = 0;
        for (uint256 i = 0; i < handler.count(); ++i) {
            Complaint memory found = unverified.complaintOf(handler.jobs(i));
            if (found.answerBy != 0 && !found.paid) ++open;
        }
        vm.assertEq(token.balanceOf(address(unverified)), open * DEPOSIT + handler.donated());
        vm.assertEq(_wealth(), wealth, "no token is made or lost");
        _needSound();
    }

    /// After its window a verdict is what it was, but for a dispute, which ends accepted or rejected.
    function invariant_verdictsStand() public view {
        for (uint256 i = 0; i < handler.count(); ++i) {
            bytes32 jobId = handler.jobs(i);
            Job memory job = market.jobOf(jobId);
            Verdict verdict = unverified.verdictOf(jobId);
            if (block.timestamp < uint256(job.submittedAt) + job.verificationWindow) continue;
            uint256 before = handler.seen(jobId);
            if (before != 0 && before != uint256(Verdict.Disputed) + 1) vm.assertEq(uint256(verdict) + 1, before);
            if (verdict == Verdict.Pending) vm.assertEq(uint256(market.stateOf(jobId)), uint256(State.Accepted));
            if (verdict == Verdict.Disputed) vm.assertEq(job.settledAt, 0);
        }
    }
}
