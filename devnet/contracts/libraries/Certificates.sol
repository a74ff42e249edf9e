// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";
import {Der} from "./Der.sol";

/// What of a certificate its chain is checked by.
struct Certificate {
    bytes32 signed; // sha256 of what its issuer signed
    uint256 r;
    uint256 s;
    uint256 x; // its own key
    uint256 y;
}

/// @title X.509 certificates (RFC 5280) with a P-256 key, signed by ECDSA with SHA-256
/// @notice Names, validity times, extensions are skipped; whatever is not of the form is answered, never reverted.
library Certificates {
    // SEQUENCE { OID ecdsa-with-SHA256 }, 12 bytes.
    bytes12 private constant ALGORITHM = 0x300a06082a8648ce3d040302;
    // SEQUENCE { SEQUENCE { OID ecPublicKey, OID prime256v1 }, BIT STRING of an uncompressed point }, 27 bytes; x and y follow.
    bytes27 private constant KEY = 0x3059301306072a8648ce3d020106082a8648ce3d03010703420004;
    uint8 private constant VERSION = 0xa0;

    /// @notice Reads a certificate that is all of `der`.
    function read(bytes memory der) internal pure returns (bool ok, Certificate memory found) {
        uint256 from;
        uint256 to;
        (ok, from, to) = Der.element(der, 0, der.length, Der.SEQUENCE);
        if (!ok || to != der.length) return (false, found);
        uint256 inner;
        uint256 signedTo;
        (ok, inner, signedTo) = Der.element(der, from, to, Der.SEQUENCE);
        if (!ok || !_readKey(der, inner, signedTo, found)) return (false, found);
        // The memory is the certificate's own copy.
        found.signed = sha256(Bytes.slice(der, from, signedTo));
        if (signedTo + 12 > to || bytes12(Der.word(der, signedTo)) != ALGORITHM) return (false, found);
        ok = _readSignature(der, signedTo + 12, to, found);
    }

    /// @dev Version, serial number, algorithm, issuer, validity and subject stand before the key.
    function _readKey(bytes memory der, uint256 at, uint256 end, Certificate memory found) private pure returns (bool) {
        uint8[6] memory tags = [VERSION, Der.INTEGER, Der.SEQUENCE, Der.SEQUENCE, Der.SEQUENCE, Der.SEQUENCE];
        for (uint256 i = 0; i < 6; ++i) {
            bool ok;
            // Where each ends is where the next one begins.
            // slither-disable-next-line unused-return
            (ok,, at) = Der.element(der, at, end, tags[i]);
            if (!ok) return false;
        }
        if (at + 91 > end || bytes27(Der.word(der, at)) != KEY) return false;
        (found.x, found.y) = (uint256(Der.word(der, at + 27)), uint256(Der.word(der, at + 59)));
        return true;
    }

    /// @dev BIT STRING { SEQUENCE { INTEGER r, INTEGER s } } to the end.
    function _readSignature(bytes memory der, uint256 at, uint256 end, Certificate memory found)
        private
        pure
        returns (bool ok)
    {
        uint256 to;
        (ok, at, to) = Der.element(der, at, end, Der.BIT_STRING);
        if (!ok || to != end || at == to || der[at] != 0) return false;
        (ok, at, to) = Der.element(der, at + 1, end, Der.SEQUENCE);
        if (!ok || to != end) return false;
        (ok, found.r, at) = Der.positive(der, at, end);
        if (!ok) return false;
        (ok, found.s, at) = Der.positive(der, at, end);
        return ok && at == end;
    }
}
