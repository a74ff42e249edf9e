// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MarketToken} from "../contracts/MarketToken.sol";
import {StakeVault} from "../contracts/StakeVault.sol";
import {Stake} from "../contracts/interfaces/IStakeVault.sol";
import {Role} from "../contracts/interfaces/Types.sol";
import {MIN_UNBONDING} from "../contracts/libraries/Limits.sol";
import {Base} from "./Base.sol";
import {Shipped} from "./Shipped.sol";

/// Plays the market and three stakers, in any order; counts what came in and what was paid.
contract RewardsHandler is Base {
    uint256 public constant STAKERS = 3;

    StakeVault public immutable vault;
    MarketToken public immutable token;

    uint256 public funded;
    uint256 public claimed;
    uint256 private _credit;
    uint256 private _jobs;

    constructor() {
        token = Shipped.marketToken(address(this), 1e32);
        vault = Shipped.stakeVault(token, address(this), address(this), uint64(MIN_UNBONDING));
        for (uint256 i = 0; i < STAKERS; ++i) {
            token.transfer(staker(i), 1e28);
            vm.prank(staker(i));
            token.approve(address(vault), type(uint256).max);
        }
    }

    function staker(uint256 who) public pure returns (address) {
        return address(uint160(0xA0 + who % STAKERS));
    }

    function withdraw() external returns (uint256 amount) {
        amount = _credit;
        _credit = 0;
        token.transfer(msg.sender, amount);
    }

    function fund(uint256 amount) external {
        // Now and then a single unit, or as much as the sky.
        _credit = amount % 3 == 0 ? 1 : _within(amount, 1, amount % 3 == 1 ? 1e20 : 1e27);
        funded += vault.fund();
    }

    function deposit(uint256 who, uint8 role, uint128 amount) external {
        amount = uint128(amount % 2 == 0 ? _within(amount, 1, 10) : _within(amount, 1, 1e26));
        if (token.balanceOf(staker(who)) < amount) return;
        vm.prank(staker(who));
        vault.deposit(Role(role % 3), amount);
    }

    function unbond(uint256 who, uint8 role, uint128 amount) external {
        uint128 free = vault.freeOf(staker(who), Role(role % 3));
        if (free == 0) return;
        vm.prank(staker(who));
        vault.requestWithdraw(Role(role % 3), amount % 2 == 0 ? free : uint128(_within(amount, 1, free)));
    }

    function unstake(uint256 who, uint8 role) external {
        Stake memory stake = vault.stakeOf(staker(who), Role(role % 3));
        if (stake.unbonding == 0) return;
        if (block.timestamp < stake.releaseAt) vm.warp(stake.releaseAt);
        vm.prank(staker(who));
        vault.withdraw(Role(role % 3));
    }

    function slash(uint256 who, uint8 role, uint128 amount) external {
        uint128 free = vault.freeOf(staker(who), Role(role % 3));
        if (free == 0) return;
        bytes32 jobId = bytes32(++_jobs);
        amount = uint128(_within(amount, 1, free));
        vault.lock(jobId, staker(who), Role(role % 3), free);
        vault.slash(jobId, staker(who), Role(role % 3), amount);
        if (amount < free) vault.unlock(jobId, staker(who), Role(role % 3));
    }

    function claim(uint256 who) external {
        if (vault.rewardOf(staker(who)) == 0) return;
        vm.prank(staker(who));
        claimed += vault.claim();
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + _within(time, 1, 4 days));
    }
}

contract StakeRewardsInvariantsTest is Base {
    RewardsHandler private handler;

    function setUp() public {
        vm.warp(1_700_000_000);
        handler = new RewardsHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory moves = new bytes4[](9);
        moves[0] = handler.fund.selector;
        moves[1] = moves[2] = handler.deposit.selector;
        moves[3] = handler.unbond.selector;
        moves[4] = handler.unstake.selector;
        moves[5] = handler.slash.selector;
        moves[6] = handler.claim.selector;
        moves[7] = moves[8] = handler.wait.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), moves);
    }

    function _shown() private view returns (uint256 owed, uint256 stakes) {
        for (uint256 i = 0; i < handler.STAKERS(); ++i) {
            owed += handler.vault().rewardOf(handler.staker(i));
            for (uint8 role = 0; role < 3; ++role) {
                stakes += handler.vault().stakeOf(handler.staker(i), Role(role)).total;
            }
        }
    }

    /// Both after every move of one play: of the same seed forge would play the same moves again for each.
    function invariant_rewards() public view {
        _stakesAndRewardsNeverMix();
        _everyRewardIsPaidOwedOrToCome();
    }

    function _stakesAndRewardsNeverMix() private view {
        (, uint256 stakes) = _shown();
        StakeVault vault = handler.vault();
        vm.assertEq(handler.token().balanceOf(address(vault)), stakes + vault.rewardPool(), "balance");
    }

    function _everyRewardIsPaidOwedOrToCome() private view {
        StakeVault vault = handler.vault();
        vm.assertEq(vault.rewardPool(), handler.funded() - handler.claimed(), "pool");
        (uint256 owed,) = _shown();
        (uint256 left,) = vault.rewardStream();
        vm.assertLe(owed + left, vault.rewardPool());
        // Each of the numbers shown hides less than one unit.
        vm.assertLe(vault.rewardPool() - owed - left, handler.STAKERS());
    }

    /// With somebody staking, a period and all claims leave fractions of units only.
    function afterInvariant() public {
        handler.deposit(0, 0, 1e18 + 1);
        handler.wait(4 days - 1);
        handler.wait(4 days - 1);
        for (uint256 i = 0; i < handler.STAKERS(); ++i) {
            handler.claim(i);
        }
        (uint256 left,) = handler.vault().rewardStream();
        vm.assertEq(left, 0, "stream");
        vm.assertLe(handler.vault().rewardPool(), handler.STAKERS());
    }
}
