// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BatchAuction} from "../../contracts/BatchAuction.sol";
import {FeeShares} from "../../contracts/FeeShares.sol";
import {Providers} from "../../contracts/Providers.sol";
import {Reputation} from "../../contracts/Reputation.sol";
import {StakeVault} from "../../contracts/StakeVault.sol";
import {Unverified} from "../../contracts/Unverified.sol";
import {Modules, Params} from "../../contracts/base/MarketTerms.sol";
import {ILeases} from "../../contracts/interfaces/IBatches.sol";
import {IJobMarket, Request, Terms} from "../../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Role, Tier, Verdict} from "../../contracts/interfaces/Types.sol";
import {MIN_UNBONDING} from "../../contracts/libraries/Limits.sol";
import {SealedBase} from "../SealedBase.sol";
import {Shipped} from "../Shipped.sol";

/// @title Somebody who wants more than his due, on the market as it is deployed
/// @notice Every contract is the real one, with the numbers of deployment.json; only proofs are a toy's. An attack is
/// played beside the honest play that it would be worth leaving, and what the attacker has in the end is compared: tokens,
/// credits and stake, what a result is worth to whoever gets it, less what work costs whoever does it. The gas of its own
/// transactions is counted apart; with `forge test --isolate` it is what whole transactions cost.
abstract contract AttackBase is SealedBase {
    event log_named_decimal_uint(string key, uint256 val, uint256 decimals);
    event log_named_int(string key, int256 val);

    /// What an attacker has after a play, and the gas of its transactions in it.
    struct Play {
        int256 worth;
        uint256 gas;
    }

    /// What a result is worth to its consumer, and what doing a job costs its provider.
    uint256 internal constant RESULT_WORTH = 100 * ONE;
    uint256 internal constant WORK = 50 * ONE;

    Reputation internal standings;
    Providers internal listings;
    BatchAuction internal rounds;
    Unverified internal unverified;

    // The attacker's accounts, and his worth outside of the contracts.
    address[] internal gang;
    int256 internal outside;

    // Gas of the gang's transactions in this play.
    uint256 private _gas;

    uint256 private _before;
    uint256 private _nonce;

    function setUp() public virtual override {
        super.setUp();
        uint256 nonce = vm.getNonce(address(this));
        address marketAt = vm.computeCreateAddress(address(this), nonce + 6);
        unverified = Shipped.unverified(token, IJobMarket(marketAt), ONE, 1 days);
        standings = Shipped.reputation(marketAt);
        listings = Shipped.providers(standings);
        address vaultAt = vm.computeCreateAddress(address(this), nonce + 5);
        rounds = Shipped.batchAuction(ILeases(marketAt), StakeVault(vaultAt), listings);
        FeeShares shares = Shipped.feeShares(address(0x60F), 4_000, 3_000);
        vault = Shipped.stakeVault(token, marketAt, address(rounds), uint64(MIN_UNBONDING));
        address[6] memory verifiers;
        verifiers[0] = address(unverified);
        for (uint256 i = 1; i < 5; ++i) {
            verifiers[i] = address(verifier);
        }
        Params memory params = _params();
        params.undeliveredFeeCap = ONE;
        market =
            Shipped.jobMarket(token, registry, vault, Modules(listings, standings, shares, rounds), verifiers, params);
        vm.assertEq(address(market), marketAt);
        vm.assertEq(address(vault), vaultAt);
        vm.prank(CONSUMER);
        token.approve(address(market), type(uint256).max);
        _stake(ALICE, 1_000 * ONE);
        _stake(BOB, 1_000 * ONE);
    }

    /// @dev The attacker's next account, with stake to bid with.
    function _sybil() internal returns (address account) {
        account = _person(gang.length);
        gang.push(account);
        _fund(account, 1_000 * ONE);
    }

    function _worth() internal view returns (int256 sum) {
        sum = outside;
        for (uint256 i = 0; i < gang.length; ++i) {
            sum += int256(token.balanceOf(gang[i]) + market.creditOf(gang[i]) + _stakeOf(gang[i]));
        }
    }

    /// @dev Whose play is to be compared begins here.
    function _begin() internal {
        _before = vm.snapshotState();
    }

    /// @dev The last call was a transaction of `account`'s: it counts where that is the attacker's.
    function _count(address account) internal {
        for (uint256 i = 0; i < gang.length; ++i) {
            if (gang[i] == account) {
                _gas += vm.lastCallGas().gasTotalUsed;
                return;
            }
        }
    }

    function _bid(bytes32 jobId, address provider, uint128 price) internal virtual override {
        super._bid(jobId, provider, price);
        _count(provider);
    }

    function _commit(bytes32 jobId, address bidder, uint128 price) internal override {
        super._commit(jobId, bidder, price);
        _count(bidder);
    }

    function _reveal(bytes32 jobId, address bidder, uint128 price) internal override {
        super._reveal(jobId, bidder, price);
        _count(bidder);
    }

    function _withdraw(bytes32 jobId, address bidder) internal {
        vm.prank(bidder);
        market.withdrawBid(jobId);
        _count(bidder);
    }

    /// @dev The play so far.
    function _played() internal view returns (Play memory) {
        return Play(_worth(), _gas);
    }

    /// @dev The play; everything is as it was when it began.
    function _ended() internal returns (Play memory play) {
        play = _played();
        vm.assertTrue(vm.revertToState(_before));
        _before = vm.snapshotState();
    }

    /// @dev INVARIANT of every attack: it leaves the attacker with less than honest play. Logs how much less.
    function _needLoss(string memory attack, Play memory honest, Play memory attacked) internal {
        vm.assertTrue(attacked.worth < honest.worth, attack);
        _logLoss(attack, honest, attacked);
    }

    /// @dev What changes nothing leaves the attacker with no more.
    function _needNoGain(string memory attack, Play memory honest, Play memory attacked) internal {
        vm.assertTrue(attacked.worth <= honest.worth, attack);
        _logLoss(attack, honest, attacked);
    }

    function _logLoss(string memory attack, Play memory honest, Play memory attacked) private {
        emit log_named_decimal_uint(attack, uint256(honest.worth - attacked.worth), 18);
        _logGas(attack, honest, attacked);
    }

    /// @dev What remains: what the attacker gains.
    function _logGain(string memory attack, Play memory honest, Play memory attacked) internal {
        vm.assertTrue(attacked.worth > honest.worth, attack);
        emit log_named_decimal_uint(string.concat("GAIN: ", attack), uint256(attacked.worth - honest.worth), 18);
        _logGas(attack, honest, attacked);
    }

    function _logGas(string memory attack, Play memory honest, Play memory attacked) private {
        emit log_named_int(string.concat("GAS: ", attack), int256(attacked.gas) - int256(honest.gas));
    }

    /// @dev A job that CONSUMER, or whoever it is, posts.
    function _postAs(address consumer, AuctionKind auction, Tier tier, uint128 maxPrice)
        internal
        returns (bytes32 jobId, Terms memory terms)
    {
        Request memory request = _request(auction, tier);
        request.maxPrice = maxPrice;
        (terms,) = market.quote(request);
        vm.prank(consumer);
        jobId = market.post(request, ++_nonce);
        _count(consumer);
    }

    /// @dev Whoever holds the lease does the job and is paid.
    function _do(bytes32 jobId, Terms memory terms) internal {
        if (terms.request.tier == Tier.None) return _lapseUncomplained(jobId, terms);
        _handIn(jobId, terms, abi.encode(Verdict.Accepted, OUTPUT));
    }

    /// @dev In the tier none whoever holds the lease hands in what nobody checks, and settles after the window.
    function _lapseUncomplained(bytes32 jobId, Terms memory terms) internal {
        _handIn(jobId, terms, abi.encode(OUTPUT));
        vm.warp(block.timestamp + terms.request.verificationWindow);
        address provider = market.jobOf(jobId).provider;
        vm.prank(provider);
        market.settle(jobId, terms);
        _count(provider);
    }

    function _handIn(bytes32 jobId, Terms memory terms, bytes memory evidence) internal {
        address provider = market.jobOf(jobId).provider;
        vm.prank(provider);
        market.accept(jobId);
        _count(provider);
        vm.prank(provider);
        market.submit(jobId, terms, evidence, RESULT);
        _count(provider);
    }

    /// @dev Nobody accepts the input until it is too late.
    function _letLapse(bytes32 jobId, Terms memory terms) internal {
        vm.warp(market.jobOf(jobId).bidsCloseAt + terms.request.revealWindow + terms.request.deliveryWindow);
        market.settle(jobId, terms);
    }

    /// @dev The lease holder accepts, and is never heard of again.
    function _default(bytes32 jobId, Terms memory terms) internal {
        address provider = market.jobOf(jobId).provider;
        vm.prank(provider);
        market.accept(jobId);
        _count(provider);
        vm.warp(block.timestamp + terms.request.executionWindow);
        market.settle(jobId, terms);
    }
}
