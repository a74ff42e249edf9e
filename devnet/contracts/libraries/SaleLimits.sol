// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// Hard bounds of English sales (AssetSale), which nothing moves. mlm/core/auctions/english.py repeats them.

// The least step between bids, in basis points of the best.
uint256 constant MIN_SALE_STEP_BPS = 10;
uint256 constant MAX_SALE_STEP_BPS = 5_000;

// Seconds: how long a sale takes bids, what a late bid leaves the others, and what all late bids together can add.
uint256 constant MIN_SALE_WINDOW = 1 minutes;
uint256 constant MAX_SALE_DURATION = 30 days;
uint256 constant MAX_SALE_EXTENSION = 1 days;
uint256 constant MAX_SALE_OVERTIME = 7 days;

// How long the winner can take the token; after it the money goes back to the winner and the token to the seller.
uint256 constant SALE_CLAIM_WINDOW = 7 days;
