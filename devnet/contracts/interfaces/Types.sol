// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// How a result is verified (docs/tiers.md). The numbers are part of every commitment: never renumber.
enum Tier {
    None,
    Zk,
    Optimistic,
    Tee,
    Redundant,
    Consensus
}

/// How a job finds its provider.
enum AuctionKind {
    Fixed,
    Reverse,
    Sealed,
    Dutch,
    Batch
}

/// What an asset is.
enum Kind {
    Model,
    Dataset,
    Algorithm,
    Pipeline
}

/// Whose stake it is; stakes of different roles never mix.
enum Role {
    Provider,
    Watcher,
    Publisher
}

/// What a verifier says of a submitted result.
enum Verdict {
    Pending,
    Accepted,
    Disputed,
    Rejected
}

/// A job's life (docs/job.md holds the one table). Computed from stored facts and the clock, never stored.
enum State {
    Unknown,
    Open,
    Revealing,
    Leased,
    Ready,
    Submitted,
    Disputed,
    Accepted,
    Rejected,
    Expired,
    Cancelled,
    Undelivered,
    Defaulted
}

/// Why an account was credited; emitted with every credit so that a balance can be explained.
enum Reason {
    Payment,
    Royalty,
    ProtocolFee,
    Refund,
    GasCompensation,
    Burn,
    StakerReward,
    ChallengerReward
}

/// How a job ended for its provider; what reputation is made of.
enum Outcome {
    Accepted,
    Rejected,
    Undelivered,
    Defaulted
}
