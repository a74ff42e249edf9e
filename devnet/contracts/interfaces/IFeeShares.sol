// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Who takes the protocol fee of an accepted job.
interface IFeeShares {
    event FeeSharesSet(uint16 treasuryBps, uint16 stakersBps);

    /// @notice Shares of the fee in basis points; what they leave burns.
    function feeShares() external view returns (uint16 treasuryBps, uint16 stakersBps);

    /// @notice Sets the shares for jobs posted from now on, within the bounds of libraries/Limits.sol. Governor only, and
    /// not while the governor's address has no code.
    function setShares(uint16 treasuryBps, uint16 stakersBps) external;
}
