// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Errors of QuoteProofs.
interface IQuoteProofsErrors {
    error QuoteMismatch(bytes32 expected, bytes32 actual);
    /// Evidence of this kind is not read on chain.
    error KindUnread(uint8 kind);
    /// No point of the curve P-256.
    error RootKeyMalformed(uint256 x, uint256 y);
}
