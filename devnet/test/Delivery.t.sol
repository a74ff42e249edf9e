// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Delivery} from "../contracts/Delivery.sol";
import {IDeliveryErrors as Errors} from "../contracts/errors/IDeliveryErrors.sol";
import {IDelivery} from "../contracts/interfaces/IDelivery.sol";
import {IJobMarket} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, State, Tier} from "../contracts/interfaces/Types.sol";
import {MarketBase} from "./MarketBase.sol";
import {Shipped} from "./Shipped.sol";

contract DeliveryTest is MarketBase {
    Delivery private delivery;

    function setUp() public override {
        super.setUp();
        delivery = Shipped.delivery(market);
    }

    function _deliver(address account, bytes32 jobId, bytes memory wrapped) private {
        vm.prank(account);
        delivery.deliver(jobId, wrapped);
    }

    function test_theConsumerDeliversToTheLeaseHolder() public {
        (bytes32 jobId,) = _leased(Tier.Zk);
        vm.expectEmit(address(delivery));
        emit IDelivery.InputKeyDelivered(jobId, versionId, ALICE, "wrapped");
        _deliver(CONSUMER, jobId, "wrapped");
        // A wrong one can be mended.
        vm.expectEmit(address(delivery));
        emit IDelivery.InputKeyDelivered(jobId, versionId, ALICE, "again");
        _deliver(CONSUMER, jobId, "again");
        vm.expectRevert(abi.encodeWithSelector(Errors.NotConsumer.selector, jobId, CONSUMER, ALICE));
        _deliver(ALICE, jobId, "wrapped");
    }

    function test_onlyWhileTheJobIsLeased() public {
        (bytes32 jobId,) = _post(AuctionKind.Fixed, Tier.Zk);
        vm.expectRevert(_inState(jobId, State.Leased, State.Open));
        _deliver(CONSUMER, jobId, "wrapped");
        _bid(jobId, ALICE, MAX_PRICE);
        vm.warp(block.timestamp + 5 minutes - 1);
        _deliver(CONSUMER, jobId, "wrapped");
        vm.warp(block.timestamp + 1);
        vm.expectRevert(_inState(jobId, State.Leased, State.Undelivered));
        _deliver(CONSUMER, jobId, "wrapped");
    }

    function test_notAfterTheInputWasAccepted() public {
        (bytes32 jobId,) = _ready(Tier.Zk);
        vm.expectRevert(_inState(jobId, State.Leased, State.Ready));
        _deliver(CONSUMER, jobId, "wrapped");
    }

    function test_aWrappedKeyIsBounded() public {
        (bytes32 jobId,) = _leased(Tier.Zk);
        vm.expectRevert(abi.encodeWithSelector(Errors.WrappedKeyLength.selector, jobId, 0, 1, 512));
        _deliver(CONSUMER, jobId, "");
        vm.expectRevert(abi.encodeWithSelector(Errors.WrappedKeyLength.selector, jobId, 513, 1, 512));
        _deliver(CONSUMER, jobId, new bytes(513));
        _deliver(CONSUMER, jobId, new bytes(512));
    }

    function test_aMarketIsNeeded() public {
        vm.expectRevert(abi.encodeWithSelector(Errors.AddressMissing.selector, "market"));
        Shipped.delivery(IJobMarket(address(0)));
    }
}
