// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// Hard bounds of audits, which nothing moves.

// Leaves that an auditor opens: whoever holds a part f of a trace passes with f to this power.
uint256 constant AUDIT_POSITIONS = 4;

// Blocks whose hash can be read.
uint256 constant HASH_BLOCKS = 256;

// Seconds whose submissions one draw decides about, and seconds to open what was drawn.
uint256 constant MIN_PERIOD = 1 minutes;
uint256 constant MAX_PERIOD = 1 days;
uint256 constant MIN_OPEN_WINDOW = 1 hours;
uint256 constant MAX_OPEN_WINDOW = 7 days;
