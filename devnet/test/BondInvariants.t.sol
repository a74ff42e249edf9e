// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MarketToken} from "../contracts/MarketToken.sol";
import {PaymentChannels} from "../contracts/PaymentChannels.sol";
import {ServingBonds} from "../contracts/ServingBonds.sol";
import {IAssetRegistry} from "../contracts/interfaces/IAssetRegistry.sol";
import {IFeeShares} from "../contracts/interfaces/IFeeShares.sol";
import {IJobMarket} from "../contracts/interfaces/IJobMarket.sol";
import {Accusation, Bond, BondParams} from "../contracts/interfaces/IServingBonds.sol";
import {BURN_ADDRESS, MIN_UNBONDING} from "../contracts/libraries/Limits.sol";
import {Base} from "./Base.sol";
import {BondHandler, ToyJudge} from "./BondHandler.sol";
import {Shipped} from "./Shipped.sol";
import {ToyFeeShares} from "./ToyModules.sol";

/// Money is conserved whatever anybody does in whatever order; who says the truth keeps its bond.
contract BondInvariantsTest is Base {
    uint256 private constant DEPOSIT = 10e18;

    ServingBonds private bonds;
    MarketToken private token;
    ToyJudge private judge;
    BondHandler private handler;

    function setUp() public {
        vm.warp(1_700_000_000);
        token = Shipped.marketToken(address(this), 1e9 * 1e18);
        IFeeShares shares = IFeeShares(address(new ToyFeeShares()));
        PaymentChannels channels = Shipped.paymentChannels(
            token, IAssetRegistry(address(token)), shares, address(0x5A17), address(0x7EA5), 100
        );
        judge = new ToyJudge();
        BondParams memory params = BondParams(uint128(DEPOSIT), uint48(MIN_UNBONDING), 14 days, 1 days);
        bonds = Shipped.servingBonds(token, IJobMarket(address(judge)), channels, params);
        handler = new BondHandler(bonds, channels, token, judge);
        token.transfer(address(handler), 1e24);
        for (uint256 i = 0; i < 2; ++i) {
            address[2] memory both = [handler.payers(i), handler.payees(i)];
            for (uint256 k = 0; k < 2; ++k) {
                token.transfer(both[k], 1e25);
                vm.prank(both[k]);
                token.approve(address(bonds), type(uint256).max);
            }
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

    /// @dev All moves; those that make others possible come more often.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory moves = new bytes4[](17);
        moves[0] = moves[1] = handler.deposit.selector;
        moves[2] = handler.requestWithdraw.selector;
        moves[3] = handler.withdrawBond.selector;
        moves[4] = moves[5] = handler.accuse.selector;
        moves[6] = handler.contradict.selector;
        moves[7] = moves[8] = handler.run.selector;
        moves[9] = moves[10] = moves[11] = handler.convict.selector;
        moves[12] = handler.lapse.selector;
        moves[13] = handler.withdraw.selector;
        moves[14] = handler.burn.selector;
        moves[15] = handler.donate.selector;
        moves[16] = handler.wait.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), moves);
    }

    /// All of them after every move of one play: of the same seed forge would play the same moves again for each.
    /// forge-config: default.invariant.runs = 16
    /// forge-config: default.invariant.depth = 96
    /// forge-config: fuzz.invariant.runs = 256
    /// forge-config: fuzz.invariant.depth = 256
    function invariant_everyMoveLeavesTheBondsSound() public view {
        _money();
        _truth();
        for (uint256 i = 0; i < handler.judged(); ++i) {
            bytes32 jobId = handler.jobs(i);
            vm.assertLe(bonds.takenBy(jobId), judge.jobOf(jobId).lock);
        }
    }

    /// Every unit that the contract owes is there.
    function _money() private view {
        uint256 owed = bonds.totalCredit();
        uint256 credits = bonds.creditOf(BURN_ADDRESS);
        for (uint256 i = 0; i < 2; ++i) {
            Bond memory bond = bonds.bondOf(handler.payees(i), handler.VERSION());
            owed += uint256(bond.held) + bond.unbonding;
            credits += bonds.creditOf(handler.payees(i)) + bonds.creditOf(handler.payers(i));
        }
        for (uint256 i = 0; i < handler.accused(); ++i) {
            bytes32 id = handler.accusations(i);
            Accusation memory found = bonds.accusationOf(id);
            if (!found.ended) owed += DEPOSIT;
            vm.assertLe(handler.convictions(id), 1);
            vm.assertTrue(bonds.isSpent(id) == (handler.convictions(id) == 1));
            if (bonds.isSpent(id)) vm.assertTrue(found.ended);
        }
        vm.assertEq(token.balanceOf(address(bonds)), owed + handler.donated(), "covered");
        vm.assertEq(bonds.totalCredit(), credits, "credits");
    }

    /// What the honest payee put up is there or was paid out, whatever anybody says of it.
    function _truth() private view {
        address payee = handler.payees(0);
        Bond memory bond = bonds.bondOf(payee, handler.VERSION());
        vm.assertEq(bond.convictedAt, 0);
        vm.assertEq(uint256(bond.held) + bond.unbonding + handler.takenOut(payee), handler.paidIn(payee), "truth");
        payee = handler.payees(1);
        bond = bonds.bondOf(payee, handler.VERSION());
        vm.assertLe(uint256(bond.held) + bond.unbonding + handler.takenOut(payee), handler.paidIn(payee));
    }
}
