// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {MarketTerms, Modules, Params} from "./base/MarketTerms.sol";
import {NewJobsPause} from "./base/NewJobsPause.sol";
import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {IJobMarket, Job, Request, Snapshot, Terms} from "./interfaces/IJobMarket.sol";
import {IBatchAuction} from "./interfaces/IBatchAuction.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {Claim, IVerifier} from "./interfaces/IVerifier.sol";
import {AuctionKind, Reason, State, Tier, Verdict} from "./interfaces/Types.sol";
import {Bidding} from "./libraries/Bidding.sol";
import {Ending, JobRecord} from "./libraries/JobRecord.sol";
import {JobStates} from "./libraries/JobStates.sol";
import {BURN_ADDRESS} from "./libraries/Limits.sol";
import {Settlement} from "./libraries/Settlement.sol";

/// @title Jobs, escrow, bids, leases, results and settlement
/// @notice Stores facts; a job's state follows from them and the clock (libraries/JobStates.sol, docs/job.md).
/// Immutable: no owner, no upgrade; the guardian can stop new jobs for a while and nothing else.
/// INVARIANT: totalEscrow is the sum of maxPrice over posted, unsettled jobs.
/// INVARIANT: a job settles once, under the terms it was posted with.
/// ASSUMPTION: token, registry, vault and verifiers are the deployment's own contracts; a verifier's verdict does not
/// change any more once it is Accepted or Rejected, nor from Pending after the verification window; and the challenger of a
/// Rejected one does not either.
contract JobMarket is NewJobsPause {
    bytes32 private constant JOB_DOMAIN = keccak256("mlm/job/1");

    IStakeVault public immutable vault;

    mapping(bytes32 jobId => JobRecord) private _jobs;
    mapping(bytes32 jobId => mapping(address bidder => bytes32)) private _commitments;

    /// @param verifiers By tier number; address(0) where the tier is unavailable.
    constructor(
        IERC20 token_,
        IAssetRegistry registry_,
        IStakeVault vault_,
        Modules memory modules,
        address[6] memory verifiers,
        Params memory params_
    ) MarketTerms(token_, registry_, modules, verifiers, params_) {
        _present("vault", address(vault_));
        vault = vault_;
    }

    // ---------------------------------------------------------------- the consumer

    /// @inheritdoc IJobMarket
    // When bids close, a batch's round says, so the job is written after that call; all that writes holds the guard.
    // slither-disable-next-line reentrancy-no-eth,reentrancy-benign
    function post(Request calldata request, uint256 nonce) external nonReentrant returns (bytes32 jobId) {
        _needRunning();
        (Terms memory terms, uint128 floor) = _terms(request);
        bytes32 termsHash = keccak256(abi.encode(terms));
        jobId = keccak256(abi.encode(JOB_DOMAIN, block.chainid, address(this), msg.sender, nonce, termsHash));
        JobRecord storage job = _jobs[jobId];
        if (job.postedAt != 0) revert JobAlreadyPosted(jobId);
        _record(job, terms.request, floor, _closeOfBids(jobId, request, terms.snapshot));
        job.termsHash = termsHash;
        _escrow += request.maxPrice;
        emit JobPosted(jobId, request.versionId, msg.sender, nonce, terms);
        _pull(request.maxPrice);
    }

    /// @inheritdoc IJobMarket
    function award(bytes32 jobId) external nonReentrant {
        JobRecord storage job = _jobs[jobId];
        _needState(jobId, job, State.Open);
        if (msg.sender != job.consumer) revert NotConsumer(jobId, job.consumer, msg.sender);
        if (job.provider == address(0)) revert JobHasNoBid(jobId);
        Bidding.closeBids(job, jobId);
    }

    /// @inheritdoc IJobMarket
    function cancel(bytes32 jobId) external nonReentrant {
        JobRecord storage job = _jobs[jobId];
        _needState(jobId, job, State.Open);
        if (msg.sender != job.consumer) revert NotConsumer(jobId, job.consumer, msg.sender);
        if (job.provider != address(0)) revert JobHasBid(jobId, job.provider);
        AuctionKind auction = job.auction;
        // Its round counts on it.
        if (auction == AuctionKind.Batch) revert AuctionKindUnsuited(jobId, auction);
        if (auction == AuctionKind.Sealed && job.commitments != 0) revert JobHasCommitments(jobId, job.commitments);
        uint128 maxPrice = job.maxPrice;
        job.ending = Ending.Cancelled;
        _close(jobId, job, job.versionId, msg.sender, address(0), maxPrice, State.Cancelled);
        _credit(jobId, msg.sender, Reason.Refund, maxPrice);
    }

    // ---------------------------------------------------------------- the provider

    /// @inheritdoc IJobMarket
    function bid(bytes32 jobId, uint128 price, bytes calldata requirements) external nonReentrant {
        JobRecord storage job = _jobs[jobId];
        _needState(jobId, job, State.Open);
        Bidding.bid(job, jobId, vault, providers, _lockOf(job), price, requirements);
    }

    /// @inheritdoc IJobMarket
    function commitBid(bytes32 jobId, bytes32 commitment, bytes calldata requirements) external nonReentrant {
        JobRecord storage job = _jobs[jobId];
        _needState(jobId, job, State.Open);
        uint128 lock = _lockOf(job);
        Bidding.commit(job, jobId, _commitments[jobId], vault, providers, lock, commitment, requirements);
    }

    /// @inheritdoc IJobMarket
    function revealBid(bytes32 jobId, uint128 price, bytes32 salt) external nonReentrant {
        JobRecord storage job = _jobs[jobId];
        _needState(jobId, job, State.Revealing);
        Bidding.reveal(job, jobId, _commitments[jobId], vault, price, salt);
    }

    /// @inheritdoc IJobMarket
    function withdrawBid(bytes32 jobId) external nonReentrant {
        JobRecord storage job = _jobs[jobId];
        _needState(jobId, job, State.Open);
        uint128 fee = _undeliveredFeeFor(job.maxPrice);
        uint128 lock = _lockOf(job);
        _burnSlashed(jobId, Bidding.withdraw(job, jobId, _commitments[jobId], vault, lock, fee));
    }

    /// @inheritdoc IJobMarket
    function accept(bytes32 jobId) external nonReentrant {
        JobRecord storage job = _jobs[jobId];
        _needState(jobId, job, State.Leased);
        if (msg.sender != job.provider) revert NotLeaseHolder(jobId, job.provider, msg.sender);
        job.acceptedAt = uint40(block.timestamp);
        emit InputAccepted(jobId, job.versionId, msg.sender);
    }

    /// @inheritdoc IJobMarket
    // The output comes from the verifier, so it is written after that call; all that writes holds the guard.
    // slither-disable-next-line reentrancy-no-eth
    function submit(bytes32 jobId, Terms calldata terms, bytes calldata evidence, bytes32 result)
        external
        nonReentrant
    {
        JobRecord storage job = _jobs[jobId];
        _needState(jobId, job, State.Ready);
        if (msg.sender != job.provider) revert NotLeaseHolder(jobId, job.provider, msg.sender);
        _needTerms(jobId, job, terms);
        job.submittedAt = uint40(block.timestamp);
        // SAFETY: a false proof reverts here, and with it everything above.
        (Verdict verdict, bytes32 outputCommitment) =
            IVerifier(terms.snapshot.verifier).check(_claim(jobId, terms), evidence);
        job.outputCommitment = outputCommitment;
        emit ResultSubmitted(jobId, terms.request.versionId, msg.sender, outputCommitment, result);
        if (verdict == Verdict.Accepted) {
            job.ending = Ending.Verified;
            _settle(jobId, job, terms, State.Accepted);
        } else if (verdict != Verdict.Pending) {
            revert VerdictUnexpected(jobId, verdict);
        }
    }

    // ---------------------------------------------------------------- anyone

    /// @inheritdoc IJobMarket
    function settle(bytes32 jobId, Terms calldata terms) external nonReentrant {
        JobRecord storage job = _jobs[jobId];
        // INVARIANT: a job settles once.
        if (job.settledAt != 0) revert JobAlreadySettled(jobId, job.settledAt);
        State state = _stateOf(jobId, job);
        if (!JobStates.isFinal(state)) revert JobNotFinal(jobId, state);
        _needTerms(jobId, job, terms);
        _settle(jobId, job, terms, state);
    }

    /// @inheritdoc IJobMarket
    function burnUnrevealed(bytes32 jobId, address bidder) external nonReentrant {
        JobRecord storage job = _jobs[jobId];
        uint128 lock = _lockOf(job);
        _burnSlashed(jobId, Bidding.forfeit(job, jobId, _commitments[jobId], vault, bidder, lock));
    }

    /// @inheritdoc IJobMarket
    function lease(bytes32 jobId, address provider, uint128 price) external nonReentrant {
        if (msg.sender != address(batchAuction)) revert NotBatchAuction(address(batchAuction), msg.sender);
        JobRecord storage job = _jobs[jobId];
        _needState(jobId, job, State.Revealing);
        Bidding.award(job, jobId, vault, provider, _lockOf(job), price);
    }

    /// @inheritdoc IJobMarket
    function stateOf(bytes32 jobId) external view returns (State) {
        return _stateOf(jobId, _jobs[jobId]);
    }

    /// @inheritdoc IJobMarket
    function jobOf(bytes32 jobId) external view returns (Job memory) {
        JobRecord memory job = _jobs[jobId];
        bool known = job.postedAt != 0;
        return Job({
            termsHash: job.termsHash,
            versionId: job.versionId,
            consumer: job.consumer,
            postedAt: job.postedAt,
            bidsCloseAt: job.bidsCloseAt,
            provider: job.provider,
            acceptedAt: job.acceptedAt,
            submittedAt: job.submittedAt,
            maxPrice: job.maxPrice,
            price: job.price,
            floor: job.floor,
            lock: known ? _lockFor(job.tier, job.maxPrice, job.valueAtRisk) : 0,
            verifier: known ? verifierOf(job.tier) : address(0),
            revealWindow: JobStates.revealWindow(job.auction, job.extraWindow),
            deliveryWindow: job.deliveryWindow,
            executionWindow: job.executionWindow,
            verificationWindow: job.verificationWindow,
            auction: job.auction,
            cancelled: job.ending == Ending.Cancelled,
            verified: job.ending == Ending.Verified,
            settledAt: job.settledAt,
            outputCommitment: job.outputCommitment,
            startPrice: job.auction == AuctionKind.Dutch ? job.mark : 0,
            commitments: job.commitments,
            requirements: job.requirements
        });
    }

    /// @inheritdoc IJobMarket
    function commitmentOf(bytes32 jobId, address bidder) external view returns (bytes32) {
        return _commitments[jobId][bidder];
    }

    // ---------------------------------------------------------------- settlement

    /// @dev Escrow in: maxPrice. Credits out: maxPrice plus what was slashed.
    function _settle(bytes32 jobId, JobRecord storage job, Terms calldata terms, State state) private {
        Request calldata request = terms.request;
        _close(jobId, job, request.versionId, job.consumer, job.provider, request.maxPrice, state);
        totalCredit += Settlement.settle(
            job, jobId, creditOf, vault, reputation, terms.snapshot, request.maxPrice, state
        );
    }

    /// @dev Burns what a bidder lost and the vault sent here.
    function _burnSlashed(bytes32 jobId, uint128 amount) private {
        totalCredit += amount;
        _credit(jobId, BURN_ADDRESS, Reason.Burn, amount);
    }

    /// @dev Marks the job as settled and releases its escrow to the credits that follow.
    function _close(
        bytes32 jobId,
        JobRecord storage job,
        bytes32 versionId,
        address consumer,
        address provider,
        uint128 maxPrice,
        State state
    ) private {
        job.settledAt = uint40(block.timestamp);
        _release(maxPrice);
        uint128 paid = state == State.Accepted ? job.price : 0;
        emit JobSettled(jobId, versionId, consumer, provider, state, paid);
    }

    // ---------------------------------------------------------------- facts

    /// @dev What a posting stores, word by word: with nothing in between the compiler writes each word once.
    function _record(JobRecord storage job, Request memory request, uint128 floor, uint40 bidsCloseAt) private {
        AuctionKind auction = request.auction;
        Tier tier = request.tier;
        uint24 revealWindow = uint24(request.revealWindow);
        uint24 executionWindow = uint24(request.executionWindow);
        uint24 verificationWindow = uint24(request.verificationWindow);
        job.versionId = request.versionId;
        job.consumer = msg.sender;
        job.postedAt = uint40(block.timestamp);
        job.bidsCloseAt = bidsCloseAt;
        job.auction = auction;
        job.tier = tier;
        job.maxPrice = request.maxPrice;
        job.floor = floor;
        job.extraWindow = revealWindow;
        job.deliveryWindow = uint24(request.deliveryWindow);
        job.executionWindow = executionWindow;
        job.verificationWindow = verificationWindow;
        if (request.requirements != 0) job.requirements = request.requirements;
        if (auction == AuctionKind.Dutch) job.mark = request.startPrice;
        if (request.valueAtRisk != 0) job.valueAtRisk = request.valueAtRisk;
    }

    /// @dev A batch's round closes with its class, any other job after its own window.
    function _closeOfBids(bytes32 jobId, Request calldata request, Snapshot memory snapshot) private returns (uint40) {
        if (request.auction == AuctionKind.Batch) {
            return uint40(batchAuction.enter(jobId, request, snapshot.usePrice, snapshot.ownerBps));
        }
        return uint40(block.timestamp + request.biddingWindow);
    }

    function _claim(bytes32 jobId, Terms calldata terms) private view returns (Claim memory) {
        return Claim({
            jobId: jobId,
            versionId: terms.request.versionId,
            key: terms.snapshot.key,
            inputCommitment: terms.request.inputCommitment,
            provider: msg.sender,
            tier: terms.request.tier,
            scheme: terms.request.scheme,
            policy: terms.request.policy
        });
    }

    function _stateOf(bytes32 jobId, JobRecord storage job) private view returns (State state) {
        state = JobStates.beforeVerdict(job, block.timestamp);
        if (state == State.Submitted) {
            state = JobStates.underVerdict(job, block.timestamp, IVerifier(verifierOf(job.tier)).verdictOf(jobId));
        }
    }

    /// @dev What a bid on this job locks.
    function _lockOf(JobRecord storage job) private view returns (uint128) {
        Tier tier = job.tier;
        // The other tiers put nothing there: they need not read it.
        bool risky = tier == Tier.Optimistic || tier == Tier.Redundant;
        return _lockFor(tier, job.maxPrice, risky ? job.valueAtRisk : 0);
    }

    function _needState(bytes32 jobId, JobRecord storage job, State expected) private view {
        State actual = _stateOf(jobId, job);
        if (actual != expected) revert JobInState(jobId, expected, actual);
    }

    function _needTerms(bytes32 jobId, JobRecord storage job, Terms calldata terms) private view {
        bytes32 actual = keccak256(abi.encode(terms));
        if (actual != job.termsHash) revert TermsMismatch(jobId, job.termsHash, actual);
    }
}
