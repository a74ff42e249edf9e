// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BatchAuction} from "../contracts/BatchAuction.sol";
import {IBatchAuctionErrors} from "../contracts/errors/IBatchAuctionErrors.sol";
import {IBatches, JobClass, Offer} from "../contracts/interfaces/IBatches.sol";
import {Role, Tier} from "../contracts/interfaces/Types.sol";
import {BatchBase} from "./BatchBase.sol";

interface Etching {
    function etch(address target, bytes calldata code) external;
}

/// After the close: clearing, ranks, pairs and draws, against the shared vectors and a slow reference.
contract BatchAuctionDrawTest is BatchBase {
    bytes32[] private _jobs;
    bytes32[] private _offers;
    uint256[] private _jobTicks;
    uint256[] private _unitTicks;
    uint256[] private _unitOffers;

    /// @dev Two jobs for 200 and 150, offers of one unit for 110 (ALICE) and two for 120 (BOB).
    function _book() private returns (bytes32 first, bytes32 second) {
        _enter("low", 5);
        _enter("high", 10);
        second = _offer(BOB, 2, 2);
        first = _offer(ALICE, 1, 1);
        vm.warp(CLOSE);
    }

    function test_clearingIsOnceAndAfterTheClose() public {
        bytes32 batchId = _batchId();
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.BatchUnknown.selector, batchId));
        auction.clear(batchId);
        _enter("a", 5);
        _offer(ALICE, 2, 1);
        vm.warp(CLOSE - 1);
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.BatchStillOpen.selector, batchId, CLOSE));
        auction.clear(batchId);
        (uint8 tick, uint40 volume) = auction.clearingOf(batchId);
        vm.assertEq(tick, 2);
        vm.assertEq(volume, 1);
        vm.warp(CLOSE);
        vm.expectEmit(address(auction));
        emit IBatches.BatchCleared(batchId, 2, 1);
        auction.clear(batchId);
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.BatchAlreadyCleared.selector, batchId, 2, 1));
        auction.clear(batchId);
        _needClearing(2, 1);
    }

    function test_aDrawLeasesAtTheBatchsPrice() public {
        (bytes32 first, bytes32 second) = _book();
        vm.expectEmit(address(auction));
        emit IBatches.BatchCleared(_batchId(), 2, 2);
        vm.expectEmit(address(auction));
        emit IBatches.AwardDrawn(_batchId(), "high", first, ALICE, 120);
        vm.prank(ANYONE);
        auction.draw("high", first);
        vm.assertEq(market.providerOf("high"), ALICE);
        vm.assertEq(market.priceOf("high"), 120);
        vm.assertTrue(auction.entryOf("high").drawn);
        // The unit's reservation became the job's lock, which is smaller.
        vm.assertEq(vault.lockOf("high", ALICE, Role.Provider), 40);
        vm.assertEq(vault.reservedOf(ALICE, Role.Provider), 0);
        auction.draw("low", second);
        vm.assertEq(market.priceOf("low"), 120);
        // BOB's other unit stays reserved until the draws end.
        vm.assertEq(_free(BOB), 99 * UNIT_LOCK - 30);
        vm.warp(END);
        vm.assertEq(_free(BOB), 100 * UNIT_LOCK - 30);
    }

    function test_manyDrawsInOneTransaction() public {
        (bytes32 first, bytes32 second) = _book();
        bytes[] memory calls = new bytes[](3);
        calls[0] = abi.encodeCall(auction.clear, (_batchId()));
        calls[1] = abi.encodeCall(auction.draw, ("high", first));
        calls[2] = abi.encodeCall(auction.draw, ("low", second));
        auction.multicall(calls);
        vm.assertEq(market.leases(), 2);
    }

    /// Somebody who draws one award first neither leases it twice nor spoils the others.
    function test_drawingTwiceChangesNothing() public {
        (bytes32 first, bytes32 second) = _book();
        auction.draw("low", second);
        uint256 free = _free(BOB);
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(auction.draw, ("low", second));
        calls[1] = abi.encodeCall(auction.draw, ("high", first));
        auction.multicall(calls);
        vm.assertEq(market.leases(), 2);
        vm.assertEq(_free(BOB), free);
    }

    function test_onlyThePairIsDrawn() public {
        (bytes32 first, bytes32 second) = _book();
        vm.expectRevert(
            abi.encodeWithSelector(IBatchAuctionErrors.NotPaired.selector, bytes32("high"), second, 0, 1, 2)
        );
        auction.draw("high", second);
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.NotPaired.selector, bytes32("low"), first, 1, 0, 1));
        auction.draw("low", first);
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.JobUnknown.selector, bytes32("none")));
        auction.draw("none", first);
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.OfferUnknown.selector, bytes32("none")));
        auction.draw("low", "none");
        // An offer of the next round.
        vm.prank(ALICE);
        bytes32 next = auction.offer(_class(), CLOSE + 10 minutes, 0, 1, "");
        bytes32 other = auction.offerOf(next).batchId;
        vm.expectRevert(
            abi.encodeWithSelector(IBatchAuctionErrors.OfferOfAnotherBatch.selector, next, _batchId(), other)
        );
        auction.draw("high", next);
    }

    function test_drawsHaveTheirTime() public {
        (bytes32 first,) = _book();
        vm.warp(CLOSE - 1);
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.BatchStillOpen.selector, _batchId(), CLOSE));
        auction.draw("high", first);
        vm.warp(END);
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.DrawsOver.selector, _batchId(), END));
        auction.draw("high", first);
        vm.warp(END - 1);
        auction.draw("high", first);
    }

    function test_whoIsRationedIsNotDrawn() public {
        _enter("a", 5);
        _enter("b", 5);
        bytes32 id = _offer(ALICE, 2, 1);
        vm.warp(CLOSE);
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.JobNotAwarded.selector, bytes32("b"), 1, 1));
        auction.draw("b", id);
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.JobNotAwarded.selector, bytes32("b"), 1, 1));
        auction.pairOf("b");
        auction.draw("a", id);
    }

    function test_viewsOfWhatNobodyEntered() public {
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.JobUnknown.selector, bytes32("none")));
        auction.rankOf("none");
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.JobUnknown.selector, bytes32("none")));
        auction.pairOf("none");
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.OfferUnknown.selector, bytes32("none")));
        auction.ranksOf("none");
        vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.BatchUnknown.selector, bytes32("none")));
        auction.batchOf("none");
    }

    // ---------------------------------------------------------------- shared vectors

    /// tests/core/test_auction_batch.py runs the same file.
    function test_vectors() public {
        string memory json = vm.readFile("../tests/vectors/batch.json");
        uint256 count = 0;
        while (vm.keyExistsJson(json, string.concat(".cases[", vm.toString(count), "]"))) {
            uint256 clean = vm.snapshotState();
            _checkCase(json, string.concat(".cases[", vm.toString(count), "]."));
            vm.revertToState(clean);
            ++count;
        }
        vm.assertGe(count, 60);
    }

    function _checkCase(string memory json, string memory at) private {
        uint256[] memory jobs = vm.parseJsonUintArray(json, string.concat(at, "jobs"));
        uint256[] memory ticks = vm.parseJsonUintArray(json, string.concat(at, "offerTicks"));
        uint256[] memory quantities = vm.parseJsonUintArray(json, string.concat(at, "offerQuantities"));
        if (jobs.length + ticks.length == 0) return;
        // Enough for a tick that is full. The grid is this class's own: ticks decide, not prices.
        _stake(ALICE, 1e25);
        for (uint256 i = 0; i < jobs.length; ++i) {
            _enter(bytes32(i + 1), jobs[i]);
        }
        bytes32[] memory offers = new bytes32[](ticks.length);
        for (uint256 i = 0; i < ticks.length; ++i) {
            offers[i] = _offer(ALICE, ticks[i], quantities[i]);
        }
        vm.warp(CLOSE);
        auction.clear(_batchId());
        uint256 volume = vm.parseJsonUint(json, string.concat(at, "volume"));
        _needClearing(vm.parseJsonUint(json, string.concat(at, "tick")), volume);
        uint256[] memory ranks = vm.parseJsonUintArray(json, string.concat(at, "jobRanks"));
        for (uint256 i = 0; i < jobs.length; ++i) {
            vm.assertEq(auction.rankOf(bytes32(i + 1)), ranks[i], at);
        }
        ranks = vm.parseJsonUintArray(json, string.concat(at, "offerFirsts"));
        for (uint256 i = 0; i < ticks.length; ++i) {
            (uint256 first, uint32 quantity) = auction.ranksOf(offers[i]);
            vm.assertEq(first, ranks[i], at);
            vm.assertEq(quantity, quantities[i], at);
        }
        _drawAll(
            vm.parseJsonUintArray(json, string.concat(at, "awardedJobs")),
            vm.parseJsonUintArray(json, string.concat(at, "awardedOffers")),
            offers
        );
        vm.assertEq(market.leases(), volume, at);
    }

    function _drawAll(uint256[] memory jobs, uint256[] memory indices, bytes32[] memory offers) private {
        for (uint256 rank = 0; rank < jobs.length; ++rank) {
            bytes32 jobId = bytes32(jobs[rank] + 1);
            Offer memory supplier = auction.offerOf(offers[indices[rank]]);
            (uint8 tick, uint32 unit) = auction.pairOf(jobId);
            vm.assertEq(tick, supplier.tick);
            vm.assertTrue(unit >= supplier.position && unit - supplier.position < supplier.quantity);
            auction.draw(jobId, offers[indices[rank]]);
        }
    }

    function test_vectorsOfIds() public {
        string memory json = vm.readFile("../tests/vectors/batch.json");
        vm.assertEq(block.chainid, vm.parseJsonUint(json, ".ids.chainId"));
        bytes memory encoded = vm.parseJsonBytes(json, ".ids.encodedClass");
        BatchAuction at = BatchAuction(address(uint160(bytes20(vm.parseJsonBytes(json, ".ids.auction")))));
        // The digest names the contract: its code stands at the vectors' address.
        Etching(address(vm)).etch(address(at), address(auction).code);
        bytes32 classId = at.classIdOf(abi.decode(encoded, (JobClass)));
        vm.assertEq(classId, bytes32(vm.parseJsonBytes(json, ".ids.classId")));
        bytes32 batchId = at.batchIdOf(classId, uint48(vm.parseJsonUint(json, ".ids.closesAt")));
        vm.assertEq(batchId, bytes32(vm.parseJsonBytes(json, ".ids.batchId")));
    }

    // ---------------------------------------------------------------- a slow reference

    /// All jobs and units are sorted one by one; the last pair that gains gives price and volume. Then everything is drawn.
    function testFuzz_asSortingEveryUnit(uint256 seed) public {
        _fill(seed);
        vm.warp(CLOSE);
        uint256[] memory jobs = _order(_jobTicks, true);
        uint256[] memory units = _order(_unitTicks, false);
        uint256 volume = 0;
        while (volume < jobs.length && volume < units.length && _jobTicks[jobs[volume]] >= _unitTicks[units[volume]]) {
            ++volume;
        }
        uint256 tick = volume == 0 ? 0 : _unitTicks[units[volume - 1]];
        (uint8 found, uint40 most) = auction.clearingOf(_batchId());
        vm.assertEq(found, tick, "tick");
        vm.assertEq(most, volume, "volume");
        for (uint256 rank = 0; rank < jobs.length; ++rank) {
            bytes32 jobId = _jobs[jobs[rank]];
            vm.assertEq(auction.rankOf(jobId), rank, "rank");
            if (rank >= units.length) continue;
            bytes32 offerId = _offers[_unitOffers[units[rank]]];
            if (rank >= volume) {
                vm.expectRevert(abi.encodeWithSelector(IBatchAuctionErrors.JobNotAwarded.selector, jobId, rank, volume));
                auction.draw(jobId, offerId);
                continue;
            }
            auction.draw(jobId, offerId);
            vm.assertEq(market.priceOf(jobId), 100 + 10 * tick, "price");
            vm.assertEq(market.providerOf(jobId), auction.offerOf(offerId).provider);
            // Individual rationality: nobody pays more or gets less than it said.
            vm.assertGe(_jobTicks[jobs[rank]], tick);
            vm.assertLe(_unitTicks[units[rank]], tick);
        }
        vm.assertEq(market.leases(), volume, "leases");
        _needFreeAtTheEnd();
    }

    function _fill(uint256 seed) private {
        uint256 spread = 1 + seed % 12;
        uint256 base = (seed >> 8) % (257 - spread);
        for (uint256 i = 0; i < 3 + (seed >> 16) % 24; ++i) {
            uint256 hash = uint256(keccak256(abi.encode(seed, i)));
            uint256 tick = base + (hash >> 8) % spread;
            if (hash % 2 == 0 || i == 0) {
                _jobs.push(bytes32(i + 1));
                _jobTicks.push(tick);
                _enter(bytes32(i + 1), tick);
                continue;
            }
            uint256 quantity = 1 + (hash >> 16) % 4;
            for (uint256 unit = 0; unit < quantity; ++unit) {
                _unitTicks.push(tick);
                _unitOffers.push(_offers.length);
            }
            _offers.push(_offer(hash % 3 == 0 ? ALICE : BOB, tick, quantity));
        }
    }

    /// @dev Indices by tick, equal ones as they came: selection sort, to share nothing with prefix sums.
    function _order(uint256[] memory ticks, bool falling) private pure returns (uint256[] memory order) {
        order = new uint256[](ticks.length);
        bool[] memory taken = new bool[](ticks.length);
        for (uint256 place = 0; place < order.length; ++place) {
            uint256 best = type(uint256).max;
            for (uint256 i = 0; i < ticks.length; ++i) {
                if (taken[i]) continue;
                bool better = best == type(uint256).max || (falling ? ticks[i] > ticks[best] : ticks[i] < ticks[best]);
                if (better) best = i;
            }
            taken[best] = true;
            order[place] = best;
        }
    }

    /// @dev When the draws are over, only the locks of leased jobs bind.
    function _needFreeAtTheEnd() private {
        vm.warp(END);
        uint256 locked = 0;
        for (uint256 i = 0; i < _jobs.length; ++i) {
            if (market.providerOf(_jobs[i]) != address(0)) {
                locked += market.lockFor(Tier.None, market.maxPriceOf(_jobs[i]));
            }
        }
        vm.assertEq(_free(ALICE) + _free(BOB), 200 * UNIT_LOCK - locked, "free");
    }
}
