// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {State} from "../interfaces/Types.sol";

/// Errors of Delivery.
interface IDeliveryErrors {
    error JobInState(bytes32 jobId, State expected, State actual);
    error NotConsumer(bytes32 jobId, address expected, address actual);
    error WrappedKeyLength(bytes32 jobId, uint256 actual, uint256 least, uint256 most);
    error AddressMissing(string name);
}
