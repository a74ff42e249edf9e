// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MarketToken} from "../contracts/MarketToken.sol";
import {PaymentChannels} from "../contracts/PaymentChannels.sol";
import {Channel, ChannelState, ChannelTerms, SignedVoucher} from "../contracts/interfaces/IPaymentChannels.sol";
import {Base} from "./Base.sol";

/// @title Random play: two people pay two others, who claim what they like, when they like
contract ChannelHandler is Base {
    uint256 private constant KEY = 0x5160;

    PaymentChannels private immutable channels;
    MarketToken private immutable token;
    bytes32 private immutable versionId;
    address private immutable signer;

    address[2] public payers = [address(0xC1), address(0xC2)];
    address[2] public payees = [address(0xD1), address(0xD2)];

    bytes32[] public opened;
    ChannelTerms[] private _terms;
    uint256 public donated;
    /// The largest amount that was ever signed of a channel.
    mapping(bytes32 channelId => uint256) public signed;

    constructor(PaymentChannels channels_, MarketToken token_, bytes32 versionId_) {
        (channels, token, versionId, signer) = (channels_, token_, versionId_, vm.addr(KEY));
    }

    function count() external view returns (uint256) {
        return opened.length;
    }

    function termsOf(uint256 at) external view returns (ChannelTerms memory) {
        return _terms[at];
    }

    // ---------------------------------------------------------------- moves

    function open(uint256 who, uint128 amount, uint48 life) external {
        address payer = payers[who % 2];
        address payee = payees[(who / 2) % 2];
        uint256 nonce = opened.length;
        amount = uint128(_within(amount, 1, 1e18));
        life = uint48(_within(life, 60, 9_000));
        (ChannelTerms memory terms,,) = channels.quote(payer, payee, signer, versionId, nonce);
        vm.prank(payer);
        opened.push(channels.open(terms, amount, uint48(block.timestamp) + life));
        _terms.push(terms);
    }

    function topUp(uint256 which, uint128 amount, uint48 more) external {
        if (opened.length == 0) return;
        uint256 at = _recent(which);
        amount = uint128(_within(amount, 0, 1e18));
        uint48 expiresAt = channels.channelOf(opened[at]).expiresAt + uint48(_within(more, 0, 2_000));
        ChannelTerms memory terms = _terms[at];
        if (channels.stateOf(opened[at]) != ChannelState.Open) vm.expectRevert();
        vm.prank(terms.payer);
        channels.topUp(terms, amount, expiresAt);
    }

    /// @dev Any numbers, signed; before expiry they give what is new in them.
    function claim(uint256 which, uint128 amount, uint64 calls) external {
        if (opened.length == 0) return;
        uint256 at = _recent(which);
        Channel memory found = channels.channelOf(opened[at]);
        amount = uint128(_within(amount, 1, uint256(found.deposit) * 2));
        if (amount > signed[opened[at]]) signed[opened[at]] = amount;
        SignedVoucher[] memory batch = new SignedVoucher[](2);
        batch[0] = _voucher(at, amount, calls);
        batch[1] = batch[0];
        uint128 top = amount < found.deposit ? amount : found.deposit;
        bool gives = channels.stateOf(opened[at]) == ChannelState.Open && top > found.claimed;
        if (!gives) vm.expectRevert();
        vm.prank(_terms[at].payee);
        uint128 paid = channels.claim(batch);
        if (gives) vm.assertEq(paid, top - found.claimed, "a signed voucher gives what is new in it");
    }

    function close(uint256 which, uint128 amount, uint64 calls) external {
        if (opened.length == 0) return;
        uint256 at = _recent(which);
        Channel memory found = channels.channelOf(opened[at]);
        amount = uint128(_within(amount, 0, found.deposit));
        if (amount > signed[opened[at]]) signed[opened[at]] = amount;
        SignedVoucher memory voucher = _voucher(at, amount, calls);
        if (channels.stateOf(opened[at]) != ChannelState.Open) vm.expectRevert();
        vm.prank(_terms[at].payee);
        channels.close(voucher);
    }

    function refund(uint256 which) external {
        if (opened.length == 0) return;
        uint256 at = _recent(which);
        if (channels.stateOf(opened[at]) != ChannelState.Expired) vm.expectRevert();
        channels.refund(_terms[at]);
    }

    function withdraw(uint256 who) external {
        address account = who % 2 == 0 ? payers[(who / 2) % 2] : payees[(who / 2) % 2];
        if (channels.creditOf(account) == 0) return;
        vm.prank(account);
        channels.withdraw();
    }

    function donate(uint256 amount) external {
        amount = _within(amount, 1, 1e18);
        token.transfer(address(channels), amount);
        donated += amount;
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + _within(time, 1, 3_000));
    }

    // ---------------------------------------------------------------- the end

    /// @dev Time passes; everything that is left goes back.
    function finish() external {
        vm.warp(block.timestamp + 400 days);
        for (uint256 i = 0; i < opened.length; ++i) {
            if (channels.stateOf(opened[i]) == ChannelState.Expired) channels.refund(_terms[i]);
        }
    }

    function _voucher(uint256 at, uint128 amount, uint64 calls) private view returns (SignedVoucher memory) {
        bytes32 digest = keccak256(
            abi.encode(
                keccak256("Voucher(bytes32 channelId,uint128 amount,uint64 calls,bytes32 request)"),
                opened[at],
                amount,
                calls,
                bytes32(0)
            )
        );
        bytes32 separator = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("mlm payment channels"),
                keccak256("1"),
                block.chainid,
                address(channels)
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, keccak256(abi.encodePacked(hex"1901", separator, digest)));
        return SignedVoucher(_terms[at], amount, calls, 0, abi.encodePacked(r, s, v));
    }

    /// @dev One of the last six: older ones are over.
    function _recent(uint256 which) private view returns (uint256) {
        uint256 length = opened.length;
        return length - 1 - which % (length < 6 ? length : 6);
    }
}
