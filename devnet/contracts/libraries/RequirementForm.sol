// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IProvidersErrors} from "../errors/IProvidersErrors.sol";
import {Clause, Requirements} from "../interfaces/IProviders.sol";
import {Attributes} from "./Attributes.sol";

/// @title Which bytes are requirements
/// @notice One encoding for the same requirements, and bounds on what checking them costs a bidder.
library RequirementForm {
    uint256 internal constant MAX_BYTES = 12_288;
    uint256 internal constant MAX_CLAUSES = 16;
    uint256 internal constant MAX_VALUES = 16; // of a clause
    uint256 internal constant MAX_AUDITORS = 16;
    uint256 internal constant MAX_ACCOUNTS = 64; // allowed, and as many denied
    /// Facts that the rule may have to look up: of each clause its symbols, or 1, times the auditors, or 1.
    uint256 internal constant MAX_LOOKUPS = 128;

    /// @notice Reverts unless the bytes are requirements, well formed and canonical.
    function check(bytes calldata data) internal pure {
        if (data.length > MAX_BYTES) revert IProvidersErrors.RequirementsTooLarge("bytes", MAX_BYTES, data.length);
        Requirements calldata r = at(data);
        // SAFETY: counts come first, so that encoding again below costs no more than the bounds allow.
        _checkCounts(r);
        _checkClauses(r.clauses);
        _checkAccounts("auditors", r.auditors);
        _checkAccounts("allow", r.allow);
        _checkAccounts("deny", r.deny);
        if (r.auditors.length == 0 ? r.threshold != 0 : r.threshold == 0 || r.threshold > r.auditors.length) {
            revert IProvidersErrors.RequirementsMalformed("threshold");
        }
        bytes32 expected = keccak256(abi.encode(r));
        bytes32 actual = keccak256(data);
        if (expected != actual) revert IProvidersErrors.RequirementsNotCanonical(expected, actual);
    }

    /// @dev A pointer: the language decodes bytes into memory only. What it finds there is the requirements only of bytes
    /// that `check` has accepted once; of others each access checks that it stays within the calldata.
    // slither-disable-next-line assembly
    function at(bytes calldata data) internal pure returns (Requirements calldata r) {
        if (data.length < 64 || uint256(bytes32(data[:32])) != 32) {
            revert IProvidersErrors.RequirementsMalformed("bytes");
        }
        assembly ("memory-safe") {
            r := add(data.offset, 32)
        }
    }

    function _checkCounts(Requirements calldata r) private pure {
        _bounded("clauses", r.clauses.length, MAX_CLAUSES);
        _bounded("auditors", r.auditors.length, MAX_AUDITORS);
        _bounded("allow", r.allow.length, MAX_ACCOUNTS);
        _bounded("deny", r.deny.length, MAX_ACCOUNTS);
        uint256 lookups = 0;
        for (uint256 i = 0; i < r.clauses.length; ++i) {
            uint256 count = r.clauses[i].oneOf.length;
            _bounded("oneOf", count, MAX_VALUES);
            lookups += (count == 0 ? 1 : count) * (r.auditors.length == 0 ? 1 : r.auditors.length);
        }
        _bounded("lookups", lookups, MAX_LOOKUPS);
    }

    function _bounded(string memory what, uint256 actual, uint256 most) private pure {
        if (actual > most) revert IProvidersErrors.RequirementsTooLarge(what, most, actual);
    }

    function _checkClauses(Clause[] calldata clauses) private pure {
        bytes32 last = 0;
        for (uint256 i = 0; i < clauses.length; ++i) {
            Clause calldata clause = clauses[i];
            bytes32 name = clause.attribute;
            if (!Attributes.isName(name)) revert IProvidersErrors.NameMalformed(name);
            if (name <= last) revert IProvidersErrors.RequirementsMalformed("clauses");
            last = name;
            if (clause.oneOf.length == 0) continue;
            if (clause.least != 0) revert IProvidersErrors.RequirementsMalformed("least");
            bytes32 before = 0;
            for (uint256 j = 0; j < clause.oneOf.length; ++j) {
                bytes32 symbol = clause.oneOf[j];
                if (!Attributes.isSymbol(symbol)) revert IProvidersErrors.ValueMalformed(name, symbol);
                if (symbol <= before) revert IProvidersErrors.RequirementsMalformed("oneOf");
                before = symbol;
            }
        }
    }

    function _checkAccounts(string memory what, address[] calldata accounts) private pure {
        address last = address(0);
        for (uint256 i = 0; i < accounts.length; ++i) {
            if (accounts[i] <= last) revert IProvidersErrors.RequirementsMalformed(what);
            last = accounts[i];
        }
    }
}
