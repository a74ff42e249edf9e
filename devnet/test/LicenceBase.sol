// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ContentKeys} from "../contracts/ContentKeys.sol";
import {LicenceShop} from "../contracts/LicenceShop.sol";
import {LicenceToken} from "../contracts/LicenceToken.sol";
import {ILicenceShopErrors} from "../contracts/errors/ILicenceShopErrors.sol";
import {IMarketParts, Order, OrderState, Purchase} from "../contracts/interfaces/ILicenceShop.sol";
import {LicenceKind, LicenceTerms} from "../contracts/interfaces/ILicenceToken.sol";
import {KeyExchange, Point, SealedKey} from "../contracts/libraries/KeyExchange.sol";
import {UNLIMITED_STOCK} from "../contracts/libraries/LicenceLimits.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {MarketBase} from "./MarketBase.sol";
import {Shipped} from "./Shipped.sol";

/// @title A shop beside the market: OWNER sells licences of its model, ALICE and BOB buy
abstract contract LicenceBase is MarketBase {
    uint128 internal constant PRICE = 10 * ONE;
    uint32 internal constant DELIVERY = 1 hours;
    uint256 internal constant SECRET = uint256(keccak256("a reader's secret"));
    uint256 internal constant EPHEMERAL = uint256(keccak256("an ephemeral secret"));
    bytes32 internal constant KEY = keccak256("the content key");

    ContentKeys internal contentKeys;
    LicenceToken internal licences;
    LicenceShop internal shop;
    uint256 private _purchases;

    function setUp() public virtual override {
        super.setUp();
        _deployShop(IERC20(address(token)));
        address[4] memory accounts = [CONSUMER, ALICE, BOB, OWNER];
        for (uint256 i = 0; i < 4; ++i) {
            token.transfer(accounts[i], 1_000 * ONE);
            vm.startPrank(accounts[i]);
            token.approve(address(shop), type(uint256).max);
            token.approve(address(licences), type(uint256).max);
            vm.stopPrank();
        }
        vm.prank(OWNER);
        contentKeys.commit(versionId, KeyExchange.digestOf(KEY));
    }

    /// @dev Beside the market that stands now.
    function _deployShop(IERC20 paid) internal {
        contentKeys = Shipped.contentKeys(registry);
        address predicted = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        licences = Shipped.licenceToken(paid, registry, predicted);
        shop = Shipped.licenceShop(IMarketParts(address(market)), licences, contentKeys);
        vm.assertEq(address(shop), predicted);
    }

    // ---------------------------------------------------------------- terms

    function _terms(LicenceKind kind) internal view returns (LicenceTerms memory terms) {
        terms.tokenId = tokenId;
        terms.kind = kind;
        if (kind == LicenceKind.Period) terms.period = 30 days;
    }

    /// @dev Unlimited, transferable with a royalty of 5 %, and revocable at 7 days' notice for 4 tokens a unit.
    function _looseTerms() internal view returns (LicenceTerms memory terms) {
        terms = _terms(LicenceKind.Unlimited);
        (terms.transferable, terms.resaleBps, terms.notice, terms.refund) = (true, 500, 7 days, 4 * ONE);
    }

    // ---------------------------------------------------------------- sales

    function _offer(LicenceTerms memory terms, uint128 price, uint32 delivery) internal returns (uint256) {
        return _offer(terms, price, UNLIMITED_STOCK, delivery);
    }

    function _offer(LicenceTerms memory terms, uint128 price, uint64 stock, uint32 delivery)
        internal
        returns (uint256 classId)
    {
        vm.prank(OWNER);
        return shop.offer(terms, versionId, price, stock, delivery);
    }

    function _purchase(uint256 classId, uint64 units, uint32 delivery) internal returns (Purchase memory purchase) {
        purchase.classId = classId;
        purchase.versionId = versionId;
        purchase.units = units;
        purchase.maxPrice = type(uint128).max;
        purchase.delivery = delivery;
        if (delivery != 0) purchase.reader = _point(SECRET);
    }

    /// @dev What `buy` will make of it now.
    function _orderOf(Purchase memory purchase, address buyer) internal view returns (Order memory order) {
        order.classId = purchase.classId;
        order.versionId = purchase.versionId;
        order.buyer = buyer;
        order.units = purchase.units;
        order.price = shop.offerOf(purchase.classId).price * purchase.units;
        order.delivery = purchase.delivery;
        order.reader = purchase.reader;
        (order.treasuryBps, order.stakersBps) = shop.feeShares().feeShares();
        (order.payees, order.bps) =
        (registry.royaltyOf(purchase.versionId).payees, registry.royaltyOf(purchase.versionId).bps);
        order.nonce = purchase.nonce;
    }

    function _buy(address buyer, uint256 classId, uint64 units, uint32 delivery)
        internal
        returns (bytes32 orderId, Order memory order)
    {
        return _buyWith(buyer, _purchase(classId, units, delivery));
    }

    function _buyWith(address buyer, Purchase memory purchase) internal returns (bytes32 orderId, Order memory order) {
        order = _orderOf(purchase, buyer);
        vm.prank(buyer);
        orderId = shop.buy(purchase);
        vm.assertEq(orderId, shop.orderIdOf(order), "the order's id");
    }

    /// @dev ALICE's order of one unit for PRICE, with a key to be delivered.
    function _ordered() internal returns (bytes32 orderId, Order memory order) {
        return _buy(ALICE, _offer(_terms(LicenceKind.Unlimited), PRICE, DELIVERY), 1, DELIVERY);
    }

    /// @dev The same, with a key delivered.
    function _delivered(bytes32 key)
        internal
        returns (bytes32 orderId, Order memory order, SealedKey memory sealedKey)
    {
        (orderId, order) = _ordered();
        sealedKey = _seal(order, orderId, key);
        vm.prank(OWNER);
        shop.deliver(order, sealedKey);
    }

    /// @dev Units of a licence bought without a key.
    function _bought(address buyer, LicenceTerms memory terms, uint64 units) internal returns (uint256 id) {
        uint256 classId = _offer(terms, PRICE, 0);
        Purchase memory purchase = _purchase(classId, units, 0);
        purchase.nonce = ++_purchases;
        _buyWith(buyer, purchase);
        return _idNow(classId, terms);
    }

    function _idNow(uint256 classId, LicenceTerms memory terms) internal view returns (uint256) {
        return classId | (terms.period == 0 ? type(uint40).max : block.timestamp + terms.period);
    }

    // ---------------------------------------------------------------- keys

    function _point(uint256 secret) internal returns (Point memory) {
        return Point(vm.createWallet(secret).publicKeyX, vm.createWallet(secret).publicKeyY);
    }

    /// @dev As a seller does: it knows the ephemeral secret, not the reader's.
    function _seal(Order memory order, bytes32 orderId, bytes32 key) internal returns (SealedKey memory) {
        Point memory point = _point(EPHEMERAL);
        address shared = KeyExchange.multiply(EPHEMERAL, order.reader.x, order.reader.y);
        bytes32 pad = KeyExchange.pad(shared, order.versionId, order.buyer, orderId);
        return SealedKey(point.x, point.y, key ^ pad);
    }

    // ---------------------------------------------------------------- what must hold

    function _needOrder(bytes32 orderId, OrderState expected) internal view {
        vm.assertEq(uint256(shop.stateOf(orderId)), uint256(expected), "state");
        _needCovered();
    }

    /// @dev Escrow and credits are there, to the unit.
    function _needCovered() internal view {
        vm.assertEq(token.balanceOf(address(shop)), shop.totalEscrow() + shop.totalCredit(), "shop's balance");
        vm.assertEq(token.balanceOf(address(licences)), licences.totalCredit(), "licences' balance");
    }

    function _notIn(bytes32 orderId, OrderState expected, OrderState actual) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ILicenceShopErrors.OrderInState.selector, orderId, expected, actual);
    }

    function _creditsOf(address owner) internal view returns (uint256 sum) {
        address[5] memory accounts = [owner, PARENT_OWNER, TREASURY, address(vault), BURN_ADDRESS];
        for (uint256 i = 0; i < 5; ++i) {
            sum += shop.creditOf(accounts[i]);
        }
    }
}
