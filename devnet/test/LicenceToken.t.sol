// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {LicenceToken} from "../contracts/LicenceToken.sol";
import {ILicenceTokenErrors as Errors} from "../contracts/errors/ILicenceTokenErrors.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {IAssetRegistry} from "../contracts/interfaces/IAssetRegistry.sol";
import {IPullCredits} from "../contracts/interfaces/IPullCredits.sol";
import {Grace, ILicenceToken, LicenceKind, LicenceTerms} from "../contracts/interfaces/ILicenceToken.sol";
import {LicenceBase} from "./LicenceBase.sol";
import {Shipped} from "./Shipped.sol";

contract LicenceTokenTest is LicenceBase {
    uint256 private constant FOREVER = type(uint40).max;

    // ---------------------------------------------------------------- classes

    function test_defineClass() public {
        LicenceTerms memory terms = _looseTerms();
        uint256 classId = licences.classOf(terms);
        vm.expectEmit(address(licences));
        emit ILicenceToken.LicenceDefined(classId, tokenId, terms);
        vm.prank(OWNER);
        vm.assertEq(licences.defineClass(terms), classId);
        vm.assertEq(classId & FOREVER, 0);
        vm.assertEq(keccak256(abi.encode(licences.termsOf(classId))), keccak256(abi.encode(terms)));
        // A licence's terms are its class's.
        vm.assertEq(keccak256(abi.encode(licences.termsOf(classId | 5))), keccak256(abi.encode(terms)));
        // A second time, also by a new owner, says nothing new.
        vm.recordLogs();
        vm.prank(OWNER);
        vm.assertEq(licences.defineClass(terms), classId);
        vm.assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_onlyTheOwnerDefines() public {
        vm.expectRevert(abi.encodeWithSelector(Errors.NotAssetOwner.selector, tokenId, OWNER, ALICE));
        vm.prank(ALICE);
        licences.defineClass(_looseTerms());
    }

    function _refused(LicenceTerms memory terms, string memory name, uint256 actual, uint256 least, uint256 most)
        private
    {
        vm.expectRevert(abi.encodeWithSelector(Errors.LicenceTermOutOfBounds.selector, name, actual, least, most));
        vm.prank(OWNER);
        licences.defineClass(terms);
    }

    function test_boundsOfTerms() public {
        LicenceTerms memory terms = _terms(LicenceKind.Period);
        terms.period = 59;
        _refused(terms, "period", 59, 60, 3650 days);
        terms.period = 3650 days + 1;
        _refused(terms, "period", 3650 days + 1, 60, 3650 days);
        terms = _terms(LicenceKind.PerUse);
        terms.period = 60;
        _refused(terms, "period", 60, 0, 0);
        terms = _terms(LicenceKind.Unlimited);
        terms.period = 1;
        _refused(terms, "period", 1, 0, 0);
        terms = _looseTerms();
        terms.resaleBps = 1_001;
        _refused(terms, "resaleBps", 1_001, 0, 1_000);
        terms.transferable = false;
        terms.resaleBps = 1;
        _refused(terms, "resaleBps", 1, 0, 0);
        terms = _looseTerms();
        terms.notice = 365 days + 1;
        _refused(terms, "notice", 365 days + 1, 0, 365 days);
        terms.notice = 0;
        _refused(terms, "refund", terms.refund, 0, 0);
        // The bounds themselves.
        terms = _terms(LicenceKind.Period);
        (terms.period, terms.transferable, terms.resaleBps) = (3650 days, true, 1_000);
        (terms.notice, terms.refund) = (365 days, type(uint128).max);
        vm.prank(OWNER);
        licences.defineClass(terms);
        terms.period = 60;
        vm.prank(OWNER);
        licences.defineClass(terms);
    }

    /// tests/core/test_licensing.py runs the same file.
    function test_classVectors() public {
        string memory json = vm.readFile("../tests/vectors/licences.json");
        address at = address(uint160(vm.parseJsonUint(json, ".licences")));
        vm.chainId(vm.parseJsonUint(json, ".chainId"));
        vm.etch(at, address(licences).code);
        uint256 count = 0;
        for (;; ++count) {
            string memory row = string.concat(".classes[", vm.toString(count), "]");
            if (!vm.keyExistsJson(json, row)) break;
            LicenceTerms memory terms = LicenceTerms({
                tokenId: _word(json, row, "tokenId"),
                kind: LicenceKind(_word(json, row, "kind")),
                period: uint40(_word(json, row, "period")),
                transferable: _word(json, row, "transferable") == 1,
                resaleBps: uint16(_word(json, row, "resaleBps")),
                notice: uint40(_word(json, row, "notice")),
                refund: uint128(_word(json, row, "refund")),
                text: bytes32(_word(json, row, "text"))
            });
            uint256 classId = LicenceToken(at).classOf(terms);
            vm.assertEq(classId, _word(json, row, "classId"), row);
            vm.assertEq(LicenceToken(at).expiryOf(_word(json, row, "id")), _word(json, row, "expiresAt"), row);
            vm.assertEq(classId | _word(json, row, "expiresAt"), _word(json, row, "id"), row);
        }
        vm.assertEq(count, 6);
    }

    function _word(string memory json, string memory row, string memory name) private pure returns (uint256) {
        return vm.parseJsonUint(json, string.concat(row, ".", name));
    }

    // ---------------------------------------------------------------- what a licence allows

    function test_unknownLicences() public {
        uint256 id = licences.classOf(_looseTerms()) | FOREVER;
        vm.assertFalse(licences.entitles(id, ALICE), "unknown");
        bytes memory refused = abi.encodeWithSelector(Errors.LicenceClassUnknown.selector, id - FOREVER);
        vm.expectRevert(refused);
        licences.termsOf(id);
        vm.expectRevert(refused);
        licences.royaltyInfo(id, 1);
        vm.expectRevert(refused);
        licences.redeem(id, 1, 0);
        vm.expectRevert(refused);
        licences.revoke(id, ALICE, 0);
        vm.expectRevert(refused);
        vm.prank(address(shop));
        licences.mint(ALICE, id, 1);
    }

    function test_onlyTheShopMints() public {
        uint256 id = _bought(ALICE, _looseTerms(), 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotShop.selector, address(shop), OWNER));
        vm.prank(OWNER);
        licences.mint(OWNER, id, 1);
    }

    function test_aPeriodEndsWithItsLastSecond() public {
        LicenceTerms memory terms = _terms(LicenceKind.Period);
        uint256 id = _bought(ALICE, terms, 1);
        vm.assertEq(licences.expiryOf(id), START + 30 days);
        vm.warp(START + 30 days - 1);
        vm.assertTrue(licences.entitles(id, ALICE), "the last second");
        vm.assertFalse(licences.entitles(id, BOB), "nobody else");
        vm.warp(START + 30 days);
        vm.assertFalse(licences.entitles(id, ALICE), "over");
        vm.assertEq(licences.balanceOf(ALICE, id), 1);
    }

    function test_anUnlimitedLicenceDoesNotEnd() public {
        uint256 id = _bought(ALICE, _terms(LicenceKind.Unlimited), 1);
        vm.warp(START + 100 * 365 days);
        vm.assertTrue(licences.entitles(id, ALICE), "a hundred years");
    }

    function test_redeem() public {
        uint256 id = _bought(ALICE, _terms(LicenceKind.PerUse), 5);
        vm.expectEmit(address(licences));
        emit ILicenceToken.LicenceRedeemed(id, ALICE, "a call", 2);
        vm.expectEmit(address(licences));
        emit IERC1155.TransferSingle(ALICE, ALICE, address(0), id, 2);
        vm.prank(ALICE);
        licences.redeem(id, 2, "a call");
        vm.assertEq(licences.balanceOf(ALICE, id), 3);
        vm.expectRevert(abi.encodeWithSelector(Errors.LicenceNotHeld.selector, id, ALICE, 4, 3));
        vm.prank(ALICE);
        licences.redeem(id, 4, 0);
        vm.expectRevert(abi.encodeWithSelector(Errors.LicenceUnitsZero.selector, id));
        vm.prank(ALICE);
        licences.redeem(id, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(Errors.LicenceNotHeld.selector, id, BOB, 1, 0));
        vm.prank(BOB);
        licences.redeem(id, 1, 0);
        vm.prank(ALICE);
        licences.redeem(id, 3, 0);
        vm.assertFalse(licences.entitles(id, ALICE), "used up");
    }

    function test_onlyUsesAreUsedUp() public {
        for (uint8 kind = 1; kind < 3; ++kind) {
            uint256 id = _bought(ALICE, _terms(LicenceKind(kind)), 1);
            vm.expectRevert(abi.encodeWithSelector(Errors.LicenceNotPerUse.selector, id, LicenceKind(kind)));
            vm.prank(ALICE);
            licences.redeem(id, 1, 0);
        }
    }

    // ---------------------------------------------------------------- transfers and royalty

    function test_whatIsNotTransferableStays() public {
        uint256 id = _bought(ALICE, _terms(LicenceKind.PerUse), 2);
        bytes memory refused = abi.encodeWithSelector(Errors.LicenceNotTransferable.selector, id);
        vm.startPrank(ALICE);
        vm.expectRevert(refused);
        licences.safeTransferFrom(ALICE, BOB, id, 1, "");
        vm.expectRevert(refused);
        licences.safeTransferFrom(ALICE, ALICE, id, 1, "");
        vm.expectRevert(refused);
        licences.safeTransferFrom(ALICE, BOB, id, 0, "");
        uint256 loose = id;
        vm.stopPrank();
        loose = _bought(ALICE, _looseTerms(), 1);
        (uint256[] memory ids, uint256[] memory values) = (new uint256[](2), new uint256[](2));
        (ids[0], ids[1], values[0], values[1]) = (loose, id, 1, 1);
        vm.expectRevert(refused);
        vm.prank(ALICE);
        licences.safeBatchTransferFrom(ALICE, BOB, ids, values, "");
        vm.assertEq(licences.balanceOf(ALICE, loose), 1);
    }

    function test_aTransferableOneMovesItsRight() public {
        uint256 id = _bought(ALICE, _looseTerms(), 2);
        vm.prank(ALICE);
        licences.safeTransferFrom(ALICE, BOB, id, 2, "");
        vm.assertFalse(licences.entitles(id, ALICE), "given away");
        vm.assertTrue(licences.entitles(id, BOB), "received");
        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155MissingApprovalForAll.selector, ALICE, BOB));
        vm.prank(ALICE);
        licences.safeTransferFrom(BOB, ALICE, id, 1, "");
        vm.prank(BOB);
        licences.setApprovalForAll(ALICE, true);
        vm.prank(ALICE);
        licences.safeTransferFrom(BOB, ALICE, id, 1, "");
    }

    function test_royaltyGoesToWhoeverOwnsTheAsset() public {
        uint256 id = _bought(ALICE, _looseTerms(), 1);
        (address receiver, uint256 amount) = licences.royaltyInfo(id, 999);
        vm.assertEq(receiver, OWNER);
        vm.assertEq(amount, 49);
        vm.prank(OWNER);
        registry.transferFrom(OWNER, BOB, tokenId);
        (receiver,) = licences.royaltyInfo(id, 999);
        vm.assertEq(receiver, BOB);
        vm.assertTrue(licences.supportsInterface(type(IERC2981).interfaceId), "ERC-2981");
        vm.assertTrue(licences.supportsInterface(type(IERC1155).interfaceId), "ERC-1155");
        vm.assertTrue(licences.supportsInterface(0x01ffc9a7), "ERC-165");
        vm.assertFalse(licences.supportsInterface(0xffffffff), "nothing");
    }

    // ---------------------------------------------------------------- revocation

    function test_revoke() public {
        uint256 id = _bought(ALICE, _looseTerms(), 3);
        vm.expectEmit(address(licences));
        emit ILicenceToken.LicenceRevoked(id, ALICE, 3, 12 * ONE, uint48(START + 7 days));
        vm.expectEmit(address(licences));
        emit IERC1155.TransferSingle(OWNER, ALICE, address(0), id, 3);
        vm.prank(OWNER);
        vm.assertEq(licences.revoke(id, ALICE, 12 * ONE), 12 * ONE);
        vm.assertEq(licences.balanceOf(ALICE, id), 0);
        vm.assertEq(licences.creditOf(ALICE), 12 * ONE);
        _needCovered();
        // Allowed for the notice, to the second; and nothing is left that could be sold.
        vm.warp(START + 7 days - 1);
        vm.assertTrue(licences.entitles(id, ALICE), "the last second");
        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155InsufficientBalance.selector, ALICE, 0, 1, id));
        vm.prank(ALICE);
        licences.safeTransferFrom(ALICE, BOB, id, 1, "");
        vm.warp(START + 7 days);
        vm.assertFalse(licences.entitles(id, ALICE), "over");
        uint256 before = token.balanceOf(ALICE);
        vm.expectEmit(address(licences));
        emit IPullCredits.Withdrawn(ALICE, 12 * ONE);
        vm.prank(ALICE);
        licences.withdraw();
        vm.assertEq(token.balanceOf(ALICE) - before, 12 * ONE);
        vm.expectRevert(abi.encodeWithSelector(IPullCredits.NoCredit.selector, ALICE));
        vm.prank(ALICE);
        licences.withdraw();
        _needCovered();
    }

    function test_revocationNeedsTermsOwnerAndUnits() public {
        uint256 forGood = _bought(ALICE, _terms(LicenceKind.Unlimited), 1);
        uint256 loose = _bought(ALICE, _looseTerms(), 1);
        vm.startPrank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(Errors.LicenceNotRevocable.selector, forGood));
        licences.revoke(forGood, ALICE, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(Errors.LicenceNotHeld.selector, loose, BOB, 1, 0));
        licences.revoke(loose, BOB, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(Errors.LicenceRefundTooHigh.selector, loose, 4 * ONE - 1, 4 * ONE));
        licences.revoke(loose, ALICE, 4 * ONE - 1);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(Errors.NotAssetOwner.selector, tokenId, OWNER, BOB));
        vm.prank(BOB);
        licences.revoke(loose, ALICE, type(uint256).max);
    }

    function test_theNewOwnerRevokesAndPays() public {
        uint256 id = _bought(ALICE, _looseTerms(), 1);
        vm.prank(OWNER);
        registry.transferFrom(OWNER, BOB, tokenId);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotAssetOwner.selector, tokenId, BOB, OWNER));
        vm.prank(OWNER);
        licences.revoke(id, ALICE, type(uint256).max);
        uint256 before = token.balanceOf(BOB);
        vm.prank(BOB);
        licences.revoke(id, ALICE, type(uint256).max);
        vm.assertEq(before - token.balanceOf(BOB), 4 * ONE);
    }

    function test_aNoticeDoesNotOutlastThePeriod() public {
        LicenceTerms memory terms = _terms(LicenceKind.Period);
        terms.notice = 60 days;
        uint256 id = _bought(ALICE, terms, 1);
        vm.prank(OWNER);
        vm.assertEq(licences.revoke(id, ALICE, 0), 0);
        vm.warp(START + 30 days - 1);
        vm.assertTrue(licences.entitles(id, ALICE), "bought and within notice");
        vm.warp(START + 30 days);
        vm.assertFalse(licences.entitles(id, ALICE), "over, whatever the notice");
        vm.assertEq(licences.totalCredit(), 0);
    }

    function test_revokedUsesCanBeUsedDuringTheNotice() public {
        LicenceTerms memory terms = _terms(LicenceKind.PerUse);
        (terms.notice, terms.refund) = (1 days, ONE);
        uint256 id = _bought(ALICE, terms, 3);
        vm.prank(OWNER);
        licences.revoke(id, ALICE, 3 * ONE);
        // Bought again: its own units go first, then what is left of the revoked ones.
        _bought(ALICE, terms, 1);
        vm.startPrank(ALICE);
        licences.redeem(id, 2, "both");
        vm.assertEq(licences.balanceOf(ALICE, id), 0);
        vm.assertEq(licences.graceOf(id, ALICE).units, 2);
        vm.expectRevert(abi.encodeWithSelector(Errors.LicenceNotHeld.selector, id, ALICE, 3, 2));
        licences.redeem(id, 3, 0);
        licences.redeem(id, 1, "the rest");
        vm.assertTrue(licences.entitles(id, ALICE), "one left");
        vm.warp(START + 1 days);
        vm.assertFalse(licences.entitles(id, ALICE), "over");
        vm.expectRevert(abi.encodeWithSelector(Errors.LicenceNotHeld.selector, id, ALICE, 1, 0));
        licences.redeem(id, 1, 0);
        vm.stopPrank();
    }

    function test_aLapsedNoticeDoesNotComeBack() public {
        LicenceTerms memory terms = _terms(LicenceKind.PerUse);
        terms.notice = 1 days;
        uint256 id = _bought(ALICE, terms, 3);
        vm.prank(OWNER);
        licences.revoke(id, ALICE, 0);
        vm.warp(START + 1 days);
        _bought(ALICE, terms, 1);
        vm.prank(OWNER);
        licences.revoke(id, ALICE, 0);
        Grace memory grace = licences.graceOf(id, ALICE);
        vm.assertEq(grace.units, 1);
        vm.assertEq(grace.until, START + 2 days);
        // Within it, another adds up.
        _bought(ALICE, terms, 2);
        vm.prank(OWNER);
        licences.revoke(id, ALICE, 0);
        vm.assertEq(licences.graceOf(id, ALICE).units, 3);
    }

    /// Whoever was revoked can buy again, and holds a licence as good as any.
    function test_revokedAndBoughtAgain() public {
        uint256 id = _bought(ALICE, _looseTerms(), 1);
        vm.prank(OWNER);
        licences.revoke(id, ALICE, type(uint256).max);
        vm.warp(START + 8 days);
        _bought(ALICE, _looseTerms(), 1);
        vm.assertTrue(licences.entitles(id, ALICE), "bought again");
        vm.prank(ALICE);
        licences.safeTransferFrom(ALICE, BOB, id, 1, "");
        vm.assertTrue(licences.entitles(id, BOB), "and sold");
    }

    /// tests/core/test_licensing.py runs the same file.
    function test_entitlementVectors() public {
        string memory json = vm.readFile("../tests/vectors/licences.json");
        LicenceTerms memory terms = _looseTerms();
        vm.prank(OWNER);
        uint256 classId = licences.defineClass(terms);
        uint256 count = 0;
        for (;; ++count) {
            string memory at = string.concat(".entitlements[", vm.toString(count), "]");
            if (!vm.keyExistsJson(json, at)) break;
            uint256[] memory row = vm.parseJsonUintArray(json, at);
            uint256 before = vm.snapshotState();
            uint256 id = classId | row[0];
            // The revoked units, then those held: as much notice as the row says is left.
            vm.startPrank(address(shop));
            if (row[2] != 0) {
                vm.warp(row[2] - terms.notice);
                if (row[3] != 0) licences.mint(ALICE, id, row[3]);
                vm.stopPrank();
                vm.startPrank(OWNER);
                if (row[3] != 0) licences.revoke(id, ALICE, type(uint256).max);
                vm.stopPrank();
                vm.startPrank(address(shop));
            }
            if (row[1] != 0) licences.mint(ALICE, id, row[1]);
            vm.stopPrank();
            vm.warp(row[4]);
            vm.assertEq(licences.entitles(id, ALICE) ? 1 : 0, row[5], at);
            vm.revertToState(before);
        }
        vm.assertGe(count, 20);
    }

    function test_needsItsNeighbours() public {
        IERC20 paid = IERC20(address(token));
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "token"));
        Shipped.licenceToken(IERC20(ALICE), registry, address(shop));
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "registry"));
        Shipped.licenceToken(paid, IAssetRegistry(ALICE), address(shop));
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "shop"));
        Shipped.licenceToken(paid, registry, address(0));
    }
}
