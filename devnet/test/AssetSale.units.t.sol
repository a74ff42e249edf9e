// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {AssetSale} from "../contracts/AssetSale.sol";
import {SaleEscrow} from "../contracts/SaleEscrow.sol";
import {IAssetSaleErrors as Errors} from "../contracts/errors/IAssetSaleErrors.sol";
import {IAssetSale, ICreditSource, Offer, SaleReason, SaleState} from "../contracts/interfaces/IAssetSale.sol";
import {SALE_CLAIM_WINDOW} from "../contracts/libraries/SaleLimits.sol";
import {SaleBase} from "./SaleBase.sol";
import {Shipped} from "./Shipped.sol";
import {Lie} from "./ToyCollection.sol";
import {ExpiryLie} from "./ToyUnits.sol";

/// A winner that is a contract and takes no units, so that it would have its money back after a week.
contract Reluctant {
    function run(address target, bytes calldata move) external {
        (bool done, bytes memory answer) = target.call(move);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }
}

/// A recipient that takes units, and tries its moves while it does.
contract Grabbing {
    address private immutable sale;
    bytes[] private _moves;
    uint256 public succeeded;
    uint256 public tried;

    constructor(address sale_) {
        sale = sale_;
    }

    function plan(bytes calldata move) external {
        _moves.push(move);
    }

    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external returns (bytes4) {
        for (uint256 i = 0; i < _moves.length; ++i) {
            ++tried;
            (bool done,) = sale.call(_moves[i]);
            if (done) ++succeeded;
        }
        return this.onERC1155Received.selector;
    }
}

/// A second source of credits, as a licence's issuer is that refunds what it revokes.
contract ToySource {
    mapping(address => uint256) public creditOf;

    function credit(address account, uint256 amount) external {
        creditOf[account] = amount;
    }

    function withdraw() external returns (uint256 amount) {
        amount = creditOf[msg.sender];
        creditOf[msg.sender] = 0;
        AssetSale(_sale).token().transfer(msg.sender, amount);
    }

    address private _sale;

    function serve(address sale) external {
        _sale = sale;
    }
}

/// Lots of units of an ERC-1155 id, which can expire, be revoked, refused or taken back.
contract UnitsSaleTest is SaleBase {
    function test_unitsChangeHands() public {
        bytes32 saleId = _open(_unitsOffer());
        vm.assertEq(units.balanceOf(sale.escrowOf(saleId), 7), UNITS);
        vm.assertEq(units.balanceOf(OWNER, 7), 1_000 - UNITS);
        units.mint(ALICE, 7, 3); // what somebody holds already does not count
        _bidOn(saleId, ALICE, 100 * ONE);
        vm.warp(START + DURATION);
        vm.prank(ANYONE);
        sale.settle(saleId, ALICE);
        vm.assertEq(units.balanceOf(ALICE, 7), 3 + UNITS);
        vm.assertEq(sale.creditOf(OWNER), 100 * ONE);
        _needSale(saleId, SaleState.Delivered);
    }

    function test_unitsAreBought() public {
        units.setRoyalty(ANYONE, 700);
        bytes32 saleId = _open(_falling(_unitsOffer(), 100 * ONE));
        vm.warp(START + DURATION / 2);
        _buy(saleId, ALICE, 100 * ONE);
        vm.assertEq(units.balanceOf(ALICE, 7), UNITS);
        vm.assertEq(sale.creditOf(ANYONE), 5.25 ether);
        vm.assertEq(sale.creditOf(OWNER), 69.75 ether);
        _needSale(saleId, SaleState.Delivered);
    }

    function test_onlyWhatIsHeldIsSold() public {
        Offer memory offer = _unitsOffer();
        offer.units = 1_001;
        vm.expectRevert(abi.encodeWithSelector(Errors.LotNotHeld.selector, address(units), 7, OWNER, 1_001, 1_000));
        vm.prank(OWNER);
        sale.open(offer, 1);
        // A token is no units, and units are no token.
        offer = _unitsOffer();
        offer.units = 0;
        vm.expectRevert();
        vm.prank(OWNER);
        sale.open(offer, 1);
        offer = _toyOffer();
        offer.units = 1;
        vm.expectRevert();
        vm.prank(OWNER);
        sale.open(offer, 1);
    }

    function test_unitsThatDoNotMoveAreNotPaidFor() public {
        Lie[3] memory lies = [Lie.StaysPut, Lie.GoesElsewhere, Lie.Refuses];
        for (uint256 i = 0; i < 3; ++i) {
            units.setLie(lies[i]);
            vm.expectRevert();
            vm.prank(OWNER);
            sale.open(_unitsOffer(), 1);
        }
        units.setLie(Lie.None);
        bytes32 saleId = _sold(_unitsOffer());
        address keep = sale.keepOf(saleId);
        for (uint256 i = 0; i < 3; ++i) {
            units.setLie(lies[i]);
            vm.expectRevert();
            sale.settle(saleId, ALICE);
            vm.expectRevert();
            _settleTo(saleId, keep, OWNER);
            _needSale(saleId, SaleState.Sold);
        }
        _needRefunded(saleId);
        units.setLie(Lie.None);
        sale.settle(saleId, OWNER);
        vm.assertEq(units.balanceOf(OWNER, 7), 1_000);
    }

    /// A licence that is taken back, or made untransferable, in the middle of a sale locks nobody's money.
    function test_unitsThatAreBurned() public {
        bytes32 saleId = _sold(_unitsOffer());
        units.burn(sale.escrowOf(saleId), 7, UNITS);
        vm.expectRevert();
        sale.settle(saleId, ALICE);
        _needRefunded(saleId);
    }

    function _needRefunded(bytes32 saleId) private {
        vm.warp(START + DURATION + SALE_CLAIM_WINDOW);
        sale.refund(saleId);
        vm.assertEq(sale.creditOf(ALICE), 100 * ONE);
        vm.assertEq(sale.creditOf(OWNER), 0);
        vm.assertEq(sale.totalEscrow(), 0);
    }

    // ---------------------------------------------------------------- expiry

    function test_noSaleOutlivesItsLot() public {
        units.setExpiry(START + DURATION - 1, ExpiryLie.None);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.OfferOutOfBounds.selector, "duration", DURATION, 60, DURATION - 1)
        );
        vm.prank(OWNER);
        sale.open(_unitsOffer(), 1);
        units.setExpiry(START, ExpiryLie.None);
        vm.expectRevert(abi.encodeWithSelector(Errors.OfferOutOfBounds.selector, "duration", DURATION, 60, 0));
        vm.prank(OWNER);
        sale.open(_unitsOffer(), 1);
    }

    function test_whatHasExpiredIsNotSold() public {
        units.setExpiry(START + DURATION, ExpiryLie.None);
        bytes32 saleId = _open(_falling(_unitsOffer(), RESERVE));
        vm.assertEq(sale.saleOf(saleId).expiresAt, START + DURATION);
        vm.warp(START + DURATION);
        vm.expectRevert(_inSaleState(saleId, SaleState.Open, SaleState.Unsold));
        _buy(saleId, ALICE, RESERVE);
    }

    /// Sold in time, not delivered in time: the money goes back at the expiry, and late bids do not pass it.
    function test_whatExpiresBeforeItsDeliveryIsRefunded() public {
        units.setExpiry(START + DURATION + 1 hours, ExpiryLie.None);
        bytes32 saleId = _open(_unitsOffer());
        vm.assertEq(sale.saleOf(saleId).latestEnd, START + DURATION + 1 hours);
        _bidOn(saleId, ALICE, 100 * ONE);
        vm.warp(START + DURATION + 1 hours - 1);
        _needSale(saleId, SaleState.Sold);
        vm.warp(START + DURATION + 1 hours);
        _needSale(saleId, SaleState.Lapsed);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotEntitled.selector, saleId, OWNER, ALICE));
        vm.prank(ALICE);
        sale.settle(saleId, ALICE);
        sale.settle(saleId, OWNER);
        vm.assertEq(sale.creditOf(ALICE), 100 * ONE);
        vm.assertEq(sale.creditOf(OWNER), 0);
        _needSale(saleId, SaleState.Returned);
    }

    function test_whoeverSaysNoExpiryHasNone() public {
        ExpiryLie[4] memory lies = [ExpiryLie.None, ExpiryLie.Missing, ExpiryLie.BurnsAllGas, ExpiryLie.Bomb];
        for (uint256 i = 0; i < 3; ++i) {
            uint256 before = vm.snapshotState();
            units.setExpiry(type(uint256).max - i, lies[i]);
            bytes32 saleId = _open(_unitsOffer());
            vm.assertEq(sale.saleOf(saleId).expiresAt, type(uint40).max);
            vm.revertToState(before);
        }
        // 20,000 bytes of zeros say that it has expired: its own collection's word.
        units.setExpiry(0, ExpiryLie.Bomb);
        vm.expectRevert();
        vm.prank(OWNER);
        sale.open(_unitsOffer(), 1);
    }

    // ---------------------------------------------------------------- recipients

    function _settleTo(bytes32 saleId, address to, address who) private {
        vm.prank(who);
        sale.settle(saleId, to);
    }

    /// Who refuses what it won has bought it all the same: the units wait, and the seller is paid.
    function test_aWinnerThatRefusesUnitsPays() public {
        Reluctant winner = new Reluctant();
        token.transfer(address(winner), 100 * ONE);
        winner.run(address(token), abi.encodeCall(token.approve, (address(sale), type(uint256).max)));
        bytes32 saleId = _open(_unitsOffer());
        winner.run(address(sale), abi.encodeCall(sale.bid, (saleId, 100 * ONE)));
        vm.warp(START + DURATION);
        vm.expectRevert();
        sale.settle(saleId, address(winner));
        address keep = sale.keepOf(saleId);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotEntitled.selector, saleId, address(winner), ANYONE));
        _settleTo(saleId, keep, ANYONE);
        _settleTo(saleId, keep, OWNER);
        vm.assertEq(sale.creditOf(OWNER), 100 * ONE);
        vm.assertEq(units.balanceOf(keep, 7), UNITS);
        _needSale(saleId, SaleState.Delivered);
        // Only it takes them, once, and not to where they would be lost.
        vm.expectRevert(abi.encodeWithSelector(Errors.NotEntitled.selector, saleId, address(winner), OWNER));
        vm.prank(OWNER);
        sale.take(saleId, OWNER);
        vm.expectRevert(abi.encodeWithSelector(Errors.RecipientInvalid.selector, saleId, keep));
        winner.run(address(sale), abi.encodeCall(sale.take, (saleId, keep)));
        winner.run(address(sale), abi.encodeCall(sale.take, (saleId, BOB)));
        vm.assertEq(units.balanceOf(BOB, 7), UNITS);
        vm.expectRevert();
        winner.run(address(sale), abi.encodeCall(sale.take, (saleId, BOB)));
    }

    /// A token moves without asking: it has no keep.
    function test_aTokenIsNotKept() public {
        bytes32 saleId = _sold(_toyOffer());
        address keep = sale.keepOf(saleId);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotEntitled.selector, saleId, ALICE, OWNER));
        _settleTo(saleId, keep, OWNER);
        vm.expectRevert(abi.encodeWithSelector(Errors.RecipientInvalid.selector, saleId, keep));
        _settleTo(saleId, keep, ALICE);
    }

    function test_aRecipientThatCallsBack() public {
        bytes32 saleId = _open(_falling(_unitsOffer(), RESERVE));
        Offer memory second = _falling(_unitsOffer(), RESERVE);
        vm.prank(OWNER);
        bytes32 other = sale.open(second, 2);
        Grabbing grabbing = new Grabbing(address(sale));
        grabbing.plan(abi.encodeCall(sale.buy, (other, RESERVE, address(grabbing))));
        grabbing.plan(abi.encodeCall(sale.bid, (other, RESERVE)));
        grabbing.plan(abi.encodeCall(sale.settle, (other, OWNER)));
        grabbing.plan(abi.encodeCall(sale.cancel, (other)));
        grabbing.plan(abi.encodeCall(sale.take, (saleId, address(grabbing))));
        grabbing.plan(abi.encodeCall(sale.collect, (other)));
        grabbing.plan(abi.encodeCall(sale.withdraw, ()));
        vm.prank(ALICE);
        sale.buy(saleId, RESERVE, address(grabbing));
        vm.assertEq(grabbing.tried(), 7);
        vm.assertEq(grabbing.succeeded(), 0);
        vm.assertEq(units.balanceOf(address(grabbing), 7), UNITS);
        _needSale(other, SaleState.Open);
    }

    function test_aCollectionThatCallsBack() public {
        bytes32 other = _open(_falling(_offer(), RESERVE));
        bytes[] memory calls = new bytes[](4);
        calls[0] = abi.encodeCall(sale.buy, (other, RESERVE, address(units)));
        calls[1] = abi.encodeCall(sale.settle, (other, OWNER));
        calls[2] = abi.encodeCall(sale.take, (other, OWNER));
        calls[3] = abi.encodeCall(sale.withdraw, ());
        units.callBack(address(sale), calls);
        bytes32 saleId = _open(_falling(_unitsOffer(), RESERVE));
        _buy(saleId, ALICE, RESERVE);
        vm.assertEq(units.succeeded(), 0);
        vm.assertEq(units.failed(), 8);
        _needSale(other, SaleState.Open);
    }

    /// Units that are sent to an escrow by themselves would be lost: they stay with whoever sends them.
    function test_anEscrowTakesUnitsFromSalesOnly() public {
        bytes32 saleId = _open(_unitsOffer());
        SaleEscrow escrow = SaleEscrow(sale.escrowOf(saleId));
        vm.expectRevert();
        vm.prank(OWNER);
        units.safeTransferFrom(OWNER, address(escrow), 7, 1, "");
        vm.expectRevert(abi.encodeWithSelector(SaleEscrow.NotMoving.selector));
        escrow.onERC1155Received(address(sale), OWNER, 7, 1, "");
        vm.expectRevert(abi.encodeWithSelector(SaleEscrow.NotMoving.selector));
        escrow.onERC1155BatchReceived(address(sale), OWNER, new uint256[](0), new uint256[](0), "");
        vm.assertTrue(escrow.supportsInterface(type(IERC1155Receiver).interfaceId));
        vm.assertTrue(escrow.supportsInterface(type(IERC165).interfaceId));
        vm.assertTrue(!escrow.supportsInterface(0xffffffff));
        vm.assertTrue(!sale.isMoving());
    }

    /// Units that lay at the escrow's address before it had code are nobody's, and do not count.
    function test_unitsThatWereThereBefore() public {
        Offer memory offer = _unitsOffer();
        bytes32 saleId =
            keccak256(abi.encode(keccak256("mlm/sale/2"), block.chainid, address(sale), OWNER, uint256(1), offer));
        units.mint(sale.escrowOf(saleId), 7, 5);
        vm.assertEq(_sold(offer), saleId);
        sale.settle(saleId, ALICE);
        vm.assertEq(units.balanceOf(ALICE, 7), UNITS);
    }

    // ---------------------------------------------------------------- what it earns

    function test_everySourceIsDrawn() public {
        ToySource source = new ToySource();
        ICreditSource[] memory list = new ICreditSource[](3);
        list[0] = ICreditSource(address(market));
        list[1] = list[2] = ICreditSource(address(source));
        list[2] = ICreditSource(address(new ToySource()));
        sale = Shipped.assetSale(token, list);
        source.serve(address(sale));
        ToySource(address(list[2])).serve(address(sale));
        token.transfer(address(source), 5);
        token.transfer(address(list[2]), 7);
        vm.startPrank(OWNER);
        units.setApprovalForAll(address(sale), true);
        bytes32 saleId = sale.open(_unitsOffer(), 1);
        vm.stopPrank();
        source.credit(sale.escrowOf(saleId), 5);
        ToySource(address(list[2])).credit(sale.escrowOf(saleId), 7);
        vm.prank(ANYONE);
        vm.assertEq(sale.collect(saleId), 12);
        vm.assertEq(sale.creditOf(OWNER), 12);
        _needCovered();
    }

    /// The royalty of a licence that is resold while its asset is for sale is the asset's seller's.
    function test_royaltiesOfAnAssetThatIsForSale() public {
        bytes32 asset = _open(_offer());
        address escrow = sale.escrowOf(asset);
        units.setRoyalty(escrow, 1_000);
        bytes32 saleId = _open(_falling(_unitsOffer(), RESERVE));
        _buy(saleId, ALICE, RESERVE);
        vm.assertEq(sale.creditOf(escrow), RESERVE / 10);
        uint256 before = sale.creditOf(OWNER);
        vm.expectEmit(address(sale));
        emit IAssetSale.Withdrawn(escrow, RESERVE / 10);
        vm.expectEmit(address(sale));
        emit IAssetSale.SaleCredited(asset, OWNER, SaleReason.Earnings, RESERVE / 10);
        vm.assertEq(sale.collect(asset), RESERVE / 10);
        vm.assertEq(sale.creditOf(escrow), 0);
        vm.assertEq(sale.creditOf(OWNER), before + RESERVE / 10);
        _needCovered();
        vm.expectRevert(abi.encodeWithSelector(Errors.NothingEarned.selector, asset));
        sale.collect(asset);
    }

    /// What kept units earn is the winner's, what they earned before it the seller's.
    function test_keptUnitsEarnForTheWinner() public {
        bytes32 saleId = _sold(_unitsOffer());
        address keep = sale.keepOf(saleId);
        _settleTo(saleId, keep, OWNER);
        token.transfer(sale.escrowOf(saleId), 3);
        token.transfer(keep, 4);
        vm.assertEq(sale.collect(saleId), 7);
        vm.assertEq(sale.creditOf(ALICE), 4);
        vm.assertEq(sale.creditOf(OWNER), 100 * ONE + 3);
        vm.prank(ALICE);
        sale.take(saleId, ALICE);
        _needCovered();
    }
}
