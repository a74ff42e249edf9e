// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Errors of AttesterSet.
interface IAttesterSetErrors {
    error NotGovernance(address expected, address actual);
    error NotTeeVerifier(address expected, address actual);
    error AttesterStakeZero(address attester);
    error AttesterStakeTooLow(address attester, uint256 expected, uint256 actual);
    /// Empty, too long, or with a character that is no printable one of ASCII.
    error UrlMalformed(uint256 length, uint256 most);
    error AttesterAlreadyMember(address attester);
    error NotAttester(address account);
    error AttestersFull(uint256 most);
    error ThresholdOutOfBounds(uint256 actual, uint256 least, uint256 most);
    /// There is nothing at stake, or nothing that unbonds.
    error NothingAtStake(address attester);
    error AttesterStillUnbonding(address attester, uint48 releaseAt);
}
