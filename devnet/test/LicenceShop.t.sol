// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {LicenceShop} from "../contracts/LicenceShop.sol";
import {IAssetRegistryErrors} from "../contracts/errors/IAssetRegistryErrors.sol";
import {ILicenceShopErrors as Errors} from "../contracts/errors/ILicenceShopErrors.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {Publication} from "../contracts/interfaces/IAssetRegistry.sol";
import {IContentKeys} from "../contracts/interfaces/IContentKeys.sol";
import {
    ILicenceShop,
    IMarketParts,
    LicenceOffer,
    Order,
    OrderState,
    Purchase
} from "../contracts/interfaces/ILicenceShop.sol";
import {ILicenceToken, LicenceKind, LicenceTerms} from "../contracts/interfaces/ILicenceToken.sol";
import {Reason} from "../contracts/interfaces/Types.sol";
import {KeyExchange, Point, SealedKey} from "../contracts/libraries/KeyExchange.sol";
import {COMPLAINT_WINDOW, UNLIMITED_STOCK} from "../contracts/libraries/LicenceLimits.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {OrderRecord, OrderStates} from "../contracts/libraries/OrderStates.sol";
import {Settlement} from "../contracts/libraries/Settlement.sol";
import {LicenceBase} from "./LicenceBase.sol";
import {Shipped} from "./Shipped.sol";

contract LicenceShopTest is LicenceBase {
    OrderRecord private _record;

    // ---------------------------------------------------------------- offers

    function test_offer() public {
        LicenceTerms memory terms = _looseTerms();
        uint256 classId = licences.classOf(terms);
        vm.expectEmit(address(licences));
        emit ILicenceToken.LicenceDefined(classId, tokenId, terms);
        vm.expectEmit(address(shop));
        emit ILicenceShop.LicenceOffered(classId, tokenId, OWNER, versionId, PRICE, 3, DELIVERY);
        vm.assertEq(_offer(terms, PRICE, 3, DELIVERY), classId);
        LicenceOffer memory found = shop.offerOf(classId);
        vm.assertEq(found.seller, OWNER);
        vm.assertEq(found.versionId, versionId);
        vm.assertEq(uint256(found.price), PRICE);
        vm.assertEq(uint256(found.stock), 3);
        vm.assertEq(uint256(found.delivery), DELIVERY);
    }

    function test_whatMayNotBeOffered() public {
        LicenceTerms memory terms = _looseTerms();
        vm.expectRevert(abi.encodeWithSelector(Errors.NotAssetOwner.selector, tokenId, OWNER, ALICE));
        vm.prank(ALICE);
        shop.offer(terms, versionId, PRICE, 1, 0);
        Publication memory p = _publication("labs", "other", "1.0.0", "manifest of another model");
        (uint256 other, bytes32 otherVersion) = _publish(OWNER, p);
        vm.startPrank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(Errors.VersionMismatch.selector, otherVersion, tokenId, other));
        shop.offer(terms, otherVersion, PRICE, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistryErrors.VersionUnknown.selector, bytes32("nothing")));
        shop.offer(terms, "nothing", PRICE, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(Errors.DeliveryOutOfBounds.selector, 59, 60, 7 days));
        shop.offer(terms, versionId, PRICE, 1, 59);
        vm.expectRevert(abi.encodeWithSelector(Errors.DeliveryOutOfBounds.selector, 7 days + 1, 60, 7 days));
        shop.offer(terms, versionId, PRICE, 1, 7 days + 1);
        shop.offer(terms, versionId, PRICE, 1, 60);
        shop.offer(terms, versionId, PRICE, 1, 7 days);
        // Nobody can say what a right key is.
        terms.tokenId = other;
        vm.expectRevert(abi.encodeWithSelector(Errors.ContentKeyUncommitted.selector, otherVersion));
        shop.offer(terms, otherVersion, PRICE, 1, 60);
        shop.offer(terms, otherVersion, PRICE, 1, 0);
        vm.stopPrank();
    }

    function test_stock() public {
        LicenceTerms memory terms = _terms(LicenceKind.PerUse);
        uint256 classId = _offer(terms, PRICE, 3, 0);
        _buy(ALICE, classId, 2, 0);
        Purchase memory purchase = _purchase(classId, 2, 0);
        vm.expectRevert(abi.encodeWithSelector(Errors.OfferSoldOut.selector, classId, 1, 2));
        vm.prank(BOB);
        shop.buy(purchase);
        _buy(BOB, classId, 1, 0);
        purchase.units = 1;
        vm.expectRevert(abi.encodeWithSelector(Errors.OfferSoldOut.selector, classId, 0, 1));
        vm.prank(BOB);
        shop.buy(purchase);
        // No limit is not a number that runs out.
        _offer(terms, 0, UNLIMITED_STOCK, 0);
        purchase.units = UNLIMITED_STOCK;
        vm.prank(BOB);
        shop.buy(purchase);
        vm.assertEq(uint256(shop.offerOf(classId).stock), UNLIMITED_STOCK);
        // The owner ends it.
        _offer(terms, 0, 0, 0);
        purchase.units = 1;
        vm.expectRevert(abi.encodeWithSelector(Errors.OfferSoldOut.selector, classId, 0, 1));
        vm.prank(BOB);
        shop.buy(purchase);
    }

    // ---------------------------------------------------------------- buying without a key

    function test_boughtAtOnce() public {
        uint256 classId = _offer(_terms(LicenceKind.Period), PRICE, 0);
        Purchase memory purchase = _purchase(classId, 2, 0);
        Order memory order = _orderOf(purchase, ALICE);
        bytes32 orderId = shop.orderIdOf(order);
        uint256 id = classId | (START + 30 days);
        uint256 before = token.balanceOf(ALICE);
        vm.expectEmit(address(shop));
        emit ILicenceShop.LicenceOrdered(orderId, classId, ALICE, order);
        vm.expectEmit(address(shop));
        emit ILicenceShop.LicenceOrderClosed(orderId, classId, ALICE, OrderState.Settled, id);
        vm.prank(ALICE);
        vm.assertEq(shop.buy(purchase), orderId);
        _needOrder(orderId, OrderState.Settled);
        vm.assertEq(before - token.balanceOf(ALICE), 2 * PRICE);
        vm.assertEq(licences.balanceOf(ALICE, id), 2);
        vm.assertEq(shop.totalEscrow(), 0);
        // 1 % of 20 is the fee; a quarter of the rest is the parent's.
        vm.assertEq(shop.creditOf(TREASURY), ONE / 10);
        vm.assertEq(shop.creditOf(address(vault)), 6 * ONE / 100);
        vm.assertEq(shop.creditOf(BURN_ADDRESS), 4 * ONE / 100);
        vm.assertEq(shop.creditOf(PARENT_OWNER), 495 * ONE / 100);
        vm.assertEq(shop.creditOf(OWNER), 1_485 * ONE / 100);
        vm.assertEq(_creditsOf(OWNER), 2 * PRICE);
    }

    function test_everyCreditSaysWhy() public {
        uint256 classId = _offer(_terms(LicenceKind.PerUse), PRICE, 0);
        Purchase memory purchase = _purchase(classId, 2, 0);
        bytes32 orderId = shop.orderIdOf(_orderOf(purchase, ALICE));
        address[5] memory accounts = [TREASURY, address(vault), BURN_ADDRESS, OWNER, PARENT_OWNER];
        Reason[5] memory reasons =
            [Reason.ProtocolFee, Reason.StakerReward, Reason.Burn, Reason.Payment, Reason.Royalty];
        uint256[5] memory amounts =
            [uint256(ONE) / 10, 6 * ONE / 100, 4 * ONE / 100, 1_485 * ONE / 100, 495 * ONE / 100];
        for (uint256 i = 0; i < 5; ++i) {
            vm.expectEmit(address(shop));
            emit ILicenceShop.LicenceCredited(orderId, accounts[i], reasons[i], amounts[i]);
        }
        vm.prank(ALICE);
        shop.buy(purchase);
    }

    function test_aGiftCostsNoFee() public {
        uint256 classId = _offer(_terms(LicenceKind.Unlimited), 0, 0);
        (bytes32 orderId,) = _buy(ALICE, classId, 1, 0);
        _needOrder(orderId, OrderState.Settled);
        vm.assertEq(shop.totalCredit(), 0);
        vm.assertTrue(licences.entitles(classId | type(uint40).max, ALICE), "given");
    }

    /// Whatever the price, its parts sum to it: who takes what is settlement's rule, with all of the rest the owner's.
    function testFuzz_partsSumToThePrice(uint128 price, uint64 units, uint16 treasuryBps, uint16 stakersBps) public {
        units = uint64(_within(units, 1, 1_000));
        price = uint128(_within(price, 0, 10 * ONE));
        treasuryBps = uint16(_within(treasuryBps, 0, 10_000));
        stakersBps = uint16(_within(stakersBps, 0, 10_000 - treasuryBps));
        feeShares.set(treasuryBps, stakersBps);
        uint256 classId = _offer(_terms(LicenceKind.PerUse), price, 0);
        token.transfer(ALICE, 10_000 * ONE);
        _buy(ALICE, classId, units, 0);
        uint256 total = uint256(price) * units;
        vm.assertEq(_creditsOf(OWNER), total);
        vm.assertEq(shop.totalCredit(), total);
        _needCovered();
        if (total == 0) return;
        uint256 fee = Settlement.feeUp(total, 100);
        vm.assertEq(shop.creditOf(PARENT_OWNER), (total - fee) * 2_500 / 10_000);
        vm.assertEq(shop.creditOf(TREASURY), fee * treasuryBps / 10_000);
        vm.assertEq(shop.creditOf(address(vault)), fee * stakersBps / 10_000);
    }

    // ---------------------------------------------------------------- what the buyer agreed to

    function _buyRefused(Purchase memory purchase, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(ALICE);
        shop.buy(purchase);
    }

    function test_anOfferCannotBeChangedUnderABuyer() public {
        LicenceTerms memory terms = _terms(LicenceKind.Unlimited);
        uint256 classId = _offer(terms, PRICE, DELIVERY);
        Purchase memory purchase = _purchase(classId, 1, DELIVERY);
        purchase.maxPrice = PRICE;
        uint256 before = vm.snapshotState();
        // Dearer.
        _offer(terms, PRICE + 1, DELIVERY);
        _buyRefused(purchase, abi.encodeWithSelector(Errors.OfferPriceHigher.selector, classId, PRICE, PRICE + 1));
        vm.revertToState(before);
        // Slower, or without the key.
        _offer(terms, PRICE, 2 * DELIVERY);
        _buyRefused(purchase, abi.encodeWithSelector(Errors.OfferChanged.selector, classId, versionId, 2 * DELIVERY));
        _offer(terms, PRICE, 0);
        _buyRefused(purchase, abi.encodeWithSelector(Errors.OfferChanged.selector, classId, versionId, 0));
        vm.revertToState(before);
        // Another version.
        Publication memory p = _publication("labs", "model", "2.0.0", "manifest of version 2");
        (, bytes32 second) = _publish(OWNER, p);
        vm.startPrank(OWNER);
        contentKeys.commit(second, keccak256("another key"));
        shop.offer(terms, second, PRICE, 1, DELIVERY);
        vm.stopPrank();
        _buyRefused(purchase, abi.encodeWithSelector(Errors.OfferChanged.selector, classId, second, DELIVERY));
        vm.revertToState(before);
        // Cheaper is bought, at the lower price.
        _offer(terms, PRICE - 1, DELIVERY);
        (, Order memory order) = _buyWith(ALICE, purchase);
        vm.assertEq(uint256(order.price), PRICE - 1);
    }

    function test_refusedPurchases() public {
        Purchase memory purchase = _purchase(5, 1, 0);
        _buyRefused(purchase, abi.encodeWithSelector(Errors.LicenceNotOffered.selector, 5));
        purchase = _purchase(_offer(_terms(LicenceKind.Unlimited), PRICE, 0), 0, 0);
        _buyRefused(purchase, abi.encodeWithSelector(Errors.LicenceUnitsZero.selector, purchase.classId));
        purchase.units = 1;
        purchase.reader = _point(SECRET);
        _buyRefused(
            purchase, abi.encodeWithSelector(Errors.PointInvalid.selector, purchase.reader.x, purchase.reader.y)
        );
        purchase = _purchase(_offer(_terms(LicenceKind.Unlimited), PRICE, DELIVERY), 1, DELIVERY);
        purchase.reader.y += 1;
        _buyRefused(
            purchase, abi.encodeWithSelector(Errors.PointInvalid.selector, purchase.reader.x, purchase.reader.y)
        );
        purchase.reader = Point(0, 0);
        _buyRefused(purchase, abi.encodeWithSelector(Errors.PointInvalid.selector, 0, 0));
    }

    function test_aPriceBeyondMoneyIsRefused() public {
        uint256 classId = _offer(_terms(LicenceKind.PerUse), type(uint128).max, 0);
        Purchase memory purchase = _purchase(classId, 2, 0);
        uint256 price = 2 * uint256(type(uint128).max);
        _buyRefused(
            purchase, abi.encodeWithSelector(Errors.OfferPriceHigher.selector, classId, type(uint128).max, price)
        );
    }

    function test_theSameOrderIsMadeOnce() public {
        uint256 classId = _offer(_terms(LicenceKind.PerUse), PRICE, 0);
        (bytes32 orderId,) = _buy(ALICE, classId, 1, 0);
        Purchase memory purchase = _purchase(classId, 1, 0);
        _buyRefused(purchase, abi.encodeWithSelector(Errors.OrderAlreadyMade.selector, orderId));
        purchase.nonce = 1;
        _buyWith(ALICE, purchase);
        // Another buyer's is another order.
        _buy(BOB, classId, 1, 0);
    }

    // ---------------------------------------------------------------- a key for its price

    function test_deliveredAndAccepted() public {
        (bytes32 orderId, Order memory order) = _ordered();
        _needOrder(orderId, OrderState.Ordered);
        vm.assertEq(shop.totalEscrow(), PRICE);
        SealedKey memory key = _seal(order, orderId, KEY);
        vm.expectEmit(address(shop));
        emit ILicenceShop.LicenceDelivered(orderId, order.classId, ALICE, key.x, key.y, key.wrapped);
        vm.prank(OWNER);
        shop.deliver(order, key);
        _needOrder(orderId, OrderState.Delivered);
        // The buyer opens it, compares, and accepts.
        bytes32 found = KeyExchange.open(key, SECRET, versionId, ALICE, orderId);
        vm.assertEq(KeyExchange.digestOf(found), contentKeys.digestOf(versionId));
        uint256 id = order.classId | type(uint40).max;
        vm.assertFalse(licences.entitles(id, ALICE), "before");
        vm.expectEmit(address(shop));
        emit ILicenceShop.LicenceOrderClosed(orderId, order.classId, ALICE, OrderState.Settled, id);
        vm.prank(ALICE);
        vm.assertEq(shop.settle(order), id);
        _needOrder(orderId, OrderState.Settled);
        vm.assertTrue(licences.entitles(id, ALICE), "after");
        vm.assertEq(_creditsOf(OWNER), PRICE);
        vm.assertEq(shop.totalEscrow(), 0);
    }

    function test_silenceAccepts() public {
        (bytes32 orderId, Order memory order,) = _delivered(KEY);
        vm.warp(START + COMPLAINT_WINDOW - 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotBuyer.selector, orderId, ALICE, OWNER));
        vm.prank(OWNER);
        shop.settle(order);
        vm.warp(START + COMPLAINT_WINDOW);
        _needOrder(orderId, OrderState.Payable);
        vm.prank(ANYONE);
        shop.settle(order);
        vm.assertTrue(licences.entitles(order.classId | type(uint40).max, ALICE), "the buyer's");
        vm.assertEq(_creditsOf(OWNER), PRICE);
    }

    /// A period begins with the key, whenever the order is settled.
    function test_aPeriodBeginsWithTheKey() public {
        LicenceTerms memory terms = _terms(LicenceKind.Period);
        (bytes32 orderId, Order memory order) = _buy(ALICE, _offer(terms, PRICE, DELIVERY), 1, DELIVERY);
        vm.warp(START + 100);
        SealedKey memory key = _seal(order, orderId, KEY);
        vm.prank(OWNER);
        shop.deliver(order, key);
        vm.warp(START + 40 days);
        vm.assertEq(shop.settle(order), order.classId | (START + 100 + 30 days));
        vm.assertFalse(licences.entitles(order.classId | (START + 100 + 30 days), ALICE), "over by now");
    }

    function test_aWrongKeyIsPaidBack() public {
        (bytes32 orderId, Order memory order, SealedKey memory key) = _delivered(keccak256("not the key"));
        uint256 before = token.balanceOf(ALICE);
        vm.expectEmit(address(shop));
        emit ILicenceShop.LicenceOrderClosed(orderId, order.classId, ALICE, OrderState.Rejected, 0);
        vm.expectEmit(address(shop));
        emit ILicenceShop.LicenceCredited(orderId, ALICE, Reason.Refund, PRICE);
        vm.prank(ALICE);
        shop.complain(order, key, SECRET);
        _needOrder(orderId, OrderState.Rejected);
        vm.assertEq(shop.totalEscrow(), 0);
        vm.prank(ALICE);
        shop.withdraw();
        vm.assertEq(token.balanceOf(ALICE) - before, PRICE);
        vm.assertEq(licences.balanceOf(ALICE, order.classId | type(uint40).max), 0);
        vm.assertEq(shop.totalCredit(), 0);
    }

    function test_noKeyInTime() public {
        (bytes32 orderId, Order memory order) = _ordered();
        SealedKey memory key = _seal(order, orderId, KEY);
        vm.warp(START + DELIVERY - 1);
        vm.expectRevert(_notIn(orderId, OrderState.Overdue, OrderState.Ordered));
        shop.refund(order);
        vm.warp(START + DELIVERY);
        vm.expectRevert(_notIn(orderId, OrderState.Ordered, OrderState.Overdue));
        vm.prank(OWNER);
        shop.deliver(order, key);
        vm.expectEmit(address(shop));
        emit ILicenceShop.LicenceOrderClosed(orderId, order.classId, ALICE, OrderState.Refunded, 0);
        vm.prank(ANYONE);
        shop.refund(order);
        _needOrder(orderId, OrderState.Refunded);
        vm.assertEq(shop.creditOf(ALICE), PRICE);
        vm.assertEq(shop.totalEscrow(), 0);
    }

    /// In each state, all that is not its move is refused with what was expected and found.
    function test_movesByState() public {
        (bytes32 orderId, Order memory order) = _ordered();
        SealedKey memory key = _seal(order, orderId, KEY);
        uint256 start = vm.snapshotState();
        Order memory unknown = abi.decode(abi.encode(order), (Order));
        unknown.nonce = 99;
        _refuseAll(shop.orderIdOf(unknown), unknown, key, OrderState.Unknown);
        _refuse(orderId, order, key, OrderState.Ordered, 1);
        vm.warp(START + DELIVERY);
        _refuse(orderId, order, key, OrderState.Overdue, 8);
        shop.refund(order);
        _refuseAll(orderId, order, key, OrderState.Refunded);
        vm.revertToState(start);
        vm.prank(OWNER);
        shop.deliver(order, key);
        _refuse(orderId, order, key, OrderState.Delivered, 6);
        vm.warp(START + COMPLAINT_WINDOW);
        _refuse(orderId, order, key, OrderState.Payable, 4);
        shop.settle(order);
        _refuseAll(orderId, order, key, OrderState.Settled);
        vm.revertToState(start);
        key.wrapped = ~key.wrapped;
        vm.prank(OWNER);
        shop.deliver(order, key);
        shop.complain(order, key, SECRET);
        _refuseAll(orderId, order, key, OrderState.Rejected);
    }

    function _refuseAll(bytes32 orderId, Order memory order, SealedKey memory key, OrderState actual) private {
        _refuse(orderId, order, key, actual, 0);
        vm.assertEq(uint256(shop.stateOf(orderId)), uint256(actual));
    }

    /// @dev `allowed`: 1 deliver, 2 complain, 4 settle, 8 refund; the others are tried and refused.
    function _refuse(bytes32 orderId, Order memory order, SealedKey memory key, OrderState actual, uint256 allowed)
        private
    {
        if (allowed & 1 == 0) {
            vm.expectRevert(_notIn(orderId, OrderState.Ordered, actual));
            vm.prank(OWNER);
            shop.deliver(order, key);
        }
        vm.startPrank(ALICE);
        if (allowed & 2 == 0) {
            vm.expectRevert(_notIn(orderId, OrderState.Delivered, actual));
            shop.complain(order, key, SECRET);
        }
        if (allowed & 4 == 0) {
            vm.expectRevert(_notIn(orderId, OrderState.Payable, actual));
            shop.settle(order);
        }
        if (allowed & 8 == 0) {
            vm.expectRevert(_notIn(orderId, OrderState.Overdue, actual));
            shop.refund(order);
        }
        vm.stopPrank();
    }

    // ---------------------------------------------------------------- vectors

    /// tests/core/test_licensing.py runs the same file.
    function test_stateVectors() public {
        string memory json = vm.readFile("../tests/vectors/licences.json");
        uint256 count = 0;
        for (;; ++count) {
            string memory at = string.concat(".states[", vm.toString(count), "]");
            if (!vm.keyExistsJson(json, at)) break;
            uint256[] memory row = vm.parseJsonUintArray(json, at);
            (_record.orderedAt, _record.deliverBy, _record.deliveredAt) =
            (uint40(row[0]), uint40(row[1]), uint40(row[2]));
            _record.ending = OrderState(row[3]);
            vm.assertEq(uint256(OrderStates.at(_record, row[4])), row[5], at);
        }
        vm.assertGe(count, 40);
    }

    function test_orderVectors() public {
        string memory json = vm.readFile("../tests/vectors/licences.json");
        address at = address(uint160(vm.parseJsonUint(json, ".shop")));
        vm.chainId(vm.parseJsonUint(json, ".chainId"));
        _deployShop(IERC20(address(token)));
        vm.etch(at, address(shop).code);
        uint256 count = 0;
        for (;; ++count) {
            string memory row = string.concat(".orders[", vm.toString(count), "]");
            if (!vm.keyExistsJson(json, row)) break;
            Order memory order = _order(json, row);
            vm.assertEq(LicenceShop(at).orderIdOf(order), bytes32(_word(json, row, "orderId")), row);
        }
        vm.assertEq(count, 3);
    }

    function _order(string memory json, string memory row) private pure returns (Order memory order) {
        order.classId = _word(json, row, "classId");
        order.versionId = bytes32(_word(json, row, "versionId"));
        order.buyer = address(uint160(_word(json, row, "buyer")));
        order.units = uint64(_word(json, row, "units"));
        order.price = uint128(_word(json, row, "price"));
        order.delivery = uint32(_word(json, row, "delivery"));
        order.reader = Point(_word(json, row, "readerX"), _word(json, row, "readerY"));
        order.treasuryBps = uint16(_word(json, row, "treasuryBps"));
        order.stakersBps = uint16(_word(json, row, "stakersBps"));
        uint256[] memory bps = vm.parseJsonUintArray(json, string.concat(row, ".bps"));
        order.payees = new address[](bps.length);
        order.bps = new uint16[](bps.length);
        for (uint256 i = 0; i < bps.length; ++i) {
            order.bps[i] = uint16(bps[i]);
            string memory at = string.concat(row, ".payees[", vm.toString(i), "]");
            order.payees[i] = address(uint160(vm.parseJsonUint(json, at)));
        }
        order.nonce = _word(json, row, "nonce");
    }

    function _word(string memory json, string memory row, string memory name) private pure returns (uint256) {
        return vm.parseJsonUint(json, string.concat(row, ".", name));
    }

    // ---------------------------------------------------------------- the parts of the market

    function test_takesTheMarketsParts() public {
        vm.assertEq(address(shop.token()), address(token));
        vm.assertEq(address(shop.registry()), address(registry));
        vm.assertEq(shop.vault(), address(vault));
        vm.assertEq(shop.treasury(), TREASURY);
        vm.assertEq(uint256(shop.protocolFeeBps()), 100);
        vm.assertEq(address(shop.feeShares()), address(feeShares));
        IMarketParts parts = IMarketParts(address(market));
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "licences"));
        Shipped.licenceShop(parts, ILicenceToken(ALICE), contentKeys);
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "contentKeys"));
        Shipped.licenceShop(parts, licences, IContentKeys(ALICE));
    }

    /// The stakers' part of the fee reaches them through the vault; what burned is burned.
    function test_theFeeReachesStakersAndTheFire() public {
        _buy(ALICE, _offer(_terms(LicenceKind.Unlimited), 100 * ONE, 0), 1, 0);
        uint256 stakers = shop.creditOf(address(vault));
        vm.assertEq(stakers, 3 * ONE / 10);
        vm.assertEq(vault.fundFrom(address(shop)), stakers);
        vm.assertEq(vault.rewardPool(), stakers);
        vm.assertEq(shop.burn(), 2 * ONE / 10);
        vm.assertEq(token.balanceOf(BURN_ADDRESS), 2 * ONE / 10);
        _needCovered();
        vm.warp(START + 8 days);
        uint256 before = token.balanceOf(ALICE);
        vm.prank(ALICE);
        vault.claim();
        vm.assertGe(token.balanceOf(ALICE) - before, stakers / 2 - 1);
    }
}
