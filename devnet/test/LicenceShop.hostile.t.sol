// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";
import {StakeVault} from "../contracts/StakeVault.sol";
import {ILicenceShopErrors as Errors} from "../contracts/errors/ILicenceShopErrors.sol";
import {ILicenceTokenErrors} from "../contracts/errors/ILicenceTokenErrors.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {IStakeRewardsErrors} from "../contracts/errors/IStakeRewardsErrors.sol";
import {LicenceOffer, Order, OrderState, Purchase} from "../contracts/interfaces/ILicenceShop.sol";
import {LicenceKind, LicenceTerms} from "../contracts/interfaces/ILicenceToken.sol";
import {Role} from "../contracts/interfaces/Types.sol";
import {KeyExchange, SealedKey} from "../contracts/libraries/KeyExchange.sol";
import {COMPLAINT_WINDOW} from "../contracts/libraries/LicenceLimits.sol";
import {MIN_UNBONDING} from "../contracts/libraries/Limits.sol";
import {HookedToken, IHook} from "./HookedToken.sol";
import {LicenceBase} from "./LicenceBase.sol";
import {Shipped} from "./Shipped.sol";
import {TaxedToken} from "./TaxedToken.sol";

/// Whoever is called while tokens or licences move, and tries everything it could gain by.
contract Intruder is IHook, IERC1155Receiver {
    address[] private _targets;
    bytes[] private _moves;
    uint256 public succeeded;
    uint256 public tried;
    bool public refuses;

    function plan(address[] memory targets, bytes[] memory moves) external {
        (_targets, _moves) = (targets, moves);
        (succeeded, tried) = (0, 0);
    }

    function refuse(bool does) external {
        refuses = does;
    }

    function run(address target, bytes calldata call) external returns (bool ok, bytes memory answer) {
        (ok, answer) = target.call(call);
    }

    function tokensMove(address, address, uint256, bool) external {
        _try();
    }

    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external returns (bytes4) {
        require(!refuses, "refused");
        _try();
        return this.onERC1155Received.selector;
    }

    function onERC1155BatchReceived(address, address, uint256[] calldata, uint256[] calldata, bytes calldata)
        external
        returns (bytes4)
    {
        _try();
        return this.onERC1155BatchReceived.selector;
    }

    function supportsInterface(bytes4) external pure returns (bool) {
        return true;
    }

    function _try() private {
        for (uint256 i = 0; i < _moves.length; ++i) {
            (bool ok,) = _targets[i].call(_moves[i]);
            ++tried;
            if (ok) ++succeeded;
        }
    }
}

/// A contract that says it paid, pays less or more, or comes back for the stake while it pays.
contract FalseSource {
    IERC20 private immutable token;
    StakeVault private immutable vault;
    uint256 public says;
    uint256 public pays;
    bytes public comesBack;
    bool public cameIn;

    constructor(IERC20 token_, StakeVault vault_) {
        (token, vault) = (token_, vault_);
        token_.approve(address(vault_), type(uint256).max);
    }

    function set(uint256 says_, uint256 pays_, bytes calldata back) external {
        (says, pays, comesBack) = (says_, pays_, back);
    }

    function withdraw() external returns (uint256) {
        if (comesBack.length != 0) (cameIn,) = address(vault).call(comesBack);
        if (pays != 0) token.transfer(msg.sender, pays);
        return says;
    }
}

contract LicenceShopHostileTest is LicenceBase {
    Intruder private mallory;

    function setUp() public override {
        super.setUp();
        mallory = new Intruder();
        token.transfer(address(mallory), 100 * ONE);
        _must(address(token), abi.encodeCall(token.approve, (address(shop), type(uint256).max)));
    }

    function _must(address target, bytes memory call) private {
        (bool ok,) = mallory.run(target, call);
        vm.assertTrue(ok, "mallory's move");
    }

    // ---------------------------------------------------------------- keys

    function test_aRightKeyCannotBeComplainedOf() public {
        (bytes32 orderId, Order memory order, SealedKey memory key) = _delivered(KEY);
        bytes32 digest = KeyExchange.digestOf(KEY);
        vm.expectRevert(abi.encodeWithSelector(Errors.KeyIsRight.selector, orderId, digest));
        vm.prank(ALICE);
        shop.complain(order, key, SECRET);
        // Nor with the secret spelt another way: it counts modulo the order of the curve.
        if (SECRET <= type(uint256).max - KeyExchange.ORDER) {
            vm.expectRevert(abi.encodeWithSelector(Errors.KeyIsRight.selector, orderId, digest));
            shop.complain(order, key, SECRET + KeyExchange.ORDER);
        }
        _needOrder(orderId, OrderState.Delivered);
    }

    function test_aSecretOfSomebodyElseProvesNothing() public {
        (bytes32 orderId, Order memory order, SealedKey memory key) = _delivered(KEY);
        address reader = KeyExchange.addressOf(order.reader.x, order.reader.y);
        uint256[5] memory secrets =
            [uint256(0), 1, EPHEMERAL, KeyExchange.ORDER - SECRET % KeyExchange.ORDER, KeyExchange.ORDER];
        for (uint256 i = 0; i < secrets.length; ++i) {
            address actual = KeyExchange.publicOf(secrets[i]);
            vm.expectRevert(abi.encodeWithSelector(Errors.SecretMismatch.selector, orderId, reader, actual));
            vm.prank(ALICE);
            shop.complain(order, key, secrets[i]);
        }
    }

    function test_anotherKeyThanTheDeliveredProvesNothing() public {
        (bytes32 orderId, Order memory order, SealedKey memory key) = _delivered(KEY);
        bytes32 delivered = keccak256(abi.encode(key));
        SealedKey[3] memory others = [key, key, key];
        others[0] = SealedKey(key.x, key.y, ~key.wrapped);
        others[1] = SealedKey(key.x, KeyExchange.FIELD - key.y, key.wrapped);
        others[2] = SealedKey(0, 0, 0);
        for (uint256 i = 0; i < 3; ++i) {
            bytes32 actual = keccak256(abi.encode(others[i]));
            vm.expectRevert(abi.encodeWithSelector(Errors.SealedKeyMismatch.selector, orderId, delivered, actual));
            vm.prank(ALICE);
            shop.complain(order, others[i], SECRET);
        }
    }

    /// A seller who seals with anything that is no point, or delivers noise: refused, or convicted.
    function test_garbageInPlaceOfAKey() public {
        (, Order memory order) = _ordered();
        uint256 px = _point(EPHEMERAL).x;
        uint256 py = _point(EPHEMERAL).y;
        uint256[2][5] memory bad = [
            [uint256(0), 0],
            [px, py + 1],
            [KeyExchange.ORDER + 1, py],
            [px, KeyExchange.FIELD + 2],
            [type(uint256).max, type(uint256).max]
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Errors.PointInvalid.selector, bad[i][0], bad[i][1]));
            vm.prank(OWNER);
            shop.deliver(order, SealedKey(bad[i][0], bad[i][1], KEY));
        }
    }

    /// Whatever else than the key is delivered, with any point: the buyer wins.
    function testFuzz_everyWrongKeyIsConvicted(uint256 ephemeral, bytes32 wrapped, uint256 secret) public {
        ephemeral = _within(ephemeral, 1, KeyExchange.ORDER - 1);
        secret = _within(secret, 1, KeyExchange.ORDER - 1);
        Purchase memory purchase = _purchase(_offer(_terms(LicenceKind.Unlimited), PRICE, DELIVERY), 1, DELIVERY);
        purchase.reader = _point(secret);
        (bytes32 orderId, Order memory order) = _buyWith(ALICE, purchase);
        SealedKey memory key = SealedKey(_point(ephemeral).x, _point(ephemeral).y, wrapped);
        vm.prank(OWNER);
        shop.deliver(order, key);
        vm.prank(ANYONE);
        shop.complain(order, key, secret);
        _needOrder(orderId, OrderState.Rejected);
        vm.assertEq(shop.creditOf(ALICE), PRICE);
    }

    /// And the key itself stands, whatever the secrets are.
    function testFuzz_theRightKeyStands(uint256 ephemeral, uint256 secret) public {
        ephemeral = _within(ephemeral, 1, KeyExchange.ORDER - 1);
        secret = _within(secret, 1, KeyExchange.ORDER - 1);
        Purchase memory purchase = _purchase(_offer(_terms(LicenceKind.Unlimited), PRICE, DELIVERY), 1, DELIVERY);
        purchase.reader = _point(secret);
        (bytes32 orderId, Order memory order) = _buyWith(ALICE, purchase);
        address shared = KeyExchange.multiply(ephemeral, order.reader.x, order.reader.y);
        bytes32 wrapped = KEY ^ KeyExchange.pad(shared, versionId, ALICE, orderId);
        SealedKey memory key = SealedKey(_point(ephemeral).x, _point(ephemeral).y, wrapped);
        vm.prank(OWNER);
        shop.deliver(order, key);
        vm.expectRevert(abi.encodeWithSelector(Errors.KeyIsRight.selector, orderId, KeyExchange.digestOf(KEY)));
        vm.prank(ALICE);
        shop.complain(order, key, secret);
    }

    /// A key sealed for one order opens nothing in another: a seller cannot deliver it twice, nor a buyer use it twice.
    function test_aSealedKeyIsForOneOrder() public {
        (, Order memory first, SealedKey memory key) = _delivered(KEY);
        Purchase memory purchase = _purchase(first.classId, 1, DELIVERY);
        purchase.nonce = 2;
        (bytes32 orderId, Order memory second) = _buyWith(ALICE, purchase);
        vm.prank(OWNER);
        shop.deliver(second, key);
        vm.prank(ALICE);
        shop.complain(second, key, SECRET);
        _needOrder(orderId, OrderState.Rejected);
    }

    function test_aComplaintEndsWithItsWindow() public {
        (bytes32 orderId, Order memory order, SealedKey memory key) = _delivered(keccak256("not the key"));
        uint256 before = vm.snapshotState();
        vm.warp(START + COMPLAINT_WINDOW - 1);
        shop.complain(order, key, SECRET);
        vm.revertToState(before);
        vm.warp(START + COMPLAINT_WINDOW);
        vm.expectRevert(_notIn(orderId, OrderState.Delivered, OrderState.Payable));
        shop.complain(order, key, SECRET);
    }

    // ---------------------------------------------------------------- who may do what

    function test_onlyTheSellerDelivers() public {
        (bytes32 orderId, Order memory order) = _ordered();
        SealedKey memory key = _seal(order, orderId, KEY);
        address[3] memory others = [ALICE, PARENT_OWNER, ANYONE];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Errors.NotSeller.selector, orderId, OWNER, others[i]));
            vm.prank(others[i]);
            shop.deliver(order, key);
        }
    }

    /// The asset is sold in between: who sold the licence delivers it and is paid; the old offer is dead.
    function test_theAssetIsSoldBetweenOrderAndDelivery() public {
        (bytes32 orderId, Order memory order) = _ordered();
        vm.prank(OWNER);
        registry.transferFrom(OWNER, BOB, tokenId);
        SealedKey memory key = _seal(order, orderId, KEY);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotSeller.selector, orderId, OWNER, BOB));
        vm.prank(BOB);
        shop.deliver(order, key);
        vm.prank(OWNER);
        shop.deliver(order, key);
        vm.prank(ALICE);
        shop.settle(order);
        vm.assertGe(shop.creditOf(OWNER), PRICE / 2);
        vm.assertEq(shop.creditOf(BOB), 0);

        Purchase memory purchase = _purchase(order.classId, 1, DELIVERY);
        purchase.nonce = 2;
        vm.expectRevert(abi.encodeWithSelector(Errors.OfferStale.selector, order.classId, OWNER, BOB));
        vm.prank(ALICE);
        shop.buy(purchase);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotAssetOwner.selector, tokenId, BOB, OWNER));
        vm.prank(OWNER);
        shop.offer(_terms(LicenceKind.Unlimited), versionId, 1, 1, 0);
        // The new owner sells the same class at its own price.
        vm.prank(BOB);
        shop.offer(_terms(LicenceKind.Unlimited), versionId, 2 * PRICE, 1, 0);
        purchase = _purchase(order.classId, 1, 0);
        _buyWith(ALICE, purchase);
        vm.assertGe(shop.creditOf(BOB), PRICE);
    }

    /// An order whose terms are changed by one field is another order, which nobody made.
    function test_termsCannotBeChangedInCalldata() public {
        (bytes32 orderId, Order memory order, SealedKey memory key) = _delivered(keccak256("not the key"));
        bytes memory words = abi.encode(order);
        for (uint256 i = 0; i < 11; ++i) {
            Order memory changed = abi.decode(words, (Order));
            if (i == 0) changed.classId ^= 1 << 40;
            if (i == 1) changed.versionId = ~changed.versionId;
            if (i == 2) changed.buyer = BOB;
            if (i == 3) changed.units += 1;
            if (i == 4) changed.price += 1;
            if (i == 5) changed.delivery += 1;
            if (i == 6) changed.reader = _point(EPHEMERAL);
            if (i == 7) changed.treasuryBps = 0;
            if (i == 8) changed.stakersBps = 0;
            if (i == 9) changed.payees[0] = BOB;
            if (i == 10) changed.bps[1] = 0;
            bytes32 changedId = shop.orderIdOf(changed);
            vm.assertTrue(changedId != orderId);
            vm.expectRevert(_notIn(changedId, OrderState.Delivered, OrderState.Unknown));
            shop.complain(changed, key, SECRET);
            vm.expectRevert(_notIn(changedId, OrderState.Payable, OrderState.Unknown));
            shop.settle(changed);
        }
    }

    // ---------------------------------------------------------------- licences

    /// The owner revokes while an order is open: the licence that comes of it is as good as any.
    function test_aRevocationDoesNotTouchAnOrderThatIsOpen() public {
        uint256 id = _bought(ALICE, _looseTerms(), 1);
        (bytes32 orderId, Order memory order) =
            _buyWith(ALICE, _withNonce(_purchase(_offer(_looseTerms(), PRICE, DELIVERY), 2, DELIVERY), 7));
        vm.prank(OWNER);
        licences.revoke(id, ALICE, type(uint256).max);
        SealedKey memory key = _seal(order, orderId, KEY);
        vm.prank(OWNER);
        shop.deliver(order, key);
        vm.prank(ALICE);
        shop.settle(order);
        vm.assertEq(licences.balanceOf(ALICE, id), 2);
        vm.warp(START + 30 days);
        vm.assertTrue(licences.entitles(id, ALICE), "not revoked");
    }

    function _withNonce(Purchase memory purchase, uint256 nonce) private pure returns (Purchase memory) {
        purchase.nonce = nonce;
        return purchase;
    }

    /// A holder collects units in front of a revocation whose refund is worth more than their price: the owner's bound stops it.
    function test_unitsCollectedInFrontOfARevocation() public {
        uint256 id = _bought(ALICE, _looseTerms(), 1);
        _bought(BOB, _looseTerms(), 5);
        vm.prank(BOB);
        licences.safeTransferFrom(BOB, ALICE, id, 5, "");
        vm.expectRevert(
            abi.encodeWithSelector(ILicenceTokenErrors.LicenceRefundTooHigh.selector, id, 4 * ONE, 24 * ONE)
        );
        vm.prank(OWNER);
        licences.revoke(id, ALICE, 4 * ONE);
    }

    /// Moving away in front of a revocation works where the terms allow to move: the page says so.
    function test_aTransferInFrontOfARevocation() public {
        uint256 id = _bought(ALICE, _looseTerms(), 1);
        vm.prank(ALICE);
        licences.safeTransferFrom(ALICE, BOB, id, 1, "");
        vm.expectRevert(abi.encodeWithSelector(ILicenceTokenErrors.LicenceNotHeld.selector, id, ALICE, 1, 0));
        vm.prank(OWNER);
        licences.revoke(id, ALICE, type(uint256).max);
        vm.prank(OWNER);
        licences.revoke(id, BOB, type(uint256).max);
    }

    /// A revocation that the owner cannot pay takes nothing.
    function test_aRevocationIsPaidOrDoesNotHappen() public {
        uint256 id = _bought(ALICE, _looseTerms(), 1);
        vm.prank(OWNER);
        token.approve(address(licences), 4 * ONE - 1);
        vm.expectRevert();
        vm.prank(OWNER);
        licences.revoke(id, ALICE, type(uint256).max);
        vm.assertEq(licences.balanceOf(ALICE, id), 1);
        vm.assertEq(licences.creditOf(ALICE), 0);
    }

    // ---------------------------------------------------------------- callbacks

    /// A buyer that is a contract and refuses licences cannot keep the seller from its money: it is not asked.
    function test_aBuyerThatRefusesIsNotAsked() public {
        mallory.refuse(true);
        uint256 classId = _offer(_terms(LicenceKind.Unlimited), PRICE, DELIVERY);
        Purchase memory purchase = _purchase(classId, 1, DELIVERY);
        Order memory order = _orderOf(purchase, address(mallory));
        _must(address(shop), abi.encodeCall(shop.buy, (purchase)));
        bytes32 orderId = shop.orderIdOf(order);
        SealedKey memory key = _seal(order, orderId, KEY);
        vm.prank(OWNER);
        shop.deliver(order, key);
        vm.warp(START + COMPLAINT_WINDOW);
        shop.settle(order);
        _needOrder(orderId, OrderState.Settled);
        vm.assertEq(mallory.tried(), 0);
        vm.assertEq(licences.balanceOf(address(mallory), classId | type(uint40).max), 1);
        // Given to it by somebody else, it is asked, and may refuse.
        uint256 id = _bought(ALICE, _looseTerms(), 1);
        vm.expectRevert(bytes("refused"));
        vm.prank(ALICE);
        licences.safeTransferFrom(ALICE, address(mallory), id, 1, "");
        // Nor does a contract that knows nothing of licences take one by accident.
        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155InvalidReceiver.selector, address(token)));
        vm.prank(ALICE);
        licences.safeTransferFrom(ALICE, address(token), id, 1, "");
    }

    /// Who receives a licence is called when all is written: it may use it and pass it on, and gains nothing.
    function test_aReceiverThatComesBack() public {
        uint256 id = _bought(ALICE, _looseTerms(), 2);
        address[] memory targets = new address[](5);
        bytes[] memory moves = new bytes[](5);
        for (uint256 i = 0; i < 5; ++i) {
            targets[i] = address(licences);
        }
        moves[0] = abi.encodeCall(licences.withdraw, ());
        moves[1] = abi.encodeCall(licences.safeTransferFrom, (ALICE, address(mallory), id, 1, ""));
        moves[2] = abi.encodeCall(licences.safeTransferFrom, (address(mallory), BOB, id, 2, ""));
        moves[3] = abi.encodeCall(licences.redeem, (id, 1, 0));
        moves[4] = abi.encodeCall(licences.mint, (address(mallory), id, 1));
        mallory.plan(targets, moves);
        vm.prank(ALICE);
        licences.safeTransferFrom(ALICE, address(mallory), id, 1, "");
        vm.assertEq(mallory.tried(), 5);
        vm.assertEq(mallory.succeeded(), 0);
        vm.assertEq(licences.balanceOf(address(mallory), id), 1);
        vm.assertEq(licences.balanceOf(ALICE, id), 1);
        // Its own unit it may pass on.
        moves[2] = abi.encodeCall(licences.safeTransferFrom, (address(mallory), BOB, id, 1, ""));
        mallory.plan(targets, moves);
        vm.prank(ALICE);
        licences.safeTransferFrom(ALICE, address(mallory), id, 1, "");
        vm.assertEq(licences.balanceOf(BOB, id) + licences.balanceOf(address(mallory), id), 2);
    }

    // ---------------------------------------------------------------- a token with hooks

    /// The market's token has no hooks; a shop on one that has would lose nothing by it.
    function test_nobodyEntersTheShopDuringAPayment() public {
        HookedToken hooked = _hookedShop();
        vm.startPrank(OWNER);
        contentKeys.commit(versionId, KeyExchange.digestOf(KEY));
        vm.stopPrank();
        hooked.mint(address(mallory), 1_000 * ONE);
        _must(address(hooked), abi.encodeCall(hooked.listen, ()));
        _must(address(hooked), abi.encodeCall(hooked.approve, (address(shop), type(uint256).max)));
        // A refund to draw, an order to settle, another to have back.
        uint256 classId = _offer(_terms(LicenceKind.Unlimited), PRICE, DELIVERY);
        Order[3] memory orders;
        for (uint256 i = 0; i < 3; ++i) {
            Purchase memory purchase = _withNonce(_purchase(classId, 1, DELIVERY), i);
            orders[i] = _orderOf(purchase, address(mallory));
            _must(address(shop), abi.encodeCall(shop.buy, (purchase)));
        }
        SealedKey memory key = _seal(orders[0], shop.orderIdOf(orders[0]), KEY);
        vm.prank(OWNER);
        shop.deliver(orders[0], key);
        vm.warp(START + 2 days);
        shop.refund(orders[1]);

        address[] memory targets = new address[](6);
        bytes[] memory moves = new bytes[](6);
        for (uint256 i = 0; i < 6; ++i) {
            targets[i] = address(shop);
        }
        // Each of these would do by itself: the guard alone refuses it.
        moves[0] = abi.encodeCall(shop.withdraw, ());
        moves[1] = abi.encodeCall(shop.settle, (orders[0]));
        moves[2] = abi.encodeCall(shop.refund, (orders[2]));
        moves[3] = abi.encodeCall(shop.buy, (_withNonce(_purchase(classId, 1, DELIVERY), 9)));
        moves[4] = abi.encodeCall(shop.burn, ());
        bytes[] memory inner = new bytes[](1);
        inner[0] = moves[0];
        moves[5] = abi.encodeCall(shop.multicall, (inner));
        mallory.plan(targets, moves);
        uint256 before = hooked.balanceOf(address(mallory));
        _must(address(shop), abi.encodeCall(shop.withdraw, ()));
        vm.assertEq(mallory.succeeded(), 0);
        vm.assertGe(mallory.tried(), 6);
        vm.assertEq(hooked.balanceOf(address(mallory)) - before, PRICE);
        mallory.plan(targets, moves);
        _must(address(shop), abi.encodeCall(shop.buy, (_withNonce(_purchase(classId, 1, DELIVERY), 8))));
        vm.assertEq(mallory.succeeded(), 0);
        vm.assertEq(hooked.balanceOf(address(shop)), shop.totalEscrow() + shop.totalCredit());
        // Afterwards each of them does.
        mallory.plan(new address[](0), new bytes[](0));
        shop.settle(orders[0]);
        shop.refund(orders[2]);
        vm.assertEq(hooked.balanceOf(address(shop)), shop.totalEscrow() + shop.totalCredit());
    }

    function test_nobodyEntersTheLicencesDuringARefund() public {
        HookedToken hooked = _hookedShop();
        uint256 classId = _offer(_looseTerms(), 0, 0);
        Purchase memory purchase = _purchase(classId, 2, 0);
        _must(address(shop), abi.encodeCall(shop.buy, (purchase)));
        _must(address(hooked), abi.encodeCall(hooked.listen, ()));
        uint256 id = classId | type(uint40).max;
        hooked.mint(OWNER, 100 * ONE);
        vm.startPrank(OWNER);
        hooked.approve(address(licences), type(uint256).max);
        licences.revoke(id, address(mallory), 8 * ONE);
        vm.stopPrank();
        address[] memory targets = new address[](1);
        bytes[] memory moves = new bytes[](1);
        (targets[0], moves[0]) = (address(licences), abi.encodeCall(licences.withdraw, ()));
        mallory.plan(targets, moves);
        _must(address(licences), abi.encodeCall(licences.withdraw, ()));
        vm.assertEq(mallory.tried(), 1);
        vm.assertEq(mallory.succeeded(), 0);
        vm.assertEq(hooked.balanceOf(address(mallory)), 8 * ONE);
        vm.assertEq(hooked.balanceOf(address(licences)), licences.totalCredit());
    }

    function _hookedShop() private returns (HookedToken hooked) {
        hooked = new HookedToken();
        _marketOn(IERC20(address(hooked)));
    }

    function _marketOn(IERC20 paid) private {
        address predicted = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        vault = Shipped.stakeVault(paid, predicted, address(batch), uint64(MIN_UNBONDING));
        address[6] memory verifiers;
        verifiers[1] = address(verifier);
        market = Shipped.jobMarket(paid, registry, vault, _modules(), verifiers, _params());
        _deployShop(paid);
    }

    /// A token that keeps a part of what is sent is refused whole.
    function test_aTokenThatTakesAFee() public {
        TaxedToken taxed = new TaxedToken();
        _marketOn(IERC20(address(taxed)));
        taxed.mint(ALICE, 100 * ONE);
        vm.prank(ALICE);
        taxed.approve(address(shop), type(uint256).max);
        Purchase memory purchase = _purchase(_offer(_terms(LicenceKind.Unlimited), PRICE, 0), 1, 0);
        vm.expectPartialRevert(IPaymentErrors.InexactTransfer.selector);
        vm.prank(ALICE);
        shop.buy(purchase);
        vm.assertEq(shop.totalCredit(), 0);
    }

    /// A chain that splits off takes another chainid: what waits here is still its buyers' and sellers'.
    function test_anOrderOutlivesItsChainsNumber() public {
        (bytes32 orderId, Order memory order) = _ordered();
        vm.chainId(block.chainid + 1);
        vm.assertEq(shop.orderIdOf(order), orderId, "the order's id");
        vm.warp(block.timestamp + DELIVERY);
        shop.refund(order);
        _needOrder(orderId, OrderState.Refunded);
        vm.assertEq(shop.creditOf(ALICE), PRICE);
    }

    // ---------------------------------------------------------------- sources of the stakers' rewards

    function test_aSourceThatLiesFundsNothing() public {
        FalseSource source = new FalseSource(IERC20(address(token)), vault);
        token.transfer(address(source), 100 * ONE);
        source.set(5, 4, "");
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.InexactTransfer.selector, address(token), 5, 4));
        vault.fundFrom(address(source));
        source.set(4, 5, "");
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.InexactTransfer.selector, address(token), 4, 5));
        vault.fundFrom(address(source));
        source.set(0, 0, "");
        vm.expectRevert(abi.encodeWithSelector(IStakeRewardsErrors.NothingFunded.selector, address(source)));
        vault.fundFrom(address(source));
        // Its stake cannot come in as a reward as well.
        source.set(ONE, 0, abi.encodeCall(vault.deposit, (Role.Provider, ONE)));
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.InexactTransfer.selector, address(token), ONE, 0));
        vault.fundFrom(address(source));
        // Nor the reward be drawn twice.
        source.set(ONE, ONE, abi.encodeCall(vault.fundFrom, (address(source))));
        vm.assertEq(vault.fundFrom(address(source)), ONE);
        vm.assertFalse(source.cameIn(), "came in");
        vm.assertEq(vault.rewardPool(), ONE);
        vm.assertEq(token.balanceOf(address(vault)), 2_000 * ONE + ONE);
    }
}
