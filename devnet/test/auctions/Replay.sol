// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Params} from "../../contracts/base/MarketTerms.sol";
import {IJobMarketErrors} from "../../contracts/errors/IJobMarketErrors.sol";
import {IStakeVaultErrors} from "../../contracts/errors/IStakeVaultErrors.sol";
import {Publication} from "../../contracts/interfaces/IAssetRegistry.sol";
import {Job, Request, Terms} from "../../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Role, State, Tier, Verdict} from "../../contracts/interfaces/Types.sol";
import {BURN_ADDRESS} from "../../contracts/libraries/Limits.sol";
import {MarketBase} from "../MarketBase.sol";
import {Shipped} from "../Shipped.sol";
import {ToyBatch, ToyFeeShares, ToyProviders, ToyReputation} from "../ToyModules.sol";
import {ToyVerifier} from "../ToyVerifier.sol";

// The rows of tests/auctions/cases.py, whose columns stand in this order; seconds count from START.

struct Posted {
    uint256 kind;
    uint256 version;
    uint256 maxPrice;
    uint256 startPrice;
    uint256 biddingWindow;
    uint256 revealWindow;
    uint256 deliveryWindow;
    uint256 executionWindow;
    uint256 postedAt;
}

struct Move {
    uint256 what;
    uint256 at;
    uint256 by;
    uint256 price;
    uint256 other;
    uint256 salt;
    uint256 refused;
}

struct After {
    uint256 at;
    uint256 state;
    uint256 leader;
    uint256 price;
    uint256[4] locked;
    uint256[4] free;
}

struct End {
    uint256 acceptedAt;
    uint256 at;
    uint256 state;
    uint256[5] credits;
    uint256 treasury;
    uint256 stakers;
    uint256 burned;
    uint256[4] free;
}

struct Case {
    Posted posted;
    Move[8] moves;
    After afterMoves;
    End end;
}

/// @title Plays cases that Python has played, on the real market and vault, and compares all that came of them
/// @notice One market for all cases, one after the other: stake and credits are compared as they add up.
abstract contract Replay is MarketBase {
    /// `index` is that of the move, of the account, or 0.
    error Differs(uint256 number, string what, uint256 index, uint256 expected, uint256 actual);

    uint256 private constant DEPOSIT = 8;
    uint256 private constant LOOK = 9;

    bytes32[3] private _versions;
    address[5] internal accounts = [CONSUMER, ALICE, BOB, address(0xCA), address(0xDA)];
    bytes4[20] private _refusals = _errors();
    uint256 internal number; // of the case that is played
    uint256 private _nonce;

    /// @dev The world of all cases, as tests/auctions/cases.py has it.
    function setUp() public virtual override {
        vm.warp(START);
        vm.roll(100);
        token = Shipped.marketToken(address(this), type(uint128).max);
        registry = Shipped.assetRegistry();
        verifier = new ToyVerifier();
        providers = new ToyProviders();
        reputation = new ToyReputation();
        feeShares = new ToyFeeShares();
        feeShares.set(5_000, 3_000);
        batch = new ToyBatch();
        _deployMarket(
            address(verifier),
            Params({
                protocolFeeBps: 100,
                lockBps: 2_000,
                undeliveredFeeBps: 1_000,
                minLock: 10,
                gasCompensation: 3,
                undeliveredFeeCap: 10,
                treasury: TREASURY,
                guardian: GUARDIAN
            })
        );
        _version(0, 0, 0);
        _version(1, 49, 1_000);
        _version(2, 1_000_003, 2_500);
        for (uint256 i = 0; i < 5; ++i) {
            token.transfer(accounts[i], 1 << 124);
            vm.startPrank(accounts[i]);
            token.approve(address(market), type(uint256).max);
            token.approve(address(vault), type(uint256).max);
            vm.stopPrank();
        }
    }

    function _version(uint256 index, uint128 usePrice, uint16 ownerBps) private {
        string memory name = vm.toString(index);
        Publication memory p = _publication(string.concat("labs", name), "model", "1.0.0", name);
        p.usePrice = usePrice;
        p.ownerBps = ownerBps;
        (, _versions[index]) = _publish(OWNER, p);
    }

    function _deposit(uint256 account, uint256 amount) internal {
        vm.prank(accounts[account]);
        vault.deposit(Role.Provider, uint128(amount));
    }

    function _replay(Case memory c) internal {
        vm.warp(START + c.posted.postedAt);
        Request memory request = _requestOf(c.posted);
        (Terms memory terms,) = market.quote(request);
        vm.prank(CONSUMER);
        bytes32 jobId = market.post(request, ++_nonce);
        for (uint256 i = 0; i < c.moves.length && c.moves[i].what != 0; ++i) {
            _play(jobId, i, c.moves[i]);
        }
        address leader = _compareAfter(jobId, c.afterMoves);
        _finish(jobId, terms, leader, c.end);
        _compareEnd(c.end);
    }

    function _requestOf(Posted memory posted) private view returns (Request memory request) {
        request = Request({
            versionId: _versions[posted.version],
            tier: Tier.None,
            auction: AuctionKind(posted.kind),
            scheme: 2,
            inputCommitment: keccak256("input"),
            input: 0,
            maxPrice: uint128(posted.maxPrice),
            startPrice: uint128(posted.startPrice),
            priceStep: 0,
            biddingWindow: uint32(posted.biddingWindow),
            revealWindow: uint32(posted.revealWindow),
            deliveryWindow: uint32(posted.deliveryWindow),
            executionWindow: uint32(posted.executionWindow),
            verificationWindow: 1 minutes,
            requirements: 0,
            valueAtRisk: 0,
            policy: 0
        });
    }

    function _play(bytes32 jobId, uint256 index, Move memory move) private {
        vm.warp(START + move.at);
        if (move.what == LOOK) {
            _same("state seen by move", index, move.price, uint256(market.stateOf(jobId)));
            return;
        }
        if (move.what == DEPOSIT) {
            _deposit(move.by, move.price);
            return;
        }
        bytes memory call_ = _callOf(jobId, move);
        vm.prank(accounts[move.by]);
        (bool done, bytes memory answer) = address(market).call(call_);
        bytes4 expected = _refusals[move.refused];
        bytes4 actual = done ? bytes4(0) : bytes4(answer);
        if (actual != expected) revert Differs(number, "answer to move", index, uint32(expected), uint32(actual));
    }

    function _callOf(bytes32 jobId, Move memory move) private view returns (bytes memory) {
        uint128 price = uint128(move.price);
        bytes32 salt = bytes32(move.salt);
        if (move.what == 1) return abi.encodeCall(market.bid, (jobId, price, ""));
        if (move.what == 2) {
            return abi.encodeCall(market.commitBid, (jobId, _sealedBid(jobId, accounts[move.other], price, salt), ""));
        }
        if (move.what == 3) return abi.encodeCall(market.revealBid, (jobId, price, salt));
        if (move.what == 4) return abi.encodeCall(market.withdrawBid, (jobId));
        if (move.what == 5) return abi.encodeCall(market.award, (jobId));
        if (move.what == 6) return abi.encodeCall(market.cancel, (jobId));
        return abi.encodeCall(market.burnUnrevealed, (jobId, accounts[move.other]));
    }

    function _sealedBid(bytes32 jobId, address bidder, uint128 price, bytes32 salt) internal view returns (bytes32) {
        return keccak256(abi.encode(keccak256("mlm/bid/1"), block.chainid, address(market), jobId, bidder, price, salt));
    }

    function _compareAfter(bytes32 jobId, After memory expected) private returns (address leader) {
        vm.warp(START + expected.at);
        _same("state after the moves", 0, expected.state, uint256(market.stateOf(jobId)));
        Job memory job = market.jobOf(jobId);
        leader = expected.leader == 0 ? address(0) : accounts[expected.leader];
        _same("leader", 0, uint160(leader), uint160(job.provider));
        _same("price", 0, expected.price, job.price);
        for (uint256 i = 0; i < 4; ++i) {
            address account = accounts[i + 1];
            _same("stake locked after the moves", i, expected.locked[i], vault.lockOf(jobId, account, Role.Provider));
            _same("stake free after the moves", i, expected.free[i], vault.freeOf(account, Role.Provider));
        }
    }

    /// @dev To the end of the job's life, and of every bond that was not revealed.
    function _finish(bytes32 jobId, Terms memory terms, address leader, End memory end) private {
        if (end.acceptedAt != 0) {
            vm.warp(START + end.acceptedAt);
            vm.prank(leader);
            market.accept(jobId);
        }
        vm.warp(START + end.at);
        if (end.state == uint256(State.Accepted)) {
            vm.prank(leader);
            market.submit(jobId, terms, abi.encode(Verdict.Accepted, OUTPUT), RESULT);
        } else if (end.state != uint256(State.Cancelled)) {
            _same("state before the settlement", 0, end.state, uint256(market.stateOf(jobId)));
            market.settle(jobId, terms);
        }
        _same("final state", 0, end.state, uint256(market.stateOf(jobId)));
        for (uint256 i = 1; i < 5; ++i) {
            if (market.commitmentOf(jobId, accounts[i]) != 0) market.burnUnrevealed(jobId, accounts[i]);
        }
    }

    function _compareEnd(End memory expected) private view {
        for (uint256 i = 0; i < 5; ++i) {
            _same("credit", i, expected.credits[i], market.creditOf(accounts[i]));
        }
        _same("credit of the treasury", 0, expected.treasury, market.creditOf(TREASURY));
        _same("credit of stakers", 0, expected.stakers, market.creditOf(address(vault)));
        _same("burned", 0, expected.burned, market.creditOf(BURN_ADDRESS));
        for (uint256 i = 0; i < 4; ++i) {
            address account = accounts[i + 1];
            _same("stake free at the end", i, expected.free[i], vault.freeOf(account, Role.Provider));
            _same("stake at the end", i, expected.free[i], vault.stakeOf(account, Role.Provider).total);
        }
        _same("escrow", 0, 0, market.totalEscrow());
        _same("the market's money", 0, market.totalCredit(), token.balanceOf(address(market)));
    }

    function _same(string memory what, uint256 index, uint256 expected, uint256 actual) internal view {
        if (expected != actual) revert Differs(number, what, index, expected, actual);
    }

    /// @dev In the order of `errors` in tests/vectors/auctions.json; the first is no error.
    function _errors() private pure returns (bytes4[20] memory) {
        return [
            bytes4(0),
            IJobMarketErrors.AuctionKindUnsuited.selector,
            IJobMarketErrors.BidAlreadyCommitted.selector,
            IJobMarketErrors.BidCommitmentMismatch.selector,
            IJobMarketErrors.BidCommitmentMissing.selector,
            IJobMarketErrors.ConsumerCannotBid.selector,
            IStakeVaultErrors.FreeStakeTooLow.selector,
            IJobMarketErrors.JobHasBid.selector,
            IJobMarketErrors.JobHasCommitments.selector,
            IJobMarketErrors.JobHasNoBid.selector,
            IJobMarketErrors.JobInState.selector,
            IJobMarketErrors.NotBestBidder.selector,
            IJobMarketErrors.NotConsumer.selector,
            IJobMarketErrors.PriceAboveClock.selector,
            IJobMarketErrors.PriceAboveMaximum.selector,
            IJobMarketErrors.PriceBelowFloor.selector,
            IJobMarketErrors.PriceNotFixed.selector,
            IJobMarketErrors.PriceNotLower.selector,
            IJobMarketErrors.RevealsStillOpen.selector,
            IJobMarketErrors.WithdrawalTooLate.selector
        ];
    }
}
