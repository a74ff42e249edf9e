// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICreditSource} from "./IAssetSale.sol";

/// What a contract owes to accounts, which draw it themselves.
interface IPullCredits is ICreditSource {
    event Withdrawn(address indexed account, uint256 amount);

    error NoCredit(address account);

    /// @notice Sum of all credits not yet withdrawn.
    function totalCredit() external view returns (uint256);
}
