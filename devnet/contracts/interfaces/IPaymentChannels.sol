// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Reason} from "./Types.sol";

/// What a channel's id covers: who pays whom for which version, and what was frozen of the world at the opening.
/// Travels in calldata and is never stored (docs/decisions/0001-terms-travel-in-calldata.md).
struct ChannelTerms {
    address payer;
    address signer; // whose signature vouchers need: a key, or a contract (ERC-1271)
    address payee;
    uint256 nonce; // chosen by the payer
    bytes32 versionId;
    uint128 usePrice; // base units that the version's owner is owed for a call, at least
    uint16 ownerBps;
    uint16 treasuryBps; // of the protocol fee; the rest of it, after the stakers' share, burns
    uint16 stakersBps;
    address[] payees; // payees[0] is the version's owner, who takes the remainder
    uint16[] bps; // shares of the owner's part
}

/// A payer's word, with what names its channel. `amount` and `calls` are cumulative: in all, since the opening.
struct SignedVoucher {
    ChannelTerms terms;
    uint128 amount; // base units
    uint64 calls;
    bytes32 request; // what this call asks for; binds the voucher off chain, nothing here reads it
    bytes signature; // EIP-712, of Voucher(channelId,amount,calls,request)
}

/// The facts stored of a channel. Its state follows from them and the clock.
struct Channel {
    uint128 deposit;
    uint128 claimed; // of the deposit, credited already
    uint128 ownerPaid; // of what was claimed, the part of the owner and its parents
    uint64 calls; // the largest number that a claimed voucher had
    uint48 expiresAt; // vouchers are paid before it; the rest is refunded from it on
    ChannelState ending; // Closed or Refunded; else Unknown
}

enum ChannelState {
    Unknown,
    Open, // vouchers are paid
    Expired, // the rest can be refunded
    Closed, // by the payee
    Refunded
}

/// Why a voucher gives nothing.
enum Fault {
    None,
    ChannelUnknown, // or other terms than the channel was opened under
    ChannelEnded,
    NothingNew, // no more than was claimed already
    SignatureInvalid
}

/// @title Channels through which one account pays another for a stream of calls
/// @notice One transaction opens a channel, each call is paid by a signed voucher off chain, and one transaction claims
/// the last of them. docs/channels.md is the protocol.
interface IPaymentChannels {
    event ChannelOpened(
        bytes32 indexed channelId,
        bytes32 indexed versionId,
        address indexed payee,
        ChannelTerms terms,
        uint128 deposit,
        uint48 expiresAt
    );
    /// `deposit` and `expiresAt` are those from now on; `amount` what came in.
    event ChannelToppedUp(bytes32 indexed channelId, uint128 amount, uint128 deposit, uint48 expiresAt);
    /// `amount` and `calls` of the voucher, both cumulative; `paid` what it gave beyond the ones before.
    event VoucherClaimed(bytes32 indexed channelId, uint128 amount, uint64 calls, uint128 paid);
    /// `left` was credited to the payer.
    event ChannelEnded(bytes32 indexed channelId, ChannelState ending, uint128 left);
    event ChannelCredited(bytes32 indexed channelId, address indexed account, Reason indexed reason, uint256 amount);
    event Withdrawn(address indexed account, uint256 amount);

    /// @notice Opens a channel and pulls its deposit. The payer only, on the terms that `quote` gives now.
    /// channelId = keccak256(abi.encode(keccak256("mlm/channel/1"), chainid, channels, terms)), chainid as at the deployment.
    /// @param terms Its `signer` is whose signature vouchers need, mostly the payer; its `nonce` is chosen by the payer: the same
    /// terms cannot be opened twice, not even after the end.
    /// @param expiresAt Seconds of the chain's clock.
    function open(ChannelTerms calldata terms, uint128 amount, uint48 expiresAt) external returns (bytes32 channelId);

    /// @notice Adds to an open channel's deposit, moves its expiry later, or both. Payer only, while the
    /// channel's terms are those that `quote` gives now.
    /// @param amount 0: only the expiry moves.
    /// @param expiresAt Never earlier than it is.
    function topUp(ChannelTerms calldata terms, uint128 amount, uint48 expiresAt) external;

    /// @notice Credits what each voucher gives beyond what was claimed of its channel, at most the deposit. Payee
    /// of all of them only. A voucher that gives nothing is passed over, so that none spoils a batch; reverts where none gives anything.
    function claim(SignedVoucher[] calldata vouchers) external returns (uint128 paid);

    /// @notice Claims a voucher, and gives the rest back to the payer at once. Payee only.
    /// @param voucher With `amount` 0 nothing is claimed, and no signature is needed.
    function close(SignedVoucher calldata voucher) external;

    /// @notice Credits the payer with what an expired channel has left. Anyone may call.
    function refund(ChannelTerms calldata terms) external;

    /// @notice Pays the caller everything credited to it.
    function withdraw() external returns (uint256 amount);

    /// @notice Sends what was burned to the burn address. Anyone may call.
    function burn() external returns (uint256 amount);

    /// @notice The terms that a channel opened now would have, its id, and the least price of a call under them that
    /// leaves nobody short: fee and the owner's use price. Reverts for an unknown version.
    function quote(address payer, address payee, address signer, bytes32 versionId, uint256 nonce)
        external
        view
        returns (ChannelTerms memory terms, bytes32 channelId, uint256 floor);

    function stateOf(bytes32 channelId) external view returns (ChannelState);
    function channelOf(bytes32 channelId) external view returns (Channel memory);
    function idOf(ChannelTerms calldata terms) external view returns (bytes32);

    /// @notice Why a voucher would give nothing now; `None` where `claim` pays `due`.
    function check(SignedVoucher calldata voucher) external view returns (Fault fault, uint128 due);

    function creditOf(address account) external view returns (uint256);
    /// @notice Sum of what channels hold that is neither claimed nor given back.
    function totalEscrow() external view returns (uint128);
    /// @notice Sum of all credits not yet withdrawn, burned ones included.
    function totalCredit() external view returns (uint128);
}
