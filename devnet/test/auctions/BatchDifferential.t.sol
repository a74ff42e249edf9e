// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BatchAuction} from "../../contracts/BatchAuction.sol";
import {Modules, Params} from "../../contracts/base/MarketTerms.sol";
import {ILeases, JobClass, Offer} from "../../contracts/interfaces/IBatches.sol";
import {Request, Terms} from "../../contracts/interfaces/IJobMarket.sol";
import {IProviders} from "../../contracts/interfaces/IProviders.sol";
import {AuctionKind, Role, State, Tier, Verdict} from "../../contracts/interfaces/Types.sol";
import {MIN_UNBONDING} from "../../contracts/libraries/Limits.sol";
import {MarketBase} from "../MarketBase.sol";
import {Shipped} from "../Shipped.sol";

/// Random batch rounds on the real auction, market and vault; tests/auctions/batch_rounds.py draws the same and plays them
/// by the rule. Its digests are written by tests/devnet/test_batch_rounds.py; skipped where nobody has written them.
contract BatchDifferentialTest is MarketBase {
    struct Order {
        uint256 provider; // 0: a job
        uint256 tick;
        uint256 quantity;
        uint256 fate; // of a job that wins: 0 not drawn, 1 not accepted, else done
        bytes32 id;
        uint256 refund;
        Terms terms;
    }

    string private constant FILE = "cache/differential/batch/digests.json";
    uint256 private constant BLOCK = 50;
    uint256 private constant WINDOW = 60; // every window of a job

    BatchAuction private auction;
    address[3] private sellers = [ALICE, BOB, address(0xCA)];
    bytes32 private version_;
    uint256 private nonce;
    // Of the round that is played.
    uint256 private _number;
    uint256 private _position;
    JobClass private _class;
    uint256[] private _found;

    function setUp() public override {
        super.setUp();
        uint256 at = vm.getNonce(address(this));
        address marketAt = vm.computeCreateAddress(address(this), at + 1);
        address auctionAt = vm.computeCreateAddress(address(this), at + 2);
        vault = Shipped.stakeVault(token, marketAt, auctionAt, uint64(MIN_UNBONDING));
        address checker = address(verifier);
        address[6] memory verifiers = [checker, checker, checker, checker, checker, address(0)];
        Modules memory modules = _modules();
        modules.batch = BatchAuction(auctionAt);
        Params memory params = Params({
            protocolFeeBps: 100,
            lockBps: 2_000,
            undeliveredFeeBps: 1_000,
            minLock: 10,
            gasCompensation: 3,
            undeliveredFeeCap: 10,
            treasury: TREASURY,
            guardian: GUARDIAN
        });
        market = Shipped.jobMarket(token, registry, vault, modules, verifiers, params);
        auction = Shipped.batchAuction(ILeases(address(market)), vault, IProviders(address(providers)));
        (, version_) = _publish(OWNER, _publication("plain", "model", "1.0.0", "free of charge"));
        vm.prank(CONSUMER);
        token.approve(address(market), type(uint256).max);
        token.transfer(sellers[2], 1_000 * ONE);
        for (uint256 i = 0; i < 3; ++i) {
            _stake(sellers[i], 1_000 * ONE);
        }
    }

    function test_rounds() public {
        if (!vm.exists(FILE)) vm.skip(true, "tests/devnet/test_batch_rounds.py writes the digests first");
        // forge gives a test 2^30 gas, which pays for some hundred rounds.
        vm.pauseGasMetering();
        string memory json = vm.readFile(FILE);
        uint256[] memory expected = vm.parseJsonUintArray(json, ".digests");
        vm.assertGe(expected.length, 1);
        for (uint256 i = 0; i < expected.length; ++i) {
            vm.assertEq(uint256(this.digest(i)), expected[i], string.concat("block ", vm.toString(i)));
        }
    }

    /// @dev A call of its own for each block: its memory is free again after it.
    function digest(uint256 index) external returns (bytes32) {
        bytes memory all = "";
        for (uint256 i = 0; i < BLOCK; ++i) {
            all = bytes.concat(all, _played(index * BLOCK + i));
        }
        return sha256(all);
    }

    function _below(uint256 limit) private returns (uint256) {
        return uint256(sha256(abi.encodePacked("mlm/batch", uint32(_number), uint32(_position++)))) % limit;
    }

    function _played(uint256 number) private returns (bytes memory) {
        (_number, _position) = (number, 0);
        delete _found;
        uint128 start = uint128(20 + _below(1e6));
        uint128 step = uint128(1 + _below(1_000));
        uint256 window = WINDOW;
        uint48 close = uint48((block.timestamp / window + 1) * window);
        uint32 w = uint32(WINDOW);
        _class = JobClass(version_, Tier.None, 2, start, step, w, w, w, w, w, 0, 0, 0);
        uint256[3] memory before;
        for (uint256 i = 0; i < 3; ++i) {
            before[i] = vault.stakeOf(sellers[i], Role.Provider).total;
        }
        Order[] memory orders = _place(close);
        vm.warp(close);
        _clear(orders.length, close);
        _stakes(false, before);
        _settleAll(orders, close, before);
        return abi.encodePacked(_found);
    }

    function _place(uint48 close) private returns (Order[] memory orders) {
        uint256 width = [1, 4, 16, 256][_below(4)];
        uint256 base = _below(2) == 0 ? 0 : 256 - width;
        uint256 side = _below(16);
        orders = new Order[](_below(11));
        for (uint256 i = 0; i < orders.length; ++i) {
            Order memory o = orders[i];
            bool isJob = side == 0 || (side > 1 && _below(2) == 0);
            o.provider = isJob ? 0 : 1 + _below(3);
            o.tick = base + (_below(8) == 0 ? width - 1 : _below(width));
            o.quantity = isJob ? 1 : 1 + _below(4);
            o.fate = _below(4);
            if (isJob) {
                _post(o);
            } else {
                JobClass memory c = _class;
                vm.prank(sellers[o.provider - 1]);
                o.id = auction.offer(c, close, uint8(o.tick), uint32(o.quantity), "");
            }
        }
    }

    function _post(Order memory o) private {
        Request memory r = _request(AuctionKind.Batch, Tier.None);
        (r.versionId, r.input, r.startPrice, r.priceStep) = (version_, 0, _class.startPrice, _class.priceStep);
        r.maxPrice = uint128(r.startPrice + r.priceStep * o.tick);
        r.biddingWindow = r.revealWindow = r.deliveryWindow = r.executionWindow = uint32(WINDOW);
        r.verificationWindow = uint32(WINDOW);
        (o.terms,) = market.quote(r);
        vm.prank(CONSUMER);
        o.id = market.post(o.terms.request, ++nonce);
    }

    function _clear(uint256 orders, uint48 close) private {
        if (orders == 0) {
            _found.push(0);
            _found.push(0);
            return;
        }
        (uint8 tick, uint40 volume) = auction.clear(auction.batchIdOf(auction.classIdOf(_class), close));
        _found.push(tick);
        _found.push(volume);
    }

    /// @dev Of each seller what is reserved, and then what is locked; the rest is free.
    function _stakes(bool locks, uint256[3] memory before) private {
        uint256[3] memory locked;
        for (uint256 i = 0; i < 3; ++i) {
            uint256 reserved = vault.reservedOf(sellers[i], Role.Provider);
            locked[i] = vault.stakeOf(sellers[i], Role.Provider).locked;
            vm.assertEq(vault.freeOf(sellers[i], Role.Provider), before[i] - reserved - locked[i], "free");
            _found.push(reserved);
        }
        for (uint256 i = 0; i < 3; ++i) {
            if (locks) _found.push(locked[i]);
            else vm.assertEq(locked[i], 0, "locked before a draw");
        }
    }

    function _settleAll(Order[] memory orders, uint48 close, uint256[3] memory before) private {
        uint256[] memory winners = new uint256[](orders.length);
        for (uint256 i = 0; i < orders.length; ++i) {
            if (orders[i].provider != 0) continue;
            winners[i] = _winner(orders, orders[i].id);
            if (winners[i] != 0 && orders[i].fate != 0) auction.draw(orders[i].id, orders[winners[i] - 1].id);
        }
        _stakes(true, before);
        for (uint256 i = 0; i < orders.length; ++i) {
            if (orders[i].provider == 0 && winners[i] != 0 && orders[i].fate > 1) _do(orders[i]);
        }
        vm.warp(close + 2 * WINDOW);
        for (uint256 i = 0; i < orders.length; ++i) {
            if (orders[i].provider == 0) _end(orders[i], winners[i]);
        }
        vm.assertEq(market.totalEscrow(), 0, "escrow");
        for (uint256 i = 0; i < 3; ++i) {
            uint256 left = vault.freeOf(sellers[i], Role.Provider);
            vm.assertEq(left, vault.stakeOf(sellers[i], Role.Provider).total, "nothing is held any more");
            _found.push(before[i] - left);
        }
    }

    /// @dev The offer that holds the job's unit, counted from 1; a loser is refused every offer.
    function _winner(Order[] memory orders, bytes32 jobId) private returns (uint256) {
        (bool won, bytes memory answer) = address(auction).call(abi.encodeCall(auction.pairOf, (jobId)));
        (uint8 tick, uint32 unit) = won ? abi.decode(answer, (uint8, uint32)) : (0, 0);
        for (uint256 i = 0; i < orders.length; ++i) {
            if (orders[i].provider == 0) continue;
            if (won) {
                Offer memory o = auction.offerOf(orders[i].id);
                if (o.tick == tick && o.position <= unit && unit < o.position + o.quantity) return i + 1;
                continue;
            }
            (bool drawn,) = address(auction).call(abi.encodeCall(auction.draw, (jobId, orders[i].id)));
            vm.assertTrue(!drawn, "a loser was drawn");
        }
        vm.assertTrue(!won, "a winner without an offer");
        return 0;
    }

    function _do(Order memory o) private {
        uint256 credit = market.creditOf(CONSUMER);
        address provider = market.jobOf(o.id).provider;
        vm.startPrank(provider);
        market.accept(o.id);
        market.submit(o.id, o.terms, abi.encode(Verdict.Accepted, OUTPUT), RESULT);
        vm.stopPrank();
        o.refund = market.creditOf(CONSUMER) - credit;
    }

    /// @dev A job that is done was settled as it was submitted.
    function _end(Order memory o, uint256 winner) private {
        if (market.stateOf(o.id) != State.Accepted) {
            uint256 credit = market.creditOf(CONSUMER);
            market.settle(o.id, o.terms);
            o.refund = market.creditOf(CONSUMER) - credit;
        }
        _found.push(winner);
        _found.push(uint256(market.stateOf(o.id)));
        _found.push(o.refund);
    }
}
