// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Errors of every contract that takes the market's token.
interface IPaymentErrors {
    /// The token took a fee on transfer, or rebased: such tokens are refused.
    error InexactTransfer(address token, uint256 expected, uint256 actual);
    /// A constructor argument lies outside the bounds in libraries/Limits.sol.
    error ParameterOutOfBounds(string name, uint256 actual, uint256 least, uint256 most);
    /// A constructor argument must be a contract or account.
    error AddressMissing(string name);
}
