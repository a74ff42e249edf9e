// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {PayeeBonds} from "./base/PayeeBonds.sol";
import {Payments} from "./base/Payments.sol";
import {IJobMarket, Job, Request, Terms} from "./interfaces/IJobMarket.sol";
import {ChannelTerms, IPaymentChannels} from "./interfaces/IPaymentChannels.sol";
import {Accusation, BondParams, IServingBonds, Statement} from "./interfaces/IServingBonds.sol";
import {Reason, State, Tier} from "./interfaces/Types.sol";
import {ACCUSATION_MARGIN, MIN_JUDGING} from "./libraries/BondLimits.sol";
import {BPS, BURN_ADDRESS, COMPENSATION_BPS, MAX_WINDOW} from "./libraries/Limits.sol";
import {ServedResults} from "./libraries/ServedResults.sol";

/// @title Stake behind served results
/// @notice See IServingBonds. Immutable: no owner, no pause. Reads market and channels, which know nothing of it.
/// INVARIANT: token.balanceOf(this) >= sum of all held and unbonding + a deposit for each accusation that stands + totalCredit; equal
/// unless somebody donates.
/// INVARIANT: a statement convicts once, and only what its payee's key has signed about what a job or it itself contradicts.
/// INVARIANT: convictions by one job take no more than was locked for it. SAFETY: whoever is consumer and provider of a false job takes half
/// of what it slashes, and loses half of that lock, which burns, where anybody has convicted it within its window.
/// ASSUMPTION: token, market and channels are the deployment's own; a state of the market that is Accepted stands.
contract ServingBonds is PayeeBonds {
    using ServedResults for Statement;

    IJobMarket public immutable market;
    IPaymentChannels public immutable channels;
    /// @inheritdoc IServingBonds
    uint128 public immutable accusationDeposit;
    /// @inheritdoc IServingBonds
    uint48 public immutable accusationWindow;
    /// @inheritdoc IServingBonds
    uint32 public immutable minVerification;

    mapping(bytes32 accusationId => Accusation) private _accusations;

    /// @inheritdoc IServingBonds
    mapping(bytes32 accusationId => bool) public isSpent;
    /// @inheritdoc IServingBonds
    mapping(bytes32 jobId => uint128) public takenBy;

    constructor(IERC20 token_, IJobMarket market_, IPaymentChannels channels_, BondParams memory params_)
        Payments(token_)
        PayeeBonds(params_.unbondingPeriod)
    {
        if (address(market_).code.length == 0) revert AddressMissing("market");
        if (address(channels_).code.length == 0) revert AddressMissing("channels");
        _bounded("accusationDeposit", params_.accusationDeposit, 1, type(uint128).max);
        _bounded("minVerification", params_.minVerification, MIN_JUDGING, MAX_WINDOW);
        // SAFETY: no longer than the unbonding: an accusation made before a withdrawal was asked for ends before it.
        _bounded(
            "accusationWindow",
            params_.accusationWindow,
            params_.minVerification + ACCUSATION_MARGIN,
            params_.unbondingPeriod
        );
        (market, channels) = (market_, channels_);
        (accusationDeposit, accusationWindow) = (params_.accusationDeposit, params_.accusationWindow);
        minVerification = params_.minVerification;
    }

    // ---------------------------------------------------------------- accusations

    /// @inheritdoc IServingBonds
    function accuse(
        ChannelTerms calldata terms,
        Statement calldata statement,
        uint256[] calldata typeWords,
        bytes[] calldata inputs
    ) external nonReentrant returns (bytes32 accusationId) {
        _checkStatement(terms, statement);
        accusationId = _needUnspent(statement);
        Accusation storage accusation = _accusations[accusationId];
        if (_stands(accusation)) revert AccusationStands(accusationId, accusation.lapsesAt);
        ServedResults.checkInput(statement.exactInput, statement.versionId, typeWords, inputs);
        uint48 lapsesAt = uint48(block.timestamp) + accusationWindow;
        _holdUp(terms.payee, statement.versionId, lapsesAt);
        _accusations[accusationId] = Accusation({
            payee: terms.payee,
            accusedAt: uint48(block.timestamp),
            lapsesAt: lapsesAt,
            payer: msg.sender,
            ended: false,
            versionId: statement.versionId,
            exactInput: statement.exactInput,
            exactOutput: statement.exactOutput
        });
        emit PayeeAccused(
            accusationId, statement.versionId, terms.payee, msg.sender, statement, typeWords, inputs, lapsesAt
        );
        _pull(accusationDeposit);
    }

    /// @inheritdoc IServingBonds
    function convict(bytes32 accusationId, bytes32 jobId, Terms calldata jobTerms) external returns (uint128 slashed) {
        Accusation storage accusation = _needStanding(accusationId);
        // SAFETY: whoever else could choose the job would choose one with a small lock.
        if (msg.sender != accusation.payer) revert NotAccuser(accusationId, accusation.payer, msg.sender);
        Job memory job = _checkJob(accusation, jobId, jobTerms);
        uint128 taken = takenBy[jobId];
        (address payee, bytes32 versionId) = (accusation.payee, accusation.versionId);
        slashed = _slash(accusationId, msg.sender, payee, versionId, job.lock - taken);
        takenBy[jobId] = taken + slashed;
        isSpent[accusationId] = true;
        emit PayeeConvicted(accusationId, versionId, payee, msg.sender, jobId, job.outputCommitment, slashed);
        _giveBack(accusationId, accusation);
    }

    /// @inheritdoc IServingBonds
    function contradict(ChannelTerms calldata terms, Statement calldata first, Statement calldata second)
        external
        returns (uint128 slashed)
    {
        _checkStatement(terms, first);
        if (second.versionId != first.versionId) revert VersionMismatch(first.versionId, second.versionId);
        if (second.exactInput != first.exactInput) revert InputMismatch(first.exactInput, second.exactInput);
        if (second.exactOutput == first.exactOutput) revert StatementsAgree(first.exactOutput);
        _needSigner(terms.payee, second);
        bytes32 accusationId = _needUnspent(first);
        _needBond(terms.payee, first.versionId);
        slashed = _slash(accusationId, msg.sender, terms.payee, first.versionId, type(uint256).max);
        isSpent[accusationId] = true;
        emit PayeeConvicted(accusationId, first.versionId, terms.payee, msg.sender, 0, second.exactOutput, slashed);
        Accusation storage accusation = _accusations[accusationId];
        if (_stands(accusation)) _giveBack(accusationId, accusation);
    }

    /// @inheritdoc IServingBonds
    function lapse(bytes32 accusationId) external {
        Accusation storage accusation = _needStanding(accusationId);
        if (block.timestamp < accusation.lapsesAt) revert AccusationStands(accusationId, accusation.lapsesAt);
        (address payee, bytes32 versionId) = (accusation.payee, accusation.versionId);
        emit AccusationLapsed(accusationId, versionId, payee);
        // Others were faster, and have left nothing to take: a job would be for nothing.
        if (_convictedAt(payee, versionId) >= accusation.accusedAt) {
            _giveBack(accusationId, accusation);
            return;
        }
        accusation.ended = true;
        uint256 compensation = (uint256(accusationDeposit) * COMPENSATION_BPS) / BPS;
        _credit(accusationId, payee, Reason.GasCompensation, compensation);
        _credit(accusationId, BURN_ADDRESS, Reason.Burn, accusationDeposit - compensation);
    }

    /// @inheritdoc IServingBonds
    function accusationOf(bytes32 accusationId) external view returns (Accusation memory) {
        return _accusations[accusationId];
    }

    // ---------------------------------------------------------------- what is checked

    /// @dev The caller is the payer of the statement's channel, and its payee has signed it.
    function _checkStatement(ChannelTerms calldata terms, Statement calldata statement) private view {
        bytes32 channelId = channels.idOf(terms);
        if (statement.channelId != channelId) revert ChannelMismatch(channelId, statement.channelId);
        if (statement.versionId != terms.versionId) revert VersionMismatch(terms.versionId, statement.versionId);
        if (msg.sender != terms.payer) revert NotPayer(channelId, terms.payer, msg.sender);
        _needSigner(terms.payee, statement);
    }

    function _needSigner(address payee, Statement calldata statement) private view {
        address signer = statement.signerOf(address(channels));
        if (signer != payee) revert SignerMismatch(payee, signer);
    }

    function _needUnspent(Statement calldata statement) private view returns (bytes32 accusationId) {
        accusationId = statement.idOf();
        if (isSpent[accusationId]) revert StatementSpent(accusationId);
    }

    function _needStanding(bytes32 accusationId) private view returns (Accusation storage accusation) {
        accusation = _accusations[accusationId];
        if (!_stands(accusation)) revert AccusationNotOpen(accusationId);
    }

    /// @dev The job may judge, and contradicts.
    function _checkJob(Accusation storage accusation, bytes32 jobId, Terms calldata terms)
        private
        view
        returns (Job memory job)
    {
        job = market.jobOf(jobId);
        bytes32 termsHash = keccak256(abi.encode(terms));
        if (termsHash != job.termsHash) revert TermsMismatch(jobId, job.termsHash, termsHash);
        // SAFETY: its own, or others could use up the lock that it has paid for.
        if (job.consumer != msg.sender) revert NotConsumer(jobId, msg.sender, job.consumer);
        Request calldata request = terms.request;
        if (request.tier != Tier.Optimistic) revert TierMismatch(jobId, Tier.Optimistic, request.tier);
        if (request.versionId != accusation.versionId) {
            revert VersionMismatch(accusation.versionId, request.versionId);
        }
        if (request.inputCommitment != accusation.exactInput) {
            revert InputMismatch(accusation.exactInput, request.inputCommitment);
        }
        // SAFETY: whoever would challenge it has had input and result for the whole of its window.
        if (job.submittedAt < accusation.accusedAt) revert JobTooEarly(jobId, accusation.accusedAt, job.submittedAt);
        if (job.verificationWindow < minVerification) {
            revert WindowTooShort(jobId, minVerification, job.verificationWindow);
        }
        State state = market.stateOf(jobId);
        if (state != State.Accepted) revert JobNotAccepted(jobId, state);
        if (job.outputCommitment == accusation.exactOutput) revert OutputsAgree(jobId, job.outputCommitment);
    }

    function _stands(Accusation storage accusation) private view returns (bool) {
        return accusation.accusedAt != 0 && !accusation.ended;
    }

    /// @dev Ends an accusation whose deposit is the payer's again.
    function _giveBack(bytes32 accusationId, Accusation storage accusation) private {
        accusation.ended = true;
        _credit(accusationId, accusation.payer, Reason.Refund, accusationDeposit);
    }
}
