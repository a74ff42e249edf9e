// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IProvidersErrors} from "./errors/IProvidersErrors.sol";
import {Attestation, Attribute, Clause, IProviders, Requirements} from "./interfaces/IProviders.sol";
import {IReputation} from "./interfaces/IReputation.sol";
import {Attributes} from "./libraries/Attributes.sol";
import {RequirementForm} from "./libraries/RequirementForm.sol";

/// @title What providers say of themselves, what auditors sign of them, and whether that meets a job's requirements
/// @notice Nobody owns it and nothing in it can be changed but by whoever said it. docs/requirements.md holds the one rule;
/// mlm/core/requirements.py computes the same.
/// INVARIANT: an auditor's statement on an attribute is only ever replaced by a newer one of the same auditor.
contract Providers is IProviders, IProvidersErrors, EIP712 {
    /// A provider's own word, under its name and Attributes.slotOf the value.
    struct Declared {
        uint128 number;
        bool held;
    }

    /// An auditor's last word. Holds while block.timestamp < expiresAt; 0 when it was revoked.
    struct Attested {
        uint128 number;
        uint64 issuedAt;
        uint64 expiresAt;
    }

    bytes32 private constant ATTRIBUTE_TYPE = keccak256("Attribute(bytes32 name,bytes32 value)");
    bytes32 private constant ATTESTATION_TYPE = keccak256(
        "Attestation(address auditor,address provider,Attribute[] attributes,uint64 issuedAt,uint64 expiresAt)Attribute(bytes32 name,bytes32 value)"
    );

    IReputation public immutable reputation;

    mapping(address provider => mapping(bytes32 name => mapping(bytes32 slot => Declared))) private _declared;
    mapping(
        address auditor => mapping(address provider => mapping(bytes32 name => mapping(bytes32 slot => Attested)))
    ) private _attested;

    /// @inheritdoc IProviders
    mapping(bytes32 hash => uint64) public publishedAt;

    /// @param reputation_ May have no code yet.
    constructor(IReputation reputation_) EIP712("mlm providers", "1") {
        if (address(reputation_) == address(0)) revert ReputationMissing();
        reputation = reputation_;
    }

    /// @inheritdoc IProviders
    function declare(Attribute[] calldata added, Attribute[] calldata removed) external {
        for (uint256 i = 0; i < removed.length; ++i) {
            Attribute calldata a = removed[i];
            if (!isDeclared(msg.sender, a)) continue;
            delete _declared[msg.sender][a.name][Attributes.slotOf(a.value)];
            emit AttributeRemoved(msg.sender, a.name, a.value);
        }
        for (uint256 i = 0; i < added.length; ++i) {
            Attribute calldata a = added[i];
            _checkAttribute(a);
            if (isDeclared(msg.sender, a)) continue;
            _declared[msg.sender][a.name][Attributes.slotOf(a.value)] = Declared(_number(a.value), true);
            emit ProviderDeclared(msg.sender, a.name, a.value);
        }
    }

    /// @inheritdoc IProviders
    function attest(Attestation calldata a, bytes calldata signature) external {
        // SAFETY: an attestation from the future would outlive its revocation.
        if (a.issuedAt > block.timestamp) revert AttestationInFuture(a.auditor, a.issuedAt, block.timestamp);
        if (block.timestamp >= a.expiresAt) revert AttestationExpired(a.auditor, a.expiresAt, block.timestamp);
        bytes32 digest = _digest(a);
        if (!SignatureChecker.isValidSignatureNowCalldata(a.auditor, digest, signature)) {
            revert AttestationNotSigned(a.auditor, digest);
        }
        for (uint256 i = 0; i < a.attributes.length; ++i) {
            Attribute calldata attribute = a.attributes[i];
            _checkAttribute(attribute);
            Attested storage last = _attested[a.auditor][a.provider][attribute.name][Attributes.slotOf(attribute.value)];
            if (a.issuedAt <= last.issuedAt) {
                revert AttestationNotNewer(a.auditor, a.provider, attribute.name, last.issuedAt, a.issuedAt);
            }
            last.number = _number(attribute.value);
            last.issuedAt = a.issuedAt;
            last.expiresAt = a.expiresAt;
            emit AttributeAttested(a.auditor, a.provider, attribute.name, attribute.value, a.issuedAt, a.expiresAt);
        }
    }

    /// @inheritdoc IProviders
    function revoke(address provider, Attribute[] calldata attributes) external {
        for (uint256 i = 0; i < attributes.length; ++i) {
            Attribute calldata a = attributes[i];
            _checkAttribute(a);
            _attested[msg.sender][provider][a.name][Attributes.slotOf(a.value)] =
                Attested(0, uint64(block.timestamp), 0);
            emit AttestationRevoked(msg.sender, provider, a.name, a.value, uint64(block.timestamp));
        }
    }

    /// @inheritdoc IProviders
    function publishRequirements(bytes calldata requirements) external returns (bytes32 hash) {
        hash = keccak256(requirements);
        if (publishedAt[hash] != 0) return hash;
        RequirementForm.check(requirements);
        publishedAt[hash] = uint64(block.timestamp);
        emit RequirementsPublished(hash, requirements);
    }

    /// @inheritdoc IProviders
    function requireQualified(address provider, bytes calldata requirements) external view {
        (bytes32 what, bytes32 expected, bytes32 actual) = _mismatch(provider, _published(requirements));
        if (what != 0) revert NotQualified(provider, Attributes.textOf(what), expected, actual);
    }

    /// @inheritdoc IProviders
    function qualifies(address provider, bytes calldata requirements) external view returns (bool) {
        (bytes32 what,,) = _mismatch(provider, _published(requirements));
        return what == 0;
    }

    /// @inheritdoc IProviders
    function isDeclared(address provider, Attribute calldata a) public view returns (bool) {
        Declared memory declared = _declared[provider][a.name][Attributes.slotOf(a.value)];
        return declared.held && declared.number == _number(a.value);
    }

    /// @inheritdoc IProviders
    function attestationOf(address auditor, address provider, bytes32 name, bytes32 value)
        external
        view
        returns (bytes32 attested, uint64 issuedAt, uint64 expiresAt)
    {
        bytes32 slot = Attributes.slotOf(value);
        Attested memory last = _attested[auditor][provider][name][slot];
        return (slot == 0 ? bytes32(uint256(last.number)) : slot, last.issuedAt, last.expiresAt);
    }

    /// @inheritdoc IProviders
    function pointsOf(address provider) public view returns (uint128) {
        return reputation.pointsOf(provider);
    }

    /// @dev What was published was checked then: its hash stands for its form.
    function _published(bytes calldata requirements) private view returns (Requirements calldata) {
        bytes32 hash = keccak256(requirements);
        if (publishedAt[hash] == 0) revert RequirementsUnpublished(hash);
        return RequirementForm.at(requirements);
    }

    /// @dev The first rule that a provider breaks, in this order; `what` is 0 when there is none.
    function _mismatch(address provider, Requirements calldata r)
        private
        view
        returns (bytes32 what, bytes32 expected, bytes32 actual)
    {
        bytes32 asked = bytes32(uint256(uint160(provider)));
        // (1) Whoever is denied is out, also when it is allowed.
        if (_contains(r.deny, provider)) return ("deny", 0, asked);
        // (2) Where some are allowed, all others are out.
        if (r.allow.length != 0 && !_contains(r.allow, provider)) return ("allow", 0, asked);
        // (3) Enough points.
        if (r.reputation != 0) {
            uint128 points = pointsOf(provider);
            if (points < r.reputation) {
                return ("reputation", bytes32(uint256(r.reputation)), bytes32(uint256(points)));
            }
        }
        // (4) Each clause, by the provider's own word or by that of enough auditors.
        for (uint256 i = 0; i < r.clauses.length; ++i) {
            Clause calldata clause = r.clauses[i];
            if (r.auditors.length != 0) {
                uint256 vouching = _vouching(provider, clause, r.auditors, r.threshold);
                if (vouching < r.threshold) {
                    return (clause.attribute, bytes32(uint256(r.threshold)), bytes32(vouching));
                }
            } else {
                bool met;
                (met, actual) = _declares(_declared[provider][clause.attribute], clause);
                if (!met) {
                    expected = clause.oneOf.length == 0 ? bytes32(uint256(clause.least)) : clause.oneOf[0];
                    return (clause.attribute, expected, actual);
                }
            }
        }
        return (0, 0, 0);
    }

    /// @dev `actual` is the declared number, 0 where there is none or symbols are asked for.
    function _declares(mapping(bytes32 slot => Declared) storage held, Clause calldata clause)
        private
        view
        returns (bool met, bytes32 actual)
    {
        if (clause.oneOf.length == 0) {
            Declared memory declared = held[0];
            return (declared.held && declared.number >= clause.least, bytes32(uint256(declared.number)));
        }
        for (uint256 i = 0; i < clause.oneOf.length; ++i) {
            if (held[clause.oneOf[i]].held) return (true, 0);
        }
        return (false, 0);
    }

    /// @dev How many auditors vouch for a clause, counted up to the threshold.
    function _vouching(address provider, Clause calldata clause, address[] calldata auditors, uint256 threshold)
        private
        view
        returns (uint256 count)
    {
        for (uint256 i = 0; i < auditors.length && count < threshold; ++i) {
            if (_vouches(_attested[auditors[i]][provider][clause.attribute], clause)) ++count;
        }
    }

    function _vouches(mapping(bytes32 slot => Attested) storage said, Clause calldata clause)
        private
        view
        returns (bool)
    {
        if (clause.oneOf.length == 0) {
            Attested memory last = said[0];
            return block.timestamp < last.expiresAt && last.number >= clause.least;
        }
        for (uint256 i = 0; i < clause.oneOf.length; ++i) {
            if (block.timestamp < said[clause.oneOf[i]].expiresAt) return true;
        }
        return false;
    }

    function _contains(address[] calldata accounts, address account) private pure returns (bool) {
        for (uint256 i = 0; i < accounts.length; ++i) {
            if (accounts[i] == account) return true;
        }
        return false;
    }

    function _digest(Attestation calldata a) private view returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](a.attributes.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = keccak256(abi.encode(ATTRIBUTE_TYPE, a.attributes[i].name, a.attributes[i].value));
        }
        bytes32 attributes = keccak256(abi.encodePacked(hashes));
        return _hashTypedDataV4(
            keccak256(abi.encode(ATTESTATION_TYPE, a.auditor, a.provider, attributes, a.issuedAt, a.expiresAt))
        );
    }

    function _checkAttribute(Attribute calldata a) private pure {
        if (!Attributes.isName(a.name)) revert NameMalformed(a.name);
        if (!Attributes.isNumber(a.value) && !Attributes.isSymbol(a.value)) revert ValueMalformed(a.name, a.value);
    }

    /// @dev The number that a value is, 0 for a symbol.
    function _number(bytes32 value) private pure returns (uint128) {
        return Attributes.isNumber(value) ? uint128(uint256(value)) : 0;
    }
}
