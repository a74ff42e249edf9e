// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AssetSale} from "../contracts/AssetSale.sol";
import {IAssetSaleErrors as Errors} from "../contracts/errors/IAssetSaleErrors.sol";
import {SaleState} from "../contracts/interfaces/IAssetSale.sol";
import {SALE_CLAIM_WINDOW} from "../contracts/libraries/SaleLimits.sol";
import {HookedToken, IHook} from "./HookedToken.sol";
import {SaleBase} from "./SaleBase.sol";
import {Shipped} from "./Shipped.sol";
import {Lie, RoyaltyLie} from "./ToyCollection.sol";

/// A bidder that is called in the middle of every payment, and then tries its moves.
contract SaleReentrant is IHook {
    AssetSale private immutable sale;
    bytes[] private _moves;
    uint256 public succeeded;
    uint256 public tried;

    constructor(HookedToken token, AssetSale sale_) {
        sale = sale_;
        token.listen();
        token.approve(address(sale_), type(uint256).max);
    }

    function plan(bytes calldata move) external {
        _moves.push(move);
    }

    function run(bytes calldata move) external {
        (bool done, bytes memory answer) = address(sale).call(move);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }

    function tokensMove(address, address, uint256, bool) external {
        for (uint256 i = 0; i < _moves.length; ++i) {
            ++tried;
            (bool done,) = address(sale).call(_moves[i]);
            if (done) ++succeeded;
        }
    }
}

/// Collections that lie, refuse or call back; royalties that cannot be; a token that calls back.
contract SaleHostileTest is SaleBase {
    function test_aTokenThatDoesNotArriveIsNotForSale() public {
        toy.setLie(Lie.StaysPut);
        _needNotMoved();
        toy.setLie(Lie.GoesElsewhere);
        _needNotMoved();
        toy.setLie(Lie.Refuses);
        vm.expectRevert(bytes("refused"));
        vm.prank(OWNER);
        sale.open(_toyOffer(), 1);
    }

    function _needNotMoved() private {
        bytes32 saleId = keccak256(
            abi.encode(keccak256("mlm/sale/2"), block.chainid, address(sale), OWNER, uint256(1), _toyOffer())
        );
        address escrow = sale.escrowOf(saleId);
        vm.expectRevert(abi.encodeWithSelector(Errors.LotNotMoved.selector, address(toy), 1, escrow, 1, 0));
        vm.prank(OWNER);
        sale.open(_toyOffer(), 1);
        vm.assertEq(uint256(sale.stateOf(saleId)), uint256(SaleState.Unknown));
        vm.assertEq(escrow.code.length, 0);
    }

    /// A token that is not delivered is not paid for, and its winner's money is never stuck.
    function test_aTokenThatDoesNotLeaveIsNotPaidFor() public {
        bytes32 saleId = _sold(_toyOffer());
        Lie[3] memory lies = [Lie.StaysPut, Lie.GoesElsewhere, Lie.Refuses];
        for (uint256 i = 0; i < 3; ++i) {
            toy.setLie(lies[i]);
            vm.expectRevert();
            sale.settle(saleId, ALICE);
            _needSale(saleId, SaleState.Sold);
        }
        vm.assertEq(sale.creditOf(OWNER), 0);
        vm.warp(START + DURATION + SALE_CLAIM_WINDOW);
        // The return fails as well: the refund does not depend on it.
        vm.expectRevert();
        sale.settle(saleId, OWNER);
        sale.refund(saleId);
        vm.prank(ALICE);
        vm.assertEq(sale.withdraw(), 100 * ONE);
        vm.assertEq(sale.totalEscrow(), 0);
        // The seller has its token when the collection lets it go.
        toy.setLie(Lie.None);
        sale.settle(saleId, OWNER);
        vm.assertEq(toy.ownerOf(1), OWNER);
        _needSale(saleId, SaleState.Returned);
    }

    function test_aRefusedWinnerPointsElsewhere() public {
        bytes32 saleId = _sold(_toyOffer());
        toy.refuse(ALICE);
        vm.expectRevert(bytes("refused"));
        sale.settle(saleId, ALICE);
        vm.prank(ALICE);
        sale.settle(saleId, BOB);
        vm.assertEq(toy.ownerOf(1), BOB);
        vm.assertEq(sale.creditOf(OWNER), 100 * ONE);
        _needSale(saleId, SaleState.Delivered);
    }

    function test_aRefusedSellerPointsElsewhere() public {
        bytes32 saleId = _open(_toyOffer());
        toy.refuse(OWNER);
        vm.expectRevert(bytes("refused"));
        vm.prank(OWNER);
        sale.cancel(saleId);
        vm.warp(START + DURATION);
        vm.prank(OWNER);
        sale.settle(saleId, PARENT_OWNER);
        vm.assertEq(toy.ownerOf(1), PARENT_OWNER);
    }

    function test_royaltiesThatCannotBe() public {
        _needRoyalty(RoyaltyLie.None, 700, 7 ether);
        _needRoyalty(RoyaltyLie.None, 1_000, 10 ether);
        _needRoyalty(RoyaltyLie.None, 9_999, 10 ether);
        _needRoyalty(RoyaltyLie.Everything, 0, 10 ether);
        _needRoyalty(RoyaltyLie.Reverts, 700, 0);
        _needRoyalty(RoyaltyLie.BurnsAllGas, 700, 0);
        _needRoyalty(RoyaltyLie.Bomb, 700, 0); // 20,000 bytes of zeros: the receiver is nobody
        _needRoyalty(RoyaltyLie.Short, 700, 0);
        _needRoyalty(RoyaltyLie.Dirty, 700, 0);
    }

    function _needRoyalty(RoyaltyLie lie, uint256 bps, uint256 expected) private {
        uint256 before = vm.snapshotState();
        toy.setRoyalty(ANYONE, bps, lie);
        bytes32 saleId = _sold(_toyOffer());
        uint256 gas = gasleft();
        sale.settle(saleId, ALICE);
        vm.assertLe(gas - gasleft(), 350_000);
        vm.assertEq(sale.creditOf(ANYONE), expected, "royalty");
        vm.assertEq(sale.creditOf(OWNER), 100 * ONE - expected, "proceeds");
        _needSale(saleId, SaleState.Delivered);
        vm.revertToState(before);
    }

    /// Whoever settles cannot starve the royalty's call: with any gas the royalty is paid, or nothing happens.
    function testFuzz_theRoyaltyCannotBeStarved(uint256 gas) public {
        toy.setRoyalty(ANYONE, 500, RoyaltyLie.None);
        bytes32 saleId = _sold(_toyOffer());
        gas = _within(gas, 25_000, 400_000);
        (bool done,) = address(sale).call{gas: gas}(abi.encodeCall(sale.settle, (saleId, ALICE)));
        vm.assertEq(sale.creditOf(ANYONE), done ? 5 ether : 0);
        _needSale(saleId, done ? SaleState.Delivered : SaleState.Sold);
    }

    /// A collection that calls back in the middle of a transfer finds every door closed.
    function test_aCollectionThatCallsBack() public {
        bytes32 other = _open(_offer());
        bytes32 saleId = keccak256(
            abi.encode(keccak256("mlm/sale/2"), block.chainid, address(sale), OWNER, uint256(1), _toyOffer())
        );
        bytes[] memory calls = new bytes[](9);
        calls[0] = abi.encodeCall(sale.open, (_toyOffer(), 2));
        calls[1] = abi.encodeCall(sale.bid, (saleId, 100 * ONE));
        calls[2] = abi.encodeCall(sale.settle, (saleId, ALICE));
        calls[3] = abi.encodeCall(sale.settle, (other, OWNER));
        calls[4] = abi.encodeCall(sale.cancel, (saleId));
        calls[5] = abi.encodeCall(sale.refund, (saleId));
        calls[6] = abi.encodeCall(sale.collect, (other));
        calls[7] = abi.encodeCall(sale.withdraw, ());
        bytes[] memory nested = new bytes[](1);
        nested[0] = calls[1];
        calls[8] = abi.encodeCall(sale.multicall, (nested));
        toy.callBack(address(sale), calls);
        vm.assertEq(_open(_toyOffer()), saleId);
        _bidOn(saleId, ALICE, 100 * ONE);
        vm.warp(START + DURATION);
        sale.settle(saleId, ALICE);
        vm.assertEq(toy.succeeded(), 0);
        vm.assertEq(toy.failed(), 18); // twice nine
        _needSale(saleId, SaleState.Delivered);
        _needSale(other, SaleState.Unsold);
    }

    /// A payment token that calls back: the bidder gains nothing by it, and everybody has what is theirs.
    function test_aPaymentThatCallsBack() public {
        HookedToken hooked = new HookedToken();
        sale = Shipped.assetSale(hooked, _sources());
        SaleReentrant bidder = new SaleReentrant(hooked, sale);
        SaleReentrant rival = new SaleReentrant(hooked, sale);
        hooked.mint(address(bidder), 1_000 * ONE);
        hooked.mint(address(rival), 1_000 * ONE);
        bytes32 saleId = _open(_offer());
        bidder.plan(abi.encodeCall(sale.bid, (saleId, 900 * ONE)));
        bidder.plan(abi.encodeCall(sale.withdraw, ()));
        bidder.plan(abi.encodeCall(sale.settle, (saleId, address(bidder))));
        bidder.plan(abi.encodeCall(sale.collect, (saleId)));
        bidder.run(abi.encodeCall(sale.bid, (saleId, 100 * ONE)));
        rival.run(abi.encodeCall(sale.bid, (saleId, 200 * ONE)));
        bidder.run(abi.encodeCall(sale.withdraw, ()));
        vm.assertEq(bidder.succeeded(), 0);
        vm.assertTrue(bidder.tried() >= 8);
        vm.assertEq(hooked.balanceOf(address(bidder)), 1_000 * ONE);
        vm.assertEq(hooked.balanceOf(address(sale)), sale.totalEscrow() + sale.totalCredit());
        vm.warp(START + DURATION);
        sale.settle(saleId, address(rival));
        vm.assertEq(sale.creditOf(OWNER), 200 * ONE);
    }

    /// The token at stake is worth nothing to one sale's collection if it belongs to another.
    function test_aCollectionCannotTouchAnothersEscrow() public {
        bytes32 saleId = _open(_offer());
        bytes[] memory calls = new bytes[](1);
        address escrow = sale.escrowOf(saleId);
        calls[0] = abi.encodeCall(registry.transferFrom, (escrow, address(toy), tokenId));
        toy.callBack(address(registry), calls);
        _open(_toyOffer());
        vm.assertEq(toy.succeeded(), 0);
        vm.assertEq(registry.ownerOf(tokenId), escrow);
    }
}
