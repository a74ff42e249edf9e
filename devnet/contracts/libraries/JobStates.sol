// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AuctionKind, State, Verdict} from "../interfaces/Types.sol";
import {Ending, JobRecord} from "./JobRecord.sol";

/// @title A job's state from stored facts, the clock and the verifier's verdict
/// @notice The one table stands in docs/job.md; mlm/core/job.py and tests/vectors/job_states.json hold the same.
/// Intervals are half-open: a deadline's own second lies outside.
library JobStates {
    /// @notice The state as far as the facts and the clock tell; `Submitted` means that the verdict decides.
    /// @param now_ Seconds since the epoch.
    function beforeVerdict(JobRecord storage job, uint256 now_) internal view returns (State) {
        if (job.postedAt == 0) return State.Unknown;
        if (job.ending == Ending.Cancelled) return State.Cancelled;
        (uint256 bidsCloseAt, AuctionKind auction) = (job.bidsCloseAt, job.auction);
        if (now_ < bidsCloseAt) return State.Open;
        uint256 revealsCloseAt = bidsCloseAt + revealWindow(auction, job.extraWindow);
        // Sealed bids are revealed while any stands: with none there is nothing to wait for.
        if (now_ < revealsCloseAt && (auction != AuctionKind.Sealed || job.commitments != 0)) {
            return State.Revealing;
        }
        if (job.provider == address(0)) return State.Expired;
        if (job.acceptedAt == 0) {
            return now_ < revealsCloseAt + job.deliveryWindow ? State.Leased : State.Undelivered;
        }
        if (job.submittedAt == 0) {
            return now_ < uint256(job.acceptedAt) + job.executionWindow ? State.Ready : State.Defaulted;
        }
        return job.ending == Ending.Verified ? State.Accepted : State.Submitted;
    }

    /// @notice Seconds from the close of bids to that of reveals or draws.
    /// @param extraWindow As a job's record has it.
    function revealWindow(AuctionKind auction, uint24 extraWindow) internal pure returns (uint24) {
        return auction == AuctionKind.Reverse ? 0 : extraWindow;
    }

    /// @notice The state of a submitted job under a verdict: silence accepts when the verification window ends.
    function underVerdict(JobRecord storage job, uint256 now_, Verdict verdict) internal view returns (State) {
        if (verdict == Verdict.Accepted) return State.Accepted;
        if (verdict == Verdict.Rejected) return State.Rejected;
        if (verdict == Verdict.Disputed) return State.Disputed;
        return now_ < uint256(job.submittedAt) + job.verificationWindow ? State.Submitted : State.Accepted;
    }

    /// @notice Whether a job in this state can be settled.
    function isFinal(State state) internal pure returns (bool) {
        return state >= State.Accepted;
    }
}
