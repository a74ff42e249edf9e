// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IJobMarketErrors as Errors} from "../errors/IJobMarketErrors.sol";
import {IJobMarket} from "../interfaces/IJobMarket.sol";
import {IProviders} from "../interfaces/IProviders.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {AuctionKind, Role} from "../interfaces/Types.sol";
import {EnglishRules} from "./EnglishRules.sol";
import {JobRecord} from "./JobRecord.sol";
import {ANSWER_PART, MAX_ANSWER} from "./Limits.sol";

/// @title How the kinds of auction find a job's provider (docs/job.md, mlm/core/auctions)
/// @notice The market calls these in its own storage, under its own address, once it has looked at the job's state.
/// INVARIANT: after every call one lock stands for the best bidder and one for each commitment, and no other.
library Bidding {
    bytes32 private constant BID_DOMAIN = keccak256("mlm/bid/1");

    /// @notice `Fixed`, `Reverse` and `Dutch`: an open bid, in a job that is Open.
    /// @param lock Stake that a bid on this job locks.
    function bid(
        JobRecord storage job,
        bytes32 jobId,
        IStakeVault vault,
        IProviders providers,
        uint128 lock,
        uint128 price,
        bytes calldata requirements
    ) external {
        _needSuited(job, jobId, providers, requirements);
        address outbid = job.provider;
        AuctionKind auction = job.auction;
        if (auction == AuctionKind.Reverse) {
            needPayable(job, jobId, price);
            if (outbid != address(0) && price >= job.price) revert Errors.PriceNotLower(jobId, job.price, price);
        } else if (auction == AuctionKind.Fixed) {
            needPayable(job, jobId, price);
            if (price != job.maxPrice) revert Errors.PriceNotFixed(jobId, job.maxPrice, price);
        } else if (auction == AuctionKind.Dutch) {
            uint128 offered = clockPrice(job, block.timestamp);
            if (price > offered) revert Errors.PriceAboveClock(jobId, offered, price);
            price = offered;
        } else {
            revert Errors.AuctionKindUnsuited(jobId, auction);
        }

        job.provider = msg.sender;
        job.price = price;
        emit IJobMarket.BidPlaced(jobId, job.versionId, msg.sender, price);
        // The first bid takes a posted price, and stops a clock.
        if (auction == AuctionKind.Reverse) _leaveTime(job, jobId);
        else closeBids(job, jobId);

        // Whoever betters its own bid keeps its lock.
        if (outbid == msg.sender) return;
        if (outbid != address(0)) vault.unlock(jobId, outbid, Role.Provider);
        vault.lock(jobId, msg.sender, Role.Provider, lock);
    }

    /// @notice `Sealed`: a commitment to a price, in a job that is Open.
    function commit(
        JobRecord storage job,
        bytes32 jobId,
        mapping(address bidder => bytes32) storage commitments,
        IStakeVault vault,
        IProviders providers,
        uint128 lock,
        bytes32 commitment,
        bytes calldata requirements
    ) external {
        _needSealed(job, jobId);
        _needSuited(job, jobId, providers, requirements);
        if (commitment == 0) revert Errors.BidCommitmentMissing(jobId, msg.sender);
        // INVARIANT: one commitment for each bidder and job.
        if (commitments[msg.sender] != 0) revert Errors.BidAlreadyCommitted(jobId, msg.sender);
        commitments[msg.sender] = commitment;
        ++job.commitments;
        emit IJobMarket.BidCommitted(jobId, job.versionId, msg.sender, commitment);
        vault.lock(jobId, msg.sender, Role.Provider, bond(lock, job.maxPrice));
    }

    /// @notice `Sealed`: opens the caller's commitment, in a job that is Revealing. Only the leader's bond stays.
    function reveal(
        JobRecord storage job,
        bytes32 jobId,
        mapping(address bidder => bytes32) storage commitments,
        IStakeVault vault,
        uint128 price,
        bytes32 salt
    ) external {
        _needSealed(job, jobId);
        bytes32 expected = _commitment(jobId, commitments);
        bytes32 actual = keccak256(abi.encode(BID_DOMAIN, block.chainid, address(this), jobId, msg.sender, price, salt));
        if (actual != expected) revert Errors.BidCommitmentMismatch(jobId, expected, actual);
        needPayable(job, jobId, price);

        commitments[msg.sender] = 0;
        uint32 left = job.commitments - 1;
        job.commitments = left;
        emit IJobMarket.BidRevealed(jobId, job.versionId, msg.sender, price);
        address released = _rank(job, price);
        if (left == 0) {
            closeReveals(job);
            emit IJobMarket.BidsClosed(jobId, job.versionId, job.provider, job.price);
        }
        if (released != address(0)) vault.unlock(jobId, released, Role.Provider);
    }

    /// @notice Takes the caller's bid back from a job that is Open.
    /// @param fee What withdrawing the best bid of a reverse auction costs: as much as not accepting, of the lock.
    /// @return slashed What the vault sent here: the caller's to burn.
    function withdraw(
        JobRecord storage job,
        bytes32 jobId,
        mapping(address bidder => bytes32) storage commitments,
        IStakeVault vault,
        uint128 lock,
        uint128 fee
    ) external returns (uint128 slashed) {
        if (job.auction == AuctionKind.Sealed) {
            _commitment(jobId, commitments);
            commitments[msg.sender] = 0;
            --job.commitments;
        } else {
            if (msg.sender != job.provider) revert Errors.NotBestBidder(jobId, job.provider, msg.sender);
            // SAFETY: half of the bids' time as posted is left to those whom this bid kept away. Who could take it back in
            // the last second could then have the job at the maximum: nobody would be there to answer.
            uint256 until = job.postedAt + _postedWindow(job) / 2;
            if (block.timestamp >= until) revert Errors.WithdrawalTooLate(jobId, until);
            job.provider = address(0);
            job.price = 0;
            slashed = fee;
            lock -= fee;
        }
        emit IJobMarket.BidWithdrawn(jobId, job.versionId, msg.sender);
        if (slashed != 0) vault.slash(jobId, msg.sender, Role.Provider, slashed);
        if (lock != 0) vault.unlock(jobId, msg.sender, Role.Provider);
    }

    /// @notice `Sealed`: takes the whole bond of a commitment that was not revealed before the reveals closed.
    /// @return slashed What the vault sent here: the caller's to burn.
    function forfeit(
        JobRecord storage job,
        bytes32 jobId,
        mapping(address bidder => bytes32) storage commitments,
        IStakeVault vault,
        address bidder,
        uint128 lock
    ) external returns (uint128 slashed) {
        if (commitments[bidder] == 0) revert Errors.BidCommitmentMissing(jobId, bidder);
        // While a commitment stands, nothing has shortened the reveals.
        uint256 closesAt = uint256(job.bidsCloseAt) + job.extraWindow;
        if (block.timestamp < closesAt) revert Errors.RevealsStillOpen(jobId, closesAt);
        commitments[bidder] = 0;
        --job.commitments;
        slashed = bond(lock, job.maxPrice);
        emit IJobMarket.BidForfeited(jobId, job.versionId, bidder, slashed);
        vault.slash(jobId, bidder, Role.Provider, slashed);
    }

    /// @notice `Batch`: the lease that was drawn, in a job that is Revealing. The market knows the caller.
    function award(
        JobRecord storage job,
        bytes32 jobId,
        IStakeVault vault,
        address provider,
        uint128 lock,
        uint128 price
    ) external {
        if (job.auction != AuctionKind.Batch) revert Errors.AuctionKindUnsuited(jobId, job.auction);
        // SAFETY: at settlement the price covers fee and owner, and the escrow covers the price.
        needPayable(job, jobId, price);
        job.provider = provider;
        job.price = price;
        closeReveals(job);
        emit IJobMarket.BidsClosed(jobId, job.versionId, provider, price);
        vault.lock(jobId, provider, Role.Provider, lock);
    }

    /// @notice Stake that a sealed bid locks: at least the escrow, so that a ladder of bids of which one is revealed costs
    /// more than it can gain.
    function bond(uint128 lock, uint128 maxPrice) internal pure returns (uint128) {
        return maxPrice > lock ? maxPrice : lock;
    }

    /// @notice What a Dutch clock offers at `now_`: it rises from startPrice at the posting to maxPrice at the close,
    /// rounded down. SAFETY: for postedAt <= now_ < bidsCloseAt, as in a job that is Open.
    function clockPrice(JobRecord storage job, uint256 now_) internal view returns (uint128) {
        uint256 start = job.mark;
        uint256 elapsed = now_ - job.postedAt;
        // SAFETY: at most maxPrice.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint128(start + (job.maxPrice - start) * elapsed / (job.bidsCloseAt - job.postedAt));
    }

    /// @notice Ends the bids now, in favour of the best.
    function closeBids(JobRecord storage job, bytes32 jobId) internal {
        job.bidsCloseAt = uint40(block.timestamp);
        emit IJobMarket.BidsClosed(jobId, job.versionId, job.provider, job.price);
    }

    /// @notice Ends the reveals now: the lease begins. SAFETY: a job that is Revealing, so it only becomes shorter.
    function closeReveals(JobRecord storage job) internal {
        // forge-lint: disable-next-line(unsafe-typecast)
        job.extraWindow = uint24(block.timestamp - job.bidsCloseAt);
    }

    /// @notice A price covers fee and owner, and the escrow covers it.
    function needPayable(JobRecord storage job, bytes32 jobId, uint128 price) internal view {
        if (price < job.floor) revert Errors.PriceBelowFloor(jobId, job.floor, price);
        if (price > job.maxPrice) revert Errors.PriceAboveMaximum(jobId, job.maxPrice, price);
    }

    /// @dev Moves the close of bids where a bid in a reverse auction would leave the others too little time to answer.
    /// SAFETY: bids close at most two windows after the posting, whoever bids.
    function _leaveTime(JobRecord storage job, bytes32 jobId) private {
        uint256 window = _postedWindow(job);
        uint256 answer = Math.min(window / ANSWER_PART, MAX_ANSWER);
        uint40 closesAt = job.bidsCloseAt;
        // forge-lint: disable-next-line(unsafe-typecast)
        uint40 moved =
            EnglishRules.endAfter(block.timestamp, closesAt, uint32(answer), uint40(job.postedAt + 2 * window));
        if (moved == closesAt) return;
        job.bidsCloseAt = moved;
        // SAFETY: at most one window altogether.
        // forge-lint: disable-next-line(unsafe-typecast)
        job.extraWindow += uint24(moved - closesAt);
        emit IJobMarket.BidsExtended(jobId, job.versionId, moved);
    }

    /// @dev For how long bids were to be open. SAFETY: of a reverse auction that is Open.
    function _postedWindow(JobRecord storage job) private view returns (uint256) {
        return job.bidsCloseAt - job.postedAt - job.extraWindow;
    }

    /// @dev Puts a revealed price in its place; returns who does not lead (any more), or 0 after the first reveal.
    function _rank(JobRecord storage job, uint128 price) private returns (address released) {
        address leader = job.provider;
        uint128 lowest = job.mark;
        if (leader == address(0)) {
            // Alone: paid the public reserve.
            (job.provider, job.price, job.mark) = (msg.sender, job.maxPrice, price);
            return address(0);
        }
        if (price < lowest) {
            (job.provider, job.price, job.mark) = (msg.sender, lowest, price);
            return leader;
        }
        if (price < job.price) job.price = price;
        return msg.sender;
    }

    function _commitment(bytes32 jobId, mapping(address bidder => bytes32) storage commitments)
        private
        view
        returns (bytes32 commitment)
    {
        commitment = commitments[msg.sender];
        if (commitment == 0) revert Errors.BidCommitmentMissing(jobId, msg.sender);
    }

    function _needSealed(JobRecord storage job, bytes32 jobId) private view {
        if (job.auction != AuctionKind.Sealed) revert Errors.AuctionKindUnsuited(jobId, job.auction);
    }

    /// @dev The caller is somebody whom the job may go to: not its consumer, and as its requirements say.
    function _needSuited(JobRecord storage job, bytes32 jobId, IProviders providers, bytes calldata requirements)
        private
        view
    {
        if (msg.sender == job.consumer) revert Errors.ConsumerCannotBid(jobId, msg.sender);
        bytes32 expected = job.requirements;
        if (expected == 0) return;
        bytes32 actual = keccak256(requirements);
        if (actual != expected) revert Errors.RequirementsMismatch(jobId, expected, actual);
        providers.requireQualified(msg.sender, requirements);
    }
}
