// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {PaymentChannels} from "../contracts/PaymentChannels.sol";
import {IPaymentChannelsErrors} from "../contracts/errors/IPaymentChannelsErrors.sol";
import {Channel, ChannelState, ChannelTerms, Fault, SignedVoucher} from "../contracts/interfaces/IPaymentChannels.sol";
import {IFeeShares} from "../contracts/interfaces/IFeeShares.sol";
import {MarketBase} from "./MarketBase.sol";
import {Shipped} from "./Shipped.sol";

interface ChannelVm {
    function etch(address target, bytes calldata code) external;
    function chainId(uint256 id) external;
}

/// @title A market with payment channels: CONSUMER pays, its hot key signs, ALICE is paid for calls of OWNER's model
abstract contract ChannelBase is MarketBase {
    ChannelVm internal constant channelVm = ChannelVm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

    uint256 internal constant KEY = 0x5160;
    uint128 internal constant DEPOSIT = 100 * ONE;
    uint48 internal constant LIFE = 7 days;
    /// Base units for a call: above the floor, which is the use price of 2 and the fee.
    uint128 internal constant PRICE = 4 * ONE;

    PaymentChannels internal channels;
    address internal signer;

    function setUp() public virtual override {
        super.setUp();
        channels =
            Shipped.paymentChannels(token, registry, IFeeShares(address(feeShares)), address(vault), TREASURY, 100);
        signer = vm.addr(KEY);
        address[3] memory accounts = [CONSUMER, ALICE, BOB];
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(accounts[i]);
            token.approve(address(channels), type(uint256).max);
        }
    }

    function _terms(uint256 nonce) internal view returns (ChannelTerms memory terms) {
        (terms,,) = channels.quote(CONSUMER, ALICE, signer, versionId, nonce);
    }

    function _open(uint256 nonce) internal returns (ChannelTerms memory terms, bytes32 channelId) {
        return _openFor(signer, nonce);
    }

    function _openFor(address signs, uint256 nonce) internal returns (ChannelTerms memory terms, bytes32 channelId) {
        (terms, channelId,) = channels.quote(CONSUMER, ALICE, signs, versionId, nonce);
        vm.prank(CONSUMER);
        vm.assertEq(channels.open(terms, DEPOSIT, uint48(block.timestamp) + LIFE), channelId);
    }

    /// @dev By the definition of EIP-712.
    function _digest(address contract_, bytes32 channelId, uint128 amount, uint64 calls, bytes32 request)
        internal
        view
        returns (bytes32)
    {
        bytes32 separator = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("mlm payment channels"),
                keccak256("1"),
                block.chainid,
                contract_
            )
        );
        bytes32 body = keccak256(
            abi.encode(
                keccak256("Voucher(bytes32 channelId,uint128 amount,uint64 calls,bytes32 request)"),
                channelId,
                amount,
                calls,
                request
            )
        );
        return keccak256(abi.encodePacked(hex"1901", separator, body));
    }

    function _signedBy(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _voucher(ChannelTerms memory terms, uint128 amount, uint64 calls)
        internal
        view
        returns (SignedVoucher memory)
    {
        bytes32 request = keccak256(abi.encode("request", calls));
        bytes32 digest = _digest(address(channels), channels.idOf(terms), amount, calls, request);
        return SignedVoucher(terms, amount, calls, request, _signedBy(KEY, digest));
    }

    function _one(SignedVoucher memory voucher) internal pure returns (SignedVoucher[] memory vouchers) {
        vouchers = new SignedVoucher[](1);
        vouchers[0] = voucher;
    }

    function _claim(SignedVoucher memory voucher) internal returns (uint256) {
        vm.prank(voucher.terms.payee);
        return channels.claim(_one(voucher));
    }

    function _needNothing(SignedVoucher memory voucher, Fault fault) internal {
        bytes32 channelId = channels.idOf(voucher.terms);
        (Fault found, uint128 due) = channels.check(voucher);
        vm.assertEq(uint256(found), uint256(fault), "fault");
        vm.assertEq(due, 0, "due");
        vm.prank(voucher.terms.payee);
        vm.expectRevert(abi.encodeWithSelector(IPaymentChannelsErrors.NothingClaimed.selector, channelId, fault));
        channels.claim(_one(voucher));
    }

    function _needChannel(bytes32 channelId, ChannelState expected) internal view {
        vm.assertEq(uint256(channels.stateOf(channelId)), uint256(expected), "state");
        _needCoveredChannels();
    }

    function _needCoveredChannels() internal view {
        uint256 owed = uint256(channels.totalEscrow()) + channels.totalCredit();
        vm.assertEq(token.balanceOf(address(channels)), owed, "channels' balance");
    }

    function _inChannelState(bytes32 channelId, ChannelState expected, ChannelState actual)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(IPaymentChannelsErrors.ChannelInState.selector, channelId, expected, actual);
    }
}
