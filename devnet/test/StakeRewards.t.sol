// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MarketToken} from "../contracts/MarketToken.sol";
import {StakeVault} from "../contracts/StakeVault.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {IStakeRewardsErrors} from "../contracts/errors/IStakeRewardsErrors.sol";
import {IStakeRewards} from "../contracts/interfaces/IStakeRewards.sol";
import {Role} from "../contracts/interfaces/Types.sol";
import {MIN_UNBONDING, REWARD_PERIOD} from "../contracts/libraries/Limits.sol";
import {Base} from "./Base.sol";
import {Shipped} from "./Shipped.sol";

/// The vault's rewards alone; this contract plays the market.
contract StakeRewardsTest is Base {
    address private constant ALICE = address(0xA1);
    address private constant BOB = address(0xB0);
    bytes32 private constant JOB = keccak256("job");
    uint256 private constant START = 1_700_000_000;
    uint128 private constant ONE = 1e18;

    MarketToken private token;
    StakeVault private vault;
    uint256 private _credit;
    uint256 private _short; // what a withdrawal pays less than it says

    function setUp() public {
        vm.warp(START);
        token = Shipped.marketToken(address(this), 1e30);
        vault = Shipped.stakeVault(token, address(this), address(this), uint64(MIN_UNBONDING));
        address[2] memory accounts = [ALICE, BOB];
        for (uint256 i = 0; i < 2; ++i) {
            token.transfer(accounts[i], 100_000 * ONE);
            vm.prank(accounts[i]);
            token.approve(address(vault), type(uint256).max);
        }
    }

    /// @dev As the market pays whoever has credit.
    function withdraw() external returns (uint256 amount) {
        amount = _credit;
        require(amount != 0, "NoCredit");
        _credit = 0;
        token.transfer(msg.sender, amount - _short);
    }

    function _fund(uint256 amount) private {
        _credit = amount;
        vm.prank(address(0xA11));
        vm.assertEq(vault.fund(), amount);
    }

    function _deposit(address account, uint128 amount) private {
        vm.prank(account);
        vault.deposit(Role.Provider, amount);
    }

    function _unbond(address account, uint128 amount) private {
        vm.prank(account);
        vault.requestWithdraw(Role.Provider, amount);
    }

    function _claim(address account) private returns (uint256 amount) {
        uint256 before = token.balanceOf(account);
        vm.prank(account);
        amount = vault.claim();
        vm.assertEq(token.balanceOf(account), before + amount);
    }

    function _stakes() private view returns (uint256 sum) {
        for (uint8 role = 0; role < 3; ++role) {
            sum += vault.stakeOf(ALICE, Role(role)).total + vault.stakeOf(BOB, Role(role)).total;
        }
    }

    /// @dev Every unit is a stake, a reward earned or one to come; what is shown rounds down, by a unit each.
    function _needSound() private view {
        vm.assertEq(token.balanceOf(address(vault)), _stakes() + vault.rewardPool(), "balance");
        (uint256 left,) = vault.rewardStream();
        uint256 shown = left + vault.rewardOf(ALICE) + vault.rewardOf(BOB);
        vm.assertLe(shown, vault.rewardPool());
        vm.assertLe(vault.rewardPool() - shown, 2);
    }

    function _near(uint256 actual, uint256 expected) private pure {
        vm.assertLe(actual, expected);
        vm.assertGe(actual + 1, expected);
    }

    function test_fundStreamsOverThePeriod() public {
        _deposit(ALICE, 10 * ONE);
        vm.expectEmit(address(vault));
        emit IStakeRewards.RewardsFunded(700 * ONE, uint64(START + REWARD_PERIOD));
        _fund(700 * ONE);
        vm.assertEq(vault.rewardOf(ALICE), 0);
        vm.warp(START + 1 days);
        _near(vault.rewardOf(ALICE), 100 * ONE);
        _needSound();
        vm.warp(START + REWARD_PERIOD);
        _near(vault.rewardOf(ALICE), 700 * ONE);
        vm.warp(START + 30 days);
        _near(vault.rewardOf(ALICE), 700 * ONE);
        _needSound();
    }

    function test_nothingToFund() public {
        vm.expectRevert();
        vault.fund();
    }

    function test_aShortPaymentIsRefused() public {
        _short = 1;
        _credit = 100;
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.InexactTransfer.selector, address(token), 100, 99));
        vault.fund();
    }

    function test_claimPaysOnce() public {
        _deposit(ALICE, ONE);
        _fund(700 * ONE);
        vm.warp(START + 1 days);
        uint256 due = vault.rewardOf(ALICE);
        vm.expectEmit(address(vault));
        emit IStakeRewards.RewardClaimed(ALICE, due);
        vm.assertEq(_claim(ALICE), due);
        vm.expectRevert(abi.encodeWithSelector(IStakeRewardsErrors.NoReward.selector, ALICE));
        vm.prank(ALICE);
        vault.claim();
        // Its stake is untouched.
        vm.assertEq(vault.stakeOf(ALICE, Role.Provider).total, ONE);
        _needSound();
    }

    function test_rewardsFollowStakeAndTimeInAllRoles() public {
        _deposit(ALICE, 20 * ONE);
        vm.prank(ALICE);
        vault.deposit(Role.Watcher, 10 * ONE);
        _fund(700 * ONE);
        vm.warp(START + 1 days);
        // From now on 30 of ALICE stand beside 70 of BOB.
        _deposit(BOB, 70 * ONE);
        vm.warp(START + 2 days);
        _near(vault.rewardOf(ALICE), 130 * ONE);
        _near(vault.rewardOf(BOB), 70 * ONE);
        _needSound();
    }

    function test_lockedStakeEarnsAndUnbondingStakeDoesNot() public {
        _deposit(ALICE, 10 * ONE);
        _deposit(BOB, 10 * ONE);
        vault.lock(JOB, ALICE, Role.Provider, 10 * ONE);
        _unbond(BOB, 10 * ONE);
        _fund(700 * ONE);
        vm.warp(START + 1 days);
        _near(vault.rewardOf(ALICE), 100 * ONE);
        vm.assertEq(vault.rewardOf(BOB), 0);
        // What BOB had earned before it would stay its own.
        vault.unlock(JOB, ALICE, Role.Provider);
        _unbond(ALICE, 10 * ONE);
        vm.warp(START + 3 days);
        _near(vault.rewardOf(ALICE), 100 * ONE);
        _needSound();
    }

    function test_slashingShrinksWhatEarns() public {
        _deposit(ALICE, 10 * ONE);
        _deposit(BOB, 10 * ONE);
        _fund(700 * ONE);
        vm.warp(START + 1 days);
        vault.lock(JOB, ALICE, Role.Provider, 10 * ONE);
        vault.slash(JOB, ALICE, Role.Provider, 10 * ONE);
        vm.warp(START + 2 days);
        // Earned before the fault: half a day's stream. A slash takes stake, not rewards.
        _near(vault.rewardOf(ALICE), 50 * ONE);
        _near(vault.rewardOf(BOB), 150 * ONE);
        vm.assertEq(token.balanceOf(address(vault)), 10 * ONE + vault.rewardPool());
    }

    function test_timeWithoutStakeLosesNothing() public {
        _fund(700 * ONE);
        vm.warp(START + 100 days);
        (uint256 left, uint64 finishAt) = vault.rewardStream();
        vm.assertEq(left, 700 * ONE);
        vm.assertEq(finishAt, START + 100 days + REWARD_PERIOD);
        _deposit(ALICE, ONE);
        vm.warp(START + 101 days);
        _unbond(ALICE, ONE);
        vm.warp(START + 150 days);
        _near(vault.rewardOf(ALICE), 100 * ONE);
        _deposit(BOB, ONE);
        vm.warp(START + 156 days);
        _near(vault.rewardOf(ALICE), 100 * ONE);
        _near(vault.rewardOf(BOB), 600 * ONE);
        _needSound();
    }

    /// A stake that comes with the payment and leaves at once has nothing of it; one that stays for a block of 12 s, as 90 %
    /// of all stake, has 0.0018 % of it, and lies idle for the unbonding period.
    function test_aJustInTimeStakeGainsNothingWorthIt() public {
        _deposit(ALICE, 1_000 * ONE);
        _deposit(BOB, 9_000 * ONE);
        _fund(1_000 * ONE);
        uint256 before = vm.snapshotState();
        _unbond(BOB, 9_000 * ONE);
        vm.warp(START + REWARD_PERIOD);
        vm.assertEq(vault.rewardOf(BOB), 0);
        vm.revertToState(before);
        vm.warp(START + 12);
        _unbond(BOB, 9_000 * ONE);
        vm.warp(START + MIN_UNBONDING);
        uint256 gained = vault.rewardOf(BOB);
        _near(gained, uint256(900 * ONE) * 12 / REWARD_PERIOD);
        vm.assertEq(gained * 100_000 / (1_000 * ONE), 1, "hundred-thousandths of the payment");
        // 2.0e-6 of its stake, for at least 30 days without reward.
        vm.assertLe(gained, uint256(9_000 * ONE) / 500_000);
        vm.expectRevert();
        vm.prank(BOB);
        vault.withdraw(Role.Provider);
    }

    /// Synthetix's stream starts anew with whatever is added: a unit each hour would keep two thirds of it waiting.
    function test_dustCannotStretchTheStream() public {
        _deposit(ALICE, ONE);
        _fund(700 * ONE);
        for (uint256 i = 1; i < 168; ++i) {
            vm.warp(START + i * 1 hours);
            _fund(1);
        }
        (, uint64 finishAt) = vault.rewardStream();
        vm.assertEq(finishAt, START + REWARD_PERIOD);
        vm.warp(finishAt);
        _near(vault.rewardOf(ALICE), 700 * ONE + 167);
    }

    /// Nor by many calls in one second: rounded up, each would add a second.
    function test_dustCannotHoldTheStreamBack() public {
        _deposit(ALICE, ONE);
        _fund(700 * ONE);
        vm.warp(START + 1 days);
        for (uint256 i = 0; i < 100; ++i) {
            _fund(1);
        }
        (, uint64 finishAt) = vault.rewardStream();
        vm.assertEq(finishAt, START + REWARD_PERIOD);
    }

    function test_aStreamOfDustEnds() public {
        _deposit(ALICE, ONE);
        _fund(1);
        vm.warp(START + REWARD_PERIOD);
        _fund(1);
        vm.warp(START + 2 * REWARD_PERIOD);
        _near(vault.rewardOf(ALICE), 2);
        _needSound();
    }

    function test_twoStreamsJoinByTheirAmounts() public {
        _deposit(ALICE, ONE);
        _fund(700 * ONE);
        vm.warp(START + 6 days);
        // 100 with a day left, and 300 for seven days: 400 for (100 * 1 + 300 * 7) / 400 = 5.5 days.
        _fund(300 * ONE);
        (uint256 left, uint64 finishAt) = vault.rewardStream();
        vm.assertGe(left, 400 * ONE);
        vm.assertGe(finishAt + 1, START + 6 days + 132 hours);
        vm.assertLe(finishAt, START + 6 days + 132 hours);
        vm.warp(finishAt);
        _near(vault.rewardOf(ALICE), 1_000 * ONE);
    }

    /// One unit of stake, then very much: neither overflows, and no stake is drawn upon.
    function test_extremeStakes() public {
        _deposit(ALICE, 1);
        _fund(1e29);
        vm.warp(START + REWARD_PERIOD - 1);
        _deposit(BOB, 100_000 * ONE);
        vm.warp(START + REWARD_PERIOD);
        _needSound();
        _claim(ALICE);
        _claim(BOB);
        _needSound();
        vm.assertGe(token.balanceOf(address(vault)), _stakes());
    }

    function testFuzz_twoStakersShareByAmount(uint128 alice, uint128 bob, uint128 amount, uint32 time) public {
        alice = uint128(_within(alice, 1, 100_000 * ONE));
        bob = uint128(_within(bob, 1, 100_000 * ONE));
        amount = uint128(_within(amount, 1, 1e28));
        _deposit(ALICE, alice);
        _deposit(BOB, bob);
        _fund(amount);
        vm.warp(START + _within(time, 0, REWARD_PERIOD));
        uint256 streamed = uint256(amount) * (block.timestamp - START) / REWARD_PERIOD;
        // `streamed` is rounded down itself, so the reward may lie above it by a fraction.
        uint256 expected = streamed * alice / (uint256(alice) + bob);
        vm.assertLe(vault.rewardOf(ALICE), expected + 1);
        vm.assertGe(vault.rewardOf(ALICE) + 1, expected);
        _needSound();
    }
}
