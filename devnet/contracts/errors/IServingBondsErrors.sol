// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {State, Tier} from "../interfaces/Types.sol";

/// Errors of ServingBonds: each says what was expected and what was found.
interface IServingBondsErrors {
    error BondAmountZero(address payee, bytes32 versionId);
    /// Less is held than is to be withdrawn.
    error BondTooLow(address payee, bytes32 versionId, uint256 expected, uint256 actual);
    /// There is nothing to take or to pay out.
    error BondMissing(address payee, bytes32 versionId);
    error BondNotReleased(address payee, bytes32 versionId, uint256 releasedAt);

    error NotPayer(bytes32 channelId, address expected, address actual);
    /// The statement is of another channel than the terms.
    error ChannelMismatch(bytes32 expected, bytes32 actual);
    error VersionMismatch(bytes32 expected, bytes32 actual);
    /// The payee has not signed this, or not for this chain and these channels.
    error SignerMismatch(address expected, address actual);
    error InputCountMismatch(uint256 expected, uint256 actual);
    error InputLengthMismatch(uint256 index, uint256 expected, uint256 actual);
    error InputsTooLarge(uint256 size, uint256 most);
    /// What was shown is not what the statement is about.
    error InputMismatch(bytes32 expected, bytes32 actual);
    /// Both statements say the same.
    error StatementsAgree(bytes32 exactOutput);
    error StatementSpent(bytes32 accusationId);

    error AccusationStands(bytes32 accusationId, uint256 lapsesAt);
    error AccusationNotOpen(bytes32 accusationId);
    error NotAccuser(bytes32 accusationId, address expected, address actual);

    error NotConsumer(bytes32 jobId, address expected, address actual);
    error TermsMismatch(bytes32 jobId, bytes32 expected, bytes32 actual);
    error TierMismatch(bytes32 jobId, Tier expected, Tier actual);
    error JobNotAccepted(bytes32 jobId, State state);
    /// The job was handed in before its input was shown.
    error JobTooEarly(bytes32 jobId, uint256 accusedAt, uint256 submittedAt);
    error WindowTooShort(bytes32 jobId, uint256 expected, uint256 actual);
    /// The job came to what the payee has signed.
    error OutputsAgree(bytes32 jobId, bytes32 outputCommitment);
}
