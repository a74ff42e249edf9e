// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IVerifier} from "../interfaces/IVerifier.sol";
import {MAX_EXECUTIONS, MIN_EXECUTIONS} from "./ReplicationLimits.sol";

/// @title The policy word of a job of the tier redundant (mlm/core/dispute/replica.py)
/// @notice Bits 0 to 7: k, who executes, 2 to 8 with the provider; bits 8 to 135: the fee of each replica, above 0; all others 0.
library ReplicationPolicy {
    /// @notice How many replicas there are, and what each is paid. Reverts with PolicyUnusable.
    function decode(bytes32 policy) internal pure returns (uint8 replicas, uint128 fee) {
        uint256 word = uint256(policy);
        uint256 executions = word & 0xff;
        uint256 rest = word >> 8;
        if (executions < MIN_EXECUTIONS || executions > MAX_EXECUTIONS || rest == 0 || rest > type(uint128).max) {
            revert IVerifier.PolicyUnusable(policy);
        }
        // SAFETY: compared above.
        // forge-lint: disable-next-line(unsafe-typecast)
        return (uint8(executions - 1), uint128(rest));
    }
}
