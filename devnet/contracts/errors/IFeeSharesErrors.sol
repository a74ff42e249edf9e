// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Errors of FeeShares. Shares are in basis points.
interface IFeeSharesErrors {
    /// Nothing stands at the governor's address yet: the shares are frozen.
    error NotGoverned(address governor);
    error NotGovernor(address expected, address actual);
    /// `name` is treasuryBps, stakersBps, or burnBps: what the two leave.
    error ShareOutOfBounds(string name, uint256 actual, uint256 least, uint256 most);
    error AddressMissing(string name);
}
