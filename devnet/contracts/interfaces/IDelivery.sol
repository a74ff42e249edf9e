// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

interface IDelivery {
    /// `wrapped`: the key of the job's input, encrypted under the provider's announced key (docs/privacy.md).
    event InputKeyDelivered(bytes32 indexed jobId, bytes32 indexed versionId, address indexed provider, bytes wrapped);

    /// @notice Hands the lease holder the key of a private job's input. Consumer only, while the job is `Leased`; a later
    /// delivery replaces an earlier one. Whether it opens the input, only the lease holder can tell: it accepts, or does not.
    function deliver(bytes32 jobId, bytes calldata wrapped) external;
}
