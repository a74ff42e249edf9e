// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILicenceShopErrors as Errors} from "../../contracts/errors/ILicenceShopErrors.sol";
import {Order, Purchase} from "../../contracts/interfaces/ILicenceShop.sol";
import {LicenceKind} from "../../contracts/interfaces/ILicenceToken.sol";
import {KeyExchange, SealedKey} from "../../contracts/libraries/KeyExchange.sol";
import {COMPLAINT_WINDOW} from "../../contracts/libraries/LicenceLimits.sol";
import {LicenceBase} from "../LicenceBase.sol";
import {MarketBase} from "../MarketBase.sol";
import {AttackBase} from "./AttackBase.sol";

/// A licence for 10 tokens, with the key of what it allows to use: what breaking the exchange brings to whom.
contract LicencesAttackTest is AttackBase, LicenceBase {
    bytes32 private constant WRONG = keccak256("not the key");

    function setUp() public override(AttackBase, LicenceBase) {
        LicenceBase.setUp();
    }

    function _bid(bytes32 jobId, address provider, uint128 price) internal override(AttackBase, MarketBase) {
        AttackBase._bid(jobId, provider, price);
    }

    /// @dev What the gang has at the shop counts too.
    function _shopWorth() private view returns (int256 sum) {
        for (uint256 i = 0; i < gang.length; ++i) {
            sum += int256(shop.creditOf(gang[i]));
        }
    }

    function _endedHere() private returns (Play memory) {
        int256 before = outside;
        outside += _shopWorth();
        Play memory play = _ended();
        outside = before;
        return play;
    }

    function _orderAs(address buyer) private returns (bytes32 orderId, Order memory order) {
        uint256 classId = _offer(_terms(LicenceKind.Unlimited), PRICE, DELIVERY);
        _count(OWNER);
        Purchase memory purchase = _purchase(classId, 1, DELIVERY);
        (orderId, order) = _buyAs(buyer, purchase);
    }

    function _buyAs(address buyer, Purchase memory purchase) private returns (bytes32 orderId, Order memory order) {
        order = _orderOf(purchase, buyer);
        orderId = shop.orderIdOf(order);
        vm.prank(buyer);
        shop.buy(purchase);
        _count(buyer);
    }

    function _deliverKey(Order memory order, bytes32 orderId, bytes32 key) private returns (SealedKey memory found) {
        found = _seal(order, orderId, key);
        vm.prank(OWNER);
        shop.deliver(order, found);
        _count(OWNER);
    }

    function _settleBy(address account, Order memory order) private {
        vm.prank(account);
        shop.settle(order);
        _count(account);
    }

    /// @dev The key comes, and the buyer accepts it.
    function _honest() private returns (Play memory) {
        (bytes32 orderId, Order memory order) = _orderAs(ALICE);
        _deliverKey(order, orderId, KEY);
        _settleBy(ALICE, order);
        return _endedHere();
    }

    function _sellerPlays() private {
        gang.push(OWNER);
        _begin();
    }

    function _buyerPlays() private {
        gang.push(ALICE);
        outside = int256(RESULT_WORTH);
        _begin();
    }

    /// A seller that delivers something else is convicted by one transaction, and has nothing.
    function test_aWrongKey() public {
        _sellerPlays();
        Play memory honest = _honest();
        (bytes32 orderId, Order memory order) = _orderAs(ALICE);
        SealedKey memory key = _deliverKey(order, orderId, WRONG);
        vm.prank(ALICE);
        shop.complain(order, key, SECRET);
        vm.assertEq(shop.creditOf(ALICE), PRICE);
        _needLoss("wrong key of a licence", honest, _endedHere());
    }

    /// One that delivers nothing has nothing, and the buyer its money back.
    function test_noKey() public {
        _sellerPlays();
        Play memory honest = _honest();
        (, Order memory order) = _orderAs(ALICE);
        vm.warp(block.timestamp + DELIVERY);
        shop.refund(order);
        vm.assertEq(shop.creditOf(ALICE), PRICE);
        _needLoss("licence whose key is never delivered", honest, _endedHere());
    }

    /// A dearer offer in front of a purchase is refused by what the buyer agreed to.
    function test_aPriceRaisedInFrontOfAPurchase() public {
        _sellerPlays();
        Play memory honest = _honest();
        uint256 classId = _offer(_terms(LicenceKind.Unlimited), PRICE, DELIVERY);
        _count(OWNER);
        Purchase memory purchase = _purchase(classId, 1, DELIVERY);
        purchase.maxPrice = PRICE;
        _offer(_terms(LicenceKind.Unlimited), 2 * PRICE, DELIVERY);
        _count(OWNER);
        vm.expectRevert(abi.encodeWithSelector(Errors.OfferPriceHigher.selector, classId, PRICE, 2 * PRICE));
        vm.prank(ALICE);
        shop.buy(purchase);
        _needLoss("licence made dearer in front of its purchase", honest, _endedHere());
    }

    /// A buyer that has the right key cannot have its money back; the secret it shows is public then.
    function test_aFalseComplaint() public {
        _buyerPlays();
        Play memory honest = _honest();
        (bytes32 orderId, Order memory order) = _orderAs(ALICE);
        SealedKey memory key = _deliverKey(order, orderId, KEY);
        vm.prank(ALICE);
        (bool complained, bytes memory reason) = address(shop).call(abi.encodeCall(shop.complain, (order, key, SECRET)));
        _count(ALICE);
        vm.assertFalse(complained, "complained");
        bytes memory right = abi.encodeWithSelector(Errors.KeyIsRight.selector, orderId, KeyExchange.digestOf(KEY));
        vm.assertEq(keccak256(reason), keccak256(right));
        vm.warp(block.timestamp + COMPLAINT_WINDOW);
        _settleBy(ANYONE, order);
        _needNoGain("complaint of a licence's key that is right", honest, _endedHere());
    }

    /// Nor does it gain by saying nothing: the seller waits a day, and is paid.
    function test_silence() public {
        _buyerPlays();
        Play memory honest = _honest();
        (bytes32 orderId, Order memory order) = _orderAs(ALICE);
        _deliverKey(order, orderId, KEY);
        vm.warp(block.timestamp + COMPLAINT_WINDOW);
        _settleBy(OWNER, order);
        vm.assertTrue(licences.entitles(order.classId | type(uint40).max, ALICE));
        _needNoGain("silence of a licence's buyer", honest, _endedHere());
    }

    /// What remains: whoever knows a key can tell it to others, as whoever has a file can copy it.
    function test_aKeyPassedOn() public {
        gang.push(ALICE);
        gang.push(BOB);
        outside = 2 * int256(RESULT_WORTH);
        _begin();
        (bytes32 orderId, Order memory order) = _orderAs(ALICE);
        _deliverKey(order, orderId, KEY);
        _settleBy(ALICE, order);
        Purchase memory purchase = _purchase(order.classId, 1, DELIVERY);
        (orderId, order) = _buyAs(BOB, purchase);
        _deliverKey(order, orderId, KEY);
        _settleBy(BOB, order);
        Play memory honest = _endedHere();
        _logGain("one licence bought, and its key passed on", honest, _honest());
    }

    /// What remains: the key is right, and what it opens is not what the manifest promises.
    function test_rubbishUnderARightKey() public {
        gang.push(OWNER);
        outside = -int256(WORK);
        _begin();
        Play memory honest = _honest();
        outside = 0; // nothing was trained
        _logGain("rubbish sold under a right key", honest, _honest());
    }
}
