// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ITeeVerifierErrors} from "../errors/ITeeVerifierErrors.sol";
import {Attestation} from "../interfaces/IQuoteProofs.sol";

/// @title The policy word of a job of the tier tee: which evidence its consumer accepts (ITeeVerifier, mlm/core/tee.py)
library TeePolicy {
    uint256 private constant STATUSES = 0x3f; // bits 0-5: all but Revoked
    uint256 private constant KINDS = 0xf00; // bits 8-11
    uint256 private constant SIMULATED = 1 << 15;
    uint256 private constant AGE_SHIFT = 16;
    uint256 private constant AGE = 0xffffffff;

    uint8 private constant REVOKED = 6;
    uint8 private constant LAST_KIND = 4;

    /// @notice Whether the word is one: some status and some kind, and nothing that means nothing.
    function isUsable(bytes32 policy, bool simulatedAllowed) internal pure returns (bool) {
        uint256 word = uint256(policy);
        uint256 known = STATUSES | KINDS | (AGE << AGE_SHIFT) | (simulatedAllowed ? SIMULATED : 0);
        return word & ~known == 0 && word & STATUSES != 0 && word & KINDS != 0;
    }

    /// @notice Reverts unless the attestation is one that the policy accepts now.
    function needAccepted(bytes32 policy, Attestation memory attestation, bool simulatedAllowed) internal view {
        needPossible(attestation, simulatedAllowed);
        uint256 word = uint256(policy);
        if (word & (uint256(1) << attestation.status) == 0) {
            revert ITeeVerifierErrors.StatusNotAccepted(attestation.status, policy);
        }
        if (word & (uint256(1) << (7 + attestation.kind)) == 0) {
            revert ITeeVerifierErrors.KindNotAccepted(attestation.kind, policy);
        }
        if (attestation.simulated && word & SIMULATED == 0) revert ITeeVerifierErrors.SimulatedNotAccepted(policy);
        uint256 age = (word >> AGE_SHIFT) & AGE;
        if (age != 0 && uint256(attestation.checkedAt) + age < block.timestamp) {
            revert ITeeVerifierErrors.AttestationTooOld(attestation.checkedAt, block.timestamp - age);
        }
    }

    /// @notice Reverts for what no policy accepts.
    function needPossible(Attestation memory attestation, bool simulatedAllowed) internal view {
        if (attestation.status >= REVOKED) revert ITeeVerifierErrors.StatusNotAccepted(attestation.status, 0);
        if (attestation.kind == 0 || attestation.kind > LAST_KIND) {
            revert ITeeVerifierErrors.KindNotAccepted(attestation.kind, 0);
        }
        if (attestation.simulated && !simulatedAllowed) revert ITeeVerifierErrors.SimulatedNotAccepted(0);
        if (attestation.checkedAt > block.timestamp) {
            revert ITeeVerifierErrors.CheckedInFuture(attestation.checkedAt, block.timestamp);
        }
    }
}
