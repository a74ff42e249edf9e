// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// A name and one of its values. A name is 1 to 31 characters of [a-z0-9._-], the first a letter, left-aligned; a value is
/// a number below 2^128 or a symbol, which is spelt as a name is. The first byte tells them apart: 0 or a letter.
/// A name holds one number at most, and any number of symbols.
struct Attribute {
    bytes32 name;
    bytes32 value;
}

/// What an auditor signs of a provider (EIP-712; the domain is `mlm providers`, version 1, chain and contract).
/// It holds in [issuedAt, expiresAt), seconds of the chain's clock.
struct Attestation {
    address auditor;
    address provider;
    Attribute[] attributes;
    uint64 issuedAt;
    uint64 expiresAt;
}

/// What one attribute has to be: without `oneOf` a number of at least `least`, otherwise one of these symbols.
struct Clause {
    bytes32 attribute;
    uint128 least;
    bytes32[] oneOf; // ascending
}

/// What a job asks of its provider. The rule stands in docs/requirements.md. All lists ascend strictly, so that the same
/// requirements have one encoding and one hash.
struct Requirements {
    Clause[] clauses; // by attribute
    address[] auditors; // empty: the provider's word is enough
    uint8 threshold; // how many of the auditors must vouch for each clause; 0 without auditors
    uint128 reputation; // least points, in token base units
    address[] allow; // empty: everybody
    address[] deny;
}

interface IProviders {
    event ProviderDeclared(address indexed provider, bytes32 indexed name, bytes32 value);
    event AttributeRemoved(address indexed provider, bytes32 indexed name, bytes32 value);
    event AttributeAttested(
        address indexed auditor,
        address indexed provider,
        bytes32 indexed name,
        bytes32 value,
        uint64 issuedAt,
        uint64 expiresAt
    );
    event AttestationRevoked(
        address indexed auditor, address indexed provider, bytes32 indexed name, bytes32 value, uint64 revokedAt
    );
    event RequirementsPublished(bytes32 indexed hash, bytes requirements);

    /// @notice Declares attributes of the caller after removing others. A number replaces the one before.
    /// What is so already, or not there to be removed, changes nothing.
    function declare(Attribute[] calldata added, Attribute[] calldata removed) external;

    /// @notice Stores what an auditor signed. Anyone may call: the auditor needs no gas, and may be a contract (ERC-1271).
    /// All or nothing: it must be newer than what the auditor last said of each of these attributes.
    function attest(Attestation calldata attestation, bytes calldata signature) external;

    /// @notice Withdraws the caller's attestations of a provider. Whatever the caller signed of these attributes until now
    /// is void, also what nobody has submitted yet. Of a name's number the value does not matter.
    function revoke(address provider, Attribute[] calldata attributes) external;

    /// @notice Makes requirements known, once for all jobs that ask for the same. Anyone may call; again does nothing.
    /// @param requirements abi.encode(Requirements), canonical and within the bounds of libraries/RequirementForm.sol.
    /// @return hash keccak256 of them: what a job's request names.
    function publishRequirements(bytes calldata requirements) external returns (bytes32 hash);

    /// @notice Reverts with NotQualified when a provider does not meet published requirements.
    function requireQualified(address provider, bytes calldata requirements) external view;

    /// @notice Whether a provider meets published requirements now. Reverts for others.
    function qualifies(address provider, bytes calldata requirements) external view returns (bool);

    /// @notice Whether a provider says so of itself.
    function isDeclared(address provider, Attribute calldata attribute) external view returns (bool);

    /// @notice What an auditor last said of an attribute: of a name's number (any number will do for `value`) or of a
    /// symbol. expiresAt is 0 when it was revoked or never said.
    function attestationOf(address auditor, address provider, bytes32 name, bytes32 value)
        external
        view
        returns (bytes32 attested, uint64 issuedAt, uint64 expiresAt);

    /// @notice When requirements were published, or 0.
    function publishedAt(bytes32 hash) external view returns (uint64);

    /// @notice The points that count for `Requirements.reputation`, in token base units.
    function pointsOf(address provider) external view returns (uint128);
}
