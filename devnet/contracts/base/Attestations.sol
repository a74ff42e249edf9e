// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ITeeVerifierErrors} from "../errors/ITeeVerifierErrors.sol";
import {IAttesterSet} from "../interfaces/IAttesterSet.sol";
import {Attestation} from "../interfaces/IQuoteProofs.sol";
import {ITeeVerifier} from "../interfaces/ITeeVerifier.sol";
import {MAX_ATTESTERS} from "../libraries/TeeLimits.sol";

/// @title What attesters sign (EIP-712), and who signed
abstract contract Attestations is ITeeVerifier, ITeeVerifierErrors, EIP712 {
    bytes32 private constant ATTESTATION_TYPE = keccak256(
        "Attestation(bytes32 jobId,bytes32 reportData,bytes32 quoteDigest,bytes32 measurement,uint8 kind,uint8 status,bool simulated,uint64 checkedAt)"
    );

    IAttesterSet public immutable attesters;

    constructor(IAttesterSet attesters_) EIP712("mlm TeeVerifier", "1") {
        attesters = attesters_;
    }

    /// @inheritdoc ITeeVerifier
    function attestationDigest(Attestation calldata attestation) external view returns (bytes32) {
        return _digest(attestation);
    }

    function _digest(Attestation memory a) internal view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    ATTESTATION_TYPE,
                    a.jobId,
                    a.reportData,
                    a.quoteDigest,
                    a.measurement,
                    a.kind,
                    a.status,
                    a.simulated,
                    a.checkedAt
                )
            )
        );
    }

    /// @dev Reverts unless at least m different members signed, and nobody else.
    function _needSigned(bytes32 digest, bytes[] memory signatures) internal view {
        // Each of them counts now, so that where as many sign as must, as many are there.
        uint8 least = attesters.threshold();
        if (least == 0) revert AttestersMissing(least, attesters.activeCount());
        address[] memory signers = _signers(digest, signatures, least);
        for (uint256 i = 0; i < signers.length; ++i) {
            if (!attesters.isActive(signers[i])) revert SignerNotActive(signers[i]);
        }
    }

    /// @dev Who signed, ascending. INVARIANT: nobody twice.
    function _signers(bytes32 digest, bytes[] memory signatures, uint256 least)
        internal
        pure
        returns (address[] memory signers)
    {
        uint256 count = signatures.length;
        if (count < least || count > MAX_ATTESTERS) revert SignatureCountOutOfBounds(count, least, MAX_ATTESTERS);
        signers = new address[](count);
        address previous = address(0);
        for (uint256 i = 0; i < count; ++i) {
            address signer = _signer(digest, signatures[i], i);
            if (signer <= previous) revert SignersUnsorted(i, previous, signer);
            signers[i] = previous = signer;
        }
    }

    /// @dev SAFETY: 65 bytes with s in the lower half only, so that no signature has a second form.
    function _signer(bytes32 digest, bytes memory signature, uint256 index) internal pure returns (address signer) {
        ECDSA.RecoverError error;
        (signer, error,) = ECDSA.tryRecover(digest, signature);
        if (error != ECDSA.RecoverError.NoError) revert SignatureMalformed(index);
    }
}
