// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Who takes the protocol fee of an accepted job.
interface IFeeShares {
    /// @notice Shares of the fee in basis points; what they leave burns.
    function feeShares() external view returns (uint16 treasuryBps, uint16 stakersBps);
}
