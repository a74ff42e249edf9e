// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {IQuoteProofsErrors} from "./errors/IQuoteProofsErrors.sol";
import {Attestation, IQuoteProofs, QuoteFault} from "./interfaces/IQuoteProofs.sol";
import {Certificate, Certificates} from "./libraries/Certificates.sol";
import {Curve} from "./libraries/Curve.sol";
import {Facts, KIND_NITRO, KIND_SGX, KIND_SNP, KIND_TDX} from "./libraries/Evidence.sol";
import {NitroDocuments} from "./libraries/NitroDocuments.sol";
import {Pem} from "./libraries/Pem.sol";
import {Layout, Quotes} from "./libraries/Quotes.sol";
import {SnpReports} from "./libraries/SnpReports.sol";

/// A public key of P-256, as the deployment is given it.
struct RootKey {
    uint256 x;
    uint256 y;
}

/// The enclave of a vendor's that signs reports for a platform: MRSIGNER and ISVPRODID, as the vendor publishes its identity.
struct QuotingEnclave {
    bytes32 mrSigner;
    uint16 isvProdId;
}

/// What a vendor's evidence is held against: its root, and its quoting enclave for each kind.
struct Vendor {
    RootKey root;
    QuotingEnclave sgx;
    QuotingEnclave tdx;
}

/// @title What the bytes of an SGX or TDX quote say, and whether the signatures in it are true
/// @notice See IQuoteProofs. A contract of its own, so that attesters ask the very code that would convict them, and so that the
/// TeeVerifier is small enough to be deployed.
contract QuoteProofs is IQuoteProofs, IQuoteProofsErrors {
    bytes32 private constant MEASUREMENT_DOMAIN = keccak256("mlm/measurement/1");

    uint256 private immutable _x;
    uint256 private immutable _y;
    bytes32 private immutable _sgxSigner;
    uint16 private immutable _sgxProduct;
    bytes32 private immutable _tdxSigner;
    uint16 private immutable _tdxProduct;

    uint256 private immutable _simulatedX;
    uint256 private immutable _simulatedY;
    bytes32 private immutable _simulatedSgxSigner;
    uint16 private immutable _simulatedSgxProduct;
    bytes32 private immutable _simulatedTdxSigner;
    uint16 private immutable _simulatedTdxProduct;

    /// @param vendor Whose word is taken for true evidence.
    /// @param simulated The vendor that does not exist, or zeros: then simulated evidence is never true.
    constructor(Vendor memory vendor, Vendor memory simulated) {
        _needPoint(vendor.root);
        if (simulated.root.x != 0 || simulated.root.y != 0) _needPoint(simulated.root);
        (_x, _y) = (vendor.root.x, vendor.root.y);
        (_sgxSigner, _sgxProduct) = (vendor.sgx.mrSigner, vendor.sgx.isvProdId);
        (_tdxSigner, _tdxProduct) = (vendor.tdx.mrSigner, vendor.tdx.isvProdId);
        (_simulatedX, _simulatedY) = (simulated.root.x, simulated.root.y);
        (_simulatedSgxSigner, _simulatedSgxProduct) = (simulated.sgx.mrSigner, simulated.sgx.isvProdId);
        (_simulatedTdxSigner, _simulatedTdxProduct) = (simulated.tdx.mrSigner, simulated.tdx.isvProdId);
    }

    /// @inheritdoc IQuoteProofs
    function rootKey(bool simulated) public view returns (uint256 x, uint256 y) {
        return simulated ? (_simulatedX, _simulatedY) : (_x, _y);
    }

    /// @inheritdoc IQuoteProofs
    function quotingEnclave(uint8 kind, bool simulated) public view returns (bytes32 mrSigner, uint16 isvProdId) {
        if (kind == KIND_SGX) {
            return simulated ? (_simulatedSgxSigner, _simulatedSgxProduct) : (_sgxSigner, _sgxProduct);
        }
        if (kind != KIND_TDX) revert KindUnread(kind);
        return simulated ? (_simulatedTdxSigner, _simulatedTdxProduct) : (_tdxSigner, _tdxProduct);
    }

    /// @inheritdoc IQuoteProofs
    function isSigned(bytes32 digest, bytes32 r, bytes32 s, uint256 x, uint256 y) external view returns (bool) {
        return P256.verify(digest, r, s, bytes32(x), bytes32(y));
    }

    /// @inheritdoc IQuoteProofs
    function isKey(uint256 x, uint256 y) public pure returns (bool) {
        return P256.isValidPublicKey(bytes32(x), bytes32(y));
    }

    /// @inheritdoc IQuoteProofs
    function contradictionOf(Attestation calldata attestation, bytes calldata quote)
        external
        pure
        returns (QuoteFault)
    {
        _needBytes(attestation, quote, KIND_NITRO);
        Facts memory said = _read(attestation.kind, quote);
        if (said.kind == 0) return QuoteFault.Form;
        if (said.kind != attestation.kind) return QuoteFault.Kind;
        if (said.open) return QuoteFault.Debug;
        bytes32 measurement = keccak256(abi.encode(MEASUREMENT_DOMAIN, said.kind, said.registers));
        if (measurement != attestation.measurement) return QuoteFault.Measurement;
        (bytes32 data, bytes32 behind) = abi.decode(said.data, (bytes32, bytes32));
        if (data != attestation.reportData || behind != 0) return QuoteFault.ReportData;
        return QuoteFault.None;
    }

    /// @inheritdoc IQuoteProofs
    function brokenLinkOf(Attestation calldata attestation, bytes calldata quote) external view returns (QuoteFault) {
        _needBytes(attestation, quote, KIND_TDX);
        (bool ok, Layout memory at) = Quotes.layout(quote);
        if (!ok) return QuoteFault.Form;

        // (1) The quoting enclave is the vendor's, and closed to debuggers: on a platform whose owner chooses which enclaves it
        // certifies, any other could sign for whatever it likes.
        if (!_isVendors(attestation, quote, at)) return QuoteFault.QuotingEnclave;

        Certificate memory platform;
        Certificate memory authority;
        (ok, platform, authority) = _certificates(quote[at.chainAt:at.chainAt + at.chainSize]);
        if (!ok) return QuoteFault.Form;

        // (2) The report is signed by the attestation key.
        uint256 from = at.signatureAt;
        (uint256 x, uint256 y) = (_word(quote, from + 64), _word(quote, from + 96));
        bytes32 digest = sha256(quote[:at.bodyAt + at.bodySize]);
        if (!Curve.verify(digest, _word(quote, from), _word(quote, from + 32), x, y)) {
            return QuoteFault.ReportSignature;
        }

        // (3) The quoting enclave vouches for that key: its report data begins with the key's digest.
        bytes32 bound = sha256(bytes.concat(quote[from + 64:from + 128], quote[at.authAt:at.authAt + at.authSize]));
        from = at.quotingAt;
        if (bytes32(_word(quote, from + 320)) != bound) return QuoteFault.KeyBinding;

        // (4) Its report is signed by the platform's key.
        digest = sha256(quote[from:from + 384]);
        if (!Curve.verify(digest, _word(quote, from + 384), _word(quote, from + 416), platform.x, platform.y)) {
            return QuoteFault.QuotingSignature;
        }

        // (5) The platform's certificate by the authority's key, and (6) the authority's by the root's.
        if (!_isSignedBy(platform, authority.x, authority.y)) return QuoteFault.PlatformCertificate;
        (x, y) = rootKey(attestation.simulated);
        if (!_isSignedBy(authority, x, y)) return QuoteFault.AuthorityCertificate;
        return QuoteFault.None;
    }

    /// @dev Reverts where nothing can be said: other bytes, or evidence of a kind that is not read.
    function _needBytes(Attestation calldata attestation, bytes calldata quote, uint8 lastKind) private pure {
        if (attestation.kind == 0 || attestation.kind > lastKind) revert KindUnread(attestation.kind);
        bytes32 digest = sha256(quote);
        if (digest != attestation.quoteDigest) revert QuoteMismatch(attestation.quoteDigest, digest);
    }

    /// @dev By the form of the kind that it is said to be.
    function _read(uint8 kind, bytes calldata quote) private pure returns (Facts memory) {
        if (kind <= KIND_TDX) return Quotes.read(quote);
        return kind == KIND_SNP ? SnpReports.read(quote) : NitroDocuments.read(quote);
    }

    function _isVendors(Attestation calldata attestation, bytes calldata quote, Layout memory at)
        private
        view
        returns (bool)
    {
        (bytes32 mrSigner, uint16 isvProdId) = quotingEnclave(attestation.kind, attestation.simulated);
        (bytes32 signer, uint256 product, bool debug) = Quotes.quotingEnclave(quote, at);
        return signer == mrSigner && product == isvProdId && !debug;
    }

    function _certificates(bytes calldata chain)
        private
        pure
        returns (bool ok, Certificate memory platform, Certificate memory authority)
    {
        bytes memory der;
        uint256 next;
        (ok, der, next) = Pem.decode(chain, 0);
        if (ok) (ok, platform) = Certificates.read(der);
        // What follows is not read.
        // slither-disable-next-line unused-return
        if (ok) (ok, der,) = Pem.decode(chain, next);
        if (ok) (ok, authority) = Certificates.read(der);
    }

    function _isSignedBy(Certificate memory made, uint256 x, uint256 y) private view returns (bool) {
        return Curve.verify(made.signed, made.r, made.s, x, y);
    }

    function _word(bytes calldata quote, uint256 at) private pure returns (uint256) {
        return uint256(bytes32(quote[at:at + 32]));
    }

    function _needPoint(RootKey memory key) private pure {
        if (!isKey(key.x, key.y)) revert RootKeyMalformed(key.x, key.y);
    }
}
