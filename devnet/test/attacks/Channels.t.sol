// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {PaymentChannels} from "../../contracts/PaymentChannels.sol";
import {IFeeShares} from "../../contracts/interfaces/IFeeShares.sol";
import {ChannelTerms, SignedVoucher} from "../../contracts/interfaces/IPaymentChannels.sol";
import {AttackBase} from "./AttackBase.sol";
import {Shipped} from "../Shipped.sol";

/// Signs whatever it likes, until it does not.
contract FickleWallet {
    bool private _refuses;

    function refuse() external {
        _refuses = true;
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        return _refuses ? bytes4(0) : this.isValidSignature.selector;
    }
}

/// Payers, payees and strangers that want more of a channel than its vouchers say. A call costs 4 tokens, of which the
/// model's owner is owed 2.
contract ChannelAttacks is AttackBase {
    uint256 private constant KEY = 0x5160;
    uint128 private constant CALL = 4 * ONE;
    uint128 private constant TEN = 10 * CALL;

    PaymentChannels private channels;
    address private payer;
    address private payee;

    function setUp() public override {
        super.setUp();
        IFeeShares shares = IFeeShares(address(feeShares));
        channels = Shipped.paymentChannels(token, registry, shares, address(vault), TREASURY, 100);
    }

    /// Whoever owns the model pays for calls of somebody who serves it, and then signs many more calls than were served,
    /// for the same money: were it to claim that itself, the owner's part would take what the payee worked for.
    function test_payerClaimsForTheOwner() public {
        payer = _sybil();
        payee = ALICE;
        ChannelTerms memory terms = _open(vm.addr(KEY));
        gang.push(OWNER);
        gang.push(PARENT_OWNER);
        SignedVoucher[] memory honestly = _one(_voucher(terms, TEN, 10));
        SignedVoucher[] memory absurd = _one(_voucher(terms, TEN, type(uint64).max));
        _begin();
        vm.prank(payee);
        channels.claim(honestly);
        uint256 due = channels.creditOf(payee);
        _leave(terms);
        Play memory honest = _ended();
        vm.prank(payer);
        (bool taken,) = address(channels).call(abi.encodeCall(channels.claim, (absurd)));
        _count(payer);
        vm.assertFalse(taken, "only the payee claims");
        vm.prank(payee);
        channels.claim(honestly);
        vm.assertEq(channels.creditOf(payee), due, "the payee has the same");
        _leave(terms);
        _needNoGain("payer that claims for the model's owner", honest, _played());
    }

    function test_callsByTheBillion() public {
        payer = _sybil();
        payee = ALICE;
        ChannelTerms memory terms = _open(vm.addr(KEY));
        SignedVoucher[] memory right = _one(_voucher(terms, CALL, 1));
        SignedVoucher[] memory absurd = _one(_voucher(terms, CALL, type(uint64).max));
        _begin();
        vm.prank(payee);
        channels.claim(right);
        _leave(terms);
        Play memory honest = _ended();
        vm.prank(payee);
        channels.claim(absurd);
        _leave(terms);
        _needNoGain("payer that signs 2^64 - 1 calls", honest, _played());
    }

    function test_oneCallForTen() public {
        payer = _sybil();
        payee = _sybil();
        ChannelTerms memory terms = _open(vm.addr(KEY));
        SignedVoucher[] memory right = _one(_voucher(terms, TEN, 10));
        SignedVoucher[] memory wrong = _one(_voucher(terms, TEN, 1));
        _begin();
        _claimAs(payee, right);
        _leave(terms);
        Play memory honest = _ended();
        _claimAs(payee, wrong);
        _leave(terms);
        _logGain("payer and payee that sign one call for ten", honest, _played());
    }

    function test_fickleContract() public {
        payer = _sybil();
        payee = ALICE;
        FickleWallet wallet = new FickleWallet();
        ChannelTerms memory terms = _open(address(wallet));
        SignedVoucher[] memory signed = _one(_voucher(terms, TEN, 10));
        _begin();
        vm.prank(payee);
        channels.claim(signed);
        _leave(terms);
        Play memory honest = _ended();
        vm.prank(payer);
        wallet.refuse();
        _count(payer);
        vm.prank(payee);
        vm.expectRevert();
        channels.claim(signed);
        _leave(terms);
        _logGain("contract that signs, and then has not signed", honest, _played());
    }

    function _open(address signer) private returns (ChannelTerms memory terms) {
        (terms,,) = channels.quote(payer, payee, signer, versionId, 1);
        token.transfer(payer, 2 * TEN);
        vm.prank(payer);
        token.approve(address(channels), 2 * TEN);
        vm.prank(payer);
        channels.open(terms, 2 * TEN, uint48(block.timestamp + 1 days));
    }

    function _claimAs(address account, SignedVoucher[] memory vouchers) private {
        vm.prank(account);
        channels.claim(vouchers);
        _count(account);
    }

    /// @dev The channel ends, and everybody takes what is credited.
    function _leave(ChannelTerms memory terms) private {
        vm.warp(block.timestamp + 1 days);
        channels.refund(terms);
        for (uint256 i = 0; i < gang.length; ++i) {
            if (channels.creditOf(gang[i]) == 0) continue;
            vm.prank(gang[i]);
            channels.withdraw();
        }
    }

    function _voucher(ChannelTerms memory terms, uint128 amount, uint64 calls)
        private
        view
        returns (SignedVoucher memory)
    {
        bytes32 separator = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("mlm payment channels"),
                keccak256("1"),
                block.chainid,
                address(channels)
            )
        );
        bytes32 body = keccak256(
            abi.encode(
                keccak256("Voucher(bytes32 channelId,uint128 amount,uint64 calls,bytes32 request)"),
                channels.idOf(terms),
                amount,
                calls,
                bytes32(0)
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, keccak256(abi.encodePacked(hex"1901", separator, body)));
        return SignedVoucher(terms, amount, calls, 0, abi.encodePacked(r, s, v));
    }

    function _one(SignedVoucher memory voucher) private pure returns (SignedVoucher[] memory vouchers) {
        vouchers = new SignedVoucher[](1);
        vouchers[0] = voucher;
    }
}
