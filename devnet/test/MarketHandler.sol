// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {JobMarket} from "../contracts/JobMarket.sol";
import {MarketToken} from "../contracts/MarketToken.sol";
import {StakeVault} from "../contracts/StakeVault.sol";
import {Job, Request, Snapshot, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {Stake} from "../contracts/interfaces/IStakeVault.sol";
import {AuctionKind, Role, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {Base} from "./Base.sol";
import {ToyBatch} from "./ToyModules.sol";
import {ToyVerifier} from "./ToyVerifier.sol";

/// @title Two consumers and three providers who do anything that is allowed, in any order, at any time
/// @notice Calls only what must succeed: a revert is a finding (fail_on_revert).
contract MarketHandler is Base {
    MarketToken private immutable token;
    StakeVault private immutable vault;
    JobMarket private immutable market;
    ToyVerifier private immutable verifier;
    ToyBatch private immutable batch;
    bytes32 private immutable versionId;

    bytes32[] public jobs;
    mapping(bytes32 jobId => Terms) private _terms;
    mapping(bytes32 jobId => mapping(address bidder => uint128)) private _sealed;
    address[2] public consumers = [address(0xC1), address(0xC2)];
    address[3] public providers = [address(0xD1), address(0xD2), address(0xD3)];

    // What should have happened to the money, counted beside the contracts.
    uint256 public donated;
    uint256 public slashed;
    mapping(address provider => uint256) public deposited;
    mapping(State => uint256) public settled;
    /// How often something was done that only some kinds of auction know.
    uint256 public reveals;
    uint256 public retractions;
    uint256 public forfeits;
    /// What the outcomes of jobs should have added to an account's wealth so far; nothing else may change it.
    mapping(address account => int256) public earned;

    constructor(MarketToken token_, StakeVault vault_, JobMarket market_, ToyVerifier verifier_, bytes32 versionId_) {
        token = token_;
        vault = vault_;
        market = market_;
        verifier = verifier_;
        batch = ToyBatch(address(market_.batchAuction()));
        versionId = versionId_;
    }

    function count() external view returns (uint256) {
        return jobs.length;
    }

    // ---------------------------------------------------------------- moves

    function post(uint256 who, uint128 maxPrice, uint256 shape) external {
        if (jobs.length >= 12) return;
        address consumer = consumers[who % 2];
        maxPrice = uint128(_within(maxPrice, 3e18, 1_000e18));
        AuctionKind auction = _kind(shape);
        bool reveals_ = auction == AuctionKind.Sealed || auction == AuctionKind.Batch;
        Tier tier = shape % 3 == 0 ? Tier.Zk : Tier.Optimistic;
        Request memory request = Request({
            versionId: versionId,
            tier: tier,
            auction: auction,
            scheme: tier == Tier.Zk ? 1 : 3,
            inputCommitment: keccak256(abi.encode(shape)),
            input: 0,
            maxPrice: maxPrice,
            // Above the floor, which the asset's price makes 2.02.
            startPrice: auction >= AuctionKind.Dutch ? uint128(_within(shape >> 168, 21e17, maxPrice - 1)) : 0,
            priceStep: 0,
            biddingWindow: uint32(_within(shape >> 8, 60, 3_600)),
            revealWindow: reveals_ ? uint32(_within(shape >> 136, 60, 3_600)) : 0,
            deliveryWindow: uint32(_within(shape >> 40, 60, 3_600)),
            executionWindow: uint32(_within(shape >> 72, 60, 3_600)),
            verificationWindow: uint32(_within(shape >> 104, 60, 3_600)),
            requirements: 0,
            valueAtRisk: 0,
            policy: 0
        });
        if (auction == AuctionKind.Batch) request.priceStep = maxPrice - request.startPrice;
        (Terms memory terms,) = market.quote(request);
        vm.prank(consumer);
        bytes32 jobId = market.post(request, jobs.length);
        jobs.push(jobId);
        _terms[jobId] = terms;
    }

    /// @dev By the highest bits; small numbers are fixed prices and reverse auctions by turns.
    function _kind(uint256 shape) private pure returns (AuctionKind) {
        uint256 high = (shape >> 200) % 6;
        if (high > 2) return AuctionKind(high - 1);
        return shape % 2 == 0 ? AuctionKind.Fixed : AuctionKind.Reverse;
    }

    function bid(uint256 which, uint256 who, uint128 price) external {
        (bytes32 jobId, Job memory job) = _pick(which, State.Open);
        if (jobId == 0) return;
        address provider = providers[who % 3];
        if (job.auction == AuctionKind.Sealed) return _commit(jobId, job, provider, price);
        if (job.auction == AuctionKind.Batch) return;
        uint128 most = job.provider == address(0) ? job.maxPrice : job.price - 1;
        if (most < job.floor) return;
        bool holds = job.provider == provider;
        if (!holds && vault.freeOf(provider, Role.Provider) < job.lock) return;
        price = job.auction == AuctionKind.Fixed ? job.maxPrice : uint128(_within(price, job.floor, most));
        if (job.auction == AuctionKind.Dutch) price = job.startPrice;
        vm.prank(provider);
        market.bid(jobId, price, "");
    }

    function _commit(bytes32 jobId, Job memory job, address provider, uint128 price) private {
        if (market.commitmentOf(jobId, provider) != 0) return;
        if (vault.freeOf(provider, Role.Provider) < bondOf(job)) return;
        price = uint128(_within(price, job.floor, job.maxPrice));
        _sealed[jobId][provider] = price;
        bytes32 commitment = keccak256(
            abi.encode(keccak256("mlm/bid/1"), block.chainid, market, jobId, provider, price, bytes32("salt"))
        );
        vm.prank(provider);
        market.commitBid(jobId, commitment, "");
    }

    function reveal(uint256 which, uint256 who) external {
        (bytes32 jobId, Job memory job) = _pick(which, State.Revealing);
        address provider = providers[who % 3];
        if (jobId == 0 || job.auction != AuctionKind.Sealed || market.commitmentOf(jobId, provider) == 0) return;
        vm.prank(provider);
        market.revealBid(jobId, _sealed[jobId][provider], "salt");
        ++reveals;
    }

    function draw(uint256 which, uint256 who, uint128 price) external {
        (bytes32 jobId, Job memory job) = _pick(which, State.Revealing);
        address provider = providers[who % 3];
        if (jobId == 0 || job.auction != AuctionKind.Batch) return;
        if (vault.freeOf(provider, Role.Provider) < job.lock) return;
        batch.draw(market, jobId, provider, uint128(_within(price, job.floor, job.maxPrice)));
    }

    /// @dev Takes a bid back: the best of a reverse auction for the fee of its terms, a sealed one for nothing.
    function retract(uint256 which, uint256 who) external {
        (bytes32 jobId, Job memory job) = _pick(which, State.Open);
        address provider = job.auction == AuctionKind.Sealed ? providers[who % 3] : job.provider;
        if (jobId == 0 || (provider != job.provider && market.commitmentOf(jobId, provider) == 0)) return;
        if (provider == address(0)) return;
        bool best = provider == job.provider;
        if (best && block.timestamp >= (uint256(job.postedAt) + job.bidsCloseAt) / 2) return;
        if (best) _burns(provider, _terms[jobId].snapshot.undeliveredFee);
        vm.prank(provider);
        market.withdrawBid(jobId);
        ++retractions;
    }

    function forfeit(uint256 which, uint256 who) external {
        if (jobs.length != 0) _forfeit(jobs[which % jobs.length], providers[who % 3]);
    }

    function _forfeit(bytes32 jobId, address provider) private {
        Job memory job = market.jobOf(jobId);
        if (market.commitmentOf(jobId, provider) == 0) return;
        if (block.timestamp < uint256(job.bidsCloseAt) + job.revealWindow) return;
        _burns(provider, bondOf(job));
        market.burnUnrevealed(jobId, provider);
        ++forfeits;
    }

    function _burns(address provider, uint128 amount) private {
        slashed += amount;
        earned[provider] -= int256(uint256(amount));
        earned[BURN_ADDRESS] += int256(uint256(amount));
    }

    /// What a sealed bid locks, written out again.
    function bondOf(Job memory job) public pure returns (uint128) {
        return job.maxPrice > job.lock ? job.maxPrice : job.lock;
    }

    function award(uint256 which) external {
        (bytes32 jobId, Job memory job) = _pick(which, State.Open);
        if (jobId == 0 || job.provider == address(0)) return;
        vm.prank(job.consumer);
        market.award(jobId);
    }

    function cancel(uint256 which) external {
        (bytes32 jobId, Job memory job) = _pick(which, State.Open);
        if (jobId == 0 || job.provider != address(0)) return;
        if (job.commitments != 0 || job.auction == AuctionKind.Batch) return;
        vm.prank(job.consumer);
        market.cancel(jobId);
        ++settled[State.Cancelled];
    }

    function accept(uint256 which) external {
        (bytes32 jobId, Job memory job) = _pick(which, State.Leased);
        if (jobId == 0) return;
        vm.prank(job.provider);
        market.accept(jobId);
    }

    function submit(uint256 which, bytes32 output) external {
        (bytes32 jobId, Job memory job) = _pick(which, State.Ready);
        if (jobId == 0) return;
        Terms memory terms = _terms[jobId];
        bool atOnce = terms.request.tier == Tier.Zk;
        vm.prank(job.provider);
        market.submit(jobId, terms, abi.encode(atOnce ? Verdict.Accepted : Verdict.Pending, output), 0);
        if (atOnce) _paid(jobId, terms);
    }

    /// @dev As the market assumes of a verifier: a final verdict stands, and silence past the window is one.
    function decide(uint256 which, uint8 verdict) external {
        (bytes32 jobId,) = _pick(which, verdict % 2 == 0 ? State.Submitted : State.Disputed);
        if (jobId == 0) return;
        verifier.decide(jobId, Verdict(1 + verdict % 3));
        // Anybody may have shown it, the provider too.
        if (verdict % 9 == 2) verifier.reward(jobId, consumers[0]);
        else if (verdict % 9 == 5) verifier.reward(jobId, providers[verdict % 2]);
    }

    function settle(uint256 which) external {
        if (jobs.length == 0) return;
        for (uint256 i = 0; i < jobs.length; ++i) {
            bytes32 jobId = jobs[(which % jobs.length + i) % jobs.length];
            if (market.stateOf(jobId) < State.Accepted || market.jobOf(jobId).settledAt != 0) continue;
            _settle(jobId);
            return;
        }
    }

    function withdraw(uint256 who) external {
        address account = who % 2 == 0 ? consumers[who % 2] : providers[who % 3];
        if (market.creditOf(account) == 0) return;
        vm.prank(account);
        market.withdraw();
    }

    function burn() external {
        if (market.creditOf(BURN_ADDRESS) != 0) market.burn();
    }

    function stake(uint256 who, uint128 amount) external {
        address provider = providers[who % 3];
        amount = uint128(_within(amount, 1, 400e18));
        if (token.balanceOf(provider) < amount) return;
        vm.prank(provider);
        vault.deposit(Role.Provider, amount);
        deposited[provider] += amount;
    }

    function unbond(uint256 who, uint128 amount) external {
        address provider = providers[who % 3];
        uint128 free = vault.freeOf(provider, Role.Provider);
        if (free == 0) return;
        vm.prank(provider);
        vault.requestWithdraw(Role.Provider, uint128(_within(amount, 1, free)));
    }

    function unstake(uint256 who) external {
        address provider = providers[who % 3];
        Stake memory held = vault.stakeOf(provider, Role.Provider);
        if (held.unbonding == 0 || block.timestamp < held.releaseAt) return;
        vm.prank(provider);
        vault.withdraw(Role.Provider);
        deposited[provider] -= held.unbonding;
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + _within(time, 1, 2_400));
    }

    function donate(uint256 amount) external {
        amount = _within(amount, 1, 1e18);
        token.transfer(address(market), amount);
        donated += amount;
    }

    // ---------------------------------------------------------------- the end

    /// @dev Time passes, disputes end, everybody settles and withdraws: nothing may stay behind.
    function finish() external {
        vm.warp(block.timestamp + 60 days);
        for (uint256 i = 0; i < jobs.length; ++i) {
            if (market.stateOf(jobs[i]) == State.Disputed) verifier.decide(jobs[i], Verdict.Rejected);
            if (market.jobOf(jobs[i]).settledAt == 0) _settle(jobs[i]);
            for (uint256 j = 0; j < 3; ++j) {
                _forfeit(jobs[i], providers[j]);
            }
        }
    }

    function termsOf(bytes32 jobId) external view returns (Terms memory) {
        return _terms[jobId];
    }

    function _settle(bytes32 jobId) private {
        State state = market.stateOf(jobId);
        Terms memory terms = _terms[jobId];
        market.settle(jobId, terms);
        if (state == State.Accepted) {
            _paid(jobId, terms);
            return;
        }
        ++settled[state];
        _lost(jobId, terms.snapshot, state);
        if (state == State.Undelivered) slashed += terms.snapshot.undeliveredFee;
        if (state == State.Rejected || state == State.Defaulted) slashed += terms.snapshot.lock;
    }

    /// @dev A result that was accepted is paid, to the unit and in the very transaction; written out again, without the library.
    function _paid(bytes32 jobId, Terms memory terms) private {
        ++settled[State.Accepted];
        Snapshot memory s = terms.snapshot;
        Job memory job = market.jobOf(jobId);
        vm.assertTrue(job.settledAt == block.timestamp, "paid");
        int256 price = int256(uint256(job.price));
        int256 fee = (price * int256(uint256(s.protocolFeeBps)) + 9_999) / 10_000;
        if (fee == 0) fee = 1;
        int256 part = (price * int256(uint256(s.ownerBps))) / 10_000;
        if (part < int256(uint256(s.usePrice))) part = int256(uint256(s.usePrice));
        earned[job.consumer] -= price;
        int256 toTreasury = fee * int256(uint256(s.treasuryBps)) / 10_000;
        int256 toStakers = fee * int256(uint256(s.stakersBps)) / 10_000;
        earned[s.treasury] += toTreasury;
        earned[address(vault)] += toStakers;
        earned[BURN_ADDRESS] += fee - toTreasury - toStakers;
        earned[job.provider] += price - fee - part;
        for (uint256 i = 1; i < s.payees.length; ++i) {
            int256 share = (part * int256(uint256(s.bps[i]))) / 10_000;
            earned[s.payees[i]] += share;
            earned[s.payees[0]] -= share;
        }
        earned[s.payees[0]] += part;
    }

    /// @dev What everybody's part is in a job that was not done.
    function _lost(bytes32 jobId, Snapshot memory s, State state) private {
        Job memory job = market.jobOf(jobId);
        int256 fee = int256(uint256(s.undeliveredFee));
        int256 locked = int256(uint256(s.lock));
        int256 gas = int256(uint256(s.gasCompensation));
        if (state == State.Undelivered) {
            earned[job.consumer] -= fee;
            earned[s.treasury] += fee;
            earned[job.provider] -= fee;
            earned[BURN_ADDRESS] += fee;
        } else if (state == State.Defaulted) {
            earned[job.consumer] += gas;
            earned[job.provider] -= locked;
            earned[BURN_ADDRESS] += locked - gas;
        } else if (state == State.Rejected) {
            address challenger = verifier.challengerOf(jobId);
            int256 reward = challenger == address(0) ? int256(0) : locked / 2;
            earned[job.provider] -= locked;
            earned[challenger] += reward;
            earned[BURN_ADDRESS] += locked - reward;
            vm.assertTrue(
                _terms[jobId].request.tier != Tier.Optimistic || locked - reward >= int256(uint256(job.price))
            );
        }
    }

    /// @dev The first job from `which` on in `state`, or 0.
    function _pick(uint256 which, State state) private view returns (bytes32 jobId, Job memory job) {
        for (uint256 i = 0; i < jobs.length; ++i) {
            jobId = jobs[(which % jobs.length + i) % jobs.length];
            job = market.jobOf(jobId);
            if (job.settledAt == 0 && market.stateOf(jobId) == state) return (jobId, job);
        }
        return (0, job);
    }
}
