// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Terms} from "./IJobMarket.sol";
import {ChannelTerms} from "./IPaymentChannels.sol";
import {IPullCredits} from "./IPullCredits.sol";
import {Reason} from "./Types.sol";

/// What a payee signed for one served call of an exact model (docs/serving.md), and what its profile opens to.
struct Statement {
    bytes32 channelId;
    uint64 call;
    bytes32 request;
    bytes32 versionId;
    bytes32 inputCommitment; // of the tier none, to the tensors that were sent
    bytes32 outputCommitment; // of the same tier, to those that came back
    uint64 servedAt;
    bytes32 exactInput; // the input commitment that a job of the tier optimistic with this input has
    bytes32 exactOutput; // its output commitment, as the payee says
    bytes signature; // EIP-712, of ServedResult, by the payee's key
}

/// What a payee has put behind all that it serves of one version, in token base units.
struct Bond {
    uint128 held;
    uint128 unbonding; // beside it: on its way out, and slashable until it is withdrawn
    uint48 releaseAt; // of what unbonds
    uint48 heldUntil; // of the same, by an accusation that was made before `releaseAt`
    uint48 convictedAt; // when a statement of the payee was last proven false; 0: never
}

/// A payer's accusation. It stands until it is proven or ended.
struct Accusation {
    address payee;
    uint48 accusedAt;
    uint48 lapsesAt; // from then on anybody may end it
    address payer;
    bool ended;
    bytes32 versionId;
    bytes32 exactInput;
    bytes32 exactOutput;
}

/// What the contract is deployed with; immutable. Times in seconds.
struct BondParams {
    uint128 accusationDeposit; // token base units
    uint48 unbondingPeriod;
    uint48 accusationWindow;
    uint32 minVerification;
}

/// @title Stake behind served results: a payer takes it with a job that contradicts what the payee has signed
/// @notice docs/serving.md, "Bonds", and docs/decisions/0035: the judge is the market itself. A payer shows the inputs on chain and has a
/// job of the tier optimistic run with them, which anybody can challenge by fault proofs; once it is accepted with other outputs, the
/// payee is convicted. A job takes no more than was locked for it, so that a false one risks as much as it could take.
/// `accusationId` = keccak256(abi.encode(keccak256("mlm/accusation/1"), chainid, this, channelId, call, exactOutput)): one for each statement.
interface IServingBonds is IPullCredits {
    event BondDeposited(address indexed payee, bytes32 indexed versionId, uint128 amount);
    /// `amount` began to unbond; all that unbonds can be withdrawn from `releaseAt` on.
    event BondUnbonding(address indexed payee, bytes32 indexed versionId, uint128 amount, uint48 releaseAt);
    event BondWithdrawn(address indexed payee, bytes32 indexed versionId, uint128 amount);
    /// `inputs` are the bytes that `statement.exactInput` binds, with their type words.
    event PayeeAccused(
        bytes32 indexed accusationId,
        bytes32 indexed versionId,
        address indexed payee,
        address payer,
        Statement statement,
        uint256[] typeWords,
        bytes[] inputs,
        uint48 lapsesAt
    );
    /// `jobId` is the job that contradicts, 0 where two statements contradict each other; `outputCommitment` what it or the second
    /// statement says instead. Of `slashed` CHALLENGER_BPS are the payer's, the rest burns.
    event PayeeConvicted(
        bytes32 indexed accusationId,
        bytes32 indexed versionId,
        address indexed payee,
        address payer,
        bytes32 jobId,
        bytes32 outputCommitment,
        uint128 slashed
    );
    /// Nobody has proven it; where the payee was convicted meanwhile, of whatever, the deposit is the payer's again.
    event AccusationLapsed(bytes32 indexed accusationId, bytes32 indexed versionId, address indexed payee);
    event BondCredited(bytes32 indexed accusationId, address indexed account, Reason indexed reason, uint256 amount);

    /// @notice Adds to the caller's bond for a version.
    function deposit(bytes32 versionId, uint128 amount) external;

    /// @notice Starts unbonding. What unbonds already is added to it and its clock restarts.
    function requestWithdraw(bytes32 versionId, uint128 amount) external;

    /// @notice Pays out what has finished unbonding, from max(releaseAt, heldUntil) on.
    function withdrawBond(bytes32 versionId) external returns (uint256 amount);

    /// @notice Accuses the payee of a channel of a false statement, and shows its inputs: they are from now on known to whoever wants to
    /// run them. The channel's payer only, who deposits `accusationDeposit`. What unbonds then is held up until the accusation lapses.
    /// A statement whose accusation lapsed can be accused again, for another deposit; one that has convicted cannot.
    /// @param terms Those of the channel, which may have ended.
    /// @param typeWords Of each input: dtype << 128 | d0 << 96 | d1 << 64 | d2 << 32 | d3.
    /// @param inputs Their elements' bytes, at most MAX_INPUT_BYTES in all.
    function accuse(
        ChannelTerms calldata terms,
        Statement calldata statement,
        uint256[] calldata typeWords,
        bytes[] calldata inputs
    ) external returns (bytes32 accusationId);

    /// @notice Slashes by a job of the accuser's own: accepted in the tier optimistic, of the same version and input, with another output,
    /// handed in after the accusation and challengeable for `minVerification` or longer. What was locked for it is the most that it
    /// takes, in all convictions together. The accuser only, since what is taken depends on the job; it has its deposit back.
    function convict(bytes32 accusationId, bytes32 jobId, Terms calldata jobTerms) external returns (uint128 slashed);

    /// @notice Slashes the whole bond by two statements of one payee for the same version and input with different outputs: one is false,
    /// whichever. The payer of the first one's channel only; where it has accused that one, the accusation ends and its deposit comes back.
    function contradict(ChannelTerms calldata terms, Statement calldata first, Statement calldata second)
        external
        returns (uint128 slashed);

    /// @notice Ends an accusation that nobody has proven, from `lapsesAt` on. Its deposit is lost: COMPENSATION_BPS of it to the payee, the
    /// rest burns. Where the payee was convicted meanwhile it is the payer's again. Anyone may call.
    function lapse(bytes32 accusationId) external;

    /// @notice Sends what was burned to the burn address. Anyone may call.
    function burn() external returns (uint256 amount);

    function bondOf(address payee, bytes32 versionId) external view returns (Bond memory);
    function accusationOf(bytes32 accusationId) external view returns (Accusation memory);
    /// @notice Whether a statement has convicted: it does so once.
    function isSpent(bytes32 accusationId) external view returns (bool);
    /// @notice What convictions have taken by a job, at most its lock.
    function takenBy(bytes32 jobId) external view returns (uint128);

    /// @notice Token base units that an accusation deposits.
    function accusationDeposit() external view returns (uint128);
    /// @notice Seconds between `requestWithdraw` and `withdrawBond`.
    function unbondingPeriod() external view returns (uint48);
    /// @notice Seconds that an accusation stands.
    function accusationWindow() external view returns (uint48);
    /// @notice Seconds that the verification window of a job that convicts has at least.
    function minVerification() external view returns (uint32);
}
