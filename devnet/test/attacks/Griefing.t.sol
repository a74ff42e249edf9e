// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IJobMarketErrors} from "../../contracts/errors/IJobMarketErrors.sol";
import {Terms} from "../../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Role, State, Tier} from "../../contracts/interfaces/Types.sol";
import {AttackBase} from "./AttackBase.sol";

/// Somebody takes a job in order not to do it. To stay away would have cost nothing: that is the honest play.
contract GriefingTest is AttackBase {
    address private _attacker;

    function setUp() public override {
        super.setUp();
        _attacker = _sybil();
        _begin();
    }

    function test_bidAndDefault() public {
        Play memory honest = _played();
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Reverse, Tier.Zk, MAX_PRICE);
        uint256 victim = token.balanceOf(CONSUMER) + MAX_PRICE;
        _bid(jobId, ALICE, 80 * ONE);
        _bid(jobId, _attacker, 10 * ONE);
        vm.warp(CLOSE);
        _default(jobId, terms);
        // The consumer has its money back, and more for its gas.
        vm.assertEq(token.balanceOf(CONSUMER) + market.creditOf(CONSUMER), victim + ONE);
        _needLoss("bid and default", honest, _ended());
    }

    /// As in an open auction: of the bond no more burns than the lock.
    function test_bidAndDefault_sealed() public {
        Play memory honest = _played();
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Sealed, Tier.Zk, MAX_PRICE);
        _commit(jobId, _attacker, 10 * ONE);
        vm.warp(CLOSE);
        _reveal(jobId, _attacker, 10 * ONE);
        _default(jobId, terms);
        _needLoss("bid and default in a sealed auction", honest, _ended());
    }

    /// The attacker holds the lease until it lapses: neither side can prove who was silent, and both pay the same.
    function test_expiryGriefing_byTheProvider() public {
        Play memory honest = _played();
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Reverse, Tier.Zk, MAX_PRICE);
        uint256 victim = token.balanceOf(CONSUMER) + MAX_PRICE;
        _bid(jobId, _attacker, 10 * ONE);
        _letLapse(jobId, terms);
        uint256 hurt = victim - token.balanceOf(CONSUMER) - market.creditOf(CONSUMER);
        Play memory ended = _ended();
        _needLoss("expiry griefing by a provider who never accepts", honest, ended);
        vm.assertEq(uint256(honest.worth - ended.worth), hurt);
    }

    function test_expiryGriefing_byTheConsumer() public {
        gang[0] = CONSUMER;
        Play memory honest = _played();
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Fixed, Tier.Zk, MAX_PRICE);
        uint256 victim = _stakeOf(ALICE);
        _bid(jobId, ALICE, MAX_PRICE);
        _letLapse(jobId, terms);
        uint256 hurt = victim - _stakeOf(ALICE);
        Play memory ended = _ended();
        _needLoss("expiry griefing by a consumer who never delivers", honest, ended);
        vm.assertEq(uint256(honest.worth - ended.worth), hurt);
    }

    /// A sealed bid that is alone and never revealed lets the job expire.
    function test_expiryGriefing_sealed() public {
        Play memory honest = _played();
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Sealed, Tier.Zk, MAX_PRICE);
        _commit(jobId, _attacker, 10 * ONE);
        vm.warp(CLOSE + REVEAL);
        _needState(jobId, State.Expired);
        market.settle(jobId, terms);
        market.burnUnrevealed(jobId, _attacker);
        _needLoss("expiry griefing by a sealed bid that is never revealed", honest, _ended());
    }

    /// What remains: a commitment that is withdrawn in the last second kept the consumer from cancelling, for nothing but
    /// the bond's being locked so long. The consumer has its money back at the same second as without it.
    function test_expiryGriefing_sealedAndWithdrawnCostsNothing() public {
        Play memory honest = _played();
        (bytes32 jobId, Terms memory terms) = _postAs(CONSUMER, AuctionKind.Sealed, Tier.Zk, MAX_PRICE);
        _commit(jobId, _attacker, 10 * ONE);
        vm.assertEq(vault.freeOf(_attacker, Role.Provider), 900 * ONE);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.JobHasCommitments.selector, jobId, 1));
        vm.prank(CONSUMER);
        market.cancel(jobId);
        vm.warp(CLOSE - 1);
        _withdraw(jobId, _attacker);
        vm.warp(CLOSE);
        market.settle(jobId, terms);
        vm.assertEq(market.creditOf(CONSUMER), MAX_PRICE);
        _needNoGain("sealed bid withdrawn in the last second", honest, _ended());
    }
}
