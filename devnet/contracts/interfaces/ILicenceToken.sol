// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// What a licence lets its holder do. The numbers are part of every class: never renumber.
enum LicenceKind {
    PerUse, // a unit is used up by a use
    Period, // until a time
    Unlimited
}

/// What a licence of a class grants, and when it may be taken back. Fixed for good: the class's id covers all of it.
struct LicenceTerms {
    uint256 tokenId; // the asset, in all its versions
    LicenceKind kind;
    uint40 period; // Period: seconds; else 0
    bool transferable;
    uint16 resaleBps; // ERC-2981, to whoever owns the asset then; 0 where not transferable
    uint40 notice; // seconds from a revocation until the licence ends; 0: it can never be revoked
    uint128 refund; // base units for each unit revoked; 0 where it cannot be
    bytes32 text; // sha2-256 of the licence's words; 0: those of the version's manifest
}

/// What is left of revoked units: they are gone, and what they allowed stays allowed for a while.
struct Grace {
    uint40 until;
    uint128 units; // PerUse: what can be redeemed before `until`
}

/// @title Licences: rights to use an asset, as ERC-1155 tokens
/// @notice A class is keccak256(abi.encode(keccak256("mlm/licence/1"), chainid, licences, terms)) as a number, its low 40 bits
/// zero. A licence, the ERC-1155 id, is class | expiresAt, in seconds since 1970; 2^40 - 1 when it does not expire. It is valid
/// at t iff t < expiresAt.
interface ILicenceToken {
    event LicenceDefined(uint256 indexed classId, uint256 indexed tokenId, LicenceTerms terms);
    event LicenceRedeemed(uint256 indexed id, address indexed holder, bytes32 indexed purpose, uint256 units);
    /// The holder was credited `refund` in all; what the units allowed stays allowed before `until`.
    event LicenceRevoked(uint256 indexed id, address indexed holder, uint256 units, uint256 refund, uint48 until);

    /// @notice Makes a class known, once; a second time does nothing. By the asset's owner, or the shop for it.
    function defineClass(LicenceTerms calldata terms) external returns (uint256 classId);

    /// @notice Gives units of a licence, without a callback to the holder. LicenceShop only.
    function mint(address holder, uint256 id, uint256 units) external;

    /// @notice Uses up units of a per-use licence of the caller.
    /// @param purpose What they are used for: a digest that caller and service agree on.
    function redeem(uint256 id, uint256 units, bytes32 purpose) external;

    /// @notice Takes all units of a holder back, where the terms allow it, and credits it their refund, which the caller pays.
    /// The asset's present owner only.
    /// @param mostRefund What the caller pays at most: the holder may receive more units before this is mined.
    function revoke(uint256 id, address holder, uint256 mostRefund) external returns (uint256 refund);

    /// @notice Whether an account may use the asset now under this licence.
    function entitles(uint256 id, address account) external view returns (bool);

    /// @notice What is left of an account's revoked units.
    function graceOf(uint256 id, address account) external view returns (Grace memory);

    /// @notice The terms of a class or of a licence; reverts when the class is unknown.
    function termsOf(uint256 id) external view returns (LicenceTerms memory);

    /// @notice When a licence ends: its low 40 bits. 2^40 - 1: never.
    function expiryOf(uint256 id) external pure returns (uint256);

    /// @notice The id of the class that these terms make, known or not.
    function classOf(LicenceTerms calldata terms) external view returns (uint256);
}
