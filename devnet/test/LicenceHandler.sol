// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AssetRegistry} from "../contracts/AssetRegistry.sol";
import {LicenceShop} from "../contracts/LicenceShop.sol";
import {LicenceToken} from "../contracts/LicenceToken.sol";
import {MarketToken} from "../contracts/MarketToken.sol";
import {LicenceOffer, Order, OrderState, Purchase} from "../contracts/interfaces/ILicenceShop.sol";
import {Grace, LicenceKind, LicenceTerms} from "../contracts/interfaces/ILicenceToken.sol";
import {KeyExchange, Point, SealedKey} from "../contracts/libraries/KeyExchange.sol";
import {UNLIMITED_STOCK} from "../contracts/libraries/LicenceLimits.sol";
import {Base} from "./Base.sol";
import {ToyFeeShares} from "./ToyModules.sol";

/// @title Random play: people sell each other licences of an asset that changes hands, with right keys, wrong keys and none
contract LicenceHandler is Base {
    uint256 private constant SECRET = uint256(keccak256("a reader's secret"));
    uint256 private constant EPHEMERAL = uint256(keccak256("an ephemeral secret"));
    bytes32 private constant KEY = keccak256("the content key");

    AssetRegistry private immutable registry;
    LicenceToken private immutable licences;
    LicenceShop private immutable shop;
    MarketToken private immutable token;
    ToyFeeShares private immutable feeShares;
    bytes32 private immutable versionId;
    uint256 private immutable tokenId;

    address[4] public people = [address(0xF1), address(0xF2), address(0xF3), address(0xF4)];

    struct Made {
        Order order;
        bool right; // the key that was delivered
        SealedKey key;
        bool ended;
    }

    Made[] private _made;
    uint256[] public ids; // licences that somebody got
    mapping(uint256 id => bool) private _known;
    mapping(uint256 id => uint256) public supply; // minted less redeemed and revoked
    uint256 public escrow; // by the rules: prices of orders that have not ended
    uint256 public donatedShop;
    uint256 public donatedLicences;
    /// What people have paid in and drawn out: shop and licences together.
    uint256 public paidIn;
    uint256 public drawnOut;

    Point private _reader;
    Point private _ephemeral;

    constructor(
        AssetRegistry registry_,
        LicenceToken licences_,
        LicenceShop shop_,
        MarketToken token_,
        ToyFeeShares feeShares_,
        bytes32 versionId_
    ) {
        (registry, licences, shop, token, feeShares) = (registry_, licences_, shop_, token_, feeShares_);
        versionId = versionId_;
        (tokenId,) = registry_.versionOf(versionId_);
        _makePoints();
    }

    function _makePoints() private {
        _reader = Point(vm.createWallet(SECRET).publicKeyX, vm.createWallet(SECRET).publicKeyY);
        _ephemeral = Point(vm.createWallet(EPHEMERAL).publicKeyX, vm.createWallet(EPHEMERAL).publicKeyY);
    }

    function count() external view returns (uint256) {
        return _made.length;
    }

    function countIds() external view returns (uint256) {
        return ids.length;
    }

    function orderOf(uint256 i) external view returns (Order memory) {
        return _made[i].order;
    }

    function endedAt(uint256 i) external view returns (bool) {
        return _made[i].ended;
    }

    // ---------------------------------------------------------------- the seller

    function offer(uint256 kind, uint256 style, uint128 price, uint64 stock, uint32 delivery) external {
        LicenceTerms memory terms = _terms(kind, style);
        price = uint128(price % 4 == 0 ? price % 3 : price % 5e18);
        delivery = delivery % 3 == 0 ? 0 : uint32(_within(delivery, 60, 7_200));
        vm.prank(registry.ownerOf(tokenId));
        shop.offer(terms, versionId, price, stock % 4 == 0 ? stock % 3 : UNLIMITED_STOCK, delivery);
    }

    function deliver(uint256 which, bool right) external {
        if (_made.length == 0) return;
        Made storage made = _recent(which);
        bytes32 orderId = shop.orderIdOf(made.order);
        address shared = KeyExchange.multiply(EPHEMERAL, made.order.reader.x, made.order.reader.y);
        bytes32 pad = KeyExchange.pad(shared, versionId, made.order.buyer, orderId);
        SealedKey memory key = SealedKey(_ephemeral.x, _ephemeral.y, pad ^ (right ? KEY : ~KEY));
        bool can = shop.stateOf(orderId) == OrderState.Ordered;
        if (!can) vm.expectRevert();
        vm.prank(made.order.payees[0]);
        shop.deliver(made.order, key);
        if (can) (made.key, made.right) = (key, right);
    }

    function revoke(uint256 which, uint256 who) external {
        if (ids.length == 0) return;
        uint256 id = ids[which % ids.length];
        address holder = people[who % 4];
        uint256 units = licences.balanceOf(holder, id);
        LicenceTerms memory terms = licences.termsOf(id);
        address owner = registry.ownerOf(tokenId);
        bool can = units != 0 && terms.notice != 0 && token.balanceOf(owner) >= units * terms.refund;
        if (!can) vm.expectRevert();
        vm.prank(owner);
        uint256 paid = licences.revoke(id, holder, type(uint256).max);
        if (!can) return;
        supply[id] -= units;
        paidIn += paid;
    }

    function sellTheAsset(uint256 who) external {
        address owner = registry.ownerOf(tokenId);
        vm.prank(owner);
        registry.transferFrom(owner, people[who % 4], tokenId);
    }

    // ---------------------------------------------------------------- the buyers

    function buy(uint256 kind, uint256 style, uint256 who, uint64 units) external {
        uint256 classId = licences.classOf(_terms(kind, style));
        LicenceOffer memory found = shop.offerOf(classId);
        address buyer = people[who % 4];
        units = uint64(_within(units, 1, 4));
        uint256 price = uint256(found.price) * units;
        if (price > token.balanceOf(buyer)) return;
        Purchase memory purchase = Purchase({
            classId: classId,
            versionId: versionId,
            units: units,
            maxPrice: uint128(price),
            delivery: found.delivery,
            reader: found.delivery == 0 ? Point(0, 0) : _reader,
            nonce: _made.length
        });
        bool can = found.seller == registry.ownerOf(tokenId) && units <= found.stock;
        Order memory order = _orderOf(purchase, buyer, uint128(price));
        if (!can) vm.expectRevert();
        vm.prank(buyer);
        shop.buy(purchase);
        if (!can) return;
        _made.push().order = order;
        paidIn += price;
        if (found.delivery == 0) {
            LicenceTerms memory terms = licences.termsOf(classId);
            _got(classId | (terms.period == 0 ? type(uint40).max : block.timestamp + terms.period), units);
            _made[_made.length - 1].ended = true;
        } else {
            escrow += price;
        }
    }

    function complain(uint256 which, bool secretKnown) external {
        if (_made.length == 0) return;
        Made storage made = _recent(which);
        bytes32 orderId = shop.orderIdOf(made.order);
        bool can = shop.stateOf(orderId) == OrderState.Delivered && !made.right && secretKnown;
        if (!can) vm.expectRevert();
        shop.complain(made.order, made.key, secretKnown ? SECRET : EPHEMERAL);
        if (can) _end(made);
    }

    function settle(uint256 which, bool asBuyer) external {
        if (_made.length != 0) _settle(_recent(which), asBuyer);
    }

    function refund(uint256 which) external {
        if (_made.length == 0) return;
        Made storage made = _recent(which);
        bool can = shop.stateOf(shop.orderIdOf(made.order)) == OrderState.Overdue;
        if (!can) vm.expectRevert();
        shop.refund(made.order);
        if (can) _end(made);
    }

    function redeem(uint256 which, uint256 who, uint256 units) external {
        if (ids.length == 0) return;
        uint256 id = ids[which % ids.length];
        address holder = people[who % 4];
        units = units % 5;
        uint256 held = licences.balanceOf(holder, id);
        Grace memory grace = licences.graceOf(id, holder);
        uint256 left = block.timestamp < grace.until ? grace.units : 0;
        bool can = licences.termsOf(id).kind == LicenceKind.PerUse && units != 0 && units <= held + left;
        if (!can) vm.expectRevert();
        vm.prank(holder);
        licences.redeem(id, units, "a call");
        if (can) supply[id] -= units < held ? units : held;
    }

    function transfer(uint256 which, uint256 from, uint256 to, uint256 units) external {
        if (ids.length == 0) return;
        uint256 id = ids[which % ids.length];
        address holder = people[from % 4];
        units = units % 4;
        bool can = licences.termsOf(id).transferable && units <= licences.balanceOf(holder, id);
        if (!can) vm.expectRevert();
        vm.prank(holder);
        licences.safeTransferFrom(holder, people[to % 4], id, units, "");
    }

    function withdraw(uint256 who, bool ofShop) external {
        address account = people[who % 4];
        uint256 credit = ofShop ? shop.creditOf(account) : licences.creditOf(account);
        if (credit == 0) vm.expectRevert();
        vm.prank(account);
        ofShop ? shop.withdraw() : licences.withdraw();
        drawnOut += credit;
    }

    // ---------------------------------------------------------------- the world

    function setShares(uint16 treasuryBps, uint16 stakersBps) external {
        treasuryBps = uint16(_within(treasuryBps, 0, 10_000));
        feeShares.set(treasuryBps, uint16(_within(stakersBps, 0, 10_000 - treasuryBps)));
    }

    function donate(uint256 amount, bool toShop) external {
        amount = _within(amount, 1, 1e15);
        token.transfer(toShop ? address(shop) : address(licences), amount);
        if (toShop) donatedShop += amount;
        else donatedLicences += amount;
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + _within(time, 1, 3_000));
    }

    function waitLong(uint256 time) external {
        vm.warp(block.timestamp + _within(time, 12 hours, 2 days));
    }

    /// @dev Everybody is silent for a week; whoever passes by ends what there is.
    function finish() external {
        vm.warp(block.timestamp + 8 days);
        for (uint256 i = 0; i < _made.length; ++i) {
            Made storage made = _made[i];
            if (made.ended) continue;
            if (shop.stateOf(shop.orderIdOf(made.order)) == OrderState.Overdue) {
                shop.refund(made.order);
                _end(made);
            } else {
                _settle(made, false);
            }
        }
    }

    // ---------------------------------------------------------------- rules

    function _settle(Made storage made, bool asBuyer) private {
        OrderState state = shop.stateOf(shop.orderIdOf(made.order));
        bool can = state == OrderState.Payable || (state == OrderState.Delivered && asBuyer);
        if (!can) vm.expectRevert();
        if (asBuyer) vm.prank(made.order.buyer);
        uint256 id = shop.settle(made.order);
        if (!can) return;
        _end(made);
        _got(id, made.order.units);
    }

    function _end(Made storage made) private {
        made.ended = true;
        escrow -= made.order.price;
    }

    function _got(uint256 id, uint256 units) private {
        supply[id] += units;
        if (_known[id]) return;
        _known[id] = true;
        ids.push(id);
    }

    function _terms(uint256 kind, uint256 style) private view returns (LicenceTerms memory terms) {
        terms.tokenId = tokenId;
        terms.kind = LicenceKind(kind % 3);
        if (terms.kind == LicenceKind.Period) terms.period = 1 days;
        terms.transferable = style % 2 == 0;
        if (style % 3 == 0) (terms.notice, terms.refund) = (1 hours, uint128(style % 6) * 1e17);
    }

    function _orderOf(Purchase memory purchase, address buyer, uint128 price)
        private
        view
        returns (Order memory order)
    {
        order.classId = purchase.classId;
        order.versionId = versionId;
        order.buyer = buyer;
        order.units = purchase.units;
        order.price = price;
        order.delivery = purchase.delivery;
        order.reader = purchase.reader;
        (order.treasuryBps, order.stakersBps) = feeShares.feeShares();
        (order.payees, order.bps) = (registry.royaltyOf(versionId).payees, registry.royaltyOf(versionId).bps);
        order.nonce = purchase.nonce;
    }

    /// @dev One of the last five: older ones are mostly over.
    function _recent(uint256 which) private view returns (Made storage) {
        uint256 length = _made.length;
        return _made[length - 1 - which % (length < 5 ? length : 5)];
    }
}
