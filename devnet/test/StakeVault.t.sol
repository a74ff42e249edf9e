// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MarketToken} from "../contracts/MarketToken.sol";
import {StakeVault} from "../contracts/StakeVault.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {IStakeVaultErrors} from "../contracts/errors/IStakeVaultErrors.sol";
import {IStakeVault, Stake} from "../contracts/interfaces/IStakeVault.sol";
import {Role} from "../contracts/interfaces/Types.sol";
import {MAX_UNBONDING, MIN_UNBONDING} from "../contracts/libraries/Limits.sol";
import {Base} from "./Base.sol";
import {Shipped} from "./Shipped.sol";
import {TaxedToken} from "./TaxedToken.sol";

/// The vault alone; this contract plays the market.
contract StakeVaultTest is Base {
    address private constant ALICE = address(0xA1);
    address private constant BOB = address(0xB0);
    bytes32 private constant JOB = keccak256("job");
    uint256 private constant START = 1_700_000_000;

    MarketToken private token;
    StakeVault private vault;

    function setUp() public {
        vm.warp(START);
        token = Shipped.marketToken(address(this), 1e27);
        vault = Shipped.stakeVault(token, address(this), address(this), uint64(MIN_UNBONDING));
        token.transfer(ALICE, 1_000);
        vm.prank(ALICE);
        token.approve(address(vault), type(uint256).max);
    }

    function _deposit(uint128 amount) private {
        vm.prank(ALICE);
        vault.deposit(Role.Provider, amount);
    }

    function _needSound() private view {
        Stake memory stake = vault.stakeOf(ALICE, Role.Provider);
        vm.assertEq(token.balanceOf(address(vault)), stake.total);
        vm.assertGe(stake.total, uint256(stake.locked) + stake.unbonding);
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), stake.total - stake.locked - stake.unbonding);
    }

    function test_depositAddsUp() public {
        vm.expectEmit(address(vault));
        emit IStakeVault.StakeDeposited(ALICE, Role.Provider, 100);
        _deposit(100);
        _deposit(50);
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), 150);
        _needSound();
    }

    function test_rolesNeverMix() public {
        _deposit(100);
        vm.assertEq(vault.freeOf(ALICE, Role.Watcher), 0);
        vm.expectRevert(abi.encodeWithSelector(IStakeVaultErrors.FreeStakeTooLow.selector, ALICE, Role.Watcher, 1, 0));
        vault.lock(JOB, ALICE, Role.Watcher, 1);
    }

    function test_zeroIsRefused() public {
        bytes memory reason = abi.encodeWithSelector(IStakeVaultErrors.StakeAmountZero.selector, ALICE, Role.Provider);
        vm.expectRevert(reason);
        _deposit(0);
        vm.expectRevert(reason);
        vm.prank(ALICE);
        vault.requestWithdraw(Role.Provider, 0);
    }

    function test_taxedTokenIsRefused() public {
        TaxedToken taxed = new TaxedToken();
        StakeVault other = Shipped.stakeVault(taxed, address(this), address(this), uint64(MIN_UNBONDING));
        taxed.mint(address(this), 1_000);
        taxed.approve(address(other), 1_000);
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.InexactTransfer.selector, address(taxed), 1_000, 990));
        other.deposit(Role.Provider, 1_000);
    }

    function test_unbonding() public {
        _deposit(100);
        vm.startPrank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IStakeVaultErrors.NothingUnbonding.selector, ALICE, Role.Provider));
        vault.withdraw(Role.Provider);
        vault.requestWithdraw(Role.Provider, 60);
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), 40);
        // A second request restarts the clock of both.
        vm.warp(START + 1 days);
        vm.expectEmit(address(vault));
        emit IStakeVault.UnbondingStarted(ALICE, Role.Provider, 10, uint64(START + 1 days + MIN_UNBONDING));
        vault.requestWithdraw(Role.Provider, 10);
        vm.warp(START + 1 days + MIN_UNBONDING - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IStakeVaultErrors.StillUnbonding.selector, ALICE, Role.Provider, START + 1 days + MIN_UNBONDING
            )
        );
        vault.withdraw(Role.Provider);
        vm.warp(START + 1 days + MIN_UNBONDING);
        vault.withdraw(Role.Provider);
        vm.stopPrank();
        vm.assertEq(token.balanceOf(ALICE), 970);
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), 30);
        _needSound();
    }

    function test_whatUnbondsCannotBeLockedAndWhatIsLockedCannotUnbond() public {
        _deposit(100);
        vm.prank(ALICE);
        vault.requestWithdraw(Role.Provider, 60);
        vm.expectRevert(_tooLow(41, 40));
        vault.lock(JOB, ALICE, Role.Provider, 41);
        vault.lock(JOB, ALICE, Role.Provider, 40);
        vm.expectRevert(_tooLow(1, 0));
        vm.prank(ALICE);
        vault.requestWithdraw(Role.Provider, 1);
        vm.warp(START + MIN_UNBONDING);
        vm.prank(ALICE);
        vault.withdraw(Role.Provider);
        vm.assertEq(vault.stakeOf(ALICE, Role.Provider).total, 40);
        _needSound();
    }

    function test_lockOncePerJob() public {
        _deposit(100);
        vault.lock(JOB, ALICE, Role.Provider, 30);
        vm.expectRevert(abi.encodeWithSelector(IStakeVaultErrors.AlreadyLocked.selector, JOB, ALICE, Role.Provider, 30));
        vault.lock(JOB, ALICE, Role.Provider, 30);
        vault.lock("another job", ALICE, Role.Provider, 30);
        vault.unlock(JOB, ALICE, Role.Provider);
        vm.assertEq(vault.stakeOf(ALICE, Role.Provider).locked, 30);
        vault.lock(JOB, ALICE, Role.Provider, 10);
        _needSound();
    }

    function test_slashPaysTheMarketOutOfTheLockOnly() public {
        _deposit(100);
        vault.lock(JOB, ALICE, Role.Provider, 30);
        uint256 before = token.balanceOf(address(this));
        vm.expectEmit(address(vault));
        emit IStakeVault.StakeSlashed(JOB, ALICE, Role.Provider, 10);
        vault.slash(JOB, ALICE, Role.Provider, 10);
        vm.assertEq(token.balanceOf(address(this)), before + 10);
        vm.assertEq(vault.lockOf(JOB, ALICE, Role.Provider), 20);
        vm.expectRevert(
            abi.encodeWithSelector(IStakeVaultErrors.LockTooLow.selector, JOB, ALICE, Role.Provider, 21, 20)
        );
        vault.slash(JOB, ALICE, Role.Provider, 21);
        vault.unlock(JOB, ALICE, Role.Provider);
        vm.assertEq(vault.freeOf(ALICE, Role.Provider), 90);
        _needSound();
    }

    function test_onlyTheMarket() public {
        bytes memory reason = abi.encodeWithSelector(IStakeVaultErrors.NotMarket.selector, address(this), BOB);
        vm.startPrank(BOB);
        vm.expectRevert(reason);
        vault.lock(JOB, ALICE, Role.Provider, 1);
        vm.expectRevert(reason);
        vault.unlock(JOB, ALICE, Role.Provider);
        vm.expectRevert(reason);
        vault.slash(JOB, ALICE, Role.Provider, 1);
        vm.stopPrank();
    }

    function testFuzz_anyOrder(uint256 seed) public {
        for (uint256 i = 0; i < 24; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint128 amount = uint128(1 + (seed >> 8) % 60);
            bytes32 job = bytes32((seed >> 16) % 3);
            uint256 move = seed % 6;
            if (move == 0 && token.balanceOf(ALICE) >= amount) _deposit(amount);
            if (move == 1) _try(ALICE, abi.encodeCall(vault.requestWithdraw, (Role.Provider, amount)));
            if (move == 2) _try(ALICE, abi.encodeCall(vault.withdraw, (Role.Provider)));
            if (move == 3) _try(address(this), abi.encodeCall(vault.lock, (job, ALICE, Role.Provider, amount)));
            if (move == 4) _try(address(this), abi.encodeCall(vault.unlock, (job, ALICE, Role.Provider)));
            if (move == 5) _try(address(this), abi.encodeCall(vault.slash, (job, ALICE, Role.Provider, amount)));
            vm.warp(block.timestamp + seed % (MIN_UNBONDING / 2));
            _needSound();
            uint256 locks = 0;
            for (uint256 j = 0; j < 3; ++j) {
                locks += vault.lockOf(bytes32(j), ALICE, Role.Provider);
            }
            vm.assertEq(vault.stakeOf(ALICE, Role.Provider).locked, locks);
        }
    }

    function test_constructor() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentErrors.ParameterOutOfBounds.selector,
                "unbondingPeriod",
                MIN_UNBONDING - 1,
                MIN_UNBONDING,
                MAX_UNBONDING
            )
        );
        Shipped.stakeVault(token, address(this), address(this), uint64(MIN_UNBONDING - 1));
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "market"));
        Shipped.stakeVault(token, address(0), address(this), uint64(MIN_UNBONDING));
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "token"));
        Shipped.stakeVault(MarketToken(BOB), address(this), address(this), uint64(MIN_UNBONDING));
    }

    function _try(address sender, bytes memory data) private {
        vm.prank(sender);
        // What is refused must change nothing: the sums are checked after every step.
        (bool ok,) = address(vault).call(data);
        ok;
    }

    function _tooLow(uint128 needed, uint128 free) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IStakeVaultErrors.FreeStakeTooLow.selector, ALICE, Role.Provider, needed, free);
    }
}
