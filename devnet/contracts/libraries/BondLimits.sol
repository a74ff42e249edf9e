// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MAX_GAME} from "./Limits.sol";

// Hard bounds of the bonds behind served results, which nothing moves.

// Bytes of the inputs that an accusation shows, in all: with 8 KiB for what names them it fits into the 128 KiB that pools take.
uint256 constant MAX_INPUT_BYTES = 122_880;

// Seconds in which a job that judges an accusation can be challenged, at least: who serves has to look once in so long.
uint256 constant MIN_JUDGING = 1 hours;

// Seconds that an accusation stands, at least, beyond that window: for bids, delivery and execution, and for a game.
uint256 constant ACCUSATION_MARGIN = 1 days + MAX_GAME;
