// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPaymentChannelsErrors as Errors} from "../contracts/errors/IPaymentChannelsErrors.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {IFeeShares} from "../contracts/interfaces/IFeeShares.sol";
import {Channel, ChannelState, ChannelTerms, Fault, SignedVoucher} from "../contracts/interfaces/IPaymentChannels.sol";
import {MAX_CHANNEL_DURATION, MIN_CHANNEL_DURATION} from "../contracts/libraries/ChannelLimits.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {ChannelBase} from "./ChannelBase.sol";
import {Shipped} from "./Shipped.sol";

contract PaymentChannelsTest is ChannelBase {
    // ---------------------------------------------------------------- open

    function test_openTakesTheDepositAndKeepsTheFacts() public {
        uint256 before = token.balanceOf(CONSUMER);
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        Channel memory found = channels.channelOf(channelId);
        vm.assertEq(found.deposit, DEPOSIT);
        vm.assertEq(found.claimed, 0);
        vm.assertEq(found.expiresAt, START + LIFE);
        vm.assertEq(before - token.balanceOf(CONSUMER), DEPOSIT);
        vm.assertEq(channels.totalEscrow(), DEPOSIT);
        vm.assertEq(terms.usePrice, 2 * ONE);
        vm.assertEq(terms.ownerBps, 1_000);
        vm.assertEq(terms.payees[0], OWNER);
        vm.assertEq(terms.payees[1], PARENT_OWNER);
        bytes32 domain = keccak256("mlm/channel/1");
        vm.assertEq(channelId, keccak256(abi.encode(domain, block.chainid, address(channels), terms)));
        _needChannel(channelId, ChannelState.Open);
    }

    function test_openRefuses() public {
        uint48 expiry = uint48(START + LIFE);
        ChannelTerms memory terms = _terms(1);
        ChannelTerms memory second = _terms(2);
        bytes32 channelId = channels.idOf(terms);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotPayer.selector, channelId, CONSUMER, address(this)));
        channels.open(terms, DEPOSIT, expiry);
        vm.startPrank(CONSUMER);
        terms.payee = address(0);
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "payee"));
        channels.open(terms, DEPOSIT, expiry);
        (terms.payee, terms.signer) = (ALICE, address(0));
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "signer"));
        channels.open(terms, DEPOSIT, expiry);
        terms.signer = signer;
        vm.expectRevert(abi.encodeWithSelector(Errors.DepositMissing.selector, channelId));
        channels.open(terms, 0, expiry);
        // An unknown version.
        bytes32 known = terms.versionId;
        terms.versionId = keccak256("none");
        vm.expectRevert();
        channels.open(terms, DEPOSIT, expiry);
        terms.versionId = known;
        uint256 least = START + MIN_CHANNEL_DURATION;
        uint256 most = START + MAX_CHANNEL_DURATION;
        uint48[2] memory wrong = [uint48(least - 1), uint48(most + 1)];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Errors.ExpiryOutOfBounds.selector, wrong[i], least, most));
            channels.open(terms, DEPOSIT, wrong[i]);
        }
        channels.open(terms, DEPOSIT, uint48(least));
        channels.open(second, DEPOSIT, uint48(most));
        vm.stopPrank();
        _needCoveredChannels();
    }

    /// An owner that raises its part in front of an opening binds nobody's deposit; nor does a payer that writes its own terms.
    function test_aChannelIsOpenedOnTodaysTermsOnly() public {
        uint48 expiry = uint48(START + LIFE);
        ChannelTerms memory terms = _terms(1);
        bytes32 channelId = channels.idOf(terms);
        vm.prank(OWNER);
        registry.setPrice(versionId, 3 * ONE, 9_000);
        bytes32 current = channels.idOf(_terms(1));
        vm.prank(CONSUMER);
        vm.expectRevert(abi.encodeWithSelector(Errors.TermsChanged.selector, channelId, current));
        channels.open(terms, DEPOSIT, expiry);
        terms = _terms(1);
        terms.usePrice = 0;
        vm.prank(CONSUMER);
        vm.expectPartialRevert(Errors.TermsChanged.selector);
        channels.open(terms, DEPOSIT, expiry);
    }

    /// Else two that agree could keep an old price, and a former owner as its payee, for as long as they like.
    function test_oldTermsAreNotToppedUp() public {
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        vm.prank(OWNER);
        registry.setPrice(versionId, 3 * ONE, 1_000);
        bytes32 current = channels.idOf(_terms(1));
        vm.prank(CONSUMER);
        vm.expectRevert(abi.encodeWithSelector(Errors.TermsChanged.selector, channelId, current));
        channels.topUp(terms, ONE, uint48(START + LIFE));
        vm.assertEq(_claim(_voucher(terms, PRICE, 1)), PRICE);
    }

    function test_aChannelOpensOnceEvenAfterItsEnd() public {
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        bytes memory twice = abi.encodeWithSelector(Errors.ChannelAlreadyOpened.selector, channelId);
        vm.prank(CONSUMER);
        vm.expectRevert(twice);
        channels.open(terms, 1, uint48(START + LIFE));
        vm.warp(START + LIFE);
        channels.refund(terms);
        vm.prank(CONSUMER);
        vm.expectRevert(twice);
        channels.open(terms, 1, uint48(START + 2 * LIFE));
    }

    function test_allDepositsTogetherFitInto128Bits() public {
        _open(1);
        ChannelTerms memory terms = _terms(2);
        uint256 most = type(uint128).max - DEPOSIT;
        vm.prank(CONSUMER);
        vm.expectRevert(abi.encodeWithSelector(Errors.DepositTooLarge.selector, type(uint128).max, most));
        channels.open(terms, type(uint128).max, uint48(START + LIFE));
    }

    function test_aConstructorRefusesWhatIsMissing() public {
        IFeeShares shares = IFeeShares(address(feeShares));
        vm.expectPartialRevert(IPaymentErrors.AddressMissing.selector);
        Shipped.paymentChannels(token, registry, shares, address(0), TREASURY, 100);
        vm.expectPartialRevert(IPaymentErrors.AddressMissing.selector);
        Shipped.paymentChannels(token, registry, shares, address(vault), address(0), 100);
        vm.expectPartialRevert(IPaymentErrors.AddressMissing.selector);
        Shipped.paymentChannels(token, registry, IFeeShares(ALICE), address(vault), TREASURY, 100);
        vm.expectPartialRevert(IPaymentErrors.ParameterOutOfBounds.selector);
        Shipped.paymentChannels(token, registry, shares, address(vault), TREASURY, 1_001);
    }

    // ---------------------------------------------------------------- topUp

    function test_aTopUpAddsAndProlongs() public {
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        vm.prank(CONSUMER);
        channels.topUp(terms, 5 * ONE, uint48(START + LIFE));
        vm.prank(CONSUMER);
        channels.topUp(terms, 0, uint48(START + LIFE + 1));
        Channel memory found = channels.channelOf(channelId);
        vm.assertEq(found.deposit, 105 * ONE);
        vm.assertEq(found.expiresAt, START + LIFE + 1);
        _needChannel(channelId, ChannelState.Open);
    }

    function test_aTopUpRefuses() public {
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        uint48 expiry = uint48(START + LIFE);
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotPayer.selector, channelId, CONSUMER, BOB));
        channels.topUp(terms, ONE, expiry);
        vm.startPrank(CONSUMER);
        uint256 most = START + MAX_CHANNEL_DURATION;
        vm.expectRevert(abi.encodeWithSelector(Errors.ExpiryOutOfBounds.selector, expiry - 1, expiry, most));
        channels.topUp(terms, ONE, expiry - 1);
        vm.warp(expiry);
        vm.expectRevert(_inChannelState(channelId, ChannelState.Open, ChannelState.Expired));
        channels.topUp(terms, ONE, expiry + 1 days);
        vm.stopPrank();
    }

    // ---------------------------------------------------------------- claim

    /// 10 calls for 40: fee 0.4, the owner is owed 2 a call, its parent a quarter of that, the payee the rest.
    function test_aClaimSplitsAsASettledJob() public {
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        vm.assertEq(_claim(_voucher(terms, 40 * ONE, 10)), 40 * ONE);
        vm.assertEq(channels.creditOf(TREASURY), ONE / 5);
        vm.assertEq(channels.creditOf(address(vault)), ONE * 12 / 100);
        vm.assertEq(channels.creditOf(BURN_ADDRESS), ONE * 8 / 100);
        vm.assertEq(channels.creditOf(OWNER), 15 * ONE);
        vm.assertEq(channels.creditOf(PARENT_OWNER), 5 * ONE);
        vm.assertEq(channels.creditOf(ALICE), 19_600 * ONE / 1_000);
        vm.assertEq(channels.totalEscrow(), 60 * ONE);
        vm.assertEq(channels.totalCredit(), 40 * ONE);
        Channel memory found = channels.channelOf(channelId);
        vm.assertEq(found.calls, 10);
        vm.assertEq(found.ownerPaid, 20 * ONE);
        _needChannel(channelId, ChannelState.Open);
    }

    function test_aLaterVoucherGivesTheDifference() public {
        (ChannelTerms memory terms,) = _open(1);
        SignedVoucher memory earlier = _voucher(terms, PRICE, 1);
        _claim(_voucher(terms, 3 * PRICE, 3));
        vm.assertEq(_claim(_voucher(terms, 5 * PRICE, 5)), 2 * PRICE);
        _needNothing(earlier, Fault.NothingNew);
        vm.assertEq(channels.totalCredit(), 5 * PRICE);
    }

    function test_aVoucherAboveTheDepositGivesTheRestAfterATopUp() public {
        (ChannelTerms memory terms,) = _open(1);
        SignedVoucher memory voucher = _voucher(terms, DEPOSIT + 8 * ONE, 27);
        vm.assertEq(_claim(voucher), DEPOSIT);
        _needNothing(voucher, Fault.NothingNew);
        vm.prank(CONSUMER);
        channels.topUp(terms, 20 * ONE, uint48(START + LIFE));
        vm.assertEq(_claim(voucher), 8 * ONE);
        vm.assertEq(channels.totalEscrow(), 12 * ONE);
        _needCoveredChannels();
    }

    function test_aBatchPassesOverWhatGivesNothing() public {
        SignedVoucher[] memory batch_ = new SignedVoucher[](4);
        for (uint256 i = 0; i < 4; ++i) {
            (ChannelTerms memory terms,) = _open(i);
            batch_[i] = _voucher(terms, 2 * PRICE, 2);
        }
        _claim(batch_[1]);
        batch_[2].signature = hex"";
        vm.startPrank(ALICE);
        vm.assertEq(channels.claim(batch_), 4 * PRICE);
        vm.assertEq(channels.totalCredit(), 6 * PRICE);
        bytes32 first = channels.idOf(batch_[0].terms);
        vm.expectRevert(abi.encodeWithSelector(Errors.NothingClaimed.selector, first, Fault.NothingNew));
        channels.claim(batch_);
        vm.expectRevert(abi.encodeWithSelector(Errors.NothingClaimed.selector, 0, Fault.NothingNew));
        channels.claim(new SignedVoucher[](0));
    }

    function test_termsOfTheOpeningHold() public {
        (ChannelTerms memory terms,) = _open(1);
        vm.startPrank(OWNER);
        registry.setPrice(versionId, 90 * ONE, 9_000);
        registry.transferFrom(OWNER, BOB, tokenId);
        vm.stopPrank();
        feeShares.set(0, 0);
        _claim(_voucher(terms, PRICE, 1));
        vm.assertEq(channels.creditOf(BOB), 0);
        vm.assertEq(channels.creditOf(OWNER) + channels.creditOf(PARENT_OWNER), 2 * ONE);
        vm.assertEq(channels.creditOf(TREASURY), PRICE / 200);
    }

    // ---------------------------------------------------------------- close and refund

    function test_thePayeeClosesAndTheRestGoesBackAtOnce() public {
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        SignedVoucher memory voucher = _voucher(terms, 3 * PRICE, 3);
        vm.prank(CONSUMER);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotPayee.selector, channelId, ALICE, CONSUMER));
        channels.close(voucher);
        vm.prank(ALICE);
        channels.close(voucher);
        vm.assertEq(channels.creditOf(CONSUMER), DEPOSIT - 3 * PRICE);
        vm.assertEq(channels.totalCredit(), DEPOSIT);
        _needChannel(channelId, ChannelState.Closed);
        _needNothing(_voucher(terms, 4 * PRICE, 4), Fault.ChannelEnded);
        vm.warp(START + LIFE);
        vm.expectRevert(_inChannelState(channelId, ChannelState.Expired, ChannelState.Closed));
        channels.refund(terms);
    }

    function test_aClosingWithoutAVoucherGivesAllBack() public {
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        SignedVoucher memory nothing;
        nothing.terms = terms;
        vm.prank(ALICE);
        channels.close(nothing);
        vm.assertEq(channels.creditOf(CONSUMER), DEPOSIT);
        _needChannel(channelId, ChannelState.Closed);
    }

    function test_aClosingWithABadVoucherIsRefused() public {
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        SignedVoucher memory voucher = _voucher(terms, PRICE, 1);
        voucher.amount += 1;
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(Errors.VoucherRefused.selector, channelId, Fault.SignatureInvalid));
        channels.close(voucher);
    }

    function test_refundIsAtTheExpiryAndClaimsAreBeforeIt() public {
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        vm.warp(START + LIFE - 1);
        vm.expectRevert(_inChannelState(channelId, ChannelState.Expired, ChannelState.Open));
        channels.refund(terms);
        _claim(_voucher(terms, PRICE, 1));
        vm.warp(START + LIFE);
        _needChannel(channelId, ChannelState.Expired);
        _needNothing(_voucher(terms, 2 * PRICE, 2), Fault.ChannelEnded);
        SignedVoucher memory late = _voucher(terms, 2 * PRICE, 2);
        vm.prank(ALICE);
        vm.expectRevert(_inChannelState(channelId, ChannelState.Open, ChannelState.Expired));
        channels.close(late);
        vm.prank(ANYONE);
        channels.refund(terms);
        vm.assertEq(channels.creditOf(CONSUMER), DEPOSIT - PRICE);
        _needChannel(channelId, ChannelState.Refunded);
        vm.expectRevert(_inChannelState(channelId, ChannelState.Expired, ChannelState.Refunded));
        channels.refund(terms);
        vm.assertEq(channels.totalEscrow(), 0);
    }

    // ---------------------------------------------------------------- credits

    function test_creditsArePulledOnce() public {
        (ChannelTerms memory terms,) = _open(1);
        _claim(_voucher(terms, 40 * ONE, 10));
        uint256 owed = channels.creditOf(ALICE);
        uint256 before = token.balanceOf(ALICE);
        vm.startPrank(ALICE);
        vm.assertEq(channels.withdraw(), owed);
        vm.assertEq(token.balanceOf(ALICE) - before, owed);
        vm.expectRevert(abi.encodeWithSelector(Errors.NoCredit.selector, ALICE));
        channels.withdraw();
        vm.stopPrank();
        uint256 burned = channels.creditOf(BURN_ADDRESS);
        vm.assertEq(channels.burn(), burned);
        vm.assertEq(token.balanceOf(BURN_ADDRESS), burned);
        _needCoveredChannels();
    }

    function test_stakersDrawTheirPart() public {
        (ChannelTerms memory terms,) = _open(1);
        _claim(_voucher(terms, 40 * ONE, 10));
        uint256 part = channels.creditOf(address(vault));
        vm.assertEq(vault.fundFrom(address(channels)), part);
        vm.assertEq(vault.rewardPool(), part);
        vm.assertEq(channels.creditOf(address(vault)), 0);
    }

    // ---------------------------------------------------------------- fuzz

    /// In however many pieces a payee claims: the owner's part and what all get together are the same.
    function testFuzz_piecesOfAClaimChangeNothing(uint256 seed, uint16 price) public {
        uint128 each = uint128(_within(price, 2_100, 40_000)) * ONE / 1_000;
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        uint256 before = vm.snapshotState();
        uint64 calls = uint64(DEPOSIT / each);
        _claim(_voucher(terms, calls * each, calls));
        uint256 owner = channels.channelOf(channelId).ownerPaid;
        uint256 provider = channels.creditOf(ALICE);
        vm.revertToState(before);
        uint64 at = 0;
        uint256 pieces = 0;
        while (at < calls) {
            at += uint64(_within(uint256(keccak256(abi.encode(seed, at))), 1, 1 + calls / 2));
            if (at > calls) at = calls;
            _claim(_voucher(terms, at * each, at));
            ++pieces;
        }
        vm.assertEq(channels.channelOf(channelId).ownerPaid, owner, "owner's part");
        // The fee is rounded up for each piece.
        vm.assertLe(channels.creditOf(ALICE), provider);
        vm.assertGe(channels.creditOf(ALICE) + pieces, provider);
        vm.assertEq(channels.totalCredit(), calls * each, "all of it");
        _needCoveredChannels();
    }

    /// Whatever numbers a payer signs, in whatever order: a voucher gives exactly what is new in it, within the deposit.
    function testFuzz_everySignedAmountIsPaid(uint128[4] calldata amounts, uint64[4] calldata calls) public {
        (ChannelTerms memory terms, bytes32 channelId) = _open(1);
        uint256 claimed = 0;
        for (uint256 i = 0; i < 4; ++i) {
            uint128 amount = i % 2 == 0 ? amounts[i] : uint128(_within(amounts[i], 1, DEPOSIT));
            SignedVoucher memory voucher = _voucher(terms, amount, calls[i]);
            uint256 top = amount < DEPOSIT ? amount : DEPOSIT;
            if (top <= claimed) {
                _needNothing(voucher, Fault.NothingNew);
                continue;
            }
            vm.assertEq(_claim(voucher), top - claimed);
            claimed = top;
            vm.assertEq(channels.channelOf(channelId).claimed, claimed);
            vm.assertEq(channels.totalCredit(), claimed);
        }
        _needCoveredChannels();
    }

    // ---------------------------------------------------------------- vectors

    function test_vectors() public {
        string memory json = vm.readFile("../tests/vectors/channels.json");
        for (uint256 i = 0; i < 3; ++i) {
            _needVector(json, string.concat(".cases[", vm.toString(i), "]"));
        }
    }

    function _needVector(string memory json, string memory at) private {
        channelVm.chainId(vm.parseJsonUint(json, string.concat(at, ".chainId")));
        bytes32 channelId = _word(json, string.concat(at, ".channelId"));
        {
            address contract_ = _account(json, string.concat(at, ".contract"));
            ChannelTerms memory terms = _read(json, string.concat(at, ".terms"));
            bytes32 domain = keccak256("mlm/channel/1");
            vm.assertEq(keccak256(abi.encode(domain, block.chainid, contract_, terms)), channelId);
        }
        uint64 calls = uint64(vm.parseJsonUint(json, string.concat(at, ".calls")));
        bytes32 request = _word(json, string.concat(at, ".request"));
        {
            bytes32 version = _word(json, string.concat(at, ".terms.versionId"));
            bytes32 input = _word(json, string.concat(at, ".inputCommitment"));
            bytes32 domain = keccak256("mlm/request/1");
            vm.assertEq(keccak256(abi.encode(domain, channelId, calls, version, input)), request);
        }
        bytes32 digest = _digest(
            _account(json, string.concat(at, ".contract")),
            channelId,
            uint128(vm.parseJsonUint(json, string.concat(at, ".amount"))),
            calls,
            request
        );
        vm.assertEq(digest, _word(json, string.concat(at, ".digest")));
        bytes memory signature = _signedBy(uint256(_word(json, string.concat(at, ".key"))), digest);
        vm.assertEq(keccak256(signature), keccak256(vm.parseJsonBytes(json, string.concat(at, ".signature"))));
    }

    function _read(string memory json, string memory at) private pure returns (ChannelTerms memory terms) {
        terms.payer = _account(json, string.concat(at, ".payer"));
        terms.signer = _account(json, string.concat(at, ".signer"));
        terms.payee = _account(json, string.concat(at, ".payee"));
        terms.nonce = vm.parseJsonUint(json, string.concat(at, ".nonce"));
        terms.versionId = _word(json, string.concat(at, ".versionId"));
        terms.usePrice = uint128(vm.parseJsonUint(json, string.concat(at, ".usePrice")));
        terms.ownerBps = uint16(vm.parseJsonUint(json, string.concat(at, ".ownerBps")));
        terms.treasuryBps = uint16(vm.parseJsonUint(json, string.concat(at, ".treasuryBps")));
        terms.stakersBps = uint16(vm.parseJsonUint(json, string.concat(at, ".stakersBps")));
        uint256[] memory bps = vm.parseJsonUintArray(json, string.concat(at, ".bps"));
        terms.bps = new uint16[](bps.length);
        terms.payees = new address[](bps.length);
        for (uint256 i = 0; i < bps.length; ++i) {
            terms.bps[i] = uint16(bps[i]);
            terms.payees[i] = _account(json, string.concat(at, ".payees[", vm.toString(i), "]"));
        }
    }

    function _word(string memory json, string memory at) private pure returns (bytes32) {
        return bytes32(vm.parseJsonBytes(json, at));
    }

    function _account(string memory json, string memory at) private pure returns (address) {
        return address(bytes20(vm.parseJsonBytes(json, at)));
    }
}
