// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AssetRegistry} from "../contracts/AssetRegistry.sol";
import {JobMarket} from "../contracts/JobMarket.sol";
import {MarketToken} from "../contracts/MarketToken.sol";
import {StakeVault} from "../contracts/StakeVault.sol";
import {Modules, Params} from "../contracts/base/MarketTerms.sol";
import {IJobMarketErrors} from "../contracts/errors/IJobMarketErrors.sol";
import {Parent, Publication, TierKey} from "../contracts/interfaces/IAssetRegistry.sol";
import {IJobMarket, Job, Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {IFeeShares} from "../contracts/interfaces/IFeeShares.sol";
import {IProviders} from "../contracts/interfaces/IProviders.sol";
import {IReputation} from "../contracts/interfaces/IReputation.sol";
import {AuctionKind, Kind, Role, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {BURN_ADDRESS, MIN_UNBONDING} from "../contracts/libraries/Limits.sol";
import {Base} from "./Base.sol";
import {Shipped} from "./Shipped.sol";
import {ToyBatch, ToyFeeShares, ToyProviders, ToyReputation} from "./ToyModules.sol";
import {ToyVerifier} from "./ToyVerifier.sol";

/// @title A market with two published assets, a consumer and two staked providers
abstract contract MarketBase is Base {
    address internal constant CONSUMER = address(0xC0);
    address internal constant ALICE = address(0xA1);
    address internal constant BOB = address(0xB0);
    address internal constant OWNER = address(0x01E1);
    address internal constant PARENT_OWNER = address(0x01E2);
    address internal constant TREASURY = address(0x7EA5);
    address internal constant GUARDIAN = address(0x6A);
    address internal constant ANYONE = address(0xA11);

    uint128 internal constant ONE = 1e18;
    uint128 internal constant MAX_PRICE = 100 * ONE;
    uint256 internal constant START = 1_700_000_000;
    bytes32 internal constant OUTPUT = keccak256("output");
    bytes32 internal constant RESULT = keccak256("result");

    MarketToken internal token;
    AssetRegistry internal registry;
    StakeVault internal vault;
    JobMarket internal market;
    ToyVerifier internal verifier;
    ToyProviders internal providers;
    ToyReputation internal reputation;
    ToyFeeShares internal feeShares;
    ToyBatch internal batch;
    bytes32 internal versionId;
    uint256 internal tokenId;

    function setUp() public virtual {
        vm.warp(START);
        vm.roll(100);
        token = Shipped.marketToken(address(this), 1e9 * ONE);
        registry = Shipped.assetRegistry();
        verifier = new ToyVerifier();
        providers = new ToyProviders();
        reputation = new ToyReputation();
        feeShares = new ToyFeeShares();
        batch = new ToyBatch();
        _deployMarket(address(verifier), _params());
        _publishAssets();
        address[3] memory accounts = [CONSUMER, ALICE, BOB];
        for (uint256 i = 0; i < 3; ++i) {
            token.transfer(accounts[i], 10_000 * ONE);
            vm.prank(accounts[i]);
            token.approve(address(market), type(uint256).max);
        }
        _stake(ALICE, 1_000 * ONE);
        _stake(BOB, 1_000 * ONE);
    }

    function _params() internal pure returns (Params memory) {
        return Params({
            protocolFeeBps: 100,
            lockBps: 2_000,
            undeliveredFeeBps: 100,
            minLock: 10 * ONE,
            gasCompensation: ONE,
            undeliveredFeeCap: ONE / 2,
            treasury: TREASURY,
            guardian: GUARDIAN
        });
    }

    function _modules() internal view returns (Modules memory) {
        return Modules(
            IProviders(address(providers)), IReputation(address(reputation)), IFeeShares(address(feeShares)), batch
        );
    }

    /// @dev Every tier but Consensus by one verifier.
    function _deployMarket(address checker, Params memory params) internal {
        address predicted = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        vault = Shipped.stakeVault(token, predicted, address(batch), uint64(MIN_UNBONDING));
        address[6] memory verifiers = [checker, checker, checker, checker, checker, address(0)];
        market = Shipped.jobMarket(token, registry, vault, _modules(), verifiers, params);
        vm.assertEq(address(market), predicted);
    }

    /// @dev OWNER's model is derived from PARENT_OWNER's, who takes a quarter of the owner's part.
    function _publishAssets() private {
        TierKey[] memory keys = new TierKey[](4);
        for (uint256 i = 0; i < 4; ++i) {
            keys[i] = TierKey(Tier(i + 1), keccak256(abi.encode("key", i)));
        }
        Publication memory p = _publication("base", "weights", "1.0.0", "manifest of the parent");
        (uint256 parent,) = _publish(PARENT_OWNER, p);
        p = _publication("labs", "model", "1.0.0", "manifest of the model");
        p.parents = new Parent[](1);
        p.parents[0] = Parent(parent, 2_500);
        p.keys = keys;
        p.usePrice = 2 * ONE;
        p.ownerBps = 1_000;
        (tokenId, versionId) = _publish(OWNER, p);
    }

    function _publication(string memory handle, string memory name, string memory version, string memory manifest)
        internal
        pure
        returns (Publication memory p)
    {
        p.handle = handle;
        p.name = name;
        p.version = version;
        p.kind = Kind.Model;
        p.manifest = sha256(bytes(manifest));
        p.licence = "Apache-2.0";
        p.resaleBps = 500;
    }

    function _commitment(address account, string memory domain, bytes32 payloadHash, bytes32 salt)
        internal
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(keccak256(bytes(domain)), block.chainid, address(registry), account, payloadHash, salt)
        );
    }

    function _publish(address account, Publication memory p) internal returns (uint256, bytes32) {
        _commitTo(account, p);
        vm.prank(account);
        return registry.publish(p, "salt");
    }

    function _commitTo(address account, Publication memory p) internal {
        bytes32 commitment = _commitment(account, "mlm/publish/1", keccak256(abi.encode(p)), "salt");
        vm.prank(account);
        registry.commit(commitment);
        vm.roll(block.number + 1);
    }

    function _stake(address account, uint128 amount) internal {
        vm.startPrank(account);
        token.approve(address(vault), amount);
        vault.deposit(Role.Provider, amount);
        vm.stopPrank();
    }

    function _request(AuctionKind auction, Tier tier) internal view returns (Request memory) {
        return Request({
            versionId: versionId,
            tier: tier,
            auction: auction,
            scheme: _schemeOf(tier),
            inputCommitment: keccak256("input"),
            input: sha256("block"),
            maxPrice: MAX_PRICE,
            startPrice: auction == AuctionKind.Dutch ? 40 * ONE : auction == AuctionKind.Batch ? 50 * ONE : 0,
            priceStep: auction == AuctionKind.Batch ? ONE : 0,
            biddingWindow: 10 minutes,
            revealWindow: auction == AuctionKind.Sealed || auction == AuctionKind.Batch ? 5 minutes : 0,
            deliveryWindow: 5 minutes,
            executionWindow: 1 hours,
            verificationWindow: 1 days,
            requirements: 0,
            valueAtRisk: 0,
            policy: 0
        });
    }

    function _schemeOf(Tier tier) internal pure returns (uint8) {
        if (tier == Tier.None || tier == Tier.Tee) return 2;
        return tier == Tier.Optimistic || tier == Tier.Redundant ? 3 : 1;
    }

    function _post(AuctionKind auction, Tier tier) internal returns (bytes32 jobId, Terms memory terms) {
        Request memory request = _request(auction, tier);
        (terms,) = market.quote(request);
        vm.prank(CONSUMER);
        jobId = market.post(request, 1);
    }

    function _bid(bytes32 jobId, address provider, uint128 price) internal virtual {
        vm.prank(provider);
        market.bid(jobId, price, "");
    }

    /// @dev A job that ALICE holds the lease of, at the maximum price.
    function _leased(Tier tier) internal returns (bytes32 jobId, Terms memory terms) {
        (jobId, terms) = _post(AuctionKind.Fixed, tier);
        _bid(jobId, ALICE, MAX_PRICE);
    }

    /// @dev A job whose input ALICE accepted.
    function _ready(Tier tier) internal returns (bytes32 jobId, Terms memory terms) {
        (jobId, terms) = _leased(tier);
        vm.prank(ALICE);
        market.accept(jobId);
    }

    function _submitted() internal returns (bytes32 jobId, Terms memory terms) {
        (jobId, terms) = _ready(Tier.Optimistic);
        _submit(jobId, terms, Verdict.Pending);
    }

    function _submit(bytes32 jobId, Terms memory terms, Verdict first) internal {
        vm.prank(ALICE);
        market.submit(jobId, terms, abi.encode(first, OUTPUT), RESULT);
    }

    function _needState(bytes32 jobId, State expected) internal view {
        vm.assertEq(uint256(market.stateOf(jobId)), uint256(expected), "state");
    }

    /// @dev The money's laws, after everything: escrow and credits are covered to the unit, and so is every stake.
    function _needSound() internal view {
        vm.assertEq(token.balanceOf(address(market)), market.totalEscrow() + market.totalCredit(), "market's balance");
        uint256 stakes = 0;
        uint256 locked = 0;
        address[3] memory accounts = [CONSUMER, ALICE, BOB];
        for (uint256 i = 0; i < 3; ++i) {
            for (uint8 role = 0; role < 3; ++role) {
                stakes += vault.stakeOf(accounts[i], Role(role)).total;
                locked += vault.stakeOf(accounts[i], Role(role)).locked;
            }
        }
        vm.assertEq(token.balanceOf(address(vault)), stakes, "vault's balance");
        vm.assertLe(locked, stakes);
    }

    /// @dev What a finished job leaves: no escrow, no lock, and these credits; the rest of the money is nobody's business here.
    function _needSettled(bytes32 jobId, State expected) internal view {
        _needState(jobId, expected);
        Job memory job = market.jobOf(jobId);
        vm.assertTrue(job.settledAt != 0);
        vm.assertEq(market.totalEscrow(), 0, "escrow");
        vm.assertEq(vault.lockOf(jobId, job.provider, Role.Provider), 0);
        _needSound();
    }

    function _stakeOf(address account) internal view returns (uint256) {
        return vault.stakeOf(account, Role.Provider).total;
    }

    function _inState(bytes32 jobId, State expected, State actual) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IJobMarketErrors.JobInState.selector, jobId, expected, actual);
    }
}
