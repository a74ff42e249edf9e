// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Role} from "../interfaces/Types.sol";

/// Errors of StakeVault. Amounts are token base units.
interface IStakeVaultErrors {
    error NotMarket(address expected, address actual);
    error StakeAmountZero(address account, Role role);
    error FreeStakeTooLow(address account, Role role, uint128 needed, uint128 free);
    error StillUnbonding(address account, Role role, uint64 releaseAt);
    error NothingUnbonding(address account, Role role);
    error AlreadyLocked(bytes32 jobId, address account, Role role, uint128 locked);
    error LockTooLow(bytes32 jobId, address account, Role role, uint128 needed, uint128 locked);

    error NotBatch(address expected, address actual);
    error AlreadyReserved(bytes32 id, address account, Role role, uint128 reserved);
    error ReservationTooLow(bytes32 id, address account, Role role, uint128 needed, uint128 reserved);
    error ReservationOver(bytes32 id, uint48 until);
    /// An account's reservations end at `most` different times; the next one is free at `earliest`.
    error TooManyReservations(address account, Role role, uint256 most, uint48 earliest);
}
