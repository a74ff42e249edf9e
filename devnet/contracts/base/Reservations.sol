// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IStakeVaultErrors} from "../errors/IStakeVaultErrors.sol";
import {IStakeVault, Reservation} from "../interfaces/IStakeVault.sol";
import {Role} from "../interfaces/Types.sol";
import {MAX_RESERVATION_ENDS} from "../libraries/Limits.sol";

/// @title Stake that is promised until a time, and free again then without anybody's help
/// @notice INVARIANT: an account's live reservations sum to `reservedOf`, and with its locks they are covered by what it holds.
/// What is reserved is found by reading, not by ending each reservation: an account's reservations that end together are
/// one word, and there are at most MAX_RESERVATION_ENDS of those, so that no list can grow until nobody can read it.
abstract contract Reservations is IStakeVault, IStakeVaultErrors {
    /// @notice The only contract that reserves and releases.
    address public immutable batch;

    mapping(bytes32 id => mapping(address account => mapping(Role role => Reservation))) private _reservations;
    /// By the time at which they end; those that have ended are written over.
    mapping(address account => mapping(Role role => Reservation[])) private _ends;

    modifier onlyBatch() {
        if (msg.sender != batch) revert NotBatch(batch, msg.sender);
        _;
    }

    /// @param batch_ May have no code yet.
    constructor(address batch_) {
        batch = batch_;
    }

    /// @inheritdoc IStakeVault
    function reserve(bytes32 id, address account, Role role, uint128 amount, uint48 until) external onlyBatch {
        if (block.timestamp >= until) revert ReservationOver(id, until);
        Reservation storage reservation = _reservations[id][account][role];
        // INVARIANT: one reservation for each id, account and role.
        if (reservation.until != 0) revert AlreadyReserved(id, account, role, reservation.amount);
        _checkFree(account, role, amount);
        (reservation.amount, reservation.until) = (amount, until);
        _endingAt(account, role, until).amount += amount;
        emit StakeReserved(id, account, role, amount, until);
    }

    /// @inheritdoc IStakeVault
    function release(bytes32 id, address account, Role role, uint128 amount) external onlyBatch {
        Reservation storage reservation = _reservations[id][account][role];
        uint48 until = reservation.until;
        // It is free already, and its word may hold others by now.
        if (block.timestamp >= until) revert ReservationOver(id, until);
        if (amount > reservation.amount) revert ReservationTooLow(id, account, role, amount, reservation.amount);
        reservation.amount -= amount;
        _endingAt(account, role, until).amount -= amount;
        emit StakeReleased(id, account, role, amount, until);
    }

    /// @inheritdoc IStakeVault
    function reservedOf(address account, Role role) public view returns (uint128 amount) {
        Reservation[] storage ends = _ends[account][role];
        for (uint256 i = 0; i < ends.length; ++i) {
            Reservation memory ending = ends[i];
            if (block.timestamp < ending.until) amount += ending.amount;
        }
    }

    /// @inheritdoc IStakeVault
    function reservationOf(bytes32 id, address account, Role role) external view returns (Reservation memory) {
        return _reservations[id][account][role];
    }

    /// @dev Reverts where less than `needed` is free.
    function _checkFree(address account, Role role, uint128 needed) internal view virtual;

    /// @dev The word of an account's reservations that end at a time: theirs, else one whose time is over, else a new one.
    function _endingAt(address account, Role role, uint48 until) private returns (Reservation storage) {
        Reservation[] storage ends = _ends[account][role];
        uint256 count = ends.length;
        uint256 chosen = count;
        uint48 earliest = type(uint48).max;
        for (uint256 i = 0; i < count; ++i) {
            uint48 end = ends[i].until;
            if (end == until) return ends[i];
            if (end < earliest) (earliest, chosen) = (end, i);
        }
        if (earliest > block.timestamp) {
            if (count == MAX_RESERVATION_ENDS) {
                revert TooManyReservations(account, role, MAX_RESERVATION_ENDS, earliest);
            }
            ends.push(Reservation(0, until));
            return ends[count];
        }
        ends[chosen] = Reservation(0, until);
        return ends[chosen];
    }
}
