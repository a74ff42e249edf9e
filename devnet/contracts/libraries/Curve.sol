// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

/// @title ECDSA over P-256 as hardware signs it: s of either half
/// @notice By the precompile where the chain has it (EIP-7951), else in Solidity: docs/decisions/0031-p256.md.
/// SAFETY: a call that runs out of gas reverts in both; it is never taken for a false signature.
library Curve {
    function verify(bytes32 digest, uint256 r, uint256 s, uint256 x, uint256 y) internal view returns (bool) {
        // OpenZeppelin's refuses the upper half; (r, n - s) is true where (r, s) is.
        if (s > P256.N / 2 && s < P256.N) s = P256.N - s;
        return P256.verify(digest, bytes32(r), bytes32(s), bytes32(x), bytes32(y));
    }
}
