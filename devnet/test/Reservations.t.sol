// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MarketToken} from "../contracts/MarketToken.sol";
import {StakeVault} from "../contracts/StakeVault.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {IStakeVaultErrors} from "../contracts/errors/IStakeVaultErrors.sol";
import {IStakeVault, Reservation, Stake} from "../contracts/interfaces/IStakeVault.sol";
import {Role} from "../contracts/interfaces/Types.sol";
import {MAX_RESERVATION_ENDS, MIN_UNBONDING} from "../contracts/libraries/Limits.sol";
import {Base} from "./Base.sol";
import {Shipped} from "./Shipped.sol";

/// The vault's reservations; this contract plays both the market and the batch auction.
contract ReservationsTest is Base {
    address private constant ALICE = address(0xA1);
    address private constant BOB = address(0xB0);
    bytes32 private constant OFFER = keccak256("offer");
    uint256 private constant START = 1_700_000_000;
    uint48 private constant UNTIL = uint48(START + 100);

    MarketToken private token;
    StakeVault private vault;

    function setUp() public {
        vm.warp(START);
        token = Shipped.marketToken(address(this), 1e27);
        vault = Shipped.stakeVault(token, address(this), address(this), uint64(MIN_UNBONDING));
        token.transfer(ALICE, 1_000);
        vm.startPrank(ALICE);
        token.approve(address(vault), 1_000);
        vault.deposit(Role.Provider, 100);
        vm.stopPrank();
    }

    function _reserve(bytes32 id, uint128 amount, uint48 until) private {
        vault.reserve(id, ALICE, Role.Provider, amount, until);
    }

    function _free() private view returns (uint256) {
        return vault.freeOf(ALICE, Role.Provider);
    }

    function test_aReservationIsFreeAtItsEndByItself() public {
        vm.expectEmit(address(vault));
        emit IStakeVault.StakeReserved(OFFER, ALICE, Role.Provider, 60, UNTIL);
        _reserve(OFFER, 60, UNTIL);
        vm.assertEq(_free(), 40);
        vm.assertEq(vault.reservedOf(ALICE, Role.Provider), 60);
        vm.assertEq(vault.reservedOf(ALICE, Role.Watcher), 0);
        Reservation memory reservation = vault.reservationOf(OFFER, ALICE, Role.Provider);
        vm.assertEq(reservation.amount, 60);
        vm.assertEq(reservation.until, UNTIL);
        vm.warp(UNTIL - 1);
        vm.assertEq(_free(), 40);
        vm.warp(UNTIL);
        vm.assertEq(_free(), 100);
        vm.prank(ALICE);
        vault.requestWithdraw(Role.Provider, 100);
    }

    function test_whatIsReservedIsNeitherLockedNorUnbondedNorReservedAgain() public {
        _reserve(OFFER, 60, UNTIL);
        vm.expectRevert(_tooLow(41, 40));
        vault.lock("job", ALICE, Role.Provider, 41);
        vm.expectRevert(_tooLow(41, 40));
        vm.prank(ALICE);
        vault.requestWithdraw(Role.Provider, 41);
        vm.expectRevert(_tooLow(41, 40));
        _reserve("another", 41, UNTIL);
        vault.lock("job", ALICE, Role.Provider, 15);
        vm.prank(ALICE);
        vault.requestWithdraw(Role.Provider, 15);
        _reserve("another", 10, UNTIL + 1);
        vm.assertEq(_free(), 0);
        // A slash takes what was locked, never what is reserved.
        vault.slash("job", ALICE, Role.Provider, 15);
        vm.assertEq(_free(), 0);
        vm.assertEq(vault.reservedOf(ALICE, Role.Provider), 70);
    }

    function test_aReleaseFreesAPart() public {
        _reserve(OFFER, 60, UNTIL);
        _reserve("another", 20, UNTIL);
        vm.expectEmit(address(vault));
        emit IStakeVault.StakeReleased(OFFER, ALICE, Role.Provider, 25, UNTIL);
        vault.release(OFFER, ALICE, Role.Provider, 25);
        vm.assertEq(_free(), 45);
        vm.expectRevert(
            abi.encodeWithSelector(IStakeVaultErrors.ReservationTooLow.selector, OFFER, ALICE, Role.Provider, 36, 35)
        );
        vault.release(OFFER, ALICE, Role.Provider, 36);
        vault.release(OFFER, ALICE, Role.Provider, 35);
        vm.assertEq(_free(), 80);
    }

    function test_whatIsOverIsNotReleasedOnceMore() public {
        _reserve(OFFER, 60, UNTIL);
        vm.warp(UNTIL);
        bytes memory over = abi.encodeWithSelector(IStakeVaultErrors.ReservationOver.selector, OFFER, UNTIL);
        vm.expectRevert(over);
        vault.release(OFFER, ALICE, Role.Provider, 1);
        vm.expectRevert(over);
        _reserve(OFFER, 1, UNTIL);
        vm.expectRevert(abi.encodeWithSelector(IStakeVaultErrors.ReservationOver.selector, bytes32("none"), 0));
        vault.release("none", ALICE, Role.Provider, 0);
    }

    function test_anIdReservesOnce() public {
        _reserve(OFFER, 10, UNTIL);
        vm.expectRevert(
            abi.encodeWithSelector(IStakeVaultErrors.AlreadyReserved.selector, OFFER, ALICE, Role.Provider, 10)
        );
        _reserve(OFFER, 10, UNTIL);
    }

    /// Any number of reservations may end together; those that end at different times are few, so every read is bounded.
    function test_aFullListTakesNothingUntilOneIsOver() public {
        for (uint48 i = 0; i < MAX_RESERVATION_ENDS; ++i) {
            _reserve(bytes32(uint256(i)), 1, UNTIL + i);
        }
        vm.expectRevert(
            abi.encodeWithSelector(
                IStakeVaultErrors.TooManyReservations.selector, ALICE, Role.Provider, MAX_RESERVATION_ENDS, UNTIL
            )
        );
        _reserve("more", 1, UNTIL + 100);
        for (uint256 i = 0; i < 40; ++i) {
            _reserve(keccak256(abi.encode(i)), 1, UNTIL + 5);
        }
        vm.assertEq(_free(), 100 - MAX_RESERVATION_ENDS - 40);
        uint256 before = gasleft();
        vault.lock("job", ALICE, Role.Provider, 1);
        vm.assertLe(before - gasleft(), 150_000);
        vm.warp(UNTIL);
        _reserve("more", 1, UNTIL + 100);
        vm.assertEq(_free(), 100 - MAX_RESERVATION_ENDS - 41);
        // Another account's list is its own.
        vm.expectRevert(abi.encodeWithSelector(IStakeVaultErrors.FreeStakeTooLow.selector, BOB, Role.Provider, 1, 0));
        vault.reserve(OFFER, BOB, Role.Provider, 1, UNTIL + 200);
    }

    function test_onlyTheBatchAuction() public {
        bytes memory reason = abi.encodeWithSelector(IStakeVaultErrors.NotBatch.selector, address(this), ALICE);
        vm.startPrank(ALICE);
        vm.expectRevert(reason);
        vault.reserve(OFFER, ALICE, Role.Provider, 1, UNTIL);
        vm.expectRevert(reason);
        vault.release(OFFER, ALICE, Role.Provider, 1);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "batch"));
        Shipped.stakeVault(token, address(this), address(0), uint64(MIN_UNBONDING));
    }

    struct Shadow {
        uint128 amount;
        uint48 until;
    }

    Shadow[] private _shadows;

    /// held >= locked + reserved after every step of any play, and `reservedOf` is the sum over all reservations.
    function testFuzz_anyOrder(uint256 seed) public {
        for (uint256 i = 0; i < 60; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint128 amount = uint128(1 + (seed >> 8) % 20);
            bytes32 job = bytes32((seed >> 16) % 3);
            uint256 move = seed % 8;
            if (move == 0) _try(ALICE, abi.encodeCall(vault.requestWithdraw, (Role.Provider, amount)));
            if (move == 1) _try(address(this), abi.encodeCall(vault.lock, (job, ALICE, Role.Provider, amount)));
            if (move == 2) _try(address(this), abi.encodeCall(vault.unlock, (job, ALICE, Role.Provider)));
            if (move == 3) _try(address(this), abi.encodeCall(vault.slash, (job, ALICE, Role.Provider, amount)));
            if (move == 4 || move == 5) {
                uint48 until = uint48(block.timestamp + 1 + (seed >> 24) % 40);
                bytes32 id = bytes32(_shadows.length);
                if (_try(address(this), abi.encodeCall(vault.reserve, (id, ALICE, Role.Provider, amount, until)))) {
                    _shadows.push(Shadow(amount, until));
                }
            }
            if (move == 6 && _shadows.length != 0) {
                uint256 id = (seed >> 24) % _shadows.length;
                bytes memory data = abi.encodeCall(vault.release, (bytes32(id), ALICE, Role.Provider, amount));
                if (_try(address(this), data)) _shadows[id].amount -= amount;
            }
            if (move == 7) vm.warp(block.timestamp + (seed >> 24) % 12);
            uint256 reserved = 0;
            for (uint256 j = 0; j < _shadows.length; ++j) {
                if (block.timestamp < _shadows[j].until) reserved += _shadows[j].amount;
            }
            Stake memory stake = vault.stakeOf(ALICE, Role.Provider);
            vm.assertEq(vault.reservedOf(ALICE, Role.Provider), reserved, "reserved");
            vm.assertGe(uint256(stake.total) - stake.unbonding, stake.locked + reserved);
            vm.assertEq(_free(), stake.total - stake.unbonding - stake.locked - reserved, "free");
        }
    }

    function _try(address sender, bytes memory data) private returns (bool ok) {
        vm.prank(sender);
        (ok,) = address(vault).call(data);
    }

    function _tooLow(uint128 needed, uint128 free) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IStakeVaultErrors.FreeStakeTooLow.selector, ALICE, Role.Provider, needed, free);
    }
}
