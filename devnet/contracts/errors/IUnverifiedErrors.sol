// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Tier} from "../interfaces/Types.sol";
import {IComplaintErrors} from "./IComplaintErrors.sol";

/// Errors of Unverified.
interface IUnverifiedErrors is IComplaintErrors {
    error TierMismatch(bytes32 jobId, Tier expected, Tier actual);
    error SchemeMismatch(bytes32 jobId, uint8 expected, uint8 actual);
    /// The evidence is not one word, the root of the outputs.
    error EvidenceNotCanonical(bytes32 jobId);
}
