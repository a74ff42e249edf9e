// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Who may bid where a job names requirements.
interface IProviders {
    /// @notice Reverts with NotQualified(provider, what, expected, actual), the first clause that fails.
    function requireQualified(address provider, bytes calldata requirements) external view;

    function qualifies(address provider, bytes calldata requirements) external view returns (bool);
}
