// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AuctionKind, Tier} from "../interfaces/Types.sol";

/// How a settled job ended, where its other facts do not tell.
enum Ending {
    Open,
    Cancelled,
    Verified // the verifier accepted the evidence at once
}

/// A job as the market stores it: the facts of interfaces/IJobMarket.sol's `Job` in nine words, five of them written by
/// every posting, one by the first bid and one by the submission. The last two stay empty where neither requirements nor
/// a Dutch or sealed auction nor a value at risk ask for them. Verifier and lock follow from tier, maximum price and value
/// at risk, since the market's parameters never change.
/// SAFETY: times fit in 40 bits for 34,000 years, windows in 24 bits (MAX_WINDOW is 7 days, and late bids move a close by no
/// more than a window).
struct JobRecord {
    bytes32 termsHash;
    bytes32 versionId;
    address consumer;
    uint40 postedAt;
    uint40 bidsCloseAt;
    AuctionKind auction;
    Tier tier;
    uint128 maxPrice;
    uint128 floor;
    address provider;
    // Sealed, Batch: the reveal window, shorter once reveals or draws are over early; Reverse: by how much late bids have
    // moved bidsCloseAt.
    uint24 extraWindow;
    uint24 deliveryWindow;
    uint24 executionWindow;
    uint24 verificationWindow;
    uint128 price;
    uint40 acceptedAt;
    uint40 submittedAt;
    uint40 settledAt;
    Ending ending;
    bytes32 outputCommitment;
    bytes32 requirements;
    uint128 mark; // Dutch: where the clock starts; Sealed: the lowest price revealed so far, 0 before the first
    uint32 commitments; // Sealed: those that stand
    uint96 valueAtRisk; // Optimistic, Redundant: as posted
}
