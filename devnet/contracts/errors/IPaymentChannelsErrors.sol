// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ChannelState, Fault} from "../interfaces/IPaymentChannels.sol";

/// Errors of PaymentChannels: each says which channel, what was expected and what was found.
interface IPaymentChannelsErrors {
    error ChannelAlreadyOpened(bytes32 channelId);
    error ChannelInState(bytes32 channelId, ChannelState expected, ChannelState actual);
    error DepositMissing(bytes32 channelId);
    /// Price, owner, parents or the fee's shares are others now than in the terms: with them the channel would be `current`.
    error TermsChanged(bytes32 channelId, bytes32 current);
    /// All deposits and credits together fit into 128 bits.
    error DepositTooLarge(uint128 amount, uint256 most);
    error ExpiryOutOfBounds(uint48 actual, uint256 least, uint256 most);
    error NotPayer(bytes32 channelId, address expected, address actual);
    error NotPayee(bytes32 channelId, address expected, address actual);
    /// The voucher of a closing gives nothing: the payee would lose what it thinks it has.
    error VoucherRefused(bytes32 channelId, Fault fault);
    /// No voucher gave anything; the first one, and why.
    error NothingClaimed(bytes32 channelId, Fault fault);
    error FeeSharesTooHigh(uint16 treasuryBps, uint16 stakersBps);
    error NoCredit(address account);
}
