// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AttesterSet} from "../../contracts/AttesterSet.sol";
import {MarketToken} from "../../contracts/MarketToken.sol";
import {IAttesterSetErrors as Errors} from "../../contracts/errors/IAttesterSetErrors.sol";
import {IPaymentErrors} from "../../contracts/errors/IPaymentErrors.sol";
import {Attester, IAttesterSet} from "../../contracts/interfaces/IAttesterSet.sol";
import {BURN_ADDRESS, MIN_UNBONDING} from "../../contracts/libraries/Limits.sol";
import {Base} from "../Base.sol";
import {Shipped} from "../Shipped.sol";

/// Members, stake and m: who may move what, and from when on it holds.
contract AttesterSetTest is Base {
    address private constant GOVERNANCE = address(0x60);
    address private constant VERIFIER = address(0x7EE);
    address private constant ALICE = address(0xA1);
    address private constant BOB = address(0xB0);
    address private constant CAROL = address(0xCA);
    uint128 private constant MIN_STAKE = 50;
    uint256 private constant START = 1_700_000_000;

    MarketToken private token;
    AttesterSet private set;

    function setUp() public {
        vm.warp(START);
        token = Shipped.marketToken(address(this), 1e9);
        set = Shipped.attesterSet(token, VERIFIER, GOVERNANCE, MIN_STAKE, uint48(MIN_UNBONDING));
    }

    function _deposit(address account, uint128 amount) private {
        token.transfer(account, amount);
        vm.startPrank(account);
        token.approve(address(set), amount);
        set.deposit(amount);
        vm.stopPrank();
    }

    function _admit(address account) private {
        vm.prank(GOVERNANCE);
        set.admit(account);
    }

    function _remove(address account) private {
        vm.prank(GOVERNANCE);
        set.remove(account);
    }

    function _setThreshold(uint8 m) private {
        vm.prank(GOVERNANCE);
        set.setThreshold(m);
    }

    function _slash(address account) private returns (uint256) {
        vm.prank(VERIFIER);
        return set.slash(account, BOB);
    }

    /// @dev ALICE, BOB and CAROL are members.
    function _three() private {
        address[3] memory accounts = [ALICE, BOB, CAROL];
        for (uint256 i = 0; i < 3; ++i) {
            _deposit(accounts[i], MIN_STAKE);
            _admit(accounts[i]);
        }
    }

    // ---------------------------------------------------------------- admission

    function test_admissionsCountAtOnceUntilMIsSet() public {
        vm.assertFalse(set.isReady(), "ready");
        _deposit(ALICE, MIN_STAKE);
        vm.expectEmit(address(set));
        emit IAttesterSet.AttesterAdmitted(ALICE, uint48(START));
        _admit(ALICE);
        vm.assertTrue(set.isActive(ALICE));
        vm.expectEmit(address(set));
        emit IAttesterSet.ThresholdSet(1, uint48(START));
        _setThreshold(1);
        vm.assertTrue(set.isReady());
        // From now on they wait.
        _deposit(BOB, MIN_STAKE);
        _admit(BOB);
        vm.assertFalse(set.isActive(BOB), "at once");
        vm.assertEq(set.members().length, 2);
        vm.assertEq(set.activeCount(), 1);
        vm.warp(START + MIN_UNBONDING - 1);
        vm.assertFalse(set.isActive(BOB), "too early");
        vm.warp(START + MIN_UNBONDING);
        vm.assertTrue(set.isActive(BOB));
    }

    function test_whoIsAdmitted() public {
        _deposit(ALICE, MIN_STAKE - 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.AttesterStakeTooLow.selector, ALICE, MIN_STAKE, MIN_STAKE - 1));
        _admit(ALICE);
        _deposit(ALICE, 1);
        _admit(ALICE);
        vm.expectRevert(abi.encodeWithSelector(Errors.AttesterAlreadyMember.selector, ALICE));
        _admit(ALICE);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotAttester.selector, BOB));
        _remove(BOB);
    }

    function test_thirtyTwoMembers() public {
        for (uint160 i = 1; i <= 33; ++i) {
            address account = address(0x1000 + i);
            _deposit(account, MIN_STAKE);
            if (i == 33) vm.expectRevert(abi.encodeWithSelector(Errors.AttestersFull.selector, 32));
            _admit(account);
        }
        _setThreshold(32);
        _remove(address(0x1001));
        vm.assertFalse(set.isReady(), "one is missing");
        _admit(address(0x1000 + 33));
    }

    function test_onlyTheGovernanceGoverns() public {
        _deposit(ALICE, MIN_STAKE);
        bytes memory reason = abi.encodeWithSelector(Errors.NotGovernance.selector, GOVERNANCE, ALICE);
        vm.startPrank(ALICE);
        vm.expectRevert(reason);
        set.admit(ALICE);
        vm.expectRevert(reason);
        set.remove(ALICE);
        vm.expectRevert(reason);
        set.setThreshold(1);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotTeeVerifier.selector, VERIFIER, ALICE));
        set.slash(BOB, ALICE);
        vm.stopPrank();
    }

    // ---------------------------------------------------------------- m

    function test_mLiesWithinTheMembers() public {
        _three();
        vm.expectRevert(abi.encodeWithSelector(Errors.ThresholdOutOfBounds.selector, 0, 1, 3));
        _setThreshold(0);
        vm.expectRevert(abi.encodeWithSelector(Errors.ThresholdOutOfBounds.selector, 4, 1, 3));
        _setThreshold(4);
        _setThreshold(3);
        vm.assertEq(set.threshold(), 3);
    }

    /// Up at once, down after the notice: nobody's running job is judged by fewer than it was posted under.
    function test_mRisesAtOnceAndFallsLater() public {
        _three();
        _setThreshold(2);
        _setThreshold(3);
        vm.assertEq(set.threshold(), 3);
        _setThreshold(1);
        vm.assertEq(set.threshold(), 3);
        (uint8 next, uint48 from) = set.pendingThreshold();
        vm.assertEq(next, 1);
        vm.assertEq(from, START + MIN_UNBONDING);
        vm.warp(START + MIN_UNBONDING - 1);
        vm.assertEq(set.threshold(), 3);
        vm.warp(START + MIN_UNBONDING);
        vm.assertEq(set.threshold(), 1);
        (next, from) = set.pendingThreshold();
        vm.assertEq(uint256(next) + from, 0);
        // Once it has fallen, an admission waits as ever.
        _setThreshold(2);
        vm.assertEq(set.threshold(), 2);
    }

    function test_aFallIsTakenBack() public {
        _three();
        _setThreshold(3);
        _setThreshold(1);
        vm.warp(START + MIN_UNBONDING - 1);
        _setThreshold(3);
        vm.warp(START + 2 * MIN_UNBONDING);
        vm.assertEq(set.threshold(), 3);
        // A second fall starts its clock again, and forgets the first.
        _setThreshold(1);
        vm.warp(block.timestamp + MIN_UNBONDING - 1);
        _setThreshold(2);
        vm.warp(block.timestamp + 1);
        vm.assertEq(set.threshold(), 3);
        vm.warp(block.timestamp + MIN_UNBONDING);
        vm.assertEq(set.threshold(), 2);
    }

    /// m never follows n: with too few members nothing is verified.
    function test_mOutlivesMembers() public {
        _three();
        _setThreshold(3);
        _remove(ALICE);
        vm.assertEq(set.threshold(), 3);
        vm.assertFalse(set.isReady(), "ready");
    }

    /// Who does not count yet signs nothing: a set whose m only they would fill verifies nothing.
    function test_membersThatDoNotCountYetMakeNoSetReady() public {
        _three();
        _setThreshold(3);
        vm.assertTrue(set.isReady(), "three count");
        address dave = address(0xDA7E);
        _remove(ALICE);
        _deposit(dave, MIN_STAKE);
        _admit(dave);
        vm.assertEq(set.members().length, 3);
        vm.assertEq(set.activeCount(), 2);
        vm.assertFalse(set.isReady(), "at once");
        vm.warp(block.timestamp + MIN_UNBONDING - 1);
        vm.assertFalse(set.isReady(), "too early");
        vm.warp(block.timestamp + 1);
        vm.assertEq(set.activeCount(), 3);
        vm.assertTrue(set.isReady(), "in the end");
    }

    // ---------------------------------------------------------------- leaving

    function test_aMemberLeavesAndIsPaidLater() public {
        _three();
        _deposit(ALICE, 25);
        vm.expectEmit(address(set));
        emit IAttesterSet.AttesterRemoved(ALICE);
        vm.expectEmit(address(set));
        emit IAttesterSet.AttesterUnbonding(ALICE, MIN_STAKE + 25, uint48(START + MIN_UNBONDING));
        vm.prank(ALICE);
        set.leave();
        vm.assertFalse(set.isActive(ALICE), "active");
        vm.assertEq(set.members().length, 2);
        vm.warp(START + MIN_UNBONDING - 1);
        vm.startPrank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(Errors.AttesterStillUnbonding.selector, ALICE, START + MIN_UNBONDING));
        set.withdrawStake();
        vm.warp(START + MIN_UNBONDING);
        vm.assertEq(set.withdrawStake(), MIN_STAKE + 25);
        vm.assertEq(token.balanceOf(ALICE), MIN_STAKE + 25);
        vm.expectRevert(abi.encodeWithSelector(Errors.NothingAtStake.selector, ALICE));
        set.withdrawStake();
        vm.expectRevert(abi.encodeWithSelector(Errors.NothingAtStake.selector, ALICE));
        set.leave();
        vm.stopPrank();
    }

    function test_aDepositCanLeaveWithoutAMembership() public {
        _deposit(ALICE, 7);
        vm.prank(ALICE);
        set.leave();
        // What comes later restarts the clock of all.
        vm.warp(START + 10);
        _deposit(ALICE, 3);
        vm.prank(ALICE);
        set.leave();
        Attester memory found = set.attesterOf(ALICE);
        vm.assertEq(found.stake, 0);
        vm.assertEq(found.unbonding, 10);
        vm.assertEq(found.releaseAt, START + 10 + MIN_UNBONDING);
    }

    /// Who is removed loses nothing but the membership.
    function test_aRemovalUnbonds() public {
        _three();
        _remove(BOB);
        vm.warp(START + MIN_UNBONDING);
        vm.prank(BOB);
        vm.assertEq(set.withdrawStake(), MIN_STAKE);
        // Back again, with new stake.
        _setThreshold(1);
        _deposit(BOB, MIN_STAKE);
        _admit(BOB);
        vm.assertFalse(set.isActive(BOB), "at once");
    }

    // ---------------------------------------------------------------- slashing

    function test_aSlashTakesAllThatIsThere() public {
        _three();
        vm.prank(ALICE);
        set.leave();
        _deposit(ALICE, 51);
        vm.expectEmit(address(set));
        emit IAttesterSet.AttesterSlashed(ALICE, BOB, MIN_STAKE + 51, 50);
        vm.assertEq(_slash(ALICE), MIN_STAKE + 51);
        vm.assertEq(set.creditOf(BOB), 50);
        vm.assertEq(set.creditOf(BURN_ADDRESS), 51);
        vm.assertEq(_slash(ALICE), 0);
        vm.warp(START + MIN_UNBONDING);
        vm.expectRevert(abi.encodeWithSelector(Errors.NothingAtStake.selector, ALICE));
        vm.prank(ALICE);
        set.withdrawStake();
        vm.assertEq(_slash(CAROL), MIN_STAKE);
        vm.assertEq(set.members().length, 1);
        vm.assertEq(set.members()[0], BOB);
        vm.prank(BOB);
        vm.assertEq(set.withdraw(), 75);
        vm.assertEq(set.burn(), 76);
        vm.assertEq(token.balanceOf(address(set)), MIN_STAKE);
        vm.assertEq(token.balanceOf(BURN_ADDRESS), 76);
    }

    // ---------------------------------------------------------------- urls, bounds

    function test_urlsAreShortAndPrintable() public {
        vm.startPrank(ALICE);
        vm.expectEmit(address(set));
        emit IAttesterSet.AttesterUrlSet(ALICE, "https://attester.example/sign");
        set.setUrl("https://attester.example/sign");
        vm.assertEq(keccak256(bytes(set.attesterOf(ALICE).url)), keccak256("https://attester.example/sign"), "url");
        set.setUrl(string(_filled(128)));
        string[5] memory wrong = ["", string(_filled(129)), "a b", "a\n", unicode"é"];
        for (uint256 i = 0; i < 5; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Errors.UrlMalformed.selector, bytes(wrong[i]).length, 128));
            set.setUrl(wrong[i]);
        }
        vm.stopPrank();
    }

    function _filled(uint256 length) private pure returns (bytes memory text) {
        text = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            text[i] = "~";
        }
    }

    function test_nothingIsNoDeposit() public {
        vm.expectRevert(abi.encodeWithSelector(Errors.AttesterStakeZero.selector, ALICE));
        vm.prank(ALICE);
        set.deposit(0);
    }

    function test_deploymentWithinBounds() public {
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "verifier"));
        Shipped.attesterSet(token, address(0), GOVERNANCE, 1, uint48(MIN_UNBONDING));
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "governance"));
        Shipped.attesterSet(token, VERIFIER, address(0), 1, uint48(MIN_UNBONDING));
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentErrors.ParameterOutOfBounds.selector, "minStake", 0, 1, type(uint128).max)
        );
        Shipped.attesterSet(token, VERIFIER, GOVERNANCE, 0, uint48(MIN_UNBONDING));
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentErrors.ParameterOutOfBounds.selector,
                "unbondingPeriod",
                MIN_UNBONDING - 1,
                MIN_UNBONDING,
                365 days
            )
        );
        Shipped.attesterSet(token, VERIFIER, GOVERNANCE, 1, uint48(MIN_UNBONDING - 1));
    }
}
