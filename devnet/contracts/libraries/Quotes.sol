// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Facts, KIND_SGX, KIND_TDX} from "./Evidence.sol";
import {MAX_QUOTE_BYTES} from "./TeeLimits.sol";

/// Where in a quote's bytes things stand. What is signed is [0, bodyAt + bodySize).
struct Layout {
    uint8 kind;
    uint256 bodyAt;
    uint256 bodySize;
    uint256 signatureAt; // r, s of the report; then x, y of the attestation key
    uint256 quotingAt; // the quoting enclave's report; then r, s of it
    uint256 authAt; // what it bound to the key
    uint256 authSize;
    uint256 chainAt; // certificates in PEM
    uint256 chainSize;
}

/// @title Quotes of Intel SGX and TDX, versions 3 to 5, byte by byte
/// @notice Source: Intel SGX ECDSA QuoteLibReference (version 3) and Intel TDX DCAP Quoting Library API (4 and 5). Numbers are little-endian.
/// Bytes behind the quote are not read. Whatever is not of the form is answered, never reverted.
library Quotes {
    uint256 private constant HEADER = 48;
    uint256 private constant SGX_REPORT = 384;
    uint256 private constant TD_REPORT = 584; // of version 1.0; 1.5 adds two fields at its end
    uint256 private constant TD_REPORT_15 = 648;
    uint256 private constant TEE_TDX = 0x81;
    uint256 private constant ECDSA_P256 = 2; // kind of attestation key
    uint256 private constant CERTIFICATES = 5; // kinds of certification data
    uint256 private constant REPORT = 6;

    /// @notice Where things stand, if it is a quote of the form.
    function layout(bytes calldata quote) internal pure returns (bool ok, Layout memory at) {
        uint256 size = quote.length;
        if (size < HEADER || size > MAX_QUOTE_BYTES || _u16(quote, 2) != ECDSA_P256) return (false, at);
        uint256 version = _u16(quote, 0);
        (at.kind, at.bodyAt, at.bodySize) = _body(quote, version);
        uint256 next = at.bodyAt + at.bodySize;
        if (at.kind == 0 || size < next + 4) return (false, at);
        // All that follows lies within what is signed for.
        uint256 end = next + 4 + _u32(quote, next);
        if (size < end) return (false, at);
        at.signatureAt = next + 4;
        next += 4 + 128;
        if (version >= 4) {
            if (end < next + 6 || _u16(quote, next) != REPORT) return (false, at);
            uint256 inner = next + 6 + _u32(quote, next + 2);
            if (end < inner) return (false, at);
            (next, end) = (next + 6, inner);
        }
        at.quotingAt = next;
        next += SGX_REPORT + 64;
        if (end < next + 2) return (false, at);
        (at.authAt, at.authSize) = (next + 2, _u16(quote, next));
        next = at.authAt + at.authSize;
        if (end < next + 6 || _u16(quote, next) != CERTIFICATES) return (false, at);
        (at.chainAt, at.chainSize) = (next + 6, _u32(quote, next + 2));
        ok = end >= at.chainAt + at.chainSize;
    }

    /// @notice Of the quoting enclave's report: who signed its code, as which product, and whether a debugger can open it.
    function quotingEnclave(bytes calldata quote, Layout memory at)
        internal
        pure
        returns (bytes32 mrSigner, uint256 isvProdId, bool debug)
    {
        uint256 from = at.quotingAt;
        return (bytes32(quote[from + 128:from + 160]), _u16(quote, from + 256), uint8(quote[from + 48]) & 2 != 0);
    }

    /// @notice What the quote says; of no kind where it is none. Open to a debugger are an enclave with ATTRIBUTES.DEBUG, and a trust
    /// domain with any bit of ATTRIBUTES.TUD. Registers of SGX: MRENCLAVE, MRSIGNER; of TDX: MRTD, RTMR0 to RTMR3.
    function read(bytes calldata quote) internal pure returns (Facts memory said) {
        (bool ok, Layout memory at) = layout(quote);
        if (!ok) return said;
        uint256 from = at.bodyAt;
        said.kind = at.kind;
        if (at.kind == KIND_SGX) {
            said.open = uint8(quote[from + 48]) & 2 != 0;
            said.registers = bytes.concat(quote[from + 64:from + 96], quote[from + 128:from + 160]);
            said.data = quote[from + 320:from + 384];
        } else {
            said.open = quote[from + 120] != 0;
            said.registers = bytes.concat(quote[from + 136:from + 184], quote[from + 328:from + 520]);
            said.data = quote[from + 520:from + 584];
        }
    }

    function _body(bytes calldata quote, uint256 version) private pure returns (uint8 kind, uint256 at, uint256 size) {
        if (version == 3) return (KIND_SGX, HEADER, SGX_REPORT);
        uint256 tee = _u32(quote, 4);
        if (version == 4) {
            if (tee == 0) return (KIND_SGX, HEADER, SGX_REPORT);
            return tee == TEE_TDX ? (KIND_TDX, HEADER, TD_REPORT) : (0, 0, 0);
        }
        if (version != 5 || quote.length < HEADER + 6) return (0, 0, 0);
        // The body says its own type and size.
        (uint256 type_, uint256 said) = (_u16(quote, HEADER), _u32(quote, HEADER + 2));
        (at, size) = (HEADER + 6, said);
        if (type_ == 1 && tee == 0 && said == SGX_REPORT) kind = KIND_SGX;
        else if (type_ == 2 && tee == TEE_TDX && said == TD_REPORT) kind = KIND_TDX;
        else if (type_ == 3 && tee == TEE_TDX && said == TD_REPORT_15) kind = KIND_TDX;
    }

    /// SAFETY: callers have checked that the bytes are there; a slice beyond the end reverts.
    function _u16(bytes calldata quote, uint256 at) private pure returns (uint256) {
        return uint256(uint8(quote[at])) | (uint256(uint8(quote[at + 1])) << 8);
    }

    function _u32(bytes calldata quote, uint256 at) private pure returns (uint256) {
        return _u16(quote, at) | (_u16(quote, at + 2) << 16);
    }
}
