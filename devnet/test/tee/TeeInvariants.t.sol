// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {TeePlay} from "./TeeHandler.sol";

/// Bonds and deposits are conserved, and verdicts keep what the market assumes of them, whatever anybody does in whatever
/// order. The test plays itself: what it stores is what it deployed.
contract TeeInvariantsTest is TeePlay {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public override {
        super.setUp();
        _stake(ALICE, 5_000 * ONE);
        token.transfer(CONSUMER, 10_000 * ONE);
        token.transfer(REPORTER, 10_000 * ONE);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(this);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory moves = new bytes4[](14);
        moves[0] = moves[1] = this.playHandIn.selector;
        moves[2] = moves[3] = this.playComplain.selector;
        moves[4] = moves[5] = this.playAnswer.selector;
        moves[6] = this.playContradict.selector;
        moves[7] = this.playAccuse.selector;
        moves[8] = this.playCollect.selector;
        moves[9] = this.playSettle.selector;
        moves[10] = this.playRemove.selector;
        moves[11] = this.playRestore.selector;
        moves[12] = this.playDraw.selector;
        moves[13] = this.playPass.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(this), moves);
    }

    function invariant_verdictsStand() public view {
        vm.assertTrue(bytes(broken).length == 0, broken);
    }

    function invariant_moneyIsConserved() public view {
        _needTeeSound(_openDeposits());
        _needSound();
    }
}
