// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Claim, IVerifier} from "../contracts/interfaces/IVerifier.sol";
import {Verdict} from "../contracts/interfaces/Types.sol";

/// @title A verifier that says what a test tells it: the states of tiers that come with their own issues
contract ToyVerifier is IVerifier {
    error EvidenceFalse(bytes32 jobId);

    mapping(bytes32 jobId => Verdict) private _verdicts;
    mapping(bytes32 jobId => address) private _challengers;
    Claim private _last;

    /// @param evidence abi.encode(first verdict, output commitment); empty evidence is false.
    function check(Claim calldata claim, bytes calldata evidence) external returns (Verdict, bytes32) {
        if (evidence.length == 0) revert EvidenceFalse(claim.jobId);
        _last = claim;
        return abi.decode(evidence, (Verdict, bytes32));
    }

    /// @notice Any policy but this one.
    bytes32 public constant REFUSED = "refused";

    function checkPolicy(bytes32 policy) external pure {
        if (policy == REFUSED) revert PolicyUnusable(policy);
    }

    function decide(bytes32 jobId, Verdict verdict) external {
        _verdicts[jobId] = verdict;
    }

    function verdictOf(bytes32 jobId) external view returns (Verdict) {
        return _verdicts[jobId];
    }

    function challengerOf(bytes32 jobId) external view returns (address) {
        return _challengers[jobId];
    }

    function reward(bytes32 jobId, address challenger) external {
        _challengers[jobId] = challenger;
    }

    function lastClaim() external view returns (Claim memory) {
        return _last;
    }
}
