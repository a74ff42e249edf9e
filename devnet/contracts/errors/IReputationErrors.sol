// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {State} from "../interfaces/Types.sol";

/// Errors of Reputation.
interface IReputationErrors {
    error NotMarket(address expected, address actual);
    error StarsOutOfBounds(bytes32 jobId, uint8 actual, uint8 least, uint8 most);
    error JobAlreadyRated(bytes32 jobId, uint8 stars);
    error JobNotAccepted(bytes32 jobId, State actual);
    error JobNotSettled(bytes32 jobId);
    error NotConsumer(bytes32 jobId, address expected, address actual);
    error TermsMismatch(bytes32 jobId, bytes32 expected, bytes32 actual);
    error AddressMissing(string name);
}
