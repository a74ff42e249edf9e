// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IJobMarket, Snapshot} from "../interfaces/IJobMarket.sol";
import {IReputation} from "../interfaces/IReputation.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {AuctionKind, Outcome, Reason, Role, State} from "../interfaces/Types.sol";
import {Bidding} from "./Bidding.sol";
import {JobRecord} from "./JobRecord.sol";
import {BPS, BURN_ADDRESS, CHALLENGER_BPS} from "./Limits.sol";

/// @title Who is credited what when a job ends (docs/job.md, mlm/core/settlement.py, tests/vectors/settlement.json)
/// @notice The market calls `settle` in its own storage, under its own address, once it has released the job's escrow.
/// All amounts are token base units, all shares basis points.
library Settlement {
    /// @notice Draws the credits of a final state: maxPrice, and what is slashed of the lease holder's lock.
    /// What the terms say of the job is taken from them: their hash was compared, and calldata costs less than storage.
    /// @return slashed What the vault sent here.
    function settle(
        JobRecord storage job,
        bytes32 jobId,
        mapping(address account => uint256) storage creditOf,
        IStakeVault vault,
        IReputation reputation,
        Snapshot calldata snapshot,
        uint128 maxPrice,
        State state
    ) external returns (uint128 slashed) {
        if (state == State.Accepted) {
            uint256 burned = _pay(job, jobId, creditOf, vault, snapshot);
            credit(creditOf, jobId, job.consumer, Reason.Refund, maxPrice - job.price);
            vault.unlock(jobId, job.provider, Role.Provider);
            // SAFETY: a part of the price, which fits.
            // forge-lint: disable-next-line(unsafe-typecast)
            reputation.record(jobId, job.provider, Outcome.Accepted, job.price, uint128(burned));
            return 0;
        }
        {
            uint128 fee = state == State.Undelivered ? snapshot.undeliveredFee : 0;
            credit(creditOf, jobId, snapshot.treasury, Reason.ProtocolFee, fee);
            credit(creditOf, jobId, job.consumer, Reason.Refund, maxPrice - fee);
        }
        // Nobody bid.
        if (state == State.Expired) return 0;

        Outcome outcome;
        {
            uint128 toConsumer;
            (outcome, slashed, toConsumer) = _fault(snapshot, state);
            credit(creditOf, jobId, job.consumer, Reason.GasCompensation, toConsumer);
            // SAFETY: toConsumer <= slashed <= the lock by the bounds in MarketTerms.
            uint256 rest = slashed - toConsumer;
            if (state == State.Rejected) rest -= _reward(jobId, creditOf, snapshot.verifier, rest);
            credit(creditOf, jobId, BURN_ADDRESS, Reason.Burn, rest);
        }
        _takeLock(job, jobId, vault, snapshot.lock, slashed);
        reputation.record(jobId, job.provider, outcome, job.price, 0);
    }

    /// @notice What an account may draw from now on. The market counts it in `totalCredit`, once for all accounts.
    function credit(
        mapping(address account => uint256) storage creditOf,
        bytes32 jobId,
        address account,
        Reason reason,
        uint256 amount
    ) internal {
        if (amount == 0) return;
        creditOf[account] += amount;
        emit IJobMarket.Credited(jobId, account, reason, amount);
    }

    /// @return outcome What the lease holder's reputation counts.
    /// @return slashed What it loses of its lock: `toConsumer` of it pays the consumer's gas, the rest burns.
    function _fault(Snapshot calldata snapshot, State state)
        private
        pure
        returns (Outcome outcome, uint128 slashed, uint128 toConsumer)
    {
        // Neither side gains by the other's silence: the lease holder loses as much as the consumer, no more.
        if (state == State.Undelivered) return (Outcome.Undelivered, snapshot.undeliveredFee, 0);
        if (state == State.Defaulted) return (Outcome.Defaulted, snapshot.lock, snapshot.gasCompensation);
        return (Outcome.Rejected, snapshot.lock, 0);
    }

    /// @dev Credits whoever has shown that the result is false; with nobody to reward, the whole lock burns.
    function _reward(
        bytes32 jobId,
        mapping(address account => uint256) storage creditOf,
        address verifier,
        uint256 slashed
    ) private returns (uint256 reward) {
        address challenger = IVerifier(verifier).challengerOf(jobId);
        if (challenger == address(0)) return 0;
        reward = challengerPart(slashed);
        credit(creditOf, jobId, challenger, Reason.ChallengerReward, reward);
    }

    /// @dev What is not slashed of the lock is free again.
    function _takeLock(JobRecord storage job, bytes32 jobId, IStakeVault vault, uint128 locked, uint128 slashed)
        private
    {
        if (job.auction == AuctionKind.Sealed) locked = Bidding.bond(locked, job.maxPrice);
        address provider = job.provider;
        if (slashed != 0) vault.slash(jobId, provider, Role.Provider, slashed);
        if (slashed < locked) vault.unlock(jobId, provider, Role.Provider);
    }

    /// @dev Splits the price among treasury, stakers, owner, parents and provider, and burns what nobody has of the fee;
    /// parts sum to it.
    /// @return burned What burns of the protocol fee.
    function _pay(
        JobRecord storage job,
        bytes32 jobId,
        mapping(address account => uint256) storage creditOf,
        IStakeVault vault,
        Snapshot calldata snapshot
    ) private returns (uint256 burned) {
        (uint256 fee, uint256[] memory shares, uint256 rest) = split(
            job.price, snapshot.protocolFeeBps, snapshot.usePrice, snapshot.ownerBps, snapshot.bps
        );
        burned = _creditFee(jobId, creditOf, vault, snapshot, fee);
        address[] calldata payees = snapshot.payees;
        for (uint256 i = 0; i < shares.length; ++i) {
            credit(creditOf, jobId, payees[i], Reason.Royalty, shares[i]);
        }
        credit(creditOf, jobId, job.provider, Reason.Payment, rest);
    }

    function _creditFee(
        bytes32 jobId,
        mapping(address account => uint256) storage creditOf,
        IStakeVault vault,
        Snapshot calldata snapshot,
        uint256 fee
    ) private returns (uint256 burned) {
        uint256 toTreasury;
        uint256 toStakers;
        (toTreasury, toStakers, burned) = splitFee(fee, snapshot.treasuryBps, snapshot.stakersBps);
        credit(creditOf, jobId, snapshot.treasury, Reason.ProtocolFee, toTreasury);
        // The vault draws it for all who hold stake there.
        credit(creditOf, jobId, address(vault), Reason.StakerReward, toStakers);
        credit(creditOf, jobId, BURN_ADDRESS, Reason.Burn, burned);
    }

    /// @notice ceil(price * feeBps / 1e4), and at least 1.
    function feeUp(uint256 price, uint256 feeBps) internal pure returns (uint256) {
        uint256 fee = (price * feeBps + BPS - 1) / BPS;
        return fee == 0 ? 1 : fee;
    }

    /// @notice Who takes the protocol fee: treasury and stakers their basis points of it, rounded down. The rest burns.
    /// SAFETY: treasuryBps + stakersBps <= 1e4, else this underflows and reverts.
    function splitFee(uint256 fee, uint256 treasuryBps, uint256 stakersBps)
        internal
        pure
        returns (uint256 treasury, uint256 stakers, uint256 burned)
    {
        treasury = (fee * treasuryBps) / BPS;
        stakers = (fee * stakersBps) / BPS;
        burned = fee - treasury - stakers;
    }

    /// @notice A challenger's share of what a provider loses, rounded down; the rest burns.
    function challengerPart(uint256 slashed) internal pure returns (uint256) {
        return (slashed * CHALLENGER_BPS) / BPS;
    }

    /// @notice What the owner and its parents share: max(usePrice, floor(price * ownerBps / 1e4)).
    function ownerPart(uint256 price, uint256 usePrice, uint256 ownerBps) internal pure returns (uint256) {
        uint256 share = (price * ownerBps) / BPS;
        return share > usePrice ? share : usePrice;
    }

    /// @notice The least price P with fee(P) + ownerPart(P) <= P; every price above it satisfies this too.
    /// @dev P - ceil(P*f/1e4) = floor(P*(1e4-f)/1e4) grows with P, so the use price asks for P >= ceil(usePrice*1e4/(1e4-f))
    /// and, through the least fee, P > usePrice. The owner's share asks for nothing more while feeBps + ownerBps <= 1e4.
    /// SAFETY: feeBps < 1e4 (MAX_PROTOCOL_FEE_BPS).
    function floorPrice(uint256 feeBps, uint256 usePrice) internal pure returns (uint256) {
        uint256 rest = BPS - feeBps;
        uint256 least = (usePrice * BPS + rest - 1) / rest;
        return least > usePrice ? least : usePrice + 1;
    }

    /// @notice Splits `price`. INVARIANT: fee + sum(shares) + provider == price.
    /// @param bps Shares of the owner's part, one for each payee; bps[0] is ignored, payee 0 takes the remainder.
    /// SAFETY: price >= floorPrice and sum(bps[1:]) <= 1e4, else this underflows and reverts.
    function split(uint256 price, uint256 feeBps, uint256 usePrice, uint256 ownerBps, uint16[] memory bps)
        internal
        pure
        returns (uint256 fee, uint256[] memory shares, uint256 provider)
    {
        fee = feeUp(price, feeBps);
        uint256 part = ownerPart(price, usePrice, ownerBps);
        provider = price - fee - part;
        shares = new uint256[](bps.length);
        uint256 remainder = part;
        for (uint256 i = 1; i < bps.length; ++i) {
            shares[i] = (part * bps[i]) / BPS;
            remainder -= shares[i];
        }
        shares[0] = remainder;
    }
}
