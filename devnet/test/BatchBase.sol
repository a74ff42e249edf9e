// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BatchAuction} from "../contracts/BatchAuction.sol";
import {MarketToken} from "../contracts/MarketToken.sol";
import {StakeVault} from "../contracts/StakeVault.sol";
import {Batch, ILeases, JobClass} from "../contracts/interfaces/IBatches.sol";
import {Request} from "../contracts/interfaces/IJobMarket.sol";
import {IProviders} from "../contracts/interfaces/IProviders.sol";
import {AuctionKind, Role, Tier} from "../contracts/interfaces/Types.sol";
import {MIN_UNBONDING} from "../contracts/libraries/Limits.sol";
import {Base} from "./Base.sol";
import {Shipped} from "./Shipped.sol";
import {ToyProviders} from "./ToyModules.sol";

/// Enters jobs and leases them as the market does, and knows nothing else of them.
contract ToyLeases is ILeases {
    error LeasedAlready(bytes32 jobId, address provider);

    StakeVault public vault;
    BatchAuction public auction;

    mapping(bytes32 jobId => uint128) public maxPriceOf;
    mapping(bytes32 jobId => address) public providerOf;
    mapping(bytes32 jobId => uint128) public priceOf;
    uint256 public leases;

    function wire(StakeVault vault_, BatchAuction auction_) external {
        (vault, auction) = (vault_, auction_);
    }

    function post(bytes32 jobId, Request calldata request) external returns (uint48) {
        maxPriceOf[jobId] = request.maxPrice;
        return auction.enter(jobId, request, 2, 1_000);
    }

    function lockFor(Tier, uint128 maxPrice) public pure returns (uint128) {
        uint128 share = maxPrice / 5;
        return share > 10 ? share : 10;
    }

    function lease(bytes32 jobId, address provider, uint128 price) external {
        if (msg.sender != address(auction) || price > maxPriceOf[jobId]) revert();
        if (providerOf[jobId] != address(0)) revert LeasedAlready(jobId, providerOf[jobId]);
        (providerOf[jobId], priceOf[jobId]) = (provider, price);
        ++leases;
        vault.lock(jobId, provider, Role.Provider, lockFor(Tier.None, maxPriceOf[jobId]));
    }

    function unlock(bytes32 jobId) external {
        vault.unlock(jobId, providerOf[jobId], Role.Provider);
    }
}

/// @title A batch auction with its vault, and a market that only leases
/// @notice Price of tick t: 100 + 10 t. The round closes ten minutes after START, draws end twenty minutes later.
abstract contract BatchBase is Base {
    address internal constant ALICE = address(0xA1);
    address internal constant BOB = address(0xB0);
    address internal constant ANYONE = address(0xA11);
    uint256 internal constant START = 1_700_000_400; // a multiple of the round's length
    uint48 internal constant CLOSE = uint48(START + 10 minutes);
    uint48 internal constant END = CLOSE + 20 minutes;
    uint128 internal constant UNIT_LOCK = (100 + 10 * 255) / 5;

    MarketToken internal token;
    StakeVault internal vault;
    ToyLeases internal market;
    ToyProviders internal providers;
    BatchAuction internal auction;

    function setUp() public virtual {
        vm.warp(START);
        token = Shipped.marketToken(address(this), 1e30);
        market = new ToyLeases();
        providers = new ToyProviders();
        address predicted = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        vault = Shipped.stakeVault(token, address(market), predicted, uint64(MIN_UNBONDING));
        auction = Shipped.batchAuction(market, vault, IProviders(address(providers)));
        market.wire(vault, auction);
        _stake(ALICE, 100 * UNIT_LOCK);
        _stake(BOB, 100 * UNIT_LOCK);
    }

    function _stake(address account, uint128 amount) internal {
        token.transfer(account, amount);
        vm.startPrank(account);
        token.approve(address(vault), amount);
        vault.deposit(Role.Provider, amount);
        vm.stopPrank();
    }

    function _class() internal pure returns (JobClass memory) {
        return JobClass({
            versionId: keccak256("version"),
            tier: Tier.Zk,
            scheme: 1,
            startPrice: 100,
            priceStep: 10,
            biddingWindow: 10 minutes,
            revealWindow: 20 minutes,
            deliveryWindow: 5 minutes,
            executionWindow: 1 hours,
            verificationWindow: 0,
            requirements: 0,
            usePrice: 2,
            ownerBps: 1_000
        });
    }

    function _request(JobClass memory c, uint128 maxPrice) internal pure returns (Request memory) {
        return Request({
            versionId: c.versionId,
            tier: c.tier,
            auction: AuctionKind.Batch,
            scheme: c.scheme,
            inputCommitment: keccak256("input"),
            input: 0,
            maxPrice: maxPrice,
            startPrice: c.startPrice,
            priceStep: c.priceStep,
            biddingWindow: c.biddingWindow,
            revealWindow: c.revealWindow,
            deliveryWindow: c.deliveryWindow,
            executionWindow: c.executionWindow,
            verificationWindow: c.verificationWindow,
            requirements: c.requirements,
            valueAtRisk: 0,
            policy: 0
        });
    }

    function _batchId() internal view returns (bytes32) {
        return auction.batchIdOf(auction.classIdOf(_class()), CLOSE);
    }

    function _enter(bytes32 jobId, uint256 tick) internal {
        market.post(jobId, _request(_class(), uint128(100 + 10 * tick)));
    }

    function _offer(address provider, uint256 tick, uint256 quantity) internal returns (bytes32) {
        vm.prank(provider);
        return auction.offer(_class(), CLOSE, uint8(tick), uint32(quantity), "");
    }

    function _free(address account) internal view returns (uint256) {
        return vault.freeOf(account, Role.Provider);
    }

    function _needClearing(uint256 tick, uint256 volume) internal view {
        Batch memory batch = auction.batchOf(_batchId());
        vm.assertTrue(batch.cleared);
        vm.assertEq(batch.tick, tick, "tick");
        vm.assertEq(batch.volume, volume, "volume");
    }
}
