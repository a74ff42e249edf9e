// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// Hard bounds of payment channels, which nothing moves.

// Seconds from an opening, or from now on at a top-up, to the expiry: until then the payer's money is bound.
uint256 constant MIN_CHANNEL_DURATION = 1 minutes;
uint256 constant MAX_CHANNEL_DURATION = 366 days;
