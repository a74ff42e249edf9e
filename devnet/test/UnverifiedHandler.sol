// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {JobMarket} from "../contracts/JobMarket.sol";
import {MarketToken} from "../contracts/MarketToken.sol";
import {StakeVault} from "../contracts/StakeVault.sol";
import {Unverified} from "../contracts/Unverified.sol";
import {Job, Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Role, State, Verdict} from "../contracts/interfaces/Types.sol";
import {Base} from "./Base.sol";
import {ToyBatch} from "./ToyModules.sol";

/// @title Random play of one consumer and two providers with jobs of the tier none of every kind, honest or not
contract UnverifiedHandler is Base {
    JobMarket private immutable market;
    StakeVault private immutable vault;
    Unverified private immutable unverified;
    MarketToken private immutable token;
    address private immutable consumer;
    address[2] private _providers;
    Request[5] private _requests; // by kind of auction

    bytes32[] public jobs;
    mapping(bytes32 jobId => Terms) private _terms;
    /// The verdict after the move before.
    mapping(bytes32 jobId => Verdict) private _seen;
    mapping(bytes32 jobId => State) private _settledAs;
    /// How often a verdict became this one, and how many jobs settled as this.
    mapping(Verdict verdict => uint256) public became;
    mapping(State state => uint256) public settled;
    /// What complaints should have brought an account.
    mapping(address account => int256) public earned;
    uint256 public donated;

    constructor(
        JobMarket m,
        StakeVault v,
        Unverified u,
        MarketToken t,
        address consumer_,
        address[2] memory providers_,
        Request[5] memory requests
    ) {
        (market, vault, unverified, token, consumer) = (m, v, u, t, consumer_);
        _providers = providers_;
        for (uint256 i = 0; i < 5; ++i) {
            _requests[i] = requests[i];
        }
    }

    /// @dev After every move: a verdict leaves Pending within its window only and for a dispute, a dispute ends once, and
    /// what is final or settled stands.
    modifier watched() {
        _;
        for (uint256 i = 0; i < jobs.length; ++i) {
            (Verdict before, Verdict now_) = (_seen[jobs[i]], unverified.verdictOf(jobs[i]));
            Job memory job = market.jobOf(jobs[i]);
            if (now_ != before) {
                bool filed = before == Verdict.Pending && now_ == Verdict.Disputed
                    && block.timestamp < uint256(job.submittedAt) + job.verificationWindow;
                bool ended = before == Verdict.Disputed && now_ != Verdict.Pending;
                vm.assertTrue(filed || ended, "verdict");
                _seen[jobs[i]] = now_;
                ++became[now_];
            }
            if (job.settledAt != 0) {
                vm.assertEq(uint256(market.stateOf(jobs[i])), uint256(_settledAs[jobs[i]]), "settled");
            }
        }
    }

    function count() external view returns (uint256) {
        return jobs.length;
    }

    function outputs(uint256 index) public pure returns (bytes memory) {
        return abi.encode("outputs", index);
    }

    /// @dev A new job that a provider wins and does at once.
    function handIn(uint256 who, uint32 window, uint8 kind) external watched {
        if (jobs.length > 12) return;
        (address provider, address other) = (_providers[who % 2], _providers[1 - who % 2]);
        Request memory r = _requests[kind % 5];
        if (vault.freeOf(provider, Role.Provider) < r.maxPrice) return;
        if (vault.freeOf(other, Role.Provider) < r.maxPrice) return;
        r.verificationWindow = uint32(_within(window, 60, 2 days));
        (Terms memory terms,) = market.quote(r);
        uint256 index = jobs.length;
        vm.prank(consumer);
        bytes32 jobId = market.post(r, index);
        _win(jobId, r, provider, other);
        vm.startPrank(provider);
        market.accept(jobId);
        bytes32 root = keccak256(abi.encode(keccak256("mlm/tensors-root/1"), bytes32(index), keccak256(outputs(index))));
        market.submit(jobId, terms, abi.encode(root), 0);
        vm.stopPrank();
        _terms[jobId] = terms;
        jobs.push(jobId);
    }

    function _win(bytes32 jobId, Request memory r, address provider, address other) private {
        uint256 close = market.jobOf(jobId).bidsCloseAt;
        if (r.auction == AuctionKind.Reverse) {
            // Outbid in the last second, which moves the close.
            vm.prank(other);
            market.bid(jobId, r.maxPrice, "");
            vm.warp(close - 1);
            vm.prank(provider);
            market.bid(jobId, r.maxPrice - 1, "");
            vm.assertTrue(market.jobOf(jobId).bidsCloseAt > close, "moved");
            vm.warp(market.jobOf(jobId).bidsCloseAt);
        } else if (r.auction == AuctionKind.Batch) {
            vm.warp(close);
            ToyBatch(address(market.batchAuction())).draw(market, jobId, provider, r.maxPrice);
        } else if (r.auction == AuctionKind.Sealed) {
            bytes32 domain = keccak256("mlm/bid/1");
            vm.prank(provider);
            market.commitBid(
                jobId, keccak256(abi.encode(domain, block.chainid, market, jobId, provider, r.maxPrice, bytes32(0))), ""
            );
            vm.warp(close);
            vm.prank(provider);
            market.revealBid(jobId, r.maxPrice, 0);
        } else {
            vm.prank(provider);
            market.bid(jobId, r.auction == AuctionKind.Dutch ? r.startPrice : r.maxPrice, "");
        }
    }

    function complain(uint256 which, bool stranger) external watched {
        if (jobs.length == 0) return;
        bytes32 jobId = jobs[which % jobs.length];
        address account = stranger ? _providers[0] : consumer;
        vm.prank(account);
        try unverified.complain(jobId) {
            earned[account] -= int256(uint256(unverified.deposit()));
        } catch {}
    }

    function answer(uint256 which, uint256 who, uint256 whose) external watched {
        if (jobs.length == 0) return;
        uint256 index = which % jobs.length;
        uint256 shown = whose % 4 == 0 ? (index + 1) % jobs.length : index;
        vm.prank(_providers[who % 2]);
        try unverified.answer(jobs[index], bytes32(shown), outputs(shown)) {} catch {}
    }

    function collect(uint256 which, uint256 who) external watched {
        if (jobs.length == 0) return;
        _collect(jobs[which % jobs.length], who % 3 == 0 ? consumer : _providers[who % 2]);
    }

    function _collect(bytes32 jobId, address account) private {
        vm.prank(account);
        try unverified.collect(jobId) {
            Verdict verdict = unverified.verdictOf(jobId);
            address due = verdict == Verdict.Accepted ? market.jobOf(jobId).provider : consumer;
            vm.assertTrue(account == due && verdict != Verdict.Disputed, "whose deposit");
            earned[account] += int256(uint256(unverified.deposit()));
        } catch {}
    }

    function settle(uint256 which) external watched {
        if (jobs.length != 0) _settle(jobs[which % jobs.length]);
    }

    function _settle(bytes32 jobId) private {
        State state = market.stateOf(jobId);
        try market.settle(jobId, _terms[jobId]) {
            _settledAs[jobId] = state;
            ++settled[state];
        } catch {}
    }

    function donate(uint256 amount) external {
        amount = _within(amount, 0, 1e18);
        if (token.balanceOf(address(this)) < amount) return;
        token.transfer(address(unverified), amount);
        donated += amount;
    }

    function wait(uint32 seconds_) external watched {
        vm.warp(block.timestamp + _within(seconds_, 1, 1 days));
    }

    /// @dev All windows and clocks end, everything is settled, and every deposit collected by whoever may.
    function finish() external watched {
        vm.warp(block.timestamp + 3 days);
        for (uint256 i = 0; i < jobs.length; ++i) {
            _settle(jobs[i]);
            _collect(jobs[i], consumer);
            _collect(jobs[i], _providers[0]);
            _collect(jobs[i], _providers[1]);
        }
    }
}
