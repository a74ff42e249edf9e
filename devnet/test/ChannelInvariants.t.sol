// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MarketToken} from "../contracts/MarketToken.sol";
import {PaymentChannels} from "../contracts/PaymentChannels.sol";
import {IAssetRegistry, Royalty} from "../contracts/interfaces/IAssetRegistry.sol";
import {IFeeShares} from "../contracts/interfaces/IFeeShares.sol";
import {Channel, ChannelState} from "../contracts/interfaces/IPaymentChannels.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {Base} from "./Base.sol";
import {ChannelHandler} from "./ChannelHandler.sol";
import {Shipped} from "./Shipped.sol";
import {ToyFeeShares} from "./ToyModules.sol";

/// Whose versions cost a little, with one parent.
contract ToyRoyalties {
    function royaltyOf(bytes32) external pure returns (Royalty memory royalty) {
        royalty.usePrice = 1e12;
        royalty.ownerBps = 1_500;
        royalty.payees = new address[](2);
        (royalty.payees[0], royalty.payees[1]) = (address(0xE1), address(0xE2));
        royalty.bps = new uint16[](2);
        royalty.bps[1] = 3_333;
    }
}

/// Money is conserved whatever anybody does in whatever order; payers lose what they signed, payees get it.
contract ChannelInvariantsTest is Base {
    uint256 private constant STARTED = 1_000e18;

    PaymentChannels private channels;
    MarketToken private token;
    ChannelHandler private handler;
    address[9] private accounts = [
        address(0xC1),
        address(0xC2),
        address(0xD1),
        address(0xD2),
        address(0xE1),
        address(0xE2),
        address(0x7EA5),
        address(0x5A17),
        BURN_ADDRESS
    ];

    function setUp() public {
        vm.warp(1_700_000_000);
        token = Shipped.marketToken(address(this), 1e9 * 1e18);
        IFeeShares shares = IFeeShares(address(new ToyFeeShares()));
        IAssetRegistry registry = IAssetRegistry(address(new ToyRoyalties()));
        channels = Shipped.paymentChannels(token, registry, shares, address(0x5A17), address(0x7EA5), 100);
        handler = new ChannelHandler(channels, token, keccak256("version"));
        token.transfer(address(handler), 100e18);
        for (uint256 i = 0; i < 2; ++i) {
            token.transfer(accounts[i], STARTED);
            vm.prank(accounts[i]);
            token.approve(address(channels), type(uint256).max);
        }
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @dev All moves, `finish` excepted; claims keep the play going.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory moves = new bytes4[](12);
        moves[0] = moves[1] = handler.open.selector;
        moves[2] = moves[3] = moves[4] = moves[5] = handler.claim.selector;
        moves[6] = handler.topUp.selector;
        moves[7] = handler.close.selector;
        moves[8] = handler.refund.selector;
        moves[9] = handler.withdraw.selector;
        moves[10] = handler.wait.selector;
        moves[11] = handler.donate.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), moves);
    }

    /// All of them after every move of one play: of the same seed forge would play the same moves again for each.
    function invariant_everyMoveLeavesTheChannelsSound() public {
        _money();
        _everyChannelEnds();
    }

    /// Every unit that the contract owes is there; no channel gave more than was signed of it.
    function _money() private view {
        uint256 owed = uint256(channels.totalEscrow()) + channels.totalCredit();
        vm.assertEq(token.balanceOf(address(channels)), owed + handler.donated(), "covered");
        uint256 escrow = 0;
        for (uint256 i = 0; i < handler.count(); ++i) {
            bytes32 channelId = handler.opened(i);
            Channel memory found = channels.channelOf(channelId);
            vm.assertLe(found.claimed, found.deposit);
            vm.assertLe(found.claimed, handler.signed(channelId));
            vm.assertLe(found.ownerPaid, found.claimed);
            if (found.ending == ChannelState.Unknown) escrow += found.deposit - found.claimed;
        }
        vm.assertEq(channels.totalEscrow(), escrow, "escrow");
        uint256 credits = 0;
        for (uint256 i = 0; i < accounts.length; ++i) {
            credits += channels.creditOf(accounts[i]);
        }
        vm.assertEq(channels.totalCredit(), credits, "credits");
    }

    /// After the end nothing stays behind, and each payer has lost what was claimed of its channels, to the unit.
    function _everyChannelEnds() private {
        uint256 before = vm.snapshotState();
        handler.finish();
        vm.assertEq(channels.totalEscrow(), 0, "escrow");
        uint256[2] memory lost;
        for (uint256 i = 0; i < handler.count(); ++i) {
            uint256 who = handler.termsOf(i).payer == accounts[0] ? 0 : 1;
            lost[who] += channels.channelOf(handler.opened(i)).claimed;
        }
        uint256 gained = 0;
        for (uint256 i = 0; i < accounts.length; ++i) {
            uint256 wealth = token.balanceOf(accounts[i]) + channels.creditOf(accounts[i]);
            if (i < 2) vm.assertEq(wealth + lost[i], STARTED, "a payer's wealth");
            else gained += wealth;
        }
        vm.assertEq(gained, lost[0] + lost[1], "what payers lost, the others have");
        vm.revertToState(before);
    }
}
