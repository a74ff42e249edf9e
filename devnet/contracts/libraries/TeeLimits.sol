// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// Hard bounds of the tier tee. Nothing moves them.

// Attesters at most, and bytes of the address at which one answers.
uint256 constant MAX_ATTESTERS = 32;
uint256 constant MAX_URL = 128;

// Measurements that one version allows, and bytes of a quote that is read on chain or shown to a consumer.
uint256 constant MAX_MEASUREMENTS = 16;
uint256 constant MAX_QUOTE_BYTES = 16_384;

// Seconds from its registration for which a session key signs results at most. A result of its last second can be judged for MAX_WINDOW
// and MAX_GAME more: all of it is shorter than MIN_UNBONDING, so those who attested the key still have their stake there.
uint256 constant MAX_SESSION = 14 days;
