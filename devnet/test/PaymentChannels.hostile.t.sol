// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {PaymentChannels} from "../contracts/PaymentChannels.sol";
import {IPaymentChannelsErrors as Errors} from "../contracts/errors/IPaymentChannelsErrors.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {IFeeShares} from "../contracts/interfaces/IFeeShares.sol";
import {Channel, ChannelState, ChannelTerms, Fault, SignedVoucher} from "../contracts/interfaces/IPaymentChannels.sol";
import {ChannelBase} from "./ChannelBase.sol";
import {HookedToken, IHook} from "./HookedToken.sol";
import {Shipped} from "./Shipped.sol";
import {TaxedToken} from "./TaxedToken.sol";

enum Answer {
    Good,
    No,
    Reverts,
    BurnsAllGas,
    TooShort,
    Huge,
    DirtyWord
}

/// A contract that signs as it likes.
contract ToyWallet {
    Answer public answer;
    bytes32 private _approved;

    function set(Answer answer_) external {
        answer = answer_;
    }

    function approve(bytes32 digest) external {
        _approved = digest;
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        bytes4 magic = IERC1271.isValidSignature.selector;
        if (answer == Answer.Good) return digest == _approved ? magic : bytes4(0);
        if (answer == Answer.No) return 0xffffffff;
        require(answer != Answer.Reverts, "no");
        if (answer == Answer.BurnsAllGas) {
            uint256 spun = 0;
            while (true) {
                spun = uint256(keccak256(abi.encode(spun)));
            }
        }
        if (answer == Answer.TooShort) {
            assembly ("memory-safe") {
                mstore(0, magic)
                return(0, 4)
            }
        }
        if (answer == Answer.Huge) {
            assembly ("memory-safe") {
                return(0, 50000)
            }
        }
        assembly ("memory-safe") {
            mstore(0, or(magic, 1))
            return(0, 32)
        }
    }
}

/// A payer that is called in the middle of every payment, and then tries its moves.
contract ChannelReentrant is IHook {
    PaymentChannels private immutable channels;
    bytes[] private _moves;
    uint256 public succeeded;
    uint256 public tried;

    constructor(HookedToken token, PaymentChannels channels_) {
        channels = channels_;
        token.listen();
        token.approve(address(channels_), type(uint256).max);
    }

    function plan(bytes calldata move) external {
        _moves.push(move);
    }

    function run(bytes calldata move) external {
        (bool done, bytes memory answer) = address(channels).call(move);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }

    function tokensMove(address, address, uint256, bool) external {
        for (uint256 i = 0; i < _moves.length; ++i) {
            ++tried;
            (bool done,) = address(channels).call(_moves[i]);
            if (done) ++succeeded;
        }
    }
}

contract PaymentChannelsHostileTest is ChannelBase {
    // ---------------------------------------------------------------- signatures

    function test_aVoucherIsOfOneContractOneChainAndOneChannel() public {
        (ChannelTerms memory terms,) = _open(1);
        SignedVoucher memory voucher = _voucher(terms, PRICE, 1);
        PaymentChannels other =
            Shipped.paymentChannels(token, registry, IFeeShares(address(feeShares)), address(vault), TREASURY, 100);
        vm.startPrank(CONSUMER);
        token.approve(address(other), type(uint256).max);
        other.open(terms, DEPOSIT, uint48(START + LIFE));
        vm.stopPrank();
        bytes32 foreign = other.idOf(terms);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(Errors.NothingClaimed.selector, foreign, Fault.SignatureInvalid));
        other.claim(_one(voucher));

        (ChannelTerms memory second,) = _open(2);
        SignedVoucher memory moved = voucher;
        moved.terms = second;
        _needNothing(moved, Fault.SignatureInvalid);

        // After a fork the same contract stands on two chains, with the same channels.
        voucher = _voucher(terms, PRICE, 1);
        channelVm.chainId(99);
        _needNothing(voucher, Fault.SignatureInvalid);
    }

    function test_everyFieldIsSigned() public {
        (ChannelTerms memory terms,) = _open(1);
        SignedVoucher memory voucher = _voucher(terms, PRICE, 1);
        voucher.amount += 1;
        _needNothing(voucher, Fault.SignatureInvalid);
        voucher = _voucher(terms, PRICE, 1);
        voucher.calls += 1;
        _needNothing(voucher, Fault.SignatureInvalid);
        voucher = _voucher(terms, PRICE, 1);
        voucher.request = keccak256("another");
        _needNothing(voucher, Fault.SignatureInvalid);
    }

    /// Other terms are another channel: nobody can claim by a snapshot that it likes better.
    function test_everyTermIsPartOfTheId() public {
        (ChannelTerms memory terms,) = _open(1);
        terms.usePrice = 0;
        _needNothing(_voucher(terms, PRICE, 1), Fault.ChannelUnknown);
        terms = _terms(1);
        terms.payee = BOB;
        _needNothing(_voucher(terms, PRICE, 1), Fault.ChannelUnknown);
        terms = _terms(1);
        terms.payees[1] = ALICE;
        _needNothing(_voucher(terms, PRICE, 1), Fault.ChannelUnknown);
        terms = _terms(1);
        terms.payer = ALICE;
        vm.warp(START + LIFE);
        bytes32 unknown = channels.idOf(terms);
        vm.expectRevert(_inChannelState(unknown, ChannelState.Expired, ChannelState.Unknown));
        channels.refund(terms);
    }

    function test_aMalleatedSignatureIsNone() public {
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        SignedVoucher memory voucher = _voucher(terms, PRICE, 1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, _digest(address(channels), channelId, PRICE, 1, voucher.request));
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        bytes[5] memory bad = [
            abi.encodePacked(r, bytes32(order - uint256(s)), v == 27 ? uint8(28) : uint8(27)),
            // The short form of EIP-2098 would be a second spelling.
            abi.encodePacked(r, bytes32(uint256(s) | (uint256(v - 27) << 255))),
            abi.encodePacked(r, s, v, uint8(0)),
            abi.encodePacked(r, s, uint8(v - 27)),
            bytes("")
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            voucher.signature = bad[i];
            _needNothing(voucher, Fault.SignatureInvalid);
        }
        voucher.signature = abi.encodePacked(r, s, v);
        vm.assertEq(_claim(voucher), PRICE);
    }

    /// A signature that no key made recovers to some account, or to none: address 0 is no signer.
    function testFuzz_rubbishIsNoSignature(bytes32 r, bytes32 s, uint8 v) public {
        (ChannelTerms memory terms,) = _open(1);
        SignedVoucher memory voucher = _voucher(terms, PRICE, 1);
        voucher.signature = abi.encodePacked(r, s, v);
        _needNothing(voucher, Fault.SignatureInvalid);
    }

    // ---------------------------------------------------------------- contracts that sign (ERC-1271)

    function test_aContractSigns() public {
        ToyWallet wallet = new ToyWallet();
        (ChannelTerms memory terms, bytes32 channelId) = _openFor(address(wallet), 1);
        SignedVoucher memory voucher = SignedVoucher(terms, PRICE, 1, keccak256("r"), hex"01");
        _needNothing(voucher, Fault.SignatureInvalid);
        wallet.approve(_digest(address(channels), channelId, PRICE, 1, keccak256("r")));
        vm.assertEq(_claim(voucher), PRICE);
        voucher.amount += 1;
        _needNothing(voucher, Fault.SignatureInvalid);
    }

    /// Whatever a signing contract does, the other vouchers of a batch are paid, and it costs the batch a bounded sum.
    function test_aHostileSignerSpoilsNoBatch() public {
        ToyWallet wallet = new ToyWallet();
        (ChannelTerms memory hostile, bytes32 hostileId) = _openFor(address(wallet), 1);
        (ChannelTerms memory good,) = _open(2);
        wallet.approve(_digest(address(channels), hostileId, PRICE, 1, keccak256("r")));
        SignedVoucher[] memory batch_ = new SignedVoucher[](2);
        batch_[0] = SignedVoucher(hostile, PRICE, 1, keccak256("r"), hex"01");
        Answer[6] memory answers =
            [Answer.No, Answer.Reverts, Answer.BurnsAllGas, Answer.TooShort, Answer.Huge, Answer.DirtyWord];
        for (uint64 i = 0; i < answers.length; ++i) {
            wallet.set(answers[i]);
            _needNothing(batch_[0], Fault.SignatureInvalid);
            batch_[1] = _voucher(good, PRICE * (i + 1), i + 1);
            vm.prank(ALICE);
            vm.assertEq(channels.claim(batch_), PRICE);
            vm.assertLe(vm.lastCallGas().gasTotalUsed, 700_000);
        }
        // It could change its mind at any time: a payee that took its voucher has the risk (docs/channels.md).
        wallet.set(Answer.Good);
        batch_[1] = _voucher(good, PRICE * 7, 7);
        vm.prank(ALICE);
        vm.assertEq(channels.claim(batch_), 2 * PRICE);
    }

    /// EIP-7702: an account that signed vouchers and then lets a contract speak for it has signed them still.
    function test_aKeyThatBecomesAContractHasSigned() public {
        (ChannelTerms memory terms,) = _open(1);
        SignedVoucher memory voucher = _voucher(terms, PRICE, 1);
        ToyWallet refusing = new ToyWallet();
        channelVm.etch(signer, address(refusing).code);
        ToyWallet(signer).set(Answer.No);
        vm.assertEq(_claim(voucher), PRICE);
    }

    // ---------------------------------------------------------------- races

    /// The payer or a stranger that claims: with a voucher that names more calls than the payee served, the owner's part
    /// would take what is the payee's.
    function test_onlyThePayeeClaims() public {
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        SignedVoucher[] memory batch_ = new SignedVoucher[](2);
        batch_[0] = _voucher(terms, 5 * PRICE, type(uint64).max);
        (batch_[1].terms,,) = channels.quote(CONSUMER, BOB, signer, versionId, 2);
        address[3] memory others = [CONSUMER, OWNER, BOB];
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(Errors.NotPayee.selector, channelId, ALICE, others[i]));
            channels.claim(batch_);
        }
        // A batch is of one payee's channels.
        bytes32 foreign = channels.idOf(batch_[1].terms);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotPayee.selector, foreign, BOB, ALICE));
        channels.claim(batch_);
    }

    function test_aClosingSurvivesAClaimOfItsVoucher() public {
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        SignedVoucher memory voucher = _voucher(terms, 5 * PRICE, 5);
        _claim(voucher);
        vm.prank(ALICE);
        channels.close(voucher);
        vm.assertEq(channels.creditOf(CONSUMER), DEPOSIT - 5 * PRICE);
        _needChannel(channelId, ChannelState.Closed);
    }

    /// A top-up that comes after the end takes nothing, and one that comes just before it is given back with the rest.
    function test_topUpsRaceWithTheEnd() public {
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        SignedVoucher memory nothing;
        nothing.terms = terms;
        uint256 before = vm.snapshotState();
        vm.prank(ALICE);
        channels.close(nothing);
        uint256 balance = token.balanceOf(CONSUMER);
        vm.prank(CONSUMER);
        vm.expectRevert(_inChannelState(channelId, ChannelState.Open, ChannelState.Closed));
        channels.topUp(terms, ONE, uint48(START + LIFE));
        vm.assertEq(token.balanceOf(CONSUMER), balance);
        vm.revertToState(before);
        vm.prank(CONSUMER);
        channels.topUp(terms, ONE, uint48(START + LIFE));
        vm.prank(ALICE);
        channels.close(nothing);
        vm.assertEq(channels.creditOf(CONSUMER), DEPOSIT + ONE);
    }

    /// A payer cannot take its money while a voucher can still be claimed, nor move the expiry so that it cannot.
    function test_aPayerHasNoWayOutBeforeExpiry() public {
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        SignedVoucher memory all = _voucher(terms, DEPOSIT, 25);
        vm.startPrank(CONSUMER);
        vm.expectRevert();
        channels.topUp(terms, 0, uint48(START + 1));
        vm.expectRevert();
        channels.refund(terms);
        vm.expectRevert();
        channels.close(all);
        vm.expectRevert();
        channels.withdraw();
        vm.stopPrank();
        vm.warp(START + LIFE - 1);
        vm.assertEq(_claim(all), DEPOSIT);
        _needChannel(channelId, ChannelState.Open);
    }

    /// The block of an opening is replaced, and the price changed before the new one: no voucher of the old id is paid
    /// under the new terms.
    function test_aReorganisationCannotReAimVouchers() public {
        uint256 before = vm.snapshotState();
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        SignedVoucher memory voucher = _voucher(terms, PRICE, 1);
        vm.revertToState(before);
        vm.prank(OWNER);
        registry.setPrice(versionId, 3 * ONE, 1_000);
        (ChannelTerms memory now_, bytes32 after_) = _open(1);
        vm.assertTrue(channelId != after_);
        _needNothing(voucher, Fault.ChannelUnknown);
        voucher.terms = now_;
        _needNothing(voucher, Fault.SignatureInvalid);
    }

    // ---------------------------------------------------------------- numbers of calls against the owner's price

    /// A payer that signs a huge number of calls cannot make a claim fail. The payee takes no such voucher (its amount
    /// would have to pay for them all); had it, the owner would have all but the fee.
    function test_noNumberOfCallsStopsAClaim() public {
        (ChannelTerms memory terms,) = _open(1);
        vm.assertEq(_claim(_voucher(terms, PRICE, type(uint64).max)), PRICE);
        vm.assertEq(channels.creditOf(ALICE), 0);
        vm.assertEq(channels.creditOf(OWNER) + channels.creditOf(PARENT_OWNER), PRICE - PRICE / 100);
        vm.assertEq(_claim(_voucher(terms, 2 * PRICE, 1)), PRICE);
    }

    /// A payee that claims while the payer is ahead, and again when it is not, leaves the owner nothing short.
    function test_theOwnerIsPaidForAllCallsHoweverTheyAreClaimed() public {
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        _claim(_voucher(terms, 10 * PRICE, 1));
        vm.assertEq(channels.channelOf(channelId).ownerPaid, 4 * ONE); // its basis points: more than the price of 1 call
        _claim(_voucher(terms, 11 * PRICE, 11));
        // Owed for 11 calls: 22; there was only the new voucher's amount, less the fee.
        vm.assertEq(channels.channelOf(channelId).ownerPaid, 4 * ONE + PRICE - PRICE / 100);
        _claim(_voucher(terms, 25 * PRICE, 12));
        vm.assertEq(channels.channelOf(channelId).ownerPaid, 24 * ONE);
    }

    /// What payer and payee agree on between them they can also agree on beside the chain: a payer that signs one call
    /// for what many cost leaves the owner its basis points of the money, which is what it can count on.
    function test_fewerCallsThanServedCostTheOwnerItsUsePrice() public {
        (ChannelTerms memory terms,) = _open(1);
        _claim(_voucher(terms, 40 * ONE, 1));
        uint256 owner = channels.creditOf(OWNER) + channels.creditOf(PARENT_OWNER);
        vm.assertEq(owner, 4 * ONE); // 10 % of 40, where 10 honest calls owe 20
    }

    // ---------------------------------------------------------------- tokens

    function test_aTokenThatCallsBackFindsTheDoorClosed() public {
        HookedToken hooked = new HookedToken();
        PaymentChannels toy =
            Shipped.paymentChannels(hooked, registry, IFeeShares(address(feeShares)), address(vault), TREASURY, 100);
        ChannelReentrant payer = new ChannelReentrant(hooked, toy);
        hooked.mint(address(payer), 2 * DEPOSIT);
        (ChannelTerms memory terms, bytes32 channelId,) = toy.quote(address(payer), ALICE, signer, versionId, 1);
        bytes32 digest = _digest(address(toy), channelId, PRICE, 1, 0);
        SignedVoucher memory voucher = SignedVoucher(terms, PRICE, 1, 0, _signedBy(KEY, digest));
        payer.plan(abi.encodeCall(toy.withdraw, ()));
        payer.plan(abi.encodeCall(toy.burn, ()));
        payer.plan(abi.encodeCall(toy.claim, (_one(voucher))));
        payer.plan(abi.encodeCall(toy.topUp, (terms, 1, uint48(START + LIFE))));
        payer.plan(abi.encodeCall(toy.refund, (terms)));
        (ChannelTerms memory second,,) = toy.quote(address(payer), ALICE, signer, versionId, 2);
        payer.plan(abi.encodeCall(toy.open, (second, 1, uint48(START + LIFE))));
        payer.run(abi.encodeCall(toy.open, (terms, DEPOSIT, uint48(START + LIFE))));
        vm.prank(ALICE);
        toy.claim(_one(voucher));
        vm.warp(START + LIFE);
        toy.refund(terms);
        payer.run(abi.encodeCall(toy.withdraw, ()));
        vm.assertEq(payer.tried(), 12); // before the deposit, and after the withdrawal
        vm.assertEq(payer.succeeded(), 0);
        vm.assertEq(hooked.balanceOf(address(payer)), 2 * DEPOSIT - PRICE);
        vm.assertEq(hooked.balanceOf(address(toy)), uint256(toy.totalEscrow()) + toy.totalCredit());
    }

    /// A chain that splits off takes another chainid: its deposits are still refunded, and vouchers of the other are worth nothing.
    function test_aDepositOutlivesItsChainsNumber() public {
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        SignedVoucher memory voucher = _voucher(terms, PRICE, 1);
        channelVm.chainId(block.chainid + 1);
        vm.assertEq(channels.idOf(terms), channelId, "the channel's id");
        _needNothing(voucher, Fault.SignatureInvalid);
        vm.assertEq(_claim(_voucher(terms, PRICE, 1)), PRICE);
        vm.warp(START + LIFE);
        channels.refund(terms);
        vm.assertEq(channels.creditOf(CONSUMER), DEPOSIT - PRICE);
        _needChannel(channelId, ChannelState.Refunded);
    }

    function test_aTokenThatTakesAFeeIsRefused() public {
        TaxedToken taxed = new TaxedToken();
        PaymentChannels toy =
            Shipped.paymentChannels(taxed, registry, IFeeShares(address(feeShares)), address(vault), TREASURY, 100);
        taxed.mint(CONSUMER, DEPOSIT);
        ChannelTerms memory terms = _terms(1);
        vm.startPrank(CONSUMER);
        taxed.approve(address(toy), DEPOSIT);
        vm.expectPartialRevert(IPaymentErrors.InexactTransfer.selector);
        toy.open(terms, DEPOSIT, uint48(START + LIFE));
        vm.stopPrank();
    }
}
