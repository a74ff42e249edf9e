// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IDeliveryErrors} from "./errors/IDeliveryErrors.sol";
import {IDelivery} from "./interfaces/IDelivery.sol";
import {IJobMarket, Job} from "./interfaces/IJobMarket.sol";
import {State} from "./interfaces/Types.sol";

/// @title How the key of a private input reaches the winner
/// @notice Stores nothing: the log is the delivery, readable by everybody and opened by one.
contract Delivery is IDelivery, IDeliveryErrors {
    /// @dev A wrapped key takes 142 bytes; more than this is no key.
    uint256 private constant MAX_WRAPPED = 512;

    IJobMarket public immutable market;

    /// @param market_ May have no code yet.
    constructor(IJobMarket market_) {
        if (address(market_) == address(0)) revert AddressMissing("market");
        market = market_;
    }

    /// @inheritdoc IDelivery
    function deliver(bytes32 jobId, bytes calldata wrapped) external {
        State state = market.stateOf(jobId);
        if (state != State.Leased) revert JobInState(jobId, State.Leased, state);
        Job memory job = market.jobOf(jobId);
        if (msg.sender != job.consumer) revert NotConsumer(jobId, job.consumer, msg.sender);
        if (wrapped.length == 0 || wrapped.length > MAX_WRAPPED) {
            revert WrappedKeyLength(jobId, wrapped.length, 1, MAX_WRAPPED);
        }
        emit InputKeyDelivered(jobId, job.versionId, job.provider, wrapped);
    }
}
