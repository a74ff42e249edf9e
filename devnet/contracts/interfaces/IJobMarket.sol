// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AuctionKind, Reason, State, Tier} from "./Types.sol";

/// What the consumer asks for. Windows are in seconds; intervals are half-open.
struct Request {
    bytes32 versionId;
    Tier tier;
    AuctionKind auction;
    uint8 scheme; // how the input root was made: 1 = Poseidon, 2 = keccak256, 3 = exact tensors
    bytes32 inputCommitment; // keccak256(abi.encode(keccak256("mlm/in/1"), tier, scheme, versionId, root))
    bytes32 input; // sha2-256 digest of the DAG-CBOR block that holds the input; 0 when it travels otherwise
    uint128 maxPrice; // escrowed at posting, in token base units
    uint128 startPrice; // Dutch: what the clock offers first; Batch: the price of tick 0; else 0
    uint128 priceStep; // Batch: from one tick to the next; else 0
    uint32 biddingWindow; // from the posting; Batch: a round's length, rounds end at its multiples since 1970
    uint32 revealWindow; // from the close of bids. Sealed: to reveal; Batch: to draw the awards; else 0
    uint32 deliveryWindow; // from the close of reveals, or of bids where nothing is revealed
    uint32 executionWindow; // from the acceptance of the input
    uint32 verificationWindow; // from the submission
    bytes32 requirements; // keccak256 of the ABI-encoded Requirements of who may bid; 0: anybody
    uint96 valueAtRisk; // Optimistic, Redundant: what a false result costs the consumer beyond the price; else 0
    bytes32 policy; // the tier's own terms, as its verifier reads them (IVerifier.checkPolicy); 0 where it has none
}

/// What the market froze when the job was posted, so that no term moves under a running job.
struct Snapshot {
    address verifier;
    bytes32 key;
    uint128 usePrice;
    uint16 ownerBps;
    uint16 protocolFeeBps;
    uint16 treasuryBps; // of the protocol fee of an accepted job
    uint16 stakersBps; // of the same; the rest of it burns, dust included
    address treasury;
    uint128 lock; // stake that a bid locks
    uint128 undeliveredFee; // consumer pays it, and the lease holder burns as much, when no input was accepted
    uint128 gasCompensation; // from a defaulter's lock to the consumer
    address[] payees; // payees[0] is the owner, who takes the remainder
    uint16[] bps;
}

struct Terms {
    Request request;
    Snapshot snapshot;
}

/// The facts the market stores of a job; `state` follows from them and the clock.
struct Job {
    bytes32 termsHash; // keccak256(abi.encode(Terms))
    bytes32 versionId;
    address consumer;
    uint48 postedAt;
    uint48 bidsCloseAt;
    address provider; // best bidder so far, then lease holder
    uint48 acceptedAt;
    uint48 submittedAt;
    uint128 maxPrice;
    uint128 price; // what the provider is paid if it all ends now: best bid, Sealed: second best revealed, or maxPrice
    uint128 floor; // least price that covers fee and owner
    uint128 lock;
    address verifier;
    uint32 revealWindow; // shorter than posted once reveals or awards are over early
    uint32 deliveryWindow;
    uint32 executionWindow;
    uint32 verificationWindow;
    AuctionKind auction;
    bool cancelled;
    bool verified; // the verifier accepted the evidence at once
    uint48 settledAt;
    bytes32 outputCommitment;
    uint128 startPrice; // of a Dutch clock
    uint32 commitments; // sealed bids that stand: neither withdrawn, revealed nor burned
    bytes32 requirements;
}

interface IJobMarket {
    event JobPosted(
        bytes32 indexed jobId, bytes32 indexed versionId, address indexed consumer, uint256 nonce, Terms terms
    );
    event BidPlaced(bytes32 indexed jobId, bytes32 indexed versionId, address indexed provider, uint128 price);
    /// A late bid has left the others time to answer it.
    event BidsExtended(bytes32 indexed jobId, bytes32 indexed versionId, uint48 bidsCloseAt);
    event BidsClosed(bytes32 indexed jobId, bytes32 indexed versionId, address indexed provider, uint128 price);
    event BidCommitted(bytes32 indexed jobId, bytes32 indexed versionId, address indexed bidder, bytes32 commitment);
    event BidRevealed(bytes32 indexed jobId, bytes32 indexed versionId, address indexed bidder, uint128 price);
    event BidWithdrawn(bytes32 indexed jobId, bytes32 indexed versionId, address indexed bidder);
    /// A sealed bid was not revealed in time: its bond burned whole.
    event BidForfeited(bytes32 indexed jobId, bytes32 indexed versionId, address indexed bidder, uint128 amount);
    event InputAccepted(bytes32 indexed jobId, bytes32 indexed versionId, address indexed provider);
    event ResultSubmitted(
        bytes32 indexed jobId,
        bytes32 indexed versionId,
        address indexed provider,
        bytes32 outputCommitment,
        bytes32 result
    );
    event JobSettled(
        bytes32 indexed jobId,
        bytes32 indexed versionId,
        address indexed consumer,
        address provider,
        State state,
        uint128 price
    );
    event Credited(bytes32 indexed jobId, address indexed account, Reason indexed reason, uint256 amount);
    event Withdrawn(address indexed account, uint256 amount);
    event Paused(uint48 until);

    /// @notice Posts a job and escrows its maximum price.
    /// jobId = keccak256(abi.encode(keccak256("mlm/job/1"), chainid, market, consumer, nonce, termsHash)).
    /// @param nonce Chosen by the consumer; the same terms with the same nonce cannot be posted twice.
    function post(Request calldata request, uint256 nonce) external returns (bytes32 jobId);

    /// @notice Offers to do the job for `price`. `Fixed`: the price must equal maxPrice and closes the bids.
    /// `Reverse`: the price must be below the best so far; the bidder before is released in the same transaction. A late bid
    /// moves the close of bids: libraries/Limits.sol says how far.
    /// `Dutch`: the least that the bidder takes; if the clock offers it, the bidder wins at the clock's price.
    /// @param requirements The ABI-encoded Requirements whose hash the job names; not read where it names none.
    function bid(bytes32 jobId, uint128 price, bytes calldata requirements) external;

    /// @notice `Sealed`: bids without showing the price, while bids are open; locks max(lock, maxPrice) as a bond.
    /// @param commitment keccak256(abi.encode(keccak256("mlm/bid/1"), chainid, market, jobId, bidder, price, salt)).
    function commitBid(bytes32 jobId, bytes32 commitment, bytes calldata requirements) external;

    /// @notice `Sealed`: shows the price of the caller's commitment, between the close of bids and that of reveals. The
    /// lowest wins, the earlier reveal at a tie, and is paid the second lowest or, alone, maxPrice. Every bond but the
    /// leader's is released in this transaction. The last commitment's reveal closes the reveals.
    function revealBid(bytes32 jobId, uint128 price, bytes32 salt) external;

    /// @notice Takes back the caller's bid while bids are open. `Reverse`: the best one, in the first half of the
    /// bids' time, which burns the undelivered fee of its lock; the job then has no bid. `Sealed`: the commitment, free of charge: nothing was shown.
    function withdrawBid(bytes32 jobId) external;

    /// @notice `Sealed`: burns the bond of a commitment that was not revealed in time. Anyone may call.
    function burnUnrevealed(bytes32 jobId, address bidder) external;

    /// @notice `Batch`: gives the lease that was drawn, at the uniform price, and starts it. BatchAuction only.
    function lease(bytes32 jobId, address provider, uint128 price) external;

    /// @notice Closes the bids early in favour of the best. Consumer only.
    function award(bytes32 jobId) external;

    /// @notice Cancels a job without bids or commitments and credits the escrow. Consumer only; not for `Batch`.
    function cancel(bytes32 jobId) external;

    /// @notice The lease holder's word that it holds the input and can execute it: its clock starts.
    function accept(bytes32 jobId) external;

    /// @notice Hands in a result. Lease holder only. Settles in the same transaction when the evidence decides at once.
    /// @param result sha2-256 digest of a DAG-CBOR block describing the result, or 0.
    function submit(bytes32 jobId, Terms calldata terms, bytes calldata evidence, bytes32 result) external;

    /// @notice Draws the final credits of a job whose state is final. Anyone may call; a job settles once.
    function settle(bytes32 jobId, Terms calldata terms) external;

    /// @notice Pays the caller everything credited to it.
    function withdraw() external returns (uint256 amount);

    /// @notice Sends what was burned to the burn address. Anyone may call.
    function burn() external returns (uint256 amount);

    /// @notice Stops new jobs for PAUSE_DURATION; expires by itself; cannot be renewed before PAUSE_COOLDOWN has passed. Guardian only.
    function pause() external;

    function stateOf(bytes32 jobId) external view returns (State);
    function jobOf(bytes32 jobId) external view returns (Job memory);
    /// @notice A bidder's sealed bid that stands, or 0.
    function commitmentOf(bytes32 jobId, address bidder) external view returns (bytes32);
    function creditOf(address account) external view returns (uint256);

    /// @notice Sum of all unsettled escrows.
    function totalEscrow() external view returns (uint256);
    /// @notice Sum of all credits not yet withdrawn, burned ones included.
    function totalCredit() external view returns (uint256);
}
