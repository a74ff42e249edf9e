// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ChannelCredits} from "./base/ChannelCredits.sol";
import {Payments} from "./base/Payments.sol";
import {IAssetRegistry, Royalty} from "./interfaces/IAssetRegistry.sol";
import {IFeeShares} from "./interfaces/IFeeShares.sol";
import {
    Channel,
    ChannelState,
    ChannelTerms,
    Fault,
    IPaymentChannels,
    SignedVoucher
} from "./interfaces/IPaymentChannels.sol";
import {Reason} from "./interfaces/Types.sol";
import {MAX_CHANNEL_DURATION, MIN_CHANNEL_DURATION} from "./libraries/ChannelLimits.sol";
import {BPS, BURN_ADDRESS, MAX_PROTOCOL_FEE_BPS} from "./libraries/Limits.sol";
import {Settlement} from "./libraries/Settlement.sol";

/// @title Payment channels: a deposit, signed cumulative vouchers, one claim
/// @notice Immutable: no owner, no pause. The protocol on both sides, and the table of states: docs/channels.md.
/// INVARIANT: totalEscrow is the sum of deposit - claimed over channels that have not ended.
/// INVARIANT: claimed never exceeds the deposit, nor the largest amount that the channel's signer signed: a payer never
/// loses more than it signed.
/// INVARIANT: before expiry a signed voucher of a key always gives min(amount, deposit) - claimed, split by the number of
/// calls that the payee accepted with it: only the payee claims, and nothing that the payer does makes it less.
/// ASSUMPTION: token, registry, vault and fee shares are the deployment's own contracts.
contract PaymentChannels is ChannelCredits, EIP712 {
    bytes32 private constant CHANNEL_DOMAIN = keccak256("mlm/channel/1");
    bytes32 private constant VOUCHER_TYPE =
        keccak256("Voucher(bytes32 channelId,uint128 amount,uint64 calls,bytes32 request)");

    /// @dev What a contract may use to check a signature: enough for a wallet of several owners.
    uint256 private constant SIGNATURE_GAS = 300_000;

    /// @dev SAFETY: as deployed. A chain that splits off takes another chainid, and could name no channel here by it: deposits
    /// would be lost. Vouchers are signed for the chainid of their time (EIP-712).
    uint256 private immutable _chainId = block.chainid;

    IAssetRegistry public immutable registry;
    IFeeShares public immutable feeShares;
    /// @notice Where the stakers' part of the fee goes: the vault draws it with `fundFrom`.
    address public immutable vault;
    address public immutable treasury;
    /// @notice Basis points of what is claimed.
    uint16 public immutable protocolFeeBps;

    mapping(bytes32 channelId => Channel) private _channels;

    constructor(
        IERC20 token_,
        IAssetRegistry registry_,
        IFeeShares feeShares_,
        address vault_,
        address treasury_,
        uint16 protocolFeeBps_
    ) Payments(token_) EIP712("mlm payment channels", "1") {
        if (address(registry_).code.length == 0) revert AddressMissing("registry");
        if (address(feeShares_).code.length == 0) revert AddressMissing("feeShares");
        if (vault_ == address(0)) revert AddressMissing("vault");
        if (treasury_ == address(0)) revert AddressMissing("treasury");
        _bounded("protocolFeeBps", protocolFeeBps_, 0, MAX_PROTOCOL_FEE_BPS);
        (registry, feeShares, vault) = (registry_, feeShares_, vault_);
        (treasury, protocolFeeBps) = (treasury_, protocolFeeBps_);
    }

    // ---------------------------------------------------------------- the payer

    /// @inheritdoc IPaymentChannels
    function open(ChannelTerms calldata terms, uint128 amount, uint48 expiresAt)
        external
        nonReentrant
        returns (bytes32 channelId)
    {
        _present("payee", terms.payee);
        _present("signer", terms.signer);
        channelId = _id(terms);
        if (msg.sender != terms.payer) revert NotPayer(channelId, terms.payer, msg.sender);
        _needCurrent(channelId, terms);
        Channel storage channel = _channels[channelId];
        if (channel.expiresAt != 0) revert ChannelAlreadyOpened(channelId);
        if (amount == 0) revert DepositMissing(channelId);
        _checkExpiry(expiresAt, block.timestamp + MIN_CHANNEL_DURATION);
        channel.deposit = amount;
        channel.expiresAt = expiresAt;
        _deposit(amount);
        emit ChannelOpened(channelId, terms.versionId, terms.payee, terms, amount, expiresAt);
        _pull(amount);
    }

    /// @inheritdoc IPaymentChannels
    function topUp(ChannelTerms calldata terms, uint128 amount, uint48 expiresAt) external nonReentrant {
        bytes32 channelId = _id(terms);
        Channel storage channel = _channels[channelId];
        _needState(channelId, channel, ChannelState.Open);
        // SAFETY: whoever else could move the expiry would lock the payer's money.
        if (msg.sender != terms.payer) revert NotPayer(channelId, terms.payer, msg.sender);
        _needCurrent(channelId, terms);
        _checkExpiry(expiresAt, channel.expiresAt);
        uint128 deposit = channel.deposit + amount;
        channel.deposit = deposit;
        channel.expiresAt = expiresAt;
        _deposit(amount);
        emit ChannelToppedUp(channelId, amount, deposit, expiresAt);
        if (amount != 0) _pull(amount);
    }

    /// @inheritdoc IPaymentChannels
    function refund(ChannelTerms calldata terms) external nonReentrant {
        bytes32 channelId = _id(terms);
        Channel storage channel = _channels[channelId];
        _needState(channelId, channel, ChannelState.Expired);
        _end(channelId, channel, terms.payer, ChannelState.Refunded);
    }

    // ---------------------------------------------------------------- the payee

    /// @inheritdoc IPaymentChannels
    function claim(SignedVoucher[] calldata vouchers) external nonReentrant returns (uint128 paid) {
        bytes32 first = 0;
        Fault why = Fault.NothingNew;
        for (uint256 i = 0; i < vouchers.length; ++i) {
            (bytes32 channelId, Fault fault, uint128 due) = _check(vouchers[i]);
            // SAFETY: of the payee's vouchers only. Its signer can sign any number of calls: claimed by somebody else, they
            // would give the owner what the payee worked for.
            address payee = vouchers[i].terms.payee;
            if (msg.sender != payee) revert NotPayee(channelId, payee, msg.sender);
            if (i == 0) (first, why) = (channelId, fault);
            if (fault != Fault.None) continue;
            _pay(channelId, vouchers[i], due);
            paid += due;
        }
        if (paid == 0) revert NothingClaimed(first, why);
        // For all at once: what is credited above is released here.
        _release(paid);
    }

    /// @inheritdoc IPaymentChannels
    function close(SignedVoucher calldata voucher) external nonReentrant {
        ChannelTerms calldata terms = voucher.terms;
        bytes32 channelId = _id(terms);
        Channel storage channel = _channels[channelId];
        _needState(channelId, channel, ChannelState.Open);
        if (msg.sender != terms.payee) revert NotPayee(channelId, terms.payee, msg.sender);
        if (voucher.amount != 0) {
            (, Fault fault, uint128 due) = _check(voucher);
            // Somebody may have claimed it first.
            if (fault == Fault.None) {
                _pay(channelId, voucher, due);
                _release(due);
            } else if (fault != Fault.NothingNew) {
                revert VoucherRefused(channelId, fault);
            }
        }
        _end(channelId, channel, terms.payer, ChannelState.Closed);
    }

    // ---------------------------------------------------------------- readers

    /// @inheritdoc IPaymentChannels
    function quote(address payer, address payee, address signer, bytes32 versionId, uint256 nonce)
        external
        view
        returns (ChannelTerms memory terms, bytes32 channelId, uint256 floor)
    {
        terms = _terms(payer, payee, signer, versionId, nonce);
        return (terms, _id(terms), Settlement.floorPrice(protocolFeeBps, terms.usePrice));
    }

    /// @inheritdoc IPaymentChannels
    function check(SignedVoucher calldata voucher) external view returns (Fault fault, uint128 due) {
        (, fault, due) = _check(voucher);
    }

    /// @inheritdoc IPaymentChannels
    function stateOf(bytes32 channelId) external view returns (ChannelState) {
        return _stateOf(_channels[channelId]);
    }

    /// @inheritdoc IPaymentChannels
    function channelOf(bytes32 channelId) external view returns (Channel memory) {
        return _channels[channelId];
    }

    /// @inheritdoc IPaymentChannels
    function idOf(ChannelTerms calldata terms) external view returns (bytes32) {
        return _id(terms);
    }

    // ---------------------------------------------------------------- vouchers

    /// @dev What a voucher gives now. A voucher above the deposit gives the deposit, and the rest after a top-up.
    function _check(SignedVoucher calldata voucher) private view returns (bytes32 channelId, Fault fault, uint128 due) {
        channelId = _id(voucher.terms);
        Channel storage channel = _channels[channelId];
        ChannelState state = _stateOf(channel);
        if (state == ChannelState.Unknown) return (channelId, Fault.ChannelUnknown, 0);
        if (state != ChannelState.Open) return (channelId, Fault.ChannelEnded, 0);
        uint128 top = voucher.amount < channel.deposit ? voucher.amount : channel.deposit;
        if (top <= channel.claimed) return (channelId, Fault.NothingNew, 0);
        bytes32 digest = _hashTypedDataV4(
            keccak256(abi.encode(VOUCHER_TYPE, channelId, voucher.amount, voucher.calls, voucher.request))
        );
        if (!_signed(voucher.terms.signer, digest, voucher.signature)) return (channelId, Fault.SignatureInvalid, 0);
        return (channelId, Fault.None, top - channel.claimed);
    }

    /// @dev By the signer's key, else by the contract that it is. SAFETY: the key comes first. An account that signed
    /// and then lets a contract speak for it (EIP-7702) still has signed.
    function _signed(address signer, bytes32 digest, bytes calldata signature) private view returns (bool good) {
        // The third value explains an error.
        // slither-disable-next-line unused-return
        (address recovered, ECDSA.RecoverError problem,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (problem == ECDSA.RecoverError.NoError && recovered == signer) return true;
        if (signer.code.length == 0) return false;
        // SAFETY: bounded in gas and in what is copied, so that one signer cannot spoil a batch. Who gives too little gas
        // makes a voucher give nothing, and it gives its due in the next transaction.
        bytes memory data = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bytes32 answer;
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            good := staticcall(SIGNATURE_GAS, signer, add(data, 0x20), mload(data), 0x00, 0x20)
            good := and(good, gt(returndatasize(), 0x1f))
            answer := mload(0x00)
        }
        return good && answer == bytes32(IERC1271.isValidSignature.selector);
    }

    /// @dev Splits what a voucher gives as a settled job's price is split, but for one thing: the owner is owed its part of
    /// all that was claimed, for all calls. So a payee gains nothing by the pieces in which it claims, and whatever
    /// numbers a payer signs, the whole `due` is paid: what the owner is short of comes out of later claims. Callers release it.
    function _pay(bytes32 channelId, SignedVoucher calldata voucher, uint128 due) private {
        Channel storage channel = _channels[channelId];
        ChannelTerms calldata terms = voucher.terms;
        uint128 claimed = channel.claimed + due;
        uint64 calls = voucher.calls > channel.calls ? voucher.calls : channel.calls;
        uint256 part =
            Settlement.ownerPart(claimed, uint256(terms.usePrice) * calls, terms.ownerBps) - channel.ownerPaid;
        {
            uint256 most = due - Settlement.feeUp(due, protocolFeeBps);
            if (part > most) part = most;
        }
        channel.claimed = claimed;
        // SAFETY: at most `claimed`, which fits.
        // forge-lint: disable-next-line(unsafe-typecast)
        channel.ownerPaid += uint128(part);
        channel.calls = calls;
        emit VoucherClaimed(channelId, voucher.amount, voucher.calls, due);
        (uint256 fee, uint256[] memory shares, uint256 rest) = Settlement.split(due, protocolFeeBps, part, 0, terms.bps);
        _creditFee(channelId, terms, fee);
        for (uint256 i = 0; i < shares.length; ++i) {
            _credit(channelId, terms.payees[i], Reason.Royalty, shares[i]);
        }
        _credit(channelId, terms.payee, Reason.Payment, rest);
    }

    function _creditFee(bytes32 channelId, ChannelTerms calldata terms, uint256 fee) private {
        (uint256 toTreasury, uint256 toStakers, uint256 burned) =
            Settlement.splitFee(fee, terms.treasuryBps, terms.stakersBps);
        _credit(channelId, treasury, Reason.ProtocolFee, toTreasury);
        _credit(channelId, vault, Reason.StakerReward, toStakers);
        _credit(channelId, BURN_ADDRESS, Reason.Burn, burned);
    }

    function _end(bytes32 channelId, Channel storage channel, address payer, ChannelState ending) private {
        uint128 left = channel.deposit - channel.claimed;
        // INVARIANT: a channel ends once.
        channel.ending = ending;
        _release(left);
        emit ChannelEnded(channelId, ending, left);
        _credit(channelId, payer, Reason.Refund, left);
    }

    // ---------------------------------------------------------------- facts

    function _terms(address payer, address payee, address signer, bytes32 versionId, uint256 nonce)
        private
        view
        returns (ChannelTerms memory)
    {
        (uint16 treasuryBps, uint16 stakersBps) = feeShares.feeShares();
        if (uint256(treasuryBps) + stakersBps > BPS) revert FeeSharesTooHigh(treasuryBps, stakersBps);
        // Reverts for an unknown version.
        Royalty memory royalty = registry.royaltyOf(versionId);
        return ChannelTerms({
            payer: payer,
            signer: signer,
            payee: payee,
            nonce: nonce,
            versionId: versionId,
            usePrice: royalty.usePrice,
            ownerBps: royalty.ownerBps,
            treasuryBps: treasuryBps,
            stakersBps: stakersBps,
            payees: royalty.payees,
            bps: royalty.bps
        });
    }

    /// @dev SAFETY: an owner that raises its part in front of an opening would make a channel that no payee serves, and old
    /// terms that are topped up for ever would never give a new owner its part.
    function _needCurrent(bytes32 channelId, ChannelTerms calldata terms) private view {
        bytes32 current = _id(_terms(terms.payer, terms.payee, terms.signer, terms.versionId, terms.nonce));
        if (current != channelId) revert TermsChanged(channelId, current);
    }

    /// @dev The snapshot is part of the id: a reorganisation cannot put other terms under the same vouchers.
    function _id(ChannelTerms memory terms) private view returns (bytes32) {
        return keccak256(abi.encode(CHANNEL_DOMAIN, _chainId, address(this), terms));
    }

    function _checkExpiry(uint48 expiresAt, uint256 least) private view {
        uint256 most = block.timestamp + MAX_CHANNEL_DURATION;
        if (expiresAt < least || expiresAt > most) revert ExpiryOutOfBounds(expiresAt, least, most);
    }

    function _stateOf(Channel storage channel) private view returns (ChannelState) {
        uint48 expiresAt = channel.expiresAt;
        if (expiresAt == 0) return ChannelState.Unknown;
        ChannelState ending = channel.ending;
        if (ending != ChannelState.Unknown) return ending;
        return block.timestamp < expiresAt ? ChannelState.Open : ChannelState.Expired;
    }

    function _needState(bytes32 channelId, Channel storage channel, ChannelState expected) private view {
        ChannelState actual = _stateOf(channel);
        if (actual != expected) revert ChannelInState(channelId, expected, actual);
    }
}
