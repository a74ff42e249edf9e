// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {QuoteProofs, QuotingEnclave, RootKey, Vendor} from "../../contracts/QuoteProofs.sol";
import {Attestation, QuoteFault} from "../../contracts/interfaces/IQuoteProofs.sol";
import {Base} from "../Base.sol";
import {Shipped} from "../Shipped.sol";

/// @title Quotes: one real one, and those of the simulated vendor (tests/vectors/make_quotes.py)
abstract contract QuoteBase is Base {
    string private constant PATH = "../tests/vectors/quotes.json";
    uint256 internal constant SGX = 0;
    uint256 internal constant TDX = 1;
    uint256 internal constant HONEST = 6; // quotes from 0 on that are no debugger's
    uint256 internal constant FOREIGN = 8; // quotes from here on that are signed for by no quoting enclave of the vendor's
    uint256 internal constant OTHER_ROOT = 12; // one whose quoting enclave says that it is, under keys of its own
    uint256 internal constant QUOTES = 13;
    // Evidence of SNP and Nitro.
    uint256 internal constant OTHERS = 17;
    uint256 internal constant SNP = 0;
    uint256 internal constant NITRO = 9;

    QuoteProofs internal proofs;
    string internal json;

    function _deployProofs() internal {
        json = vm.readFile(PATH);
        proofs = Shipped.quoteProofs(_vendor(".vendor"), _vendor(".simulated"));
    }

    /// @dev The real quote and what is true of it.
    function _real() internal view returns (Attestation memory a, bytes memory quote) {
        quote = vm.readFileBinary("../tests/vectors/dcap/sgx_quote");
        a = _attestation(".real", 1, false);
    }

    /// @dev A simulated quote and what is true of it.
    function _simulated(uint256 which) internal view returns (Attestation memory a, bytes memory quote) {
        string memory key = string.concat(".quotes[", vm.toString(which), "]");
        quote = vm.parseJsonBytes(json, string.concat(key, ".quote"));
        a = _attestation(key, uint8(vm.parseJsonUint(json, string.concat(key, ".kind"))), true);
    }

    /// @dev Evidence of SNP or Nitro, what is true of it, and what contradicts that.
    function _other(uint256 which) internal view returns (Attestation memory a, bytes memory quote, QuoteFault fault) {
        string memory key = string.concat(".others[", vm.toString(which), "]");
        quote = vm.parseJsonBytes(json, string.concat(key, ".quote"));
        fault = QuoteFault(vm.parseJsonUint(json, string.concat(key, ".fault")));
        a = _attestation(key, uint8(vm.parseJsonUint(json, string.concat(key, ".kind"))), true);
    }

    /// @dev The same attestation of other bytes.
    function _of(Attestation memory a, bytes memory quote) internal pure returns (Attestation memory b) {
        b = Attestation({
            jobId: a.jobId,
            reportData: a.reportData,
            quoteDigest: sha256(quote),
            measurement: a.measurement,
            kind: a.kind,
            status: a.status,
            simulated: a.simulated,
            checkedAt: a.checkedAt
        });
    }

    function _needFault(QuoteFault actual, QuoteFault expected) internal pure {
        vm.assertEq(uint256(actual), uint256(expected), "fault");
    }

    function _attestation(string memory key, uint8 kind, bool simulated) private view returns (Attestation memory) {
        return Attestation({
            jobId: keccak256("job"),
            reportData: vm.parseJsonBytes32(json, string.concat(key, ".reportData")),
            quoteDigest: vm.parseJsonBytes32(json, string.concat(key, ".quoteDigest")),
            measurement: vm.parseJsonBytes32(json, string.concat(key, ".measurement")),
            kind: kind,
            status: 0,
            simulated: simulated,
            checkedAt: 1_700_000_000
        });
    }

    function _vendor(string memory key) internal view returns (Vendor memory vendor) {
        vendor.root = RootKey(
            uint256(vm.parseJsonBytes32(json, string.concat(key, ".root.x"))),
            uint256(vm.parseJsonBytes32(json, string.concat(key, ".root.y")))
        );
        vendor.sgx = _enclave(string.concat(key, ".sgx"));
        vendor.tdx = _enclave(string.concat(key, ".tdx"));
    }

    function _enclave(string memory key) private view returns (QuotingEnclave memory) {
        return QuotingEnclave(
            vm.parseJsonBytes32(json, string.concat(key, ".mrSigner")),
            uint16(vm.parseJsonUint(json, string.concat(key, ".isvProdId")))
        );
    }
}
