// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Unverified} from "../contracts/Unverified.sol";
import {IJobMarket, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Tier} from "../contracts/interfaces/Types.sol";
import {MIN_UNBONDING} from "../contracts/libraries/Limits.sol";
import {MarketBase} from "./MarketBase.sol";
import {Shipped} from "./Shipped.sol";

/// @title A market whose tier none is the real one
abstract contract UnverifiedBase is MarketBase {
    uint128 internal constant DEPOSIT = ONE;
    bytes internal constant OUTPUTS = "a block of output tensors";
    bytes32 internal constant SALT = keccak256("salt");

    Unverified internal unverified;

    function setUp() public virtual override {
        super.setUp();
        _deployUnverified(DEPOSIT);
        address[3] memory accounts = [CONSUMER, ALICE, BOB];
        for (uint256 i = 0; i < 3; ++i) {
            vm.startPrank(accounts[i]);
            token.approve(address(market), type(uint256).max);
            token.approve(address(unverified), type(uint256).max);
            vm.stopPrank();
        }
        _stake(ALICE, 1_000 * ONE);
        _stake(BOB, 1_000 * ONE);
    }

    /// @dev Over the token that is set, with this deposit.
    function _deployUnverified(uint128 deposit) internal {
        address predicted = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 2);
        unverified = Shipped.unverified(token, IJobMarket(predicted), deposit, 1 days);
        vault = Shipped.stakeVault(token, predicted, address(batch), uint64(MIN_UNBONDING));
        address[6] memory verifiers =
            [address(unverified), address(verifier), address(verifier), address(0), address(0), address(0)];
        market = Shipped.jobMarket(token, registry, vault, _modules(), verifiers, _params());
        vm.assertEq(address(market), predicted);
    }

    function _root(bytes32 salt, bytes memory outputs) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("mlm/tensors-root/1"), salt, keccak256(outputs)));
    }

    function _outputCommitment(bytes32 root) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("mlm/out/1"), root));
    }

    /// @dev A job of the tier none that ALICE has handed outputs in for.
    function _handedIn(bytes memory outputs) internal returns (bytes32 jobId, Terms memory terms) {
        (jobId, terms) = _ready(Tier.None);
        vm.prank(ALICE);
        market.submit(jobId, terms, abi.encode(_root(SALT, outputs)), RESULT);
    }

    function _complained() internal returns (bytes32 jobId, Terms memory terms) {
        (jobId, terms) = _handedIn(OUTPUTS);
        vm.prank(CONSUMER);
        unverified.complain(jobId);
    }

    function _answer(bytes32 jobId, address account, bytes32 salt, bytes memory outputs) internal {
        vm.prank(account);
        unverified.answer(jobId, salt, outputs);
    }

    /// @dev A job of another tier, whose first verdict is Pending too.
    function _optimistic() internal returns (bytes32 jobId, Terms memory terms) {
        (jobId, terms) = _post(AuctionKind.Fixed, Tier.Optimistic);
        _bid(jobId, ALICE, MAX_PRICE);
        vm.prank(ALICE);
        market.accept(jobId);
    }
}
