// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Terms} from "../../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Tier} from "../../contracts/interfaces/Types.sol";
import {AttackBase} from "./AttackBase.sol";

/// A consumer bids on its own job through other accounts, so that whoever does it is paid less. To post a lower maximum
/// costs nothing and brings as much: that is the honest play.
contract ShillBidsTest is AttackBase {
    // What ALICE and BOB take at least.
    uint128 private constant LOW = 60 * ONE;
    uint128 private constant HIGH = 80 * ONE;

    function setUp() public override {
        super.setUp();
        gang.push(CONSUMER);
        _sybil();
    }

    /// ALICE is alone, and undercuts by one token whoever stands before her, as long as it pays.
    function _reverse(uint128 maxPrice, uint128 shill) private returns (Play memory) {
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Reverse, Tier.Zk, maxPrice);
        if (shill != 0) _bid(jobId, gang[1], shill);
        uint128 answer = shill == 0 ? maxPrice : shill - ONE;
        if (answer >= LOW) _bid(jobId, ALICE, answer);
        vm.warp(CLOSE);
        return _closed(jobId, terms);
    }

    /// ALICE and BOB commit to what they take; the consumer shows its own bid last.
    function _sealedBids(uint128 maxPrice, uint128 shill) private returns (Play memory) {
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Sealed, Tier.Zk, maxPrice);
        if (maxPrice >= LOW) _commit(jobId, ALICE, LOW);
        if (maxPrice >= HIGH) _commit(jobId, BOB, HIGH);
        if (shill != 0) _commit(jobId, gang[1], shill);
        vm.warp(CLOSE);
        if (maxPrice >= LOW) _reveal(jobId, ALICE, LOW);
        if (maxPrice >= HIGH) _reveal(jobId, BOB, HIGH);
        if (shill != 0) _reveal(jobId, gang[1], shill);
        return _closed(jobId, terms);
    }

    /// The job is done unless it fell to the consumer's own account, which cannot do it.
    function _closed(bytes32 jobId, Terms memory terms) private returns (Play memory) {
        address provider = market.jobOf(jobId).provider;
        if (provider == ALICE) {
            _do(jobId, terms);
            outside += int256(RESULT_WORTH);
        } else {
            _letLapse(jobId, terms);
        }
        return _ended();
    }

    function test_shillBid_reverse() public {
        _begin();
        Play memory honest = _reverse(70 * ONE, 0);
        // Above what ALICE takes it brings what a lower maximum brings.
        _needNoGain("shill bid in a reverse auction, above the lowest", honest, _reverse(MAX_PRICE, 71 * ONE));
        // Below it the consumer has its own job, no result, and pays for it twice.
        _needLoss("shill bid in a reverse auction, below the lowest", honest, _reverse(MAX_PRICE, LOW));
    }

    function test_shillBid_sealed() public {
        _begin();
        for (uint128 shill = 50 * ONE; shill < MAX_PRICE; shill += 5 * ONE) {
            Play memory reserve = _sealedBids(shill, 0);
            vm.assertTrue(_sealedBids(MAX_PRICE, shill).worth <= reserve.worth);
        }
        // Without knowing the sealed prices a bid that is too low costs more than the best guess brings.
        Play memory honest = _sealedBids(70 * ONE, 0);
        _needNoGain("shill bid in a sealed auction, between the two lowest", honest, _sealedBids(MAX_PRICE, 70 * ONE));
        _needLoss("shill bid in a sealed auction, below the lowest", honest, _sealedBids(MAX_PRICE, 59 * ONE));
    }

    /// Five commitments, of which the consumer reveals the lowest that does not win once it has seen the others'. A rung below the
    /// lowest price stays sealed, and its bond burns: the maximum price, where the ladder can gain less.
    function test_sealedLadder() public {
        for (uint256 i = 0; i < 4; ++i) {
            _sybil();
        }
        _begin();
        Play memory honest = _sealedBids(MAX_PRICE, 0);
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Sealed, Tier.Zk, MAX_PRICE);
        _commit(jobId, ALICE, LOW);
        _commit(jobId, BOB, HIGH);
        for (uint128 i = 0; i < 5; ++i) {
            _commit(jobId, gang[i + 1], (45 + 10 * i) * ONE);
        }
        vm.warp(CLOSE);
        _reveal(jobId, ALICE, LOW);
        _reveal(jobId, BOB, HIGH);
        for (uint128 i = 2; i < 5; ++i) {
            _reveal(jobId, gang[i + 1], (45 + 10 * i) * ONE);
        }
        vm.warp(CLOSE + REVEAL);
        vm.assertEq(market.jobOf(jobId).price, 65 * ONE);
        market.burnUnrevealed(jobId, gang[1]);
        market.burnUnrevealed(jobId, gang[2]);
        _needLoss("sealed ladder of five rungs, two below the lowest", honest, _closed(jobId, terms));
    }
}
