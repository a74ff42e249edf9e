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
}
