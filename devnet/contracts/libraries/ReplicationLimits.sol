// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// Hard bounds of the beacon and of replication, which nothing moves.

// Seconds of a beacon's phase. With blocks of 12 seconds a hash can still be read by whoever reveals in the last of them.
uint256 constant MIN_ROUND = 1 minutes;
uint256 constant MAX_ROUND = 30 minutes;

// Blocks whose hash can be read.
uint256 constant READABLE_BLOCKS = 256;

// Who executes a job of the tier redundant: its provider and the replicas.
uint256 constant MIN_EXECUTIONS = 2;
uint256 constant MAX_EXECUTIONS = 8;

// Places that a draw looks at for each replica that it needs.
uint256 constant LOOKS = 8;

// Of them, those whose slot serves another job. So few that whoever keeps others busy with jobs of its own gains little: a draw that
// passes over all of them would find its slots alone. One that finds too few can be tried again once others are free.
uint256 constant BUSY_LOOKS = 1;

// Looks at places that are empty do not count, up to so many in a draw: whoever has left many behind gains little by it, either.
uint256 constant MAX_EMPTY_LOOKS = 256;

// Seconds to show what was committed to, from the submission. A replica that finds another result than the provider's has
// at least as much again to convict it (MIN_VERIFICATION_TIMES), and as much at least to run the model.
uint256 constant MIN_REVEAL_WINDOW = 10 minutes;
uint256 constant MAX_REVEAL_WINDOW = 1 days;
uint256 constant WINDOW_TIMES = 2;

// Seconds that a slot that leaves can still be drawn, at least.
uint256 constant MIN_LEAVE = 1 hours;
uint256 constant MAX_LEAVE = 30 days;

// Of what a replica loses, the consumer's part; the rest burns, so that being one's own consumer and provider does not pay.
uint256 constant CONSUMER_BPS = 5_000;
